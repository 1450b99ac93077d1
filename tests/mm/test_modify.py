"""mprotect, madvise, mlock and their kin."""

from __future__ import annotations

import pytest

from tests.mm.build import (
    FIXED,
    GROWING,
    PRIVATE_ANON,
    READ_ONLY,
    RW,
    RX,
    WRITABLE,
    R,
    at,
    fails,
    shape,
    space,
    vma,
)
from tests.mm.spec.change import mmap, munmap
from tests.mm.spec.modify import (
    PROT_GROWSDOWN,
    PROT_GROWSUP,
    bind,
    madvise,
    mlock,
    mlockall,
    mprotect,
    mseal,
    munlock,
    name_range,
)
from tests.mm.spec.remap import mremap
from tests.mm.spec.space import AddressSpace, Anon, File
from tests.mm.spec.words import LOCKED_MASK, PAGE, Limits, Vm

NORMAL, RANDOM, DONTNEED, DONTFORK, DOFORK, DODUMP, WIPEONFORK = 0, 1, 4, 10, 11, 17, 18
HUGEPAGE, NOHUGEPAGE, POPULATE_WRITE = 14, 15, 23
FREE, COLD, DONTNEED_LOCKED = 8, 20, 24


def protect(mm: AddressSpace, start: int, pages: int, prot: int) -> None:
    """Change the protection of pages."""
    mprotect(mm, at(start), pages * PAGE, prot)


def accounted(mm: AddressSpace) -> list[bool]:
    """Tell which VMAs are accounted for."""
    return [bool(v.flags & Vm.ACCOUNT) for v in mm.vmas]


# -- mprotect ----------------------------------------------------------------------------------


def test_mprotect_refuses() -> None:
    """Off a page, unknown bits, both directions of growth; a range that wraps is ENOMEM."""
    mm = space(vma(0, 4))
    fails("EINVAL", lambda: mprotect(mm, at(0) + 1, PAGE, R))
    fails("EINVAL", lambda: protect(mm, 0, 1, 0x10))
    fails("EINVAL", lambda: protect(mm, 0, 1, R | PROT_GROWSDOWN | PROT_GROWSUP))
    fails("ENOMEM", lambda: mprotect(mm, at(0), (1 << 64) - 1, R))
    protect(mm, 100, 0, R)


def test_mprotect_stops_at_the_first_hole() -> None:
    """With ENOMEM, keeping what it changed before."""
    mm = space(vma(0, 2), vma(3, 5))
    fails("ENOMEM", lambda: protect(mm, 1, 4, R))
    assert shape(mm) == [(0, 1), (1, 2), (3, 5)]
    fails("ENOMEM", lambda: protect(mm, 2, 3, R))
    assert mm.vmas[2].flags == WRITABLE


def test_mprotect_of_the_same_changes_nothing() -> None:
    """Not even where neighbours could merge."""
    mm = space(vma(0, 2), vma(2, 4))
    protect(mm, 0, 4, RW)
    assert shape(mm) == [(0, 2), (2, 4)]


def test_mprotect_needs_the_permission_of_the_file() -> None:
    """A shared mapping of a file not open for writing never becomes writable: EACCES."""
    mm = space(vma(0, 1, READ_ONLY & ~Vm.MAYWRITE))
    fails("EACCES", lambda: protect(mm, 0, 1, RW))


def test_mprotect_across_vmas_ends_as_one() -> None:
    """Each joins the one before it, once they are alike."""
    mm = space(vma(0, 2), vma(2, 4, READ_ONLY | Vm.EXEC), vma(4, 6))
    protect(mm, 0, 6, R)
    assert [v.flags for v in mm.vmas] == [READ_ONLY]
    assert shape(mm) == [(0, 6)]


def test_mprotect_growsdown_begins_where_the_stack_does() -> None:
    """Only for a VMA that grows."""
    mm = space(vma(0, 2), vma(4, 8, GROWING))
    protect(mm, 6, 1, R | PROT_GROWSDOWN)
    assert shape(mm) == [(0, 2), (4, 7), (7, 8)]
    fails("EINVAL", lambda: protect(mm, 0, 1, R | PROT_GROWSDOWN))
    fails("ENOMEM", lambda: protect(mm, 2, 1, R | PROT_GROWSDOWN))
    fails("EINVAL", lambda: protect(mm, 0, 1, R | PROT_GROWSUP))
    fails("ENOMEM", lambda: protect(mm, 3, 2, R | PROT_GROWSUP))


def test_mprotect_growsup_ends_where_the_stack_does() -> None:
    """Only for a VMA that grows up, and that holds the beginning."""
    mm = space(vma(0, 2), vma(4, 8, WRITABLE | Vm.GROWSUP))
    protect(mm, 6, 1, R | PROT_GROWSUP)
    assert shape(mm) == [(0, 2), (4, 6), (6, 8)]
    fails("EINVAL", lambda: protect(mm, 4, 1, R | PROT_GROWSDOWN))
    fails("ENOMEM", lambda: protect(mm, 3, 2, R | PROT_GROWSUP))


def test_mprotect_account_rule_made_writable() -> None:
    """Private memory is accounted for from then on, unless NORESERVE or shared."""
    for flags, expected in (
        (READ_ONLY, True),
        (READ_ONLY | Vm.NORESERVE, False),
        (READ_ONLY | Vm.SHARED | Vm.MAYSHARE, False),
        (READ_ONLY | Vm.HUGETLB, False),
    ):
        mm = space(vma(0, 1, flags))
        protect(mm, 0, 1, RW)
        assert accounted(mm) == [expected]


def test_mprotect_account_rule_made_unwritable() -> None:
    """It stays accounted for, but for anonymous memory that was never written to."""
    written = vma(0, 1, anon=Anon())
    never = vma(2, 3)
    file = vma(4, 5, file=File(), pgoff=0)
    mm = space(written, never, file)
    for start in (0, 2, 4):
        protect(mm, start, 1, R)
    assert accounted(mm) == [True, False, True]


def test_mprotect_account_rule_shows_in_the_layout() -> None:
    """Whether memory was written to decides whether it merges with what never was writable."""
    for anon, expected in ((None, [(0, 4)]), (Anon(), [(0, 2), (2, 4)])):
        mm = space(vma(0, 2, READ_ONLY), vma(2, 4, anon=anon))
        protect(mm, 2, 2, R)
        assert shape(mm) == expected


def test_mprotect_writes_to_locked_memory() -> None:
    """Private locked memory that becomes writable has an anon at once; on-fault memory has not."""
    for flags, expected in ((Vm.LOCKED, True), (LOCKED_MASK, False)):
        mm = space(vma(0, 1, READ_ONLY | flags))
        protect(mm, 0, 1, RW)
        assert (mm.vmas[0].anon is not None) is expected


def test_mprotect_keeps_to_rlimit_data() -> None:
    """What becomes data counts: ENOMEM."""
    mm = space(vma(0, 4, READ_ONLY))
    mm.limits = Limits(data=3 * PAGE)
    fails("ENOMEM", lambda: protect(mm, 0, 4, RW))
    protect(mm, 0, 3, RW)


# -- madvise -----------------------------------------------------------------------------------


def test_madvise_refuses() -> None:
    """Unknown advice, off a page, a range that wraps; empty is no error."""
    mm = space(vma(0, 4))
    fails("EINVAL", lambda: madvise(mm, at(0), PAGE, 77))
    fails("EINVAL", lambda: madvise(mm, at(0) + 1, PAGE, NORMAL))
    fails("EINVAL", lambda: madvise(mm, at(0), (1 << 64) - 1, NORMAL))
    madvise(mm, at(50), 0, NORMAL)


def test_madvise_skips_holes() -> None:
    """And tells at the end, with ENOMEM."""
    mm = space(vma(0, 2), vma(3, 5))
    fails("ENOMEM", lambda: madvise(mm, at(1), 3 * PAGE, DONTFORK))
    assert shape(mm) == [(0, 1), (1, 2), (3, 4), (4, 5)]
    assert [bool(v.flags & Vm.DONTCOPY) for v in mm.vmas] == [False, True, True, False]


@pytest.mark.parametrize(
    ("before", "advice", "after"),
    [
        (Vm.SEQ_READ, RANDOM, Vm.RAND_READ),
        (Vm.RAND_READ, NORMAL, Vm.NONE),
        (Vm.NOHUGEPAGE, HUGEPAGE, Vm.HUGEPAGE),
        (Vm.HUGEPAGE, NOHUGEPAGE, Vm.NOHUGEPAGE),
        (Vm.DONTCOPY, DOFORK, Vm.NONE),
        (Vm.DONTCOPY, DONTNEED, Vm.DONTCOPY),
    ],
)
def test_madvise_changes_flags(before: Vm, advice: int, after: Vm) -> None:
    """Some advice replaces other; what is about pages alone changes nothing."""
    mm = space(vma(0, 4, WRITABLE | before))
    madvise(mm, at(0), 4 * PAGE, advice)
    assert mm.vmas[0].flags == WRITABLE | after


def test_madvise_about_pages_alone() -> None:
    """Holes are told; locked memory keeps its pages, and only anonymous memory is freed."""
    mm = space(vma(0, 2), vma(3, 4, WRITABLE | Vm.LOCKED), vma(4, 5, file=File(), pgoff=0))
    for advice in (DONTNEED, FREE, COLD, DONTNEED_LOCKED):
        madvise(mm, at(0), 2 * PAGE, advice)
        fails("ENOMEM", lambda a=advice: madvise(mm, at(1), 2 * PAGE, a))  # type: ignore[misc]
    for advice in (DONTNEED, FREE, COLD):
        fails("EINVAL", lambda a=advice: madvise(mm, at(3), PAGE, a))  # type: ignore[misc]
    madvise(mm, at(3), PAGE, DONTNEED_LOCKED)
    madvise(mm, at(4), PAGE, DONTNEED)
    fails("EINVAL", lambda: madvise(mm, at(4), PAGE, FREE))


def test_madvise_taken_back_merges_again() -> None:
    """The parts become one."""
    mm = space(vma(0, 6))
    madvise(mm, at(2), 2 * PAGE, DONTFORK)
    assert mm.map_count == 3
    madvise(mm, at(2), 2 * PAGE, DOFORK)
    assert shape(mm) == [(0, 6)]


def test_madvise_forbidden() -> None:
    """WIPEONFORK of files, DOFORK and DODUMP of device memory; of the vdso only DODUMP."""
    vdso = vma(4, 5, READ_ONLY | Vm.DONTEXPAND, file=File("[vdso]", special=True))
    for advice in (WIPEONFORK, DONTFORK, DOFORK):
        madvise(space(vdso), at(4), PAGE, advice)
    fails("EINVAL", lambda: madvise(space(vdso), at(4), PAGE, DODUMP))
    mm = space(vma(0, 1, file=File(), pgoff=0), vma(2, 3, READ_ONLY | Vm.IO | Vm.PFNMAP))
    fails("EINVAL", lambda: madvise(mm, at(0), PAGE, WIPEONFORK))
    fails("EINVAL", lambda: madvise(mm, at(2), PAGE, DOFORK))
    fails("EINVAL", lambda: madvise(mm, at(2), PAGE, DODUMP))


def test_madvise_populate_write() -> None:
    """Writes to every page: ENOMEM at a hole, EINVAL at what is not writable."""
    mm = space(vma(0, 1), vma(1, 2, READ_ONLY), vma(3, 4))
    fails("EINVAL", lambda: madvise(mm, at(0), 2 * PAGE, POPULATE_WRITE))
    fails("ENOMEM", lambda: madvise(mm, at(2), 2 * PAGE, POPULATE_WRITE))
    assert [v.anon is not None for v in mm.vmas] == [True, False, False]


# -- mseal -------------------------------------------------------------------------------------


def test_mseal_refuses() -> None:
    """EINVAL for flags, off a page, and if it wraps; ENOMEM for a hole, before anything changes."""
    mm = space(vma(0, 2), vma(3, 4))
    fails("EINVAL", lambda: mseal(mm, at(0), PAGE, 1))
    fails("EINVAL", lambda: mseal(mm, at(0) + 1, PAGE))
    fails("EINVAL", lambda: mseal(mm, at(0), (1 << 64) - at(0)))
    fails("ENOMEM", lambda: mseal(mm, at(0), 4 * PAGE))
    mseal(mm, at(9), 0)
    assert [v.flags for v in mm.vmas] == [WRITABLE, WRITABLE]


def sealed() -> AddressSpace:
    """Return six pages, of which two in the middle are sealed."""
    mm = space(vma(0, 6))
    mseal(mm, at(2), 2 * PAGE)
    assert shape(mm) == [(0, 2), (2, 4), (4, 6)]
    return mm


def test_what_is_sealed_is_not_unmapped_or_replaced() -> None:
    """EPERM; a first VMA that is not sealed is split before that is seen."""
    mm = sealed()
    fails("EPERM", lambda: munmap(mm, at(2), PAGE))
    fails("EPERM", lambda: munmap(mm, at(3), PAGE))
    fails("EPERM", lambda: munmap(mm, at(3), 2 * PAGE))
    assert shape(mm) == [(0, 2), (2, 4), (4, 6)]
    fails("EPERM", lambda: munmap(mm, at(1), 4 * PAGE))
    assert shape(mm) == [(0, 1), (1, 2), (2, 4), (4, 6)]
    fails("EPERM", lambda: mmap(mm, at(3), 2 * PAGE, RW, PRIVATE_ANON | FIXED))
    munmap(mm, at(4), 2 * PAGE)
    assert shape(mm) == [(0, 1), (1, 2), (2, 4)]


def test_what_is_sealed_keeps_its_access_and_its_place() -> None:
    """EPERM, even for the access that it has; what comes before it changes."""
    mm = sealed()
    fails("EPERM", lambda: protect(mm, 2, 1, RW))
    fails("EPERM", lambda: protect(mm, 0, 6, R))
    assert mm.vmas[0].flags & Vm.WRITE == Vm.NONE
    fails("EPERM", lambda: mremap(mm, at(2), 2 * PAGE, 2 * PAGE, 0))
    fails("EPERM", lambda: mremap(mm, at(2), 2 * PAGE, 2 * PAGE, 3, at(50)))
    fails("EPERM", lambda: mremap(mm, at(4), 2 * PAGE, 2 * PAGE, 3, at(1)))
    fails("EPERM", lambda: mremap(mm, at(0), 6 * PAGE, PAGE, 0))


def test_what_is_sealed_may_be_locked_named_and_advised() -> None:
    """But not to discard what cannot be written to: that would change what can be read."""
    mm = sealed()
    mlock(mm, at(2), PAGE)
    munlock(mm, at(2), PAGE)
    name_range(mm, at(2), PAGE, "x")
    name_range(mm, at(2), PAGE, None)
    madvise(mm, at(2), PAGE, DONTFORK)
    madvise(mm, at(2), PAGE, DOFORK)
    assert shape(mm) == [(0, 2), (2, 4), (4, 6)]
    read_only = space(vma(0, 2, READ_ONLY))
    mseal(read_only, at(0), 2 * PAGE)
    for advice in (DONTNEED, DONTFORK, WIPEONFORK):
        fails("EPERM", lambda a=advice: madvise(read_only, at(1), PAGE, a))  # type: ignore[misc]
    madvise(read_only, at(1), PAGE, RANDOM)


# -- mlock, names, policies --------------------------------------------------------------------


def test_mlock_stops_at_a_hole() -> None:
    """With ENOMEM; the range is rounded outwards to pages."""
    mm = space(vma(0, 2), vma(3, 5))
    fails("ENOMEM", lambda: mlock(mm, at(1), 3 * PAGE))
    assert shape(mm) == [(0, 1), (1, 2), (3, 5)]
    mlock(mm, at(3) + 100, PAGE)
    assert mm.vmas[2].flags & Vm.LOCKED
    munlock(mm, at(1), PAGE)
    assert shape(mm) == [(0, 2), (3, 5)]


def test_mlock_writes_to_what_is_writable() -> None:
    """On fault it does not; and what cannot be accessed is ENOMEM although it is locked."""
    mm = space(vma(0, 1), vma(2, 3), vma(4, 5, READ_ONLY & ~Vm.READ))
    mlock(mm, at(0), PAGE)
    mlock(mm, at(2), PAGE, on_fault=True)
    fails("ENOMEM", lambda: mlock(mm, at(4), PAGE))
    assert [v.anon is not None for v in mm.vmas] == [True, False, False]
    assert [v.flags & LOCKED_MASK for v in mm.vmas] == [Vm.LOCKED, LOCKED_MASK, Vm.LOCKED]


def test_mlock_passes_over_special_memory() -> None:
    """Nor does it lock more than RLIMIT_MEMLOCK."""
    mm = space(vma(0, 1, READ_ONLY | Vm.IO), vma(1, 8))
    mlock(mm, at(0), PAGE)
    assert not mm.vmas[0].flags & Vm.LOCKED
    mm.limits = Limits(locked=2 * PAGE)
    fails("ENOMEM", lambda: mlock(mm, at(1), 3 * PAGE))


@pytest.mark.parametrize("everything", [False, True])
def test_locking_on_a_fault_writes_to_what_cannot_be_locked(everything: bool) -> None:
    """Droppable memory is touched at once, memory that is locked on a fault is not."""
    mm = space(vma(0, 2, WRITABLE | Vm.DROPPABLE), vma(2, 4))
    if everything:
        mlockall(mm, 5)
    else:
        mlock(mm, at(0), 4 * PAGE, on_fault=True)
    assert [v.anon is not None for v in mm.vmas] == [True, False]


def test_mlock_counts_once_what_is_locked_already() -> None:
    """So a range can be locked again at the limit."""
    mm = space(vma(0, 8))
    mm.limits = Limits(locked=3 * PAGE)
    mlock(mm, at(1), 3 * PAGE)
    mlock(mm, at(1), 3 * PAGE)
    mlock(mm, at(2), PAGE, on_fault=True)
    fails("ENOMEM", lambda: mlock(mm, at(1), 4 * PAGE))
    fails("ENOMEM", lambda: mlock(mm, at(5), PAGE))
    fails("ENOMEM", lambda: mlock(mm, at(1), (1 << 64) - at(1)))
    mm.limits = Limits()
    fails("EINVAL", lambda: mlock(mm, at(1), (1 << 64) - at(1)))
    munlock(mm, at(0), 8 * PAGE)
    assert shape(mm) == [(0, 8)]


def test_mlockall_refuses() -> None:
    """Unknown flags, ONFAULT alone, and more than the limit in all."""
    mm = space(vma(0, 4))
    fails("EINVAL", lambda: mlockall(mm, 8))
    fails("EINVAL", lambda: mlockall(mm, 4))
    mm.limits = Limits(locked=3 * PAGE)
    fails("ENOMEM", lambda: mlockall(mm, 3))
    assert mm.def_flags == Vm.NONE
    mlockall(mm, 6)
    assert mm.def_flags == LOCKED_MASK


def test_nothing_may_be_locked_where_the_limit_is_none() -> None:
    """EPERM, whatever the range, and for what is to come, too; unlocking is always allowed."""
    mm = space(vma(0, 4, WRITABLE | Vm.LOCKED))
    mm.limits = Limits(locked=0)
    fails("EPERM", lambda: mlock(mm, at(50), 0))
    fails("EPERM", lambda: mlockall(mm, 2))
    fails("EINVAL", lambda: mlockall(mm, 4))
    munlock(mm, at(0), PAGE)
    assert shape(mm) == [(0, 1), (1, 4)]
    mlockall(mm, 0)
    assert shape(mm) == [(0, 4)]


def test_mlockall_current_and_future() -> None:
    """CURRENT is about what is mapped, FUTURE about what will be."""
    mm = space(vma(0, 1))
    mlockall(mm, 2)
    mmap(mm, at(2), PAGE, RX, PRIVATE_ANON | FIXED)
    assert [bool(v.flags & Vm.LOCKED) for v in mm.vmas] == [False, True]
    mlockall(mm, 1)
    assert all(v.flags & Vm.LOCKED for v in mm.vmas)
    assert mm.def_flags == Vm.NONE
    mlockall(mm, 0)
    assert not any(v.flags & Vm.LOCKED for v in mm.vmas)


def test_a_name_parts_neighbours() -> None:
    """Only anonymous memory has one."""
    mm = space(vma(0, 4), vma(5, 6, file=File(), pgoff=0))
    name_range(mm, at(1), PAGE, "heap")
    assert shape(mm) == [(0, 1), (1, 2), (2, 4), (5, 6)]
    name_range(mm, at(1), PAGE, None)
    assert shape(mm) == [(0, 4), (5, 6)]
    fails("EBADF", lambda: name_range(mm, at(5), PAGE, "x"))


def test_a_policy_parts_neighbours() -> None:
    """Until both have the same one."""
    mm, policy = space(vma(0, 4)), object()
    bind(mm, at(1), PAGE, policy)
    assert shape(mm) == [(0, 1), (1, 2), (2, 4)]
    bind(mm, at(0), 4 * PAGE, policy)
    assert shape(mm) == [(0, 4)]
    fails("EFAULT", lambda: bind(mm, at(3), 2 * PAGE, None))


def test_ranges_of_names_and_policies() -> None:
    """EINVAL off a page, and for a range that wraps."""
    mm = space(vma(0, 4))
    for address, length in ((at(0) + 1, PAGE), (at(0), (1 << 64) - at(0))):
        fails("EINVAL", lambda a=address, n=length: bind(mm, a, n, None))  # type: ignore[misc]
        fails("EINVAL", lambda a=address, n=length: name_range(mm, a, n, "x"))  # type: ignore[misc]
