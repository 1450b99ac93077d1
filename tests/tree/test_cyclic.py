"""Cyclic allocation: around and around a window, and never the same keys twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stressd_kernels import Arena, MapleTree
from tests.tree.keys import MAX

THREADS = 4


def test_it_goes_on_where_it_stopped() -> None:
    """What was freed meanwhile has to wait for the next turn."""
    tree = MapleTree()
    circle = tree.cyclic(10, 19)
    assert [circle.allocate(3, 1) for _ in range(2)] == [(10, False), (13, False)]
    tree.erase(10)
    assert circle.allocate(3, 2) == (16, False)
    assert circle.allocate(1, 2) == (19, False)
    assert circle.next == 10
    assert circle.allocate(3, 3) == (10, True)
    assert circle.allocate(1, 3) is None
    assert circle.next == 13
    tree.erase(16)
    assert circle.allocate(2, 4) == (16, False)


def test_it_starts_over_once() -> None:
    """When nothing fits up to the end, the whole window is looked at, and then no more."""
    tree = MapleTree()
    circle = tree.cyclic(0, 99)
    assert circle.allocate(60, 1) == (0, False)
    tree.erase(0)
    assert circle.allocate(50, 2) == (0, True)
    assert circle.allocate(51, 3) is None
    assert circle.allocate(50, 3) == (50, False)
    assert circle.allocate(1, 3) is None


def test_at_the_end_of_all_keys() -> None:
    """The key after the last one is the first of the window."""
    tree = MapleTree()
    circle = tree.cyclic(MAX - 9, MAX)
    assert circle.allocate(10, 1) == (MAX - 9, False)
    assert circle.next == MAX - 9
    tree.erase(MAX)
    assert circle.allocate(10, 2) == (MAX - 9, True)


def test_all_of_the_keys_at_once() -> None:
    """A window of all keys, taken one half at a time."""
    tree = MapleTree()
    circle = tree.cyclic()
    assert circle.allocate(1 << 63, None) == (0, False)
    assert circle.allocate(1 << 63, None) == (1 << 63, False)
    assert circle.allocate(1, None) is None
    assert list(tree) == []


def test_two_circles_in_one_tree() -> None:
    """Each has its own place, and both keep away from what is there."""
    tree = MapleTree()
    tree.store(5, 6, 9)
    left, right = tree.cyclic(0, 9), tree.cyclic(0, 99)
    assert left.allocate(2, 1) == (0, False)
    assert right.allocate(2, 2) == (2, False)
    assert left.allocate(2, 3) == (7, False)
    assert left.allocate(1, 3) == (9, False)
    assert right.allocate(1, 3) == (4, False)


def test_what_cannot_be_allocated() -> None:
    """Sizes and values are checked as those of allocate; the place stays."""
    circle = MapleTree().cyclic(5, 9)
    for size, value, name in [(0, 1, "size"), (1, 0, "value"), (-1, 1, "size")]:
        with pytest.raises(ValueError, match=name):
            circle.allocate(size, value)
    assert circle.next == 5


def test_threads_never_get_the_same_keys() -> None:
    """They share one circle: while nothing is freed, each key is given out once, in order."""
    tree = MapleTree(arena=Arena(64 << 20))
    circle = tree.cyclic(100, 100 + THREADS * 400 * 3 - 1)

    def take(number: int) -> list[int]:
        placed = [circle.allocate(3, number + 1) for _ in range(400)]
        assert all(place is not None and not place.wrapped for place in placed)
        return [place.start for place in placed if place]

    with ThreadPoolExecutor(THREADS) as pool:
        taken = list(pool.map(take, range(THREADS)))
    assert sorted(start for starts in taken for start in starts) == list(
        range(100, 100 + THREADS * 400 * 3, 3)
    )
    assert all(starts == sorted(starts) for starts in taken)
    assert circle.allocate(1, 1) is None
    assert tree.check() is None


def test_threads_that_take_and_give_back() -> None:
    """Nobody is given what somebody else still has, turn after turn."""
    tree = MapleTree(arena=Arena(64 << 20, poison=True))
    circle, guard, held = tree.cyclic(0, 255), threading.Lock(), set[int]()
    wrapped = [0] * THREADS

    def churn(number: int) -> None:
        mine: list[tuple[int, int]] = []
        for step in range(1500):
            size = 1 + (step + number) % 5
            placed = circle.allocate(size, number + 1)
            if placed is None or len(mine) > 8:
                for start, length in mine:
                    with guard:
                        held.difference_update(range(start, start + length))
                    assert tree.erase(start) == number + 1
                mine.clear()
            if placed is not None:
                keys = set(range(placed.start, placed.start + size))
                with guard:
                    assert not keys & held
                    held.update(keys)
                mine.append((placed.start, size))
                wrapped[number] += placed.wrapped

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(churn, range(THREADS)))
    assert sum(wrapped) > 10
    assert tree.check() is None
    assert {key for first, last, _ in tree for key in range(first, last + 1)} == held
