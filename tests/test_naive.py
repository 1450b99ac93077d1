"""The oracle of the other tests, against a dictionary of single keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.naive import KEY_MAX, VALUE_MAX, NaiveTree

TOP = 40  # keys 0 .. TOP - 1: few enough to hold every key in a dictionary
ENDS = st.tuples(st.integers(0, TOP - 1), st.integers(0, TOP - 1)).map(sorted)
STORES = st.lists(st.tuples(ENDS, st.none() | st.integers(1, 5)), max_size=12)


def both(stores: list[tuple[list[int], int | None]]) -> tuple[NaiveTree, dict[int, int]]:
    """Apply stores to a tree and to a dictionary of keys."""
    tree, keys = NaiveTree(), dict[int, int]()
    for (first, last), value in stores:
        tree.store(first, last, value)
        for key in range(first, last + 1):
            keys.pop(key, None)
            if value is not None:
                keys[key] = value
    return tree, keys


@given(stores=STORES)
def test_stores_overwrite_key_by_key(stores: list[tuple[list[int], int | None]]) -> None:
    """After any stores each key has the value that was stored last."""
    tree, keys = both(stores)
    assert tree.check() is None
    assert {key: tree.load(key) for key in range(TOP)} == {k: keys.get(k) for k in range(TOP)}
    assert sum(last - first + 1 for first, last, _ in tree.items()) == len(keys)


@given(stores=STORES, index=st.integers(0, TOP))
def test_neighbours_are_those_of_the_list(
    stores: list[tuple[list[int], int | None]], index: int
) -> None:
    """find, next and prev are what a walk over all entries finds."""
    tree, _ = both(stores)
    entries = list(tree.items())
    assert tree.find(index) == next((e for e in entries if e[1] >= index), None)
    assert tree.next(index) == next((e for e in entries if e[0] > index), None)
    assert tree.prev(index) == next((e for e in reversed(entries) if e[1] < index), None)
    assert list(tree.items(index, TOP)) == [e for e in entries if e[1] >= index]


@given(
    stores=STORES,
    window=ENDS,
    size=st.integers(1, 6),
    mask=st.sampled_from([0, 1, 3, 7]),
    offset=st.integers(0, 9),
)
def test_gap_searches_try_every_start(
    stores: list[tuple[list[int], int | None]], window: list[int], size: int, mask: int, offset: int
) -> None:
    """Both searches find what trying one start after the other finds."""
    tree, keys = both(stores)
    starts = [
        start
        for start in range(window[0], window[1] - size + 2)
        if start & mask == offset & mask
        and not any(key in keys for key in range(start, start + size))
    ]
    low, high = window
    assert tree.empty_area(low, high, size, mask, offset) == (starts[0] if starts else None)
    assert tree.empty_area_rev(low, high, size, mask, offset) == (starts[-1] if starts else None)


def test_erase_takes_the_whole_entry() -> None:
    """erase names any key of an entry, and nothing of the entry stays."""
    tree = NaiveTree()
    tree.store(10, 19, 1)
    assert tree.erase(9) is None
    assert tree.erase(15) == 1
    assert len(tree) == 0


def test_equal_neighbours_stay_apart() -> None:
    """Entries are what was stored, not what could be merged."""
    tree = NaiveTree()
    tree.store(0, 9, 1)
    tree.store(10, 19, 1)
    assert list(tree) == [(0, 9, 1), (10, 19, 1)]


def test_insert_only_into_free_ranges() -> None:
    """insert touches nothing that is there."""
    tree = NaiveTree()
    tree.insert(10, 19, 1)
    with pytest.raises(FileExistsError):
        tree.insert(0, 10, 2)
    assert list(tree.items()) == [(10, 19, 1)]


def test_allocate_finds_and_stores() -> None:
    """From the bottom or from the top, until nothing fits."""
    tree = NaiveTree()
    starts = [tree.allocate(0, 9, 4, 7, from_top) for from_top in (False, True, False)]
    assert starts == [0, 6, None]
    assert list(tree.items()) == [(0, 3, 7), (6, 9, 7)]


def test_a_copy_has_a_life_of_its_own() -> None:
    """Neither sees what is done to the other."""
    tree = NaiveTree()
    tree.build([(0, KEY_MAX, VALUE_MAX)])
    twin = tree.copy()
    tree.clear()
    assert (len(tree), list(twin.items())) == (0, [(0, KEY_MAX, VALUE_MAX)])


def test_load_many_answers_in_order() -> None:
    """0 stands for nothing."""
    tree = NaiveTree()
    tree.store(5, 5, 9)
    assert tree.load_many([5, 6, 5]).tolist() == [9, 0, 9]
