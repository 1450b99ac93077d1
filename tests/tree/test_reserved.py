"""Reserved entries: in the way of everybody who writes, and seen by nobody who looks."""

from __future__ import annotations

import pytest

from stressd_kernels import MapleTree
from tests.tree.keys import MAX

COUNT = 200  # side by side they fill several leaves


@pytest.fixture
def walled() -> MapleTree:
    """An entry, COUNT reserved ones of ten keys each, and another entry."""
    tree = MapleTree()
    tree.store(0, 9, 1)
    for number in range(1, COUNT + 1):
        tree.reserve(number * 10, number * 10 + 9)
    tree.store(10 * COUNT + 10, 10 * COUNT + 19, 2)
    return tree


def test_no_look_up_sees_them(walled: MapleTree) -> None:
    """load, find, next, prev and items pass over them, over as many leaves as they fill."""
    left, right = (0, 9, 1), (10 * COUNT + 10, 10 * COUNT + 19, 2)
    keys = range(10, 10 * COUNT + 10)
    assert walled.height > 1
    assert {walled.load(key) for key in keys} == {None}
    assert set(walled.load_many(list(keys)).tolist()) == {0}
    for key in (10, 15, 500, 10 * COUNT + 9):
        assert walled.find(key) == walled.next(key) == right
        assert walled.prev(key) == left
        assert walled.find(key, 10 * COUNT + 9) is None
    assert walled.next(5) == right
    assert walled.prev(right[0]) == left
    assert list(walled.items()) == [left, right]
    assert list(walled.items(10, 10 * COUNT + 9)) == []


def test_nothing_comes_after_or_before_them() -> None:
    """A tree that holds nothing else looks empty from everywhere."""
    tree = MapleTree()
    for number in range(COUNT):
        tree.reserve(number, number)
    assert len(tree) == COUNT
    assert tree.find(0) is tree.next(0) is tree.prev(MAX) is None
    assert list(tree) == []
    assert tree.check() is None


def test_they_are_in_the_way(walled: MapleTree) -> None:
    """insert refuses, gap searches keep away, and allocate does too."""
    for first, last in [(10, 10), (500, 505), (0, MAX), (10 * COUNT + 9, 10 * COUNT + 9)]:
        for value in (3, None):
            with pytest.raises(FileExistsError):
                walled.insert(first, last, value)
    assert walled.empty_area(0, MAX, 1) == 10 * COUNT + 20
    assert walled.empty_area_rev(0, 10 * COUNT + 20, 1) == 10 * COUNT + 20
    assert walled.empty_area(0, 10 * COUNT, 1) is None
    assert walled.allocate(0, 10 * COUNT, 1, 3) is None


def test_a_store_replaces_them(walled: MapleTree) -> None:
    """A whole one, a part of one, and many: what is left of them stays reserved."""
    walled.store(100, 109, 7)
    walled.store(113, 115, 8)
    walled.store(205, 304, 9)
    assert list(walled.items(10, 400)) == [(100, 109, 7), (113, 115, 8), (205, 304, 9)]
    assert walled.empty_area(10, 400, 1) is None
    walled.store(10, 10 * COUNT + 9, None)
    assert walled.empty_area(0, MAX, 10 * COUNT) == 10
    assert len(walled) == 2
    assert walled.check() is None


def test_they_replace_whatever_is_there(walled: MapleTree) -> None:
    """reserve takes its range as store does, and hides what was in it."""
    walled.reserve(5, 9)
    assert walled.load(4) == 1
    assert walled.load(5) is None
    walled.reserve(0, MAX)
    assert len(walled) == 1
    assert walled.find(0) is None
    assert walled.check() is None


def test_erase_takes_one_away(walled: MapleTree) -> None:
    """It had no value, and its keys are free again."""
    assert walled.erase(105) is None
    assert walled.empty_area(0, MAX, 10) == 100
    assert len(walled) == COUNT + 1


def test_none_reserves_where_nothing_is() -> None:
    """insert and allocate take None for a value."""
    tree = MapleTree()
    tree.insert(100, 199, None)
    assert tree.allocate(0, 399, 100, None, from_top=True) == 300
    assert tree.allocate(100, 399, 100, None) == 200
    assert len(tree) == 3
    assert list(tree) == []
    with pytest.raises(FileExistsError):
        tree.insert(250, 250, 1)


def test_a_copy_has_them_too(walled: MapleTree) -> None:
    """They hold their places in the copy, and a dump of either shows them."""
    twin = walled.copy()
    assert len(twin) == len(walled)
    assert twin.empty_area(0, MAX, 1) == 10 * COUNT + 20
    assert list(twin) == list(walled)
    assert twin.dump().count("ZERO") == walled.dump().count("ZERO") == COUNT
