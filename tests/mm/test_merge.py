"""When neighbours become one, and what a change of a part does: the eight cases and the rules."""

from __future__ import annotations

import pytest

from tests.mm.build import READ_ONLY, WRITABLE, at, fails, shape, space, vma
from tests.mm.spec.merge import Part, merge_existing, merge_new, modify
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import PAGE, Limits, Vm


def part(start: int, end: int, flags: Vm = WRITABLE) -> Part:
    """Return pages [start, end) as new anonymous memory."""
    return Part(at(start), at(end), flags, None, at(start) // PAGE)


def changed(mm: AddressSpace, page: int, start: int, end: int, flags: Vm) -> Vma:
    """Change the flags of pages [start, end) of the VMA that holds `page`."""
    (target,) = [v for v in mm.vmas if v.start <= at(page) < v.end]
    return modify(mm, target, at(start), at(end), flags=flags)


# -- the eight cases ---------------------------------------------------------------------------


def test_case_1_a_new_range_joins_both_neighbours() -> None:
    """P grows over the range and over N, which is gone."""
    low, high = vma(0, 2), vma(4, 6)
    mm = space(low, high)
    assert merge_new(mm, part(2, 4)) is low
    assert shape(mm) == [(0, 6)]


def test_case_2_a_new_range_joins_the_previous() -> None:
    """P grows up."""
    low = vma(0, 2)
    mm = space(low, vma(4, 6, READ_ONLY))
    assert merge_new(mm, part(2, 4)) is low
    assert shape(mm) == [(0, 4), (4, 6)]


def test_case_3_a_new_range_joins_the_next() -> None:
    """N grows down, and its pgoff with it."""
    high = vma(4, 6)
    mm = space(vma(0, 2, READ_ONLY), high)
    assert merge_new(mm, part(2, 4)) is high
    assert shape(mm) == [(0, 2), (2, 6)]
    assert high.pgoff == at(2) // PAGE


def test_case_4_the_tail_of_a_vma_joins_the_next() -> None:
    """The VMA shrinks, N grows down over its tail."""
    mm = space(vma(0, 4), vma(4, 6, READ_ONLY))
    result = changed(mm, 0, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 2), (2, 6)]
    assert (result.start, result.pgoff) == (at(2), at(2) // PAGE)


def test_case_5_the_head_of_a_vma_joins_the_previous() -> None:
    """P grows up over the head, the VMA shrinks and its pgoff moves."""
    mm = space(vma(0, 2, READ_ONLY), vma(2, 6))
    changed(mm, 2, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 4), (4, 6)]
    assert mm.vmas[1].pgoff == at(4) // PAGE


def test_case_6_a_whole_vma_joins_both_neighbours() -> None:
    """P takes the VMA and the one behind it."""
    mm = space(vma(0, 2, READ_ONLY), vma(2, 4), vma(4, 6, READ_ONLY))
    changed(mm, 2, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 6)]


def test_case_7_a_whole_vma_joins_the_previous() -> None:
    """P takes it."""
    mm = space(vma(0, 2, READ_ONLY), vma(2, 4), vma(4, 6))
    changed(mm, 2, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 4), (4, 6)]


def test_case_8_a_whole_vma_joins_the_next() -> None:
    """The next takes it, growing down."""
    mm = space(vma(0, 2), vma(2, 4), vma(4, 6, READ_ONLY))
    changed(mm, 2, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 2), (2, 6)]
    assert mm.vmas[1].pgoff == at(2) // PAGE


# -- what must agree ---------------------------------------------------------------------------

OPENED = File("/x")
DIFFERENT = {
    "flags": (vma(0, 2), vma(2, 4, WRITABLE | Vm.DONTCOPY)),
    "file": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=File("/x"), pgoff=2)),
    "pgoff": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=OPENED, pgoff=3)),
    "pgoff of moved memory": (vma(0, 2), vma(2, 4, pgoff=7)),
    "policy": (vma(0, 2), vma(2, 4).copy(policy=object())),
    "name": (vma(0, 2), vma(2, 4).copy(name="heap")),
    "anon": (vma(0, 2, anon=Anon()), vma(2, 4, anon=Anon())),
    "a hole": (vma(0, 2), vma(3, 4)),
    "special": (vma(0, 2, WRITABLE | Vm.PFNMAP), vma(2, 4, WRITABLE | Vm.PFNMAP)),
    "fork": (vma(0, 2), vma(2, 4, anon=Anon(), chain=2)),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_neighbours_that_differ_stay_apart(what: str) -> None:
    """Each of these is enough to keep two VMAs from being one, in both directions."""
    low, high = (v.copy() for v in DIFFERENT[what])
    whole = space(low, high)
    assert merge_existing(whole, low, Part.of(low, low.start, low.end)) is None
    assert merge_existing(whole, high, Part.of(high, high.start, high.end)) is None
    assert whole.map_count == 2
    new = Part.of(high, high.start, high.end)
    assert merge_new(space(low), new) is None or new.anon is not None


SAME = {
    "flags": (vma(0, 2), vma(2, 4)),
    "open file": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=OPENED, pgoff=2)),
    "moved memory": (vma(0, 2, pgoff=5), vma(2, 4, pgoff=7)),
    "anon and none": (vma(0, 2, anon=Anon()), vma(2, 4)),
    "none and anon": (vma(0, 2), vma(2, 4, anon=Anon())),
}


@pytest.mark.parametrize("what", SAME)
def test_neighbours_that_agree_become_one(what: str) -> None:
    """And whoever had no anon has that of the other then."""
    low, high = (v.copy() for v in SAME[what])
    anon = low.anon or high.anon
    mm = space(low, high)
    merged = merge_existing(mm, low, Part.of(low, low.start, low.end))
    assert merged is not None
    assert shape(mm) == [(0, 4)]
    assert merged.anon is anon


def test_a_shared_anon_of_a_fork_child_still_merges() -> None:
    """What was one VMA when the child wrote to it is one again after a split."""
    anon = Anon()
    mm = space(vma(0, 2, anon=anon, chain=2), vma(2, 4, anon=anon, chain=2))
    assert merge_existing(mm, mm.vmas[0], Part.of(mm.vmas[0], at(0), at(2)))
    assert shape(mm) == [(0, 4)]


def test_two_sides_that_disagree_merge_only_left() -> None:
    """The range would join either, but P and N have been written to apart."""
    mm = space(vma(0, 2, anon=Anon()), vma(4, 6, anon=Anon()))
    merge_new(mm, part(2, 4))
    assert shape(mm) == [(0, 4), (4, 6)]
    again = space(vma(0, 2, READ_ONLY, anon=Anon()), vma(2, 4), vma(4, 6, READ_ONLY, anon=Anon()))
    changed(again, 2, 2, 4, READ_ONLY)
    assert shape(again) == [(0, 4), (4, 6)]


def test_brk_joins_only_left() -> None:
    """What lies above the heap is never joined."""
    mm = space(vma(0, 2), vma(4, 6))
    merge_new(mm, part(2, 4), left_only=True)
    assert shape(mm) == [(0, 4), (4, 6)]


def test_a_vma_whose_file_wants_to_be_told_is_not_merged_away() -> None:
    """It may grow and shrink, but it stays."""
    file = File("/SYSV", shmem=True, segment=4 * PAGE)
    shared = READ_ONLY | Vm.SHARED | Vm.MAYSHARE
    low = vma(0, 2, shared, file=file, pgoff=0)
    middle = vma(2, 4, shared | Vm.WRITE, file=file, pgoff=2)
    mm = space(low, middle)
    changed(mm, 2, 2, 4, shared)
    assert shape(mm) == [(0, 2), (2, 4)]
    changed(mm, 0, 1, 2, shared | Vm.DONTCOPY)
    changed(mm, 2, 2, 3, shared | Vm.DONTCOPY)
    assert shape(mm) == [(0, 1), (1, 3), (3, 4)]


# -- splits --------------------------------------------------------------------------------------


def test_a_change_inside_splits_twice() -> None:
    """Three VMAs, whose pgoff and anon are those of the one."""
    anon = Anon()
    mm = space(vma(0, 6, anon=anon))
    result = changed(mm, 0, 2, 4, READ_ONLY)
    assert shape(mm) == [(0, 2), (2, 4), (4, 6)]
    assert [v.pgoff - at(0) // PAGE for v in mm.vmas] == [0, 2, 4]
    assert {v.anon for v in mm.vmas} == {anon}
    assert [v.flags for v in mm.vmas] == [WRITABLE, READ_ONLY, WRITABLE]
    assert result is mm.vmas[1]


def test_a_split_that_fails_leaves_the_first_one() -> None:
    """At the limit of VMAs: ENOMEM, before the first split or between the two."""
    for limit, left in ((1, [(0, 6)]), (2, [(0, 2), (2, 6)])):
        mm = space(vma(0, 6))
        mm.limits = Limits(map_count=limit)
        fails("ENOMEM", lambda mm=mm: changed(mm, 0, 2, 4, READ_ONLY))  # type: ignore[misc]
        assert shape(mm) == left
        assert {v.flags for v in mm.vmas} == {WRITABLE}


def test_special_mappings_are_never_split() -> None:
    """The vdso is one piece: EINVAL."""
    mm = space(vma(0, 4, file=File("[vdso]", special=True)))
    fails("EINVAL", lambda: mm.split(mm.vmas[0], at(2)))


def test_huge_pages_split_only_between_them() -> None:
    """A boundary inside one is EINVAL."""
    mm = AddressSpace([Vma(0x400000, 0x800000, WRITABLE, File(hugetlb=True), 0)])
    fails("EINVAL", lambda: mm.split(mm.vmas[0], 0x401000))
    mm.split(mm.vmas[0], 0x600000)
    assert mm.map_count == 2
