"""History: the plain tree equals a naive one, and every store is gone when it is gone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stressd.replay.history import PlainTree, gone_after
from stressd.replay.program import Kind, load_program
from stressd.resources import recording

KEYS = range(40)
RANGES = st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).map(sorted).map(tuple)
CHANGES = st.lists(st.tuples(RANGES, st.booleans()), max_size=30)


def naive(changes: list[tuple[tuple[int, int], bool]]) -> list[int | None]:
    """Return the number of the change that stored each key last, None where it was erased."""
    keys: list[int | None] = [None] * len(KEYS)
    for number, ((first, last), stores) in enumerate(changes):
        keys[first : last + 1] = [number if stores else None] * (last + 1 - first)
    return keys


def planted(changes: list[tuple[tuple[int, int], bool]]) -> PlainTree:
    """Return a tree after the changes; the number of a change is its value."""
    tree = PlainTree()
    for number, ((first, last), stores) in enumerate(changes):
        tree.store(first, last, number if stores else None)
    return tree


@given(CHANGES)
def test_stores_and_erases_leave_what_a_naive_tree_holds(
    changes: list[tuple[tuple[int, int], bool]],
) -> None:
    """Key by key, and in ascending disjoint entries."""
    keys: list[int | None] = [None] * len(KEYS)
    end = -1
    for first, last, value in planted(changes).items():
        assert end < first <= last
        keys[first : last + 1] = [value] * (last + 1 - first)
        end = last
    assert keys == naive(changes)


@given(CHANGES, st.sampled_from(KEYS))
def test_find_gives_the_first_entry_that_ends_at_or_after(
    changes: list[tuple[tuple[int, int], bool]], index: int
) -> None:
    """Or nothing, if there is none."""
    tree = planted(changes)
    assert tree.find(index) == next((e for e in tree.items() if e[1] >= index), None)


@given(CHANGES, RANGES, st.integers(1, len(KEYS)))
def test_gaps_are_the_lowest_and_the_highest(
    changes: list[tuple[tuple[int, int], bool]], window: tuple[int, int], size: int
) -> None:
    """Among all starts inside the window, tried one by one."""
    tree, keys = planted(changes), naive(changes)
    low, high = window
    starts = [
        start
        for start in range(low, high + 2 - size)
        if all(keys[key] is None for key in range(start, start + size))
    ]
    assert tree.empty_area(low, high, size) == (starts[0] if starts else None)
    assert tree.empty_area_rev(low, high, size) == (starts[-1] if starts else None)


@given(CHANGES)
def test_a_store_is_gone_after_the_row_that_took_its_last_key(
    changes: list[tuple[tuple[int, int], bool]],
) -> None:
    """Against the naive tree after each row; the last row empties the tree."""
    rows = [
        (Kind.STORE if stores else Kind.ERASE, 0, first, last, 0, 0, 0, 0)
        for (first, last), stores in changes
    ]
    rows.append((Kind.DESTROY, 0, 0, 0, 0, 0, 0, 0))
    gone = gone_after(np.array(rows, np.uint64), 1)
    for number, (_, stores) in enumerate(changes):
        if not stores:
            assert gone[number] == 0
            continue
        present = [
            row for row in range(number, len(changes)) if number in naive(changes[: row + 1])
        ]
        assert gone[number] == max(present) + 1


def test_every_store_of_a_real_recording_goes_some_time() -> None:
    """After its own row, and by the end, when all trees are empty."""
    program = load_program(recording("bashforks"), PlainTree)
    stores = np.flatnonzero(program.rows[:, 0] == Kind.STORE)
    gone = gone_after(program.rows, program.trees)
    assert np.all(gone[stores] > stores)
    assert int(gone.max()) < len(program.rows)


def test_searches_are_resolved_as_with_any_other_tree() -> None:
    """All searches of the shipped recordings keep their recorded answers."""
    for name in ("ls", "gcc", "sqlite", "bashforks"):
        assert load_program(recording(name), PlainTree).skipped == 0
