"""What a recording stores, on all structures: against a map of pages, and case by case."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.replay.ground import Ground, Stopped
from stressd.replay.how import STAGES, How
from stressd.replay.program import Kind
from stressd_kernels import AddressSpace
from stressd_kernels.mm.calls import Call
from stressd_kernels.spaces import Settings
from tests.naive import NaiveTree

PAGE = 4096
PAGES = 40
KEY_MAX = (1 << 64) - 1
ERASED = 99  # in place of an identity

Range = tuple[int, int]


@cache
def ground() -> Ground:
    """Return the arena of these tests."""
    return Ground()


@pytest.fixture(params=STAGES)
def space(request: pytest.FixtureRequest) -> Iterator[AddressSpace]:
    """Yield an empty address space of each stage, every call of which is validated."""
    mm = AddressSpace(Settings(stage=request.param, validate=1))
    yield mm
    erase(mm, 0, KEY_MAX // PAGE)


def store(mm: AddressSpace, first: int, last: int, identity: int, flags: int = 0) -> None:
    """Store pages `first` .. `last`."""
    mm._call(Call.RECORD_STORE, first * PAGE, last * PAGE + PAGE - 1, identity, flags)


def erase(mm: AddressSpace, first: int, last: int) -> None:
    """Erase pages `first` .. `last`."""
    mm._call(Call.RECORD_ERASE, first * PAGE, last * PAGE + PAGE - 1)


def content(mm: AddressSpace) -> list[tuple[int, int, int]]:
    """Return (first page, last page, identity) of all VMAs."""
    return [(vma.start // PAGE, vma.end // PAGE - 1, vma.identity) for vma in mm.maps()]


def test_a_store_cuts_what_reaches_over_its_ends(space: AddressSpace) -> None:
    """The parts outside stay, with the identity of the whole."""
    store(space, 0, 9, 1)
    store(space, 20, 29, 2)
    store(space, 5, 24, 3)
    assert content(space) == [(0, 4, 1), (5, 24, 3), (25, 29, 2)]


def test_a_store_inside_leaves_two_parts(space: AddressSpace) -> None:
    """Both are still that VMA, as far as anybody knows."""
    store(space, 0, 9, 1)
    store(space, 3, 5, 2)
    assert content(space) == [(0, 2, 1), (3, 5, 2), (6, 9, 1)]


def test_a_store_swallows_what_is_inside(space: AddressSpace) -> None:
    """Any number of VMAs, and the holes between them."""
    for page in range(0, 30, 2):
        store(space, page, page, page + 1)
    store(space, 1, 28, 77)
    assert content(space) == [(0, 0, 1), (1, 28, 77)]


@pytest.mark.parametrize("others", [0, 1, 4, 5, 9])
def test_a_known_vma_grows_over_its_neighbours(space: AddressSpace, others: int) -> None:
    """It takes the range of all of them, whether they go one by one or at once."""
    store(space, 0, 0, 1)
    for page in range(1, others + 1):
        store(space, page, page, page + 1)
    store(space, 0, 19, 1)
    assert content(space) == [(0, 19, 1)]


def test_the_old_part_of_a_resized_vma_stays(space: AddressSpace) -> None:
    """Until it is overwritten: only an erase says that it is nobody's."""
    store(space, 0, 9, 1)
    store(space, 5, 12, 1)
    assert content(space) == [(0, 4, 1), (5, 12, 1)]
    erase(space, 0, 4)
    assert content(space) == [(5, 12, 1)]


def test_an_erase_cuts_and_takes_out(space: AddressSpace) -> None:
    """VMAs over its ends are cut, those inside are gone; over nothing it does nothing."""
    erase(space, 0, 50)
    for page in range(0, 30, 10):
        store(space, page, page + 5, page + 1)
    erase(space, 3, 22)
    assert content(space) == [(0, 2, 1), (23, 25, 21)]
    erase(space, 3, 22)
    assert content(space) == [(0, 2, 1), (23, 25, 21)]


def test_an_erase_inside_leaves_two_parts(space: AddressSpace) -> None:
    """As munmap in the middle of a VMA."""
    store(space, 0, 9, 1)
    erase(space, 3, 5)
    assert content(space) == [(0, 2, 1), (6, 9, 1)]


def test_an_erase_reaches_the_last_address(space: AddressSpace) -> None:
    """exec erases everything above the stack, up to 2^64 - 1."""
    store(space, 5, 9, 1)
    space._call(Call.RECORD_ERASE, 7 * PAGE, KEY_MAX)
    assert content(space) == [(5, 6, 1)]


def test_the_highest_page_but_one_can_be_stored(space: AddressSpace) -> None:
    """The end of a VMA is exclusive, so the very last page has none."""
    top = KEY_MAX // PAGE
    store(space, top - 1, top - 1, 1)
    assert content(space) == [(top - 1, top - 1, 1)]
    with pytest.raises(OSError, match="Invalid argument"):
        store(space, top - 1, top, 2)
    erase(space, 0, top)
    assert content(space) == []


@pytest.mark.parametrize("ends", [(1, PAGE - 1), (0, PAGE - 2), (0, PAGE), (PAGE, PAGE - 1)])
def test_what_is_no_pages_is_refused(space: AddressSpace, ends: Range) -> None:
    """A VMA begins and ends at a page; nothing is changed."""
    store(space, 0, 9, 1)
    for call in (Call.RECORD_STORE, Call.RECORD_ERASE):
        with pytest.raises(OSError, match="Invalid argument"):
            space._call(call, *ends, 7, 0)
    assert content(space) == [(0, 9, 1)]


def test_flags_are_those_of_the_last_store(space: AddressSpace) -> None:
    """A VMA that is known keeps its identity, and gets the flags that come with it."""
    store(space, 0, 9, 1)
    store(space, 0, 9, 1, 0x100)
    (vma,) = space.maps()
    assert (vma.identity, vma.flags) == (1, 0x100)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 3, 4, ERASED]),
        st.tuples(st.integers(0, PAGES - 1), st.integers(0, PAGES - 1)).map(sorted),
    ),
    max_size=40,
)


@pytest.mark.parametrize("stage", STAGES)
@given(steps=STEPS)
def test_any_stores_leave_what_a_map_of_ranges_would(
    stage: str, steps: list[tuple[int, list[int]]]
) -> None:
    """Cut, split, swallowed: the same ranges as stores over one another leave in any range map."""
    model = NaiveTree()
    rows = []
    for number, (identity, (low, high)) in enumerate(steps):
        first, last = low * PAGE, high * PAGE + PAGE - 1
        kind = Kind.ERASE if identity == ERASED else Kind.STORE
        rows.append((kind, 0, first, last, identity if kind == Kind.STORE else 0, 0, 0, 0))
        model.store(first, last, None if kind == Kind.ERASE else number + 1)
    ground().begin(0, How(stage, 1), [])
    if rows:
        reached, stopped, _ = ground().play(np.array(rows, np.uint64), 0)
        assert (reached, stopped) == (len(rows), Stopped.NOT)
    assert ground().ranges(0) == [(first, last) for first, last, _ in model.items()]
    assert ground().validate(0) is None
    ground().end(0)
