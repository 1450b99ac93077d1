"""The eight cases in which VMAs become one: what is left, and what was stored in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stressd_kernels import Arena
from stressd_kernels.mm.calls import Call
from stressd_kernels.spaces import STAGES
from tests.mm.build import READ_ONLY, WRITABLE, at, space, vma
from tests.mm.kernels.pair import NAMES, POLICIES, Pair, flags_word
from tests.mm.kernels.steps import record_at, step, traced
from tests.mm.spec import merge
from tests.mm.spec.merge import Part
from tests.mm.spec.space import Anon, File
from tests.mm.spec.words import PAGE, Limits, Vm

Stores = list[tuple[str, int, int]]
Maker = Callable[..., Pair]


@pytest.fixture(scope="module")
def arena() -> Arena:
    """One arena for all cases."""
    return Arena(64 << 20)


@pytest.fixture(params=STAGES)
def pair_of(request: pytest.FixtureRequest, arena: Arena) -> Maker:
    """Return what makes a pair of an address space, at each stage."""
    return lambda *vmas: Pair(space(*vmas), request.param, arena)


def fields(pair: Pair, part: Part) -> list[int]:
    """Return words 1 .. 9 of the record of a part."""
    file = pair.file(part.file)
    anon = 0 if part.anon is None else pair.anon(part.anon)
    chain = 0 if part.source is None else part.source.chain
    return [
        part.start, part.end, part.pgoff, flags_word(part.flags), file.word if file else 0,
        anon, chain, POLICIES.index(part.policy), NAMES.index(part.name),
    ]  # fmt: skip


def merged(pair: Pair, part: Part, *, left_only: bool = False) -> Stores:
    """Join a free range with its neighbours in both; return what was stored, in pages."""
    with traced(pair.real) as seen:
        pair.both(
            f"merge {part}",
            lambda mm: merge.merge_new(mm, part, left_only=left_only) is not None,
            lambda mm: step(mm, Call.MERGE_NEW, left_only, part=fields(pair, part))[0] != 0,
        )
    return in_pages(seen)


def modified(pair: Pair, page: int, start: int, end: int, **changes: object) -> Stores:
    """Change pages [start, end) of the VMA that holds `page` in both; return what was stored."""
    (target,) = [v for v in pair.mm.vmas if v.start <= at(page) < v.end]
    record = record_at(pair.real, target.start)
    wanted = Part.of(target.copy(**changes), at(start), at(end))
    part = fields(pair, wanted)
    with traced(pair.real) as seen:
        pair.both(
            f"modify {start} {end} {changes}",
            lambda mm: merge.modify(mm, target, at(start), at(end), **changes) and None,
            lambda mm: step(mm, Call.MODIFY, record, at(start), at(end), part=part) and None,
        )
    return in_pages(seen)


def in_pages(seen: Stores) -> Stores:
    """Return stores in pages from BASE."""
    return [(kind, (start - at(0)) // PAGE, (end - at(0)) // PAGE) for kind, start, end in seen]


def part(start: int, end: int, flags: Vm = WRITABLE) -> Part:
    """Return pages [start, end) as new anonymous memory."""
    return Part(at(start), at(end), flags, None, at(start) // PAGE)


# -- the eight cases ---------------------------------------------------------------------------


def test_case_1_a_new_range_joins_both_neighbours(pair_of: Maker) -> None:
    """P is stored over the range and over N, which is gone without a store of its own."""
    pair = pair_of(vma(0, 2), vma(4, 6))
    assert merged(pair, part(2, 4)) == [("STORE", 0, 6)]


def test_case_2_a_new_range_joins_the_previous(pair_of: Maker) -> None:
    """P grows up: one store."""
    pair = pair_of(vma(0, 2), vma(4, 6, READ_ONLY))
    assert merged(pair, part(2, 4)) == [("STORE", 0, 4)]


def test_case_3_a_new_range_joins_the_next(pair_of: Maker) -> None:
    """N grows down: one store."""
    pair = pair_of(vma(0, 2, READ_ONLY), vma(4, 6))
    assert merged(pair, part(2, 4)) == [("STORE", 2, 6)]


def test_case_4_the_tail_of_a_vma_joins_the_next(pair_of: Maker) -> None:
    """What the VMA loses is erased, then both are stored, the lower one first."""
    pair = pair_of(vma(0, 4), vma(4, 6, READ_ONLY))
    stores = modified(pair, 0, 2, 4, flags=READ_ONLY)
    assert stores == [("SNULL", 2, 4), ("STORE", 0, 2), ("STORE", 2, 6)]


def test_case_5_the_head_of_a_vma_joins_the_previous(pair_of: Maker) -> None:
    """P is stored over the head, then the VMA where it begins now: nothing is erased."""
    pair = pair_of(vma(0, 2, READ_ONLY), vma(2, 6))
    assert modified(pair, 2, 2, 4, flags=READ_ONLY) == [("STORE", 0, 4), ("STORE", 4, 6)]


def test_case_6_a_whole_vma_joins_both_neighbours(pair_of: Maker) -> None:
    """One store of P takes the VMA and the one behind it."""
    pair = pair_of(vma(0, 2, READ_ONLY), vma(2, 4), vma(4, 6, READ_ONLY))
    assert modified(pair, 2, 2, 4, flags=READ_ONLY) == [("STORE", 0, 6)]


def test_case_7_a_whole_vma_joins_the_previous(pair_of: Maker) -> None:
    """One store of P takes it."""
    pair = pair_of(vma(0, 2, READ_ONLY), vma(2, 4), vma(4, 6))
    assert modified(pair, 2, 2, 4, flags=READ_ONLY) == [("STORE", 0, 4)]


def test_case_8_a_whole_vma_joins_the_next(pair_of: Maker) -> None:
    """One store of N, which grows down, takes it."""
    pair = pair_of(vma(0, 2), vma(2, 4), vma(4, 6, READ_ONLY))
    assert modified(pair, 2, 2, 4, flags=READ_ONLY) == [("STORE", 2, 6)]


# -- what must agree ---------------------------------------------------------------------------

OPENED = File("/x")
ONE, OTHER = Anon(), Anon()
BESIDE = {  # what lies below pages [2, 4), and what is to be there
    "flags": (vma(0, 2), vma(2, 4, WRITABLE | Vm.DONTCOPY)),
    "file": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=File("/x"), pgoff=2)),
    "pgoff": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=OPENED, pgoff=3)),
    "policy": (vma(0, 2), vma(2, 4).copy(policy=POLICIES[1])),
    "name": (vma(0, 2), vma(2, 4).copy(name=NAMES[1])),
    "anon": (vma(0, 2, anon=ONE), vma(2, 4, anon=OTHER)),
    "a hole": (vma(0, 1), vma(2, 4)),
    "special": (vma(0, 2, WRITABLE | Vm.PFNMAP), vma(2, 4, WRITABLE | Vm.PFNMAP)),
    "fork": (vma(0, 2), vma(2, 4, anon=ONE, chain=2)),
    "fork below": (vma(0, 2, anon=ONE, chain=2), vma(2, 4)),
    "same flags": (vma(0, 2), vma(2, 4)),
    "same file": (vma(0, 2, file=OPENED, pgoff=0), vma(2, 4, file=OPENED, pgoff=2)),
    "moved": (vma(0, 2, pgoff=5), vma(2, 4, pgoff=7)),
    "anon and none": (vma(0, 2, anon=ONE), vma(2, 4)),
    "none and anon": (vma(0, 2), vma(2, 4, anon=ONE)),
    "same anon": (vma(0, 2, anon=ONE, chain=2), vma(2, 4, anon=ONE, chain=2)),
}


@pytest.mark.parametrize("what", BESIDE)
def test_a_new_range_joins_what_agrees(what: str, pair_of: Maker) -> None:
    """Above what is there and below it; whoever had no anon has that of the other then."""
    low, high = (v.copy() for v in BESIDE[what])
    merged(pair_of(low), Part.of(high, high.start, high.end))
    low, high = (v.copy() for v in BESIDE[what])
    merged(pair_of(high), Part.of(low, low.start, low.end))


@pytest.mark.parametrize("what", BESIDE)
def test_a_changed_part_joins_what_agrees(what: str, pair_of: Maker) -> None:
    """The VMA is changed to what it is: if it agrees with its neighbour, both are one."""
    low, high = (v.copy() for v in BESIDE[what])
    pair = pair_of(low, high)
    modified(pair, 2, 2, 4, flags=high.flags)
    low, high = (v.copy() for v in BESIDE[what])
    pair = pair_of(low, high)
    modified(pair, 0, 0, 1, flags=low.flags)


def test_memory_that_grows_in_place_asks_nobody(pair_of: Maker) -> None:
    """Its own anon is that of the part; that it was written to before a fork is no matter."""
    low = vma(0, 2, anon=ONE, chain=2)
    pair = pair_of(low, vma(4, 6))
    grown = Part(at(2), at(4), WRITABLE, None, at(2) // PAGE, ONE)
    assert merged(pair, grown) == [("STORE", 0, 6)]


def test_two_sides_that_disagree_merge_only_left(pair_of: Maker) -> None:
    """The range would join either, but P and N have been written to apart."""
    pair = pair_of(vma(0, 2, anon=ONE), vma(4, 6, anon=OTHER))
    assert merged(pair, part(2, 4)) == [("STORE", 0, 4)]
    low, high = vma(0, 2, READ_ONLY, anon=ONE), vma(4, 6, READ_ONLY, anon=OTHER)
    pair = pair_of(low, vma(2, 4), high)
    assert modified(pair, 2, 2, 4, flags=READ_ONLY) == [("STORE", 0, 4)]


def test_brk_joins_only_left(pair_of: Maker) -> None:
    """What lies above the heap is never joined."""
    pair = pair_of(vma(0, 2), vma(4, 6))
    assert merged(pair, part(2, 4), left_only=True) == [("STORE", 0, 4)]
    pair = pair_of(vma(4, 6))
    assert merged(pair, part(2, 4), left_only=True) == []


def test_a_vma_whose_file_wants_to_be_told_is_not_merged_away(pair_of: Maker) -> None:
    """It may grow and shrink, but it stays."""
    file = File("/SYSV", shmem=True, segment=4 * PAGE)
    shared = READ_ONLY | Vm.SHARED | Vm.MAYSHARE
    low = vma(0, 2, shared, file=file, pgoff=0)
    pair = pair_of(low, vma(2, 4, shared | Vm.WRITE, file=file, pgoff=2))
    assert modified(pair, 2, 2, 4, flags=shared) == []
    modified(pair, 0, 1, 2, flags=shared | Vm.DONTCOPY)
    modified(pair, 2, 2, 3, flags=shared | Vm.DONTCOPY)
    low = vma(0, 2, shared, file=file, pgoff=0)
    apart = pair_of(low, vma(4, 6, shared, file=file, pgoff=4))
    assert merged(apart, Part(at(2), at(4), shared, file, 2)) == [("STORE", 0, 4)]


# -- splits --------------------------------------------------------------------------------------


def test_a_change_inside_splits_twice(pair_of: Maker) -> None:
    """Each split erases the upper part, then stores both; the change itself stores nothing."""
    pair = pair_of(vma(0, 6, anon=ONE))
    first = [("SNULL", 2, 6), ("STORE", 0, 2), ("STORE", 2, 6)]
    second = [("SNULL", 4, 6), ("STORE", 2, 4), ("STORE", 4, 6)]
    assert modified(pair, 0, 2, 4, flags=READ_ONLY) == first + second


def test_policy_and_name_are_changed_in_place(pair_of: Maker) -> None:
    """Of a whole VMA: no store."""
    pair = pair_of(vma(0, 2))
    assert modified(pair, 0, 0, 2, policy=POLICIES[2], name=NAMES[1]) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_split_that_fails_leaves_the_first_one(limit: int, pair_of: Maker) -> None:
    """At the limit of VMAs: ENOMEM before the first split, between the two, or not at all."""
    mm = space(vma(0, 6))
    mm.limits = Limits(map_count=limit)
    empty = pair_of().real
    pair = Pair(mm, empty.settings.stage, empty.arena)
    modified(pair, 0, 2, 4, flags=READ_ONLY)
    assert pair.history
    assert mm.map_count == limit


@pytest.mark.parametrize("kind", ["special", "hugetlb"])
def test_what_must_not_be_cut_is_not(kind: str, pair_of: Maker) -> None:
    """The vdso is one piece, and so is a huge page: EINVAL."""
    pair = pair_of(vma(0, 4, file=File(kind, **{kind: True}), pgoff=0))
    assert modified(pair, 0, 2, 4, flags=READ_ONLY) == []
