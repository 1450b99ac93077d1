"""The faults of the original, switched on one at a time: validation notices each of them.

And the same scenario is silent without the fault: that pair is the proof. Rows that cannot be
had here say why in `stressd_kernels/mm/odd.py`; ODD_2 is a fault of the report, in test_report.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from stressd_kernels import AddressSpace, Arena
from stressd_kernels.address_space import Broken
from stressd_kernels.layout import FAULT, HEADER_TRACE, SLOTS_MAX
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.finding import Finding
from stressd_kernels.mm.layout import MM_DETAILS, MM_FINDING, STAGES
from stressd_kernels.mm.odd import Odd
from stressd_kernels.mm.trace import (
    EVENT_EXIT,
    EVENT_KINDS,
    EVENT_SZERO,
    TRACE_MONOTONIC,
    trace_take,
)
from stressd_kernels.mm.words import PAGE, VM_GROWSDOWN, VM_GROWSUP
from stressd_kernels.spaces import Limits, Settings
from tests.mm.kernels.drawing import Drawing

PAGES = int(PAGE)
BASE = 0x7000_0000_0000
FIXED = 0x32  # MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS


@contextmanager
def faulty(space: AddressSpace, odd: Odd | None) -> Iterator[None]:
    """Switch a fault on for as long as the block lasts; None: nothing."""
    space.words[FAULT] = odd or 0
    try:
        yield
    finally:
        space.words[FAULT] = 0


def found(space: AddressSpace) -> Finding:
    """Return what has been found wrong."""
    return Finding(int(space.words[space.mm + MM_FINDING]))


def spaced(stage: str = "all", count: int = 8) -> AddressSpace:
    """Return an address space of a few VMAs with holes between them, in an arena of its own."""
    space = AddressSpace(Settings(stage=stage), arena=Arena(64 << 20))
    for number in range(count):
        start = BASE + number * 16 * PAGES
        space.place(start, start + 4 * PAGES, 3)
    return space


@pytest.mark.parametrize("odd", [None, Odd.ODD_1])
@pytest.mark.parametrize("stage", STAGES)
def test_odd_1_what_the_tree_has_behind_the_last_vma(stage: str, odd: Odd | None) -> None:
    """The walk upwards stops where the list ends, and sees nothing; the walk downwards does.

    Without a list there is nothing to stop it, so the count of VMAs tells.
    """
    space = spaced(stage)
    with faulty(space, odd), suppress(Broken):
        space.munmap(BASE + 7 * 16 * PAGES, 4 * PAGES)
    blind = {Finding.LIST_BACK} if stage in ("all", "no-rbtree") else {Finding.COUNT}
    assert {found(space)} == (blind if odd else {Finding.NONE})


@pytest.mark.parametrize("odd", [None, Odd.HALF_SPLIT])
@pytest.mark.parametrize("stage", STAGES)
def test_a_split_that_stores_one_half(stage: str, odd: Odd | None) -> None:
    """The maple tree lacks a half that every other structure has."""
    space = spaced(stage)
    with faulty(space, odd), suppress(Broken):
        space.munmap(BASE + 2 * PAGES, PAGES)
    assert (found(space) != Finding.NONE) == (odd is not None)
    if not odd:
        assert len(space.maps()) == 9


@pytest.mark.parametrize("odd", [None, Odd.ODD_7])
@pytest.mark.parametrize("stage", STAGES)
def test_odd_7_a_stack_that_grew_up(stage: str, odd: Odd | None) -> None:
    """The maple tree still has the VMA of before, with its old range.

    Where nothing else is kept, the counts tell: more pages than the tree has.
    """
    space = spaced(stage)
    end = BASE + 8 * 16 * PAGES
    space.place(end - PAGES, end, 3 | int(VM_GROWSUP))
    with faulty(space, odd), suppress(Broken):
        assert space.fault(end + PAGES, write=True)
    assert (found(space) != Finding.NONE) == (odd is not None)
    if not odd:
        assert space.maps()[-1].end == end + 2 * PAGES


@pytest.mark.parametrize("odd", [None, Odd.FORK_SHARES])
@pytest.mark.parametrize("stage", STAGES)
def test_a_fork_that_shares_instead_of_copying(stage: str, odd: Odd | None) -> None:
    """The child's tree names a VMA of its parent: it says itself whose it is."""
    space = spaced(stage)
    with faulty(space, odd):
        if odd is None:
            space.fork().validate()
        else:
            with pytest.raises(
                Broken, match="VMA_OWNER: an entry of the maple tree names a VMA of"
            ):
                space.fork()
    space.validate()


@pytest.mark.parametrize("odd", [None, Odd.ODD_9])
def test_odd_9_an_empty_address_space_that_ends(odd: Odd | None) -> None:
    """It has no VMA left that could be wrong: its trace tells, which never ends."""
    space = spaced(count=1)
    space.words[HEADER_TRACE] = TRACE_MONOTONIC
    space.munmap(BASE, 4 * PAGES)
    with faulty(space, odd):
        space.exit()
    marks, rows = np.zeros((2, SLOTS_MAX), np.uint64), np.zeros((1 << 12, 7), np.uint64)
    kinds = [int(row[3]) & EVENT_KINDS for row in rows[: trace_take(space.words, marks, rows)]]
    assert kinds == ([EVENT_SZERO] if odd else [EVENT_SZERO, EVENT_EXIT])


@pytest.mark.parametrize("stage", STAGES)
def test_odd_8_a_stack_that_grows_waits_for_no_memory_under_the_lock(stage: str) -> None:
    """All that its store can need is there before the lock is taken, or it does not begin."""
    space = spaced(stage)
    stack = BASE + 1024 * PAGES
    space.place(stack, stack + 8 * PAGES, 3 | int(VM_GROWSDOWN), pgoff=stack // PAGES)
    before = space.maps()
    with space.arena.failing(), pytest.raises(MemoryError):
        space.fault(stack - PAGES, write=True)
    assert space.maps() == before
    assert space.fault(stack - PAGES, write=True)
    assert space.maps()[-1].start == stack - PAGES
    space.validate()


def search(space: AddressSpace, window: tuple[int, int], *align: int, topdown: bool) -> int:
    """Find a page in a window, where `align` (mask, offset) wants it."""
    return space._call(Call.SEARCH, PAGES, *window, *align, offset=int(topdown))


def gap_details(space: AddressSpace) -> list[int]:
    """Return both answers of the gap search that was found wrong."""
    at = space.mm + MM_DETAILS
    return [int(word) for word in space.words[at : at + 2]]


@pytest.mark.parametrize("odd", [None, Odd.ODD_3])
def test_odd_3_pages_counted_from_where_a_vma_begins(odd: Odd | None) -> None:
    """They are counted where only the limit of pages could forbid a mapping over others."""
    full = Settings(limits=Limits(address_space=8 * PAGES))
    space = AddressSpace(full, arena=Arena(64 << 20))
    for number in range(2):
        space.place(BASE + number * 16 * PAGES, BASE + (number * 16 + 4) * PAGES, 3)
    with faulty(space, odd), suppress(Broken):
        assert space.mmap(BASE + 2 * PAGES, 2 * PAGES, 1, FIXED) == BASE + 2 * PAGES
    assert found(space) == (Finding.PAGES if odd else Finding.NONE)


@pytest.mark.parametrize("odd", [None, Odd.ODD_4])
def test_odd_4_a_bottom_up_search_that_finds_the_highest(odd: Odd | None) -> None:
    """The rb-tree finds the lowest. (Where there is but one gap, they agree.)"""
    space = spaced()
    window = BASE, BASE + 64 * PAGES
    with faulty(space, odd), suppress(Broken):
        assert search(space, window, 0, 0, topdown=False) == BASE + 4 * PAGES
    assert found(space) == (Finding.GAP if odd else Finding.NONE)
    if odd:
        assert gap_details(space) == [BASE + 63 * PAGES, BASE + 4 * PAGES]


@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize("odd", [None, Odd.ODD_5])
def test_odd_5_alignment_with_an_offset(odd: Odd | None, offset: int) -> None:
    """The formula of the original is right where the offset is 0, and only there."""
    space = spaced()
    window = BASE, BASE + 16 * PAGES
    with faulty(space, odd), suppress(Broken):
        place = search(space, window, 4 * PAGES - 1, offset * PAGES, topdown=True)
        assert place == BASE + (12 + offset) * PAGES
    assert found(space) == (Finding.GAP if odd and offset else Finding.NONE)


@pytest.mark.parametrize("odd", [None, Odd.ODD_6])
def test_odd_6_the_guard_gap_of_a_stack(odd: Odd | None) -> None:
    """What is found must leave it free."""
    space = spaced(count=1)
    stack = BASE + 1024 * PAGES
    space.place(stack, stack + 8 * PAGES, 3 | int(VM_GROWSDOWN))
    with faulty(space, odd), suppress(Broken):
        assert search(space, (BASE, stack), 0, 0, topdown=True) == stack - 257 * PAGES
    assert found(space) == (Finding.GAP if odd else Finding.NONE)
    if odd:
        assert gap_details(space) == [stack - PAGES, stack - 257 * PAGES]


def call_at_random(arena: Arena, count: int) -> None:
    """Make random calls on one address space after another."""
    for seed in range(count // 500):
        drawing = Drawing(seed, "all", arena)
        for _ in range(500):
            drawing.call()


@pytest.mark.parametrize(
    "odd",
    [Odd.ODD_4, Odd.ODD_5, Odd.ODD_6, Odd.HALF_SPLIT, Odd.FORK_SHARES],
    ids=lambda odd: odd.name,
)
def test_random_calls_meet_the_fault_too(odd: Odd) -> None:
    """Nobody need know what to look for. (Without a fault: tests/mm/kernels/test_random.py.)"""
    arena = Arena(256 << 20)
    arena.words[FAULT] = odd
    with pytest.raises(Broken):
        call_at_random(arena, 10_000)
