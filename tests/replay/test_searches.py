"""Gap searches as the kernel does them: direction, alignment, guard gaps, failure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.replay.guards import GUARD_GAP
from stressd.replay.searches import aligned, answer
from stressd.traces.events import KEY_MAX, Search
from tests.naive import NaiveTree

PAGE = 4096
STACK = 7  # the value of the mapping that grows down


def asked(
    low: int,
    high: int,
    length: int,
    *,
    mask: int = 0,
    offset: int = 0,
    topdown: bool = True,
) -> Search:
    """Return a search, without an answer."""
    return Search(1, low, high, length, mask, offset, topdown, 0, 0, None, 1)


def tree_of(*entries: tuple[int, int, int]) -> NaiveTree:
    """Return a tree with these entries."""
    tree = NaiveTree()
    tree.build(entries)
    return tree


def never(_: int) -> bool:
    """Nothing keeps a guard gap."""
    return False


def is_stack(value: int) -> bool:
    """One mapping keeps a guard gap."""
    return value == STACK


# case -> entries, search, expected
PLAIN = {
    "top of the window": ([], asked(0x1000, 0x9000, 0x2000), 0x7000),
    "bottom of the window": ([], asked(0x2000, 0x9000, 0x2000, topdown=False), 0x2000),
    "below an entry": ([(0x8000, 0x8FFF, 1)], asked(0x1000, 0x9000, 0x2000), 0x6000),
    "above an entry": (
        [(0x1000, 0x1FFF, 1)],
        asked(0x1000, 0x9000, 0x2000, topdown=False),
        0x2000,
    ),
    "never below the first page": ([], asked(0, 0x9000, 0x1000, topdown=False), 0x1000),
    "high is not part of the window": ([], asked(0x1000, 0x3000, 0x2000), 0x1000),
    "one byte too small": ([], asked(0x1000, 0x3000, 0x2001), None),
    "no room between entries": (
        [(0x2000, 0x2FFF, 1), (0x4000, 0x4FFF, 1)],
        asked(0x2000, 0x5000, 0x1001),
        None,
    ),
    "window upside down": ([], asked(0x9000, 0x1000, 0x1000), None),
    "length and mask overflow": ([], asked(0, KEY_MAX, KEY_MAX, mask=0xFFF), None),
    "up to the highest key but one": ([], asked(0, KEY_MAX, 1), KEY_MAX - 1),
    "moved down to the alignment": ([], asked(0x1000, 0x9800, 0x1000, mask=0x3FFF), 0x8000),
    "moved up to the alignment": (
        [],
        asked(0x1000, 0x9800, 0x1000, mask=0x3FFF, topdown=False),
        0x4000,
    ),
    "with an offset": ([], asked(0x1000, 0x8800, 0x800, mask=0x3FFF, offset=0x1000), 0x5000),
    "no room for length and mask": (
        [(0x8000, 0x8FFF, 1)],
        asked(0x4000, 0x8000, 0x1000, mask=0x3FFF),
        None,
    ),
}


@pytest.mark.parametrize("case", PLAIN)
def test_a_search_without_guard_gaps(case: str) -> None:
    """Where a range is found depends on window, direction, length, mask and offset."""
    entries, search, expected = PLAIN[case]
    assert answer(tree_of(*entries), search, never).address == expected


BASE = 0x10000000  # of a stack of one page
BELOW = BASE - GUARD_GAP  # the end of what may be used below it


GUARDED = {
    "keeps its distance": (asked(0x1000, BASE + PAGE, PAGE), BELOW - PAGE),
    "also if the window ends in the gap": (asked(0x1000, BELOW + PAGE, PAGE), BELOW - PAGE),
    "but not if it ends below": (asked(0x1000, BELOW, PAGE), BELOW - PAGE),
    "nothing fits between window and gap": (asked(BELOW, BASE, PAGE), None),
    "above the stack nothing changes": (asked(0x1000, BASE + 9 * PAGE, PAGE), BASE + 8 * PAGE),
    "bottom-up jumps over the stack": (asked(BELOW, BASE * 2, PAGE, topdown=False), BASE + PAGE),
    "bottom-up fits below": (asked(BELOW - PAGE, BASE, PAGE, topdown=False), BELOW - PAGE),
    "the last byte may touch the gap": (
        asked(BELOW - PAGE + 1, BASE, PAGE, topdown=False),
        BELOW - PAGE + 1,
    ),
    "the mask counts as length": (
        asked(BELOW - PAGE, BASE * 2, PAGE, mask=PAGE - 1, topdown=False),
        BASE + PAGE,
    ),
}


@pytest.mark.parametrize("case", GUARDED)
def test_a_search_beside_a_stack(case: str) -> None:
    """256 pages below a mapping that grows down stay free."""
    search, expected = GUARDED[case]
    tree = tree_of((BASE, BASE + PAGE - 1, STACK))
    assert answer(tree, search, is_stack).address == expected


def test_a_guard_gap_ends_at_zero() -> None:
    """A stack in the first megabyte has no more below it than there is."""
    tree = tree_of((16 * PAGE, 17 * PAGE - 1, STACK))
    assert answer(tree, asked(0, 16 * PAGE, PAGE), is_stack).address is None


def test_one_stack_after_the_other_is_passed() -> None:
    """Each retry may meet another stack; the answer names those that it passed."""
    tree = tree_of((BASE, BASE + PAGE - 1, STACK), (BELOW - PAGE, BELOW - 1, STACK))
    found = answer(tree, asked(0x1000, BASE, PAGE), is_stack)
    assert found.address == BELOW - PAGE - GUARD_GAP - PAGE
    assert found.passed == (STACK, STACK)


SMALL = 64
ENTRIES = st.lists(
    st.tuples(st.integers(0, SMALL - 1), st.integers(1, 6), st.sampled_from([1, 2, STACK])),
    max_size=8,
)


@given(
    entries=ENTRIES,
    window=st.tuples(st.integers(0, SMALL), st.integers(0, SMALL)),
    length=st.integers(1, 5),
    mask=st.sampled_from([0, 1, 3]),
    offset=st.integers(0, 7),
    topdown=st.booleans(),
    guarded=st.sampled_from([never, is_stack]),
)
def test_the_last_window_answers_without_guards(
    entries: list[tuple[int, int, int]],
    window: tuple[int, int],
    length: int,
    mask: int,
    offset: int,
    topdown: bool,
    guarded: Callable[[int], bool],
) -> None:
    """Asked with the window of the answer, a tree needs to know nothing of stacks."""
    unit = GUARD_GAP // 4
    tree = NaiveTree()
    for first, count, value in entries:
        tree.store(first * unit, (first + count) * unit - 1, value)
    search = asked(
        window[0] * unit,
        window[1] * unit,
        length * unit,
        mask=(mask + 1) * unit - 1,
        offset=offset * unit,
        topdown=topdown,
    )
    found = answer(tree, search, guarded)
    if found.low < found.high:
        find = tree.empty_area_rev if topdown else tree.empty_area
        start = find(found.low, found.high - 1, search.length + search.mask)
        assert found.address == (None if start is None else aligned(search, start))
    else:
        assert found.address is None


@given(
    start=st.integers(0, KEY_MAX // 2),
    bits=st.integers(0, 40),
    offset=st.integers(0, KEY_MAX),
    topdown=st.booleans(),
)
def test_alignment_stays_inside_what_was_found(
    start: int, bits: int, offset: int, topdown: bool
) -> None:
    """An aligned start is as wanted, and at most `mask` above the start that was found."""
    search = asked(0, KEY_MAX, 1, mask=(1 << bits) - 1, offset=offset, topdown=topdown)
    address = aligned(search, start)
    assert start <= address <= start + search.mask
    assert (address - offset) & search.mask == 0
