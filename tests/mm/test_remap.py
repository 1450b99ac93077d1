"""mremap in all its forms."""

from __future__ import annotations

import pytest

from tests.mm.build import READ_ONLY, WRITABLE, at, fails, shape, space, vma
from tests.mm.spec.remap import DONTUNMAP, FIXED, MAYMOVE, mremap
from tests.mm.spec.space import AddressSpace, Anon, File
from tests.mm.spec.words import LOCKED_MASK, PAGE, TASK_SIZE, Limits, Vm

TO = MAYMOVE | FIXED
SHARED = READ_ONLY | Vm.SHARED | Vm.MAYSHARE


def remap(mm: AddressSpace, start: int, old: int, new: int, flags: int = 0, to: int = 0) -> int:
    """Call mremap in pages; return the page of the answer."""
    found = mremap(mm, at(start), old * PAGE, new * PAGE, flags, at(to) if to else 0)
    return (found - at(0)) // PAGE


REFUSED = {
    "unknown flags": (at(0), PAGE, PAGE, 8, 0),
    "off a page": (at(0) + 1, PAGE, PAGE, 0, 0),
    "empty": (at(0), PAGE, 0, MAYMOVE, 0),
    "longer than user space": (at(0), PAGE, TASK_SIZE + PAGE, MAYMOVE, 0),
    "fixed without MAYMOVE": (at(0), PAGE, PAGE, FIXED, at(50)),
    "DONTUNMAP without MAYMOVE": (at(0), PAGE, PAGE, DONTUNMAP, at(50)),
    "a target off a page": (at(0), PAGE, PAGE, TO, at(50) + 1),
    "a target beyond user space": (at(0), PAGE, PAGE, TO, TASK_SIZE),
    "DONTUNMAP with another length": (at(0), PAGE, 2 * PAGE, MAYMOVE | DONTUNMAP, 0),
    "a target over the source": (at(0), 2 * PAGE, 2 * PAGE, TO, at(1)),
    "a copy of private memory": (at(0), 0, PAGE, MAYMOVE, 0),
}


@pytest.mark.parametrize("what", REFUSED)
def test_mremap_refuses(what: str) -> None:
    """EINVAL, whatever is mapped."""
    fails("EINVAL", lambda: mremap(space(vma(0, 4)), *REFUSED[what]))


def test_mremap_of_a_hole_is_efault() -> None:
    """In every form."""
    mm = space(vma(4, 8))
    for new, flags, to in ((1, 0, 0), (2, MAYMOVE, 0), (1, TO, 50), (2, TO, 50)):
        fails("EFAULT", lambda n=new, f=flags, t=to: remap(mm, 0, 1, n, f, t))  # type: ignore[misc]


def test_mremap_to_the_same_length_asks_no_more() -> None:
    """The range may reach over the end of its VMA, even over a hole."""
    assert remap(space(vma(0, 2)), 0, 9, 9) == 0


def test_mremap_shrinks_across_vmas() -> None:
    """The tail is unmapped, whatever it is."""
    mm = space(vma(0, 4), vma(4, 6, READ_ONLY), vma(8, 9))
    assert remap(mm, 0, 9, 3) == 0
    assert shape(mm) == [(0, 3)]


def test_mremap_grows_in_place() -> None:
    """If the range ends where the VMA does and there is room."""
    mm = space(vma(0, 4), vma(8, 9, READ_ONLY))
    assert remap(mm, 2, 2, 6) == 2
    assert shape(mm) == [(0, 8), (8, 9)]


def test_mremap_growing_in_place_joins_the_next() -> None:
    """A VMA that continues it is one with it then."""
    mm = space(vma(0, 4), vma(8, 9))
    assert remap(mm, 0, 4, 8) == 0
    assert shape(mm) == [(0, 9)]


def test_mremap_growing_in_place_joins_the_next_even_in_a_fork_child() -> None:
    """Elsewhere memory written to before a fork does not merge with memory never written to."""
    mm = space(vma(0, 4, anon=Anon(), chain=2), vma(8, 9))
    assert remap(mm, 0, 4, 8) == 0
    assert shape(mm) == [(0, 9)]
    moved = space(vma(0, 4, anon=Anon(), chain=2), vma(50, 52, pgoff=at(4) // PAGE))
    assert remap(moved, 0, 4, 4, TO, 46) == 46
    assert shape(moved) == [(46, 50), (50, 52)]


def test_mremap_growing_needs_one_vma() -> None:
    """A range over two VMAs is EFAULT."""
    fails("EFAULT", lambda: remap(space(vma(0, 2), vma(2, 4, READ_ONLY)), 0, 4, 5, MAYMOVE))


def test_mremap_without_room_is_enomem_unless_it_may_move() -> None:
    """And then it goes where a new mapping would go."""
    mm = space(vma(0, 4), vma(4, 5, READ_ONLY))
    fails("ENOMEM", lambda: remap(mm, 0, 4, 5))
    assert remap(mm, 0, 4, 5, MAYMOVE) == 100_000 - 5
    assert shape(mm) == [(4, 5), (100_000 - 5, 100_000)]


def test_mremap_of_the_middle_moves() -> None:
    """What is left of the VMA stays on both sides."""
    mm = space(vma(0, 6))
    assert remap(mm, 2, 2, 3, MAYMOVE) == 100_000 - 3
    assert shape(mm) == [(0, 2), (4, 6), (100_000 - 3, 100_000)]


def test_mremap_pgoff_of_unwritten_memory_follows() -> None:
    """So it merges at its new place; written memory keeps pgoff and stays apart."""
    for anon, expected in ((None, [(50, 56)]), (Anon(), [(50, 54), (54, 56)])):
        mm = space(vma(0, 2, anon=anon), vma(50, 54))
        assert remap(mm, 0, 2, 2, TO, 54) == 54
        assert shape(mm) == expected


def test_mremap_fixed_replaces_the_target() -> None:
    """It is unmapped first; a range that shrinks is cut before it moves."""
    mm = space(vma(0, 6, READ_ONLY), vma(48, 60))
    assert remap(mm, 0, 6, 2, TO, 50) == 50
    assert shape(mm) == [(48, 50), (50, 52), (52, 60)]


def test_mremap_fixed_keeps_within_one_vma_what_it_resizes() -> None:
    """What is kept must be in one VMA: EFAULT before anything changes."""
    mm = space(vma(0, 2), vma(2, 6, READ_ONLY), vma(50, 51))
    fails("EFAULT", lambda: remap(mm, 0, 6, 3, TO, 50))
    assert shape(mm) == [(0, 2), (2, 6), (50, 51)]
    assert remap(mm, 0, 6, 1, TO, 50) == 50
    assert shape(mm) == [(50, 51)]


def test_mremap_fixed_of_equal_length_moves_all_vmas() -> None:
    """With the holes between them; VMAs at the ends are cut."""
    mm = space(vma(0, 4), vma(5, 6, READ_ONLY), vma(8, 12))
    assert remap(mm, 2, 8, 8, TO, 50) == 50
    assert shape(mm) == [(0, 2), (10, 12), (50, 52), (53, 54), (56, 58)]


def test_mremap_moves_a_file_with_a_place_of_its_own_only_alone() -> None:
    """/dev/zero and SysV segments are refused where several move, as first and as later ones."""
    for file in (File("/dev/zero", zero=True), File("/SYSV", shmem=True, segment=PAGE)):
        moves_only_alone(file)


def moves_only_alone(zero: File) -> None:
    """Expect that a mapping of this file cannot be one of several that move."""
    first = space(vma(0, 1, file=zero, pgoff=0), vma(1, 2))
    fails("EFAULT", lambda: remap(first, 0, 2, 2, TO, 50))
    assert shape(first) == [(0, 1), (1, 2)]
    later = space(vma(0, 1), vma(1, 2, file=zero, pgoff=0))
    fails("EFAULT", lambda: remap(later, 0, 2, 2, TO, 50))
    assert shape(later) == [(1, 2), (50, 51)]
    assert remap(later, 1, 1, 1, TO, 60) == 60


def test_mremap_dontunmap_leaves_the_source() -> None:
    """Empty: unlocked, and without anon if all of it was moved."""
    mm = space(vma(0, 2, WRITABLE | Vm.LOCKED, anon=Anon()))
    assert remap(mm, 0, 2, 2, TO | DONTUNMAP, 50) == 50
    source, copy = mm.vmas
    assert (source.anon, bool(source.flags & LOCKED_MASK)) == (None, False)
    assert (copy.anon is None, bool(copy.flags & LOCKED_MASK)) == (False, True)


def test_mremap_dontunmap_of_a_part_keeps_its_anon() -> None:
    """The rest of the VMA still needs it. Without FIXED the target is a hint."""
    mm = space(vma(0, 4, anon=Anon()))
    assert remap(mm, 0, 2, 2, MAYMOVE | DONTUNMAP, 50) == 50
    assert shape(mm) == [(0, 4), (50, 52)]
    assert mm.vmas[0].anon is mm.vmas[1].anon


def test_mremap_dontunmap_may_merge_with_itself() -> None:
    """Memory never written to takes the pgoff of its new place, which continues the source."""
    mm = space(vma(0, 2))
    assert remap(mm, 0, 2, 2, TO | DONTUNMAP, 2) == 2
    assert shape(mm) == [(0, 4)]


def test_mremap_with_old_length_0_duplicates_shared_memory() -> None:
    """The source stays; the copy shows the same pages."""
    mm = space(vma(0, 4, SHARED, file=File(), pgoff=10))
    assert remap(mm, 1, 0, 2, MAYMOVE) == 100_000 - 2
    assert [v.pgoff for v in mm.vmas] == [10, 11]


def test_mremap_keeps_to_limits() -> None:
    """RLIMIT_AS: ENOMEM; VMAs: three must be left, five if the target has to be unmapped."""
    mm = space(vma(0, 4))
    mm.limits = Limits(address_space=5 * PAGE)
    fails("ENOMEM", lambda: remap(mm, 0, 4, 6, MAYMOVE))
    mm.limits = Limits(map_count=4)
    fails("ENOMEM", lambda: remap(mm, 1, 1, 2, MAYMOVE))
    mm.limits = Limits(map_count=6)
    fails("ENOMEM", lambda: remap(mm, 0, 1, 1, TO, 50))
    mm.limits = Limits(map_count=7)
    assert remap(mm, 0, 1, 1, TO, 50) == 50


def test_mremap_of_device_memory_does_not_grow() -> None:
    """EFAULT; nor is it left behind: EINVAL."""
    mm = space(vma(0, 2, READ_ONLY | Vm.IO | Vm.DONTEXPAND))
    fails("EFAULT", lambda: remap(mm, 0, 2, 3, MAYMOVE))
    fails("EINVAL", lambda: remap(mm, 0, 2, 2, TO | DONTUNMAP, 50))


def test_mremap_moves_the_vdso_whole() -> None:
    """Never a part of it: EINVAL."""
    mm = space(vma(0, 2, file=File("[vdso]", special=True)))
    fails("EINVAL", lambda: remap(mm, 0, 1, 1, TO, 50))
    assert remap(mm, 0, 2, 2, TO, 50) == 50
