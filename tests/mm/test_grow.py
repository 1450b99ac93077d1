"""The heap, stacks, faults, and how address spaces come and go."""

from __future__ import annotations

from tests.mm.build import GROWING, NONE, READ_ONLY, RW, WRITABLE, at, fails, shape, space, vma
from tests.mm.spec.grow import brk, fault, grow_down, grow_up
from tests.mm.spec.modify import mprotect
from tests.mm.spec.process import exec_stack, exit_space, fork, move_stack
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import MAY_ACCESS, PAGE, STACK_GUARD_GAP, TASK_SIZE, Limits, Vm

GUARD = STACK_GUARD_GAP // PAGE
UPWARD = WRITABLE | Vm.GROWSUP


def heap(*vmas: Vma, end: int = 10) -> AddressSpace:
    """Return an address space whose heap begins at page 10."""
    mm = space(*vmas)
    mm.start_brk, mm.brk = at(10), at(end)
    return mm


# -- brk ---------------------------------------------------------------------------------------


def test_brk_below_its_start_tells_where_it_is() -> None:
    """So does brk(NULL)."""
    mm = heap(vma(10, 12), end=12)
    assert brk(mm, 0) == brk(mm, at(9)) == at(12)


def test_brk_within_a_page_changes_only_the_number() -> None:
    """No mapping comes or goes."""
    mm = heap()
    assert brk(mm, at(10)) == at(10)
    assert brk(mm, at(10) + 5) == at(10) + 5
    assert brk(mm, at(10) + 9) == at(10) + 9
    assert shape(mm) == [(10, 11)]


def test_brk_grows_and_shrinks_one_vma() -> None:
    """Growing joins the heap below; shrinking is a munmap."""
    mm = heap()
    assert brk(mm, at(12)) == at(12)
    assert brk(mm, at(14)) == at(14)
    assert shape(mm) == [(10, 14)]
    assert brk(mm, at(11)) == at(11)
    assert shape(mm) == [(10, 11)]


def test_brk_does_not_join_what_ends_where_it_starts() -> None:
    """As the bss of a program does; but what reaches beyond it, into the page, is the heap's."""
    mm = heap(vma(8, 10))
    assert brk(mm, at(14)) == at(14)
    assert shape(mm) == [(8, 10), (10, 14)]
    mm = heap(vma(8, 10))
    mm.start_brk = mm.brk = at(10) - 5
    assert brk(mm, at(14)) == at(14)
    assert shape(mm) == [(8, 14)]


def test_brk_does_not_join_what_is_above() -> None:
    """Though nothing else parts the two; and one page must stay free between them."""
    mm = heap(vma(16, 20))
    assert brk(mm, at(16)) == at(10)
    assert brk(mm, at(15)) == at(15)
    assert shape(mm) == [(10, 15), (16, 20)]


def test_brk_keeps_the_guard_gap() -> None:
    """Of a stack above."""
    mm = heap(vma(600, 601, GROWING))
    assert brk(mm, at(600 - GUARD)) == at(10)
    assert brk(mm, at(599 - GUARD)) == at(599 - GUARD)


def test_brk_that_fails_tells_where_it_was() -> None:
    """RLIMIT_DATA, RLIMIT_AS, too many VMAs; a heap unmapped by other means does not shrink."""
    for limits in (Limits(data=PAGE), Limits(address_space=PAGE), Limits(map_count=0)):
        mm = heap(vma(0, 1))
        mm.limits = limits
        assert brk(mm, at(13)) == at(10)
    assert brk(heap(end=14), at(12)) == at(14)
    for beyond in (TASK_SIZE + 1, (1 << 64) - 1):
        assert brk(heap(vma(0, 1)), beyond) == at(10)


# -- stacks ------------------------------------------------------------------------------------


def test_a_stack_grows_to_the_page_touched() -> None:
    """Any distance; pgoff moves with the start."""
    mm = space(vma(1000, 1001, GROWING))
    assert fault(mm, at(500) + 100, write=True)
    assert shape(mm) == [(500, 1001)]
    assert mm.vmas[0].pgoff == at(500) // PAGE
    assert mm.vmas[0].anon is not None


def test_a_stack_keeps_1_mib_from_what_is_accessible() -> None:
    """What grows itself, or cannot be accessed, does not count."""
    below = 500
    for flags, least in (
        (READ_ONLY, below + GUARD),
        (GROWING, below),
        (MAY_ACCESS, below),
    ):
        mm = space(vma(400, below, flags), vma(1000, 1001, GROWING))
        if least > below:
            assert not fault(mm, at(least - 1), write=True)
        assert fault(mm, at(least), write=True)


def test_a_stack_keeps_to_its_limit() -> None:
    """RLIMIT_STACK is about its whole size."""
    mm = space(vma(1000, 1001, GROWING))
    mm.limits = Limits(stack=100 * PAGE)
    assert not fault(mm, at(900), write=True)
    assert fault(mm, at(901), write=True)


def test_only_stacks_grow() -> None:
    """And none below the lowest address allowed."""
    mm = space(vma(10, 11))
    fails("EFAULT", lambda: grow_down(mm, mm.vmas[0], at(9)))
    low = AddressSpace([Vma(4 * PAGE, 5 * PAGE, GROWING, None, 4)])
    fails("EPERM", lambda: grow_down(low, low.vmas[0], 0))


def test_a_stack_may_grow_up() -> None:
    """To the end of the page touched; pgoff stays, and it has an anon."""
    mm = space(vma(10, 11, UPWARD))
    assert fault(mm, at(500) + 100, write=True)
    assert shape(mm) == [(10, 501)]
    assert mm.vmas[0].pgoff == at(10) // PAGE
    assert mm.vmas[0].anon is not None


def test_a_stack_that_grows_up_keeps_1_mib_from_what_is_accessible() -> None:
    """What grows up itself, or cannot be accessed, does not count."""
    above = 1000
    for flags, last in (
        (READ_ONLY, above - GUARD),
        (GROWING, above - GUARD),
        (UPWARD, above),
        (MAY_ACCESS, above),
    ):
        mm = space(vma(10, 11, UPWARD), vma(above, above + 1, flags))
        if flags == READ_ONLY:
            assert not fault(mm, at(last), write=True)
        assert fault(mm, at(last - 1), write=True)
        assert shape(mm) == [(10, last), (above, above + 1)]


def test_a_stack_that_grows_up_keeps_to_its_limit_and_to_user_space() -> None:
    """RLIMIT_STACK is about its whole size; where it cannot grow up, the one above may down."""
    mm = space(vma(10, 11, UPWARD))
    mm.limits = Limits(stack=100 * PAGE)
    assert not fault(mm, at(110), write=True)
    assert fault(mm, at(109), write=True)
    mm = space(vma(10, 11, UPWARD), vma(1000, 1001, GROWING))
    mm.limits = Limits(stack=800 * PAGE)
    assert fault(mm, at(900), write=True)
    assert shape(mm) == [(10, 11), (900, 1001)]
    fails("EFAULT", lambda: grow_up(mm, mm.vmas[1], at(1001)))
    fails("ENOMEM", lambda: grow_up(mm, mm.vmas[0], TASK_SIZE))


# -- faults ------------------------------------------------------------------------------------


def test_what_may_be_touched() -> None:
    """Anything accessible can be read, only writable memory written, and no hole."""
    write_only = Vm.WRITE | MAY_ACCESS | Vm.ACCOUNT
    mm = space(vma(0, 1, READ_ONLY), vma(1, 2, write_only), vma(2, 3, MAY_ACCESS))
    assert [fault(mm, at(p), write=False) for p in range(5)] == [True, True, False, False, False]
    assert [fault(mm, at(p), write=True) for p in range(5)] == [False, True, False, False, False]


def test_only_the_first_write_to_private_memory_gives_an_anon() -> None:
    """Reading gives none, nor does writing to shared memory."""
    shared = WRITABLE | Vm.SHARED | Vm.MAYSHARE
    mm = space(vma(0, 1), vma(2, 3), vma(4, 5, shared, file=File(), pgoff=0))
    fault(mm, at(0), write=False)
    fault(mm, at(2), write=True)
    fault(mm, at(4), write=True)
    assert [v.anon is not None for v in mm.vmas] == [False, True, False]


def test_reading_a_huge_page_gives_an_anon_too() -> None:
    """Where huge pages are asked for, and the block lies inside the VMA."""
    for setting, flags, expected in (
        ("madvise", Vm.HUGEPAGE, True),
        ("madvise", Vm.NONE, False),
        ("always", Vm.NONE, True),
        ("always", Vm.NOHUGEPAGE, False),
        ("never", Vm.HUGEPAGE, False),
    ):
        mm = space(vma(0, 513, WRITABLE | flags))
        mm.huge_pages = setting
        fault(mm, at(512), write=False)
        assert mm.vmas[0].anon is None
        fault(mm, at(5), write=False)
        assert (mm.vmas[0].anon is not None) is expected


def test_an_anon_is_shared_with_a_neighbour_that_could_merge() -> None:
    """Of the next VMA first, then of the previous one; access may differ."""
    low, high = Anon(), Anon()
    mm = space(vma(0, 2, WRITABLE, anon=low), vma(2, 4), vma(4, 6, anon=high))
    fault(mm, at(2), write=True)
    assert mm.vmas[1].anon is high
    other = space(vma(0, 2, anon=low), vma(2, 4), vma(4, 6, pgoff=9, anon=high))
    fault(other, at(2), write=True)
    assert other.vmas[1].anon is low


def test_an_anon_of_a_fork_child_is_not_shared() -> None:
    """Its chain is longer than one: the neighbour gets a new one."""
    mm = space(vma(0, 2, anon=Anon(), chain=2), vma(2, 4, READ_ONLY | Vm.WRITE | Vm.EXEC))
    mm.vmas[1].flags |= Vm.ACCOUNT
    fault(mm, at(2), write=True)
    assert mm.vmas[1].anon is not mm.vmas[0].anon
    assert mm.vmas[1].chain == 1


# -- fork, exec, exit --------------------------------------------------------------------------


def test_fork_copies_all_but_dontcopy() -> None:
    """Locks are not inherited; the parent does not change."""
    mm = space(vma(0, 1, WRITABLE | Vm.LOCKED), vma(2, 3, WRITABLE | Vm.DONTCOPY), vma(4, 5))
    before = [vars(v).copy() for v in mm.vmas]
    child = fork(mm)
    assert shape(child) == [(0, 1), (4, 5)]
    assert not child.vmas[0].flags & Vm.LOCKED
    assert [vars(v) for v in mm.vmas] == before


def test_fork_gives_each_vma_an_anon_of_its_own() -> None:
    """So what was split before the fork never merges again in the child; in the parent it does."""
    mm = space(vma(0, 4, anon=Anon()))
    mprotect(mm, at(2), 2 * PAGE, NONE)
    child = fork(mm)
    assert [v.chain for v in child.vmas] == [2, 2]
    for space_, expected in ((mm, [(0, 4)]), (child, [(0, 2), (2, 4)])):
        mprotect(space_, at(2), 2 * PAGE, RW)
        assert shape(space_) == expected


def test_fork_child_does_not_merge_with_new_memory() -> None:
    """Its written memory may hold pages of the parent; unwritten memory merges as ever."""
    written, unwritten = vma(0, 2, anon=Anon()), vma(10, 12)
    child = fork(space(written, unwritten))
    child.start_brk, child.brk = at(0), at(2)
    assert brk(child, at(4)) == at(4)
    assert shape(child) == [(0, 2), (2, 4), (10, 12)]


def test_fork_wipes_what_asks_for_it() -> None:
    """It begins in the child as if never written to."""
    child = fork(space(vma(0, 1, WRITABLE | Vm.WIPEONFORK, anon=Anon())))
    assert (child.vmas[0].anon, child.vmas[0].chain) == (None, 0)


def test_fork_that_fails_leaves_the_parent_as_it_was() -> None:
    """ENOMEM in the middle of it."""
    mm = space(vma(0, 1), vma(2, 3))
    fails("ENOMEM", lambda: fork(mm, fail_at=1))
    assert shape(mm) == [(0, 1), (2, 3)]


def test_fork_of_a_fork() -> None:
    """Each generation is one link further away."""
    child = fork(fork(space(vma(0, 1, anon=Anon()))))
    assert child.vmas[0].chain == 3


def test_exec_begins_with_one_page_at_the_end_of_user_space() -> None:
    """It moves down with the arguments, and then the stack grows 128 KiB below them."""
    mm = exec_stack(Limits())
    assert mm.ranges() == [(TASK_SIZE - PAGE, TASK_SIZE)]
    end = 0x7FFE_BC57_1000
    assert move_stack(mm, end) == [
        ("STORE", end - PAGE, TASK_SIZE),
        ("SNULL", end, 1 << 64),
        ("STORE", 0x7FFE_BC55_0000, end),
    ]
    (stack,) = mm.vmas
    assert (stack.start, stack.end) == (0x7FFE_BC55_0000, end)
    assert stack.flags & Vm.GROWSDOWN


def test_exit_leaves_nothing() -> None:
    """Whatever was mapped."""
    mm = space(vma(0, 1), vma(2, 3))
    exit_space(mm)
    assert shape(mm) == []
