"""Cursors in every state, find in reverse, and allocation in circles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.cursors import NaiveCursor
from tests.tree.keys import MAX
from tests.tree.nodes import leaves
from tests.tree.pair import Pair, adjacent, apart

WINDOWS = [(0, MAX), (13, 333), (25, 25), (300, MAX)]

# how a cursor comes to stand on something of each kind
STATES: dict[str, Callable[[Any], object]] = {
    "START": lambda cursor: cursor.set(105),
    "START in a hole": lambda cursor: cursor.set(108),
    "ACTIVE": lambda cursor: cursor.walk(105),
    "NONE": lambda cursor: cursor.walk(108),
    "PAUSED": lambda cursor: (cursor.walk(105), cursor.pause()),
    "PAUSED in a hole": lambda cursor: (cursor.walk(108), cursor.pause()),
    "OVERFLOW": lambda cursor: [None for _ in iter(cursor.find, None)],
    "UNDERFLOW": lambda cursor: [None for _ in iter(cursor.find_rev, None)],
}
STEPS: dict[str, Callable[[Any], object]] = {
    "find": lambda cursor: cursor.find(),
    "find to": lambda cursor: cursor.find(222),
    "find_rev": lambda cursor: cursor.find_rev(),
    "find_rev to": lambda cursor: cursor.find_rev(44),
    "next": lambda cursor: cursor.next(),
    "prev": lambda cursor: cursor.prev(),
    "walk": lambda cursor: cursor.walk(),
    "walk to": lambda cursor: cursor.walk(207),
    "pause": lambda cursor: cursor.pause(),
    "set": lambda cursor: cursor.set(60),
    "reset": lambda cursor: cursor.reset(),
}


def state(cursor: Any) -> tuple[str, int, int, int | None]:
    """Return all that there is to know of a cursor."""
    return cursor.status.name, cursor.first, cursor.last, cursor.value


@cache
def still_trees() -> list[Pair]:
    """Return trees of several sizes, which are only looked at."""
    return [Pair(entries) for entries in ([], [(104, 106, 5)], apart(40), apart(300))]


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("window", WINDOWS)
def test_every_step_from_every_state(start: str, step: str, window: tuple[int, int]) -> None:
    """Status, range and value after each step and the one after it, in empty and large trees."""
    for pair in still_trees():
        for again in STEPS:
            cursor, naive = pair.tree.cursor(*window), NaiveCursor(pair.model, *window)
            STATES[start](cursor)
            STATES[start](naive)
            assert state(cursor) == naive.state
            assert STEPS[step](cursor) == STEPS[step](naive)
            assert state(cursor) == naive.state, step
            assert STEPS[again](cursor) == STEPS[again](naive)
            assert state(cursor) == naive.state, (step, again)


def test_a_cursor_goes_over_every_node_boundary_and_back() -> None:
    """To the end and back, meeting every entry and every reserved one."""
    tree = MapleTree()
    entries = apart(700)
    for first, last, value in entries:
        if value % 9:
            tree.store(first, last, value)
        else:
            tree.reserve(first, last)
    cursor = tree.cursor()
    up = [entry[:2] for entry in iter(cursor.find, None)]
    down = [entry[:2] for entry in iter(cursor.find_rev, None)]
    assert up == [entry[:2] for entry in entries]
    assert down == up[::-1]


@pytest.mark.parametrize("value", [None, 9])
def test_a_cursor_survives_what_it_writes(value: int | None) -> None:
    """Each entry is overwritten as it is met, with its like or with nothing, pausing between."""
    tree = Pair(adjacent(126)).tree
    cursor = tree.cursor()
    met = []
    while entry := cursor.find():
        met.append(entry)
        cursor.store(value)
        if len(met) % 3 == 0:
            cursor.pause()
        assert tree.check() is None
    assert met == adjacent(126)
    assert list(tree.items()) == [(f, last, value) for f, last, _ in met if value]


@pytest.mark.parametrize("make", [adjacent, apart])
def test_find_in_reverse_keeps_to_its_limit(make: Callable[[int], Any]) -> None:
    """The entry found ends at or after `first`, wherever node boundaries lie between."""
    pair = Pair(make(500))
    keys = {0, MAX, *[end + d for n in leaves(pair.tree) for end in n.ends[-2:] for d in (0, 1)]}
    for key in (key for key in keys if key <= MAX):
        assert pair.tree.find_rev(key) == pair.model.find_rev(key)
        for first in (key, max(key - 1, 0), max(key - 5, 0), max(key - 400, 0)):
            assert pair.tree.find_rev(key, first) == pair.model.find_rev(key, first)


def test_allocation_goes_around_and_around() -> None:
    """Each goes on behind the last; at the end it starts over, says so, and finds what is free."""
    tree, model = MapleTree(), NaiveTree()
    circle = tree.cyclic(1000, 1099)
    for number in range(10):
        assert circle.allocate(10, number + 1) == (1000 + number * 10, False)
        model.store(1000 + number * 10, 1009 + number * 10, number + 1)
    assert circle.allocate(1, 5) is None
    for gone in (1030, 1010, 1070):
        assert tree.erase(gone) == model.erase(gone)
    assert circle.allocate(10, 50) == (1010, True)
    assert circle.allocate(4, 51) == (1030, False)
    assert tree.erase(1010) == 50
    assert circle.allocate(10, 52) == (1070, False)
    assert circle.allocate(10, 53) == (1010, True)
    assert circle.allocate(10, 54) is None
    assert circle.allocate(6, 55) == (1034, False)
    assert tree.empty_area(1000, 1099, 1) is None
    assert tree.check() is None


def test_a_circle_may_end_where_all_keys_end() -> None:
    """The place to go on from does not go beyond the last key there is."""
    tree = MapleTree()
    circle = tree.cyclic(MAX - 2, MAX)
    assert [circle.allocate(1, 1) for _ in range(4)] == [
        (MAX - 2, False),
        (MAX - 1, False),
        (MAX, False),
        None,
    ]
    assert tree.erase(MAX) == 1
    assert circle.allocate(1, 2) in [(MAX, True), (MAX, False)]
