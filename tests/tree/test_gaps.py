"""Gap search: exactly the lowest (highest) aligned free range of the window, or nothing."""

from __future__ import annotations

import random

import pytest

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE, layout


def tree_of(*ranges: tuple[int, int]) -> MapleTree:
    """Return a tree whose entries are these ranges."""
    tree = MapleTree()
    for number, (first, last) in enumerate(ranges, 1):
        tree.store(first, last, number)
    return tree


# entries [10, 19] and [30, 39]; the request; its answers from below and from above
WINDOWS = {
    "whole": ((0, MAX, 1), 0, MAX),
    "first hole exactly": ((0, 39, 10), 0, 20),
    "too large for any hole": ((0, 39, 11), None, None),
    "larger than the window": ((20, 29, 11), None, None),
    "the window is the hole": ((20, 29, 10), 20, 20),
    "one less than the hole": ((20, 29, 9), 20, 21),
    "low bound inside the hole": ((23, 29, 5), 23, 25),
    "high bound inside the hole": ((20, 26, 5), 20, 22),
    "both bounds inside the hole": ((23, 26, 4), 23, 23),
    "one more than both bounds leave": ((23, 26, 5), None, None),
    "low bound inside an entry": ((15, 29, 10), 20, 20),
    "high bound inside an entry": ((0, 35, 10), 0, 20),
    "window inside an entry": ((12, 17, 1), None, None),
    "single index free": ((25, 25, 1), 25, 25),
    "single index taken": ((10, 10, 1), None, None),
    "last index of a hole": ((29, 31, 1), 29, 29),
    "first index behind an entry": ((19, 20, 1), 20, 20),
    "the open end": ((30, MAX, 100), 40, MAX - 99),
    "all of the open end": ((0, MAX, MAX - 39), 40, 40),
    "more than the open end": ((0, MAX, MAX - 38), None, None),
    "the last index of all": ((MAX, MAX, 1), MAX, MAX),
    "the first index of all": ((0, 0, 1), 0, 0),
    "everything": ((0, MAX, MAX), None, None),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    """Both bounds are inclusive, and the range lies wholly between them."""
    request, up, down = WINDOWS[name]
    tree = tree_of((10, 19), (30, 39))
    assert tree.empty_area(*request) == up
    assert tree.empty_area_rev(*request) == down


@pytest.mark.parametrize("size", [1, 2, PAGE, 2**63, MAX])
def test_an_empty_tree_is_one_hole(size: int) -> None:
    """Nothing is there, so the answer is the window's own end."""
    tree = MapleTree()
    assert tree.empty_area(0, MAX, size) == 0
    assert tree.empty_area_rev(0, MAX, size) == MAX - size + 1


def test_a_full_tree_has_no_hole() -> None:
    """Not one index is free, at any size or alignment."""
    tree = tree_of((0, 2**63), (2**63 + 1, MAX))
    for size in (1, PAGE, MAX):
        assert tree.empty_area(0, MAX, size) is None
        assert tree.empty_area_rev(0, MAX, size) is None
    tree.store(2**63, 2**63, None)
    assert tree.empty_area(0, MAX, 1) == tree.empty_area_rev(0, MAX, 1) == 2**63


# entry [100, 199]; window, size, mask, offset; answers from below and from above
ALIGNED = {
    "already aligned": ((0, 99, 10, 15, 0), 0, 80),
    "offset moves up": ((0, 99, 10, 15, 5), 5, 85),
    "offset above the mask counts by its rest": ((0, 99, 10, 15, 21), 5, 85),
    "aligned start would leave the hole": ((90, 99, 8, 15, 0), None, None),
    "behind the entry": ((97, 300, 40, 63, 0), 256, 256),
    "only one place": ((200, 255, 8, 31, 3), 227, 227),
    "near the end of all": ((MAX - 20, MAX, 4, 15, 0), MAX - 15, MAX - 15),
    "rounding up would wrap": ((MAX - 10, MAX, 4, 15, 4), None, None),
    "rounding down would wrap": ((1, 20, 4, 63, 0), None, None),
    "a mask of all bits: the offset itself": ((0, 99, 10, MAX, 42), 42, 42),
    "a mask of all bits, taken": ((0, 300, 10, MAX, 142), None, None),
}


@pytest.mark.parametrize("name", ALIGNED)
def test_alignment(name: str) -> None:
    """The start equals the offset modulo mask + 1, and nothing nearer does."""
    request, up, down = ALIGNED[name]
    tree = tree_of((100, 199))
    assert tree.empty_area(*request) == up
    assert tree.empty_area_rev(*request) == down


def test_a_hole_that_fits_only_unaligned_is_passed_over() -> None:
    """The largest hole in a subtree promises room, not aligned room: the search goes on."""
    entries = [(i * 64 + 33, i * 64 + 64, i + 1) for i in range(500)]  # holes at 64 i + 1 .. + 32
    tree = tree_of(*[(first, last) for first, last, _ in entries])
    assert tree.empty_area(1, 500 * 64, 32, 63, 0) is None
    assert tree.empty_area_rev(1, 500 * 64, 32, 63, 0) is None
    tree.store(300 * 64, 300 * 64, None)
    assert tree.empty_area(1, 500 * 64, 32, 63, 0) == 300 * 64
    assert tree.empty_area_rev(1, 500 * 64, 32, 63, 0) == 300 * 64


@pytest.mark.parametrize("pages", [1, 2, 4, 8, 16])
def test_filling_every_hole_from_below(pages: int) -> None:
    """Find the lowest hole, fill it, until there is none; then no search finds one."""
    tree, size, high = MapleTree(), pages * PAGE, 1000 * pages * PAGE - 1
    for number in range(1000):
        start = tree.empty_area(0, high, size)
        assert start == number * size
        tree.store(start, start + size - 1, number + 1)
    assert tree.check() is None
    assert tree.empty_area(0, high, 1) is None
    assert tree.empty_area_rev(0, high, 1) is None


def test_filling_every_hole_from_above() -> None:
    """The same from the other side, by allocate()."""
    tree, high = MapleTree(), 1000 * PAGE - 1
    for number in range(999, -1, -1):
        assert tree.allocate(0, high, PAGE, number + 1, from_top=True) == number * PAGE
    assert tree.allocate(0, high, PAGE, 1, from_top=True) is None
    assert tree.allocate(0, high, 1, 1) is None
    assert len(tree) == 1000
    assert tree.check() is None


def test_holes_that_join_are_found_as_one() -> None:
    """Erasing neighbours joins their holes, also across nodes, in every order."""
    for seed in range(20):
        tree = tree_of(*[(i * 10, i * 10 + 9) for i in range(400)])
        draw = random.Random(seed)
        start = draw.randrange(400 - 50)
        for number in draw.sample(range(start, start + 50), 50):
            assert tree.empty_area(0, 3999, 500) is None
            tree.store(number * 10, number * 10 + 9, None)
            assert tree.check() is None
        assert tree.empty_area(0, 3999, 500) == start * 10
        assert tree.empty_area_rev(0, 3999, 500) == start * 10


def test_the_mappings_of_this_process() -> None:
    """Real mappings: the holes between them are found from both sides."""
    model, tree = NaiveTree(), MapleTree()
    with open("/proc/self/maps", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            model.store(start, end - 1, number)
            tree.store(start, end - 1, number)
    top = 0x7FFF_FFFF_F000 - 1
    holes = sorted({last - first + 1 for first, last in model.holes(PAGE, top)})
    for size in {PAGE, *holes, *[hole + 1 for hole in holes]}:
        assert tree.empty_area(PAGE, top, size) == model.empty_area(PAGE, top, size)
        assert tree.empty_area_rev(PAGE, top, size) == model.empty_area_rev(PAGE, top, size)


@pytest.mark.parametrize("seed", range(12))
def test_random_trees_random_windows(seed: int) -> None:
    """On trees of up to four levels, every answer is the one a scan over all holes gives."""
    draw = random.Random(seed)
    model, tree = NaiveTree(), MapleTree()
    entries = layout(seed, draw.choice((20, 300, 3000)), draw.choice((0.3, 0.9, 0.99)))
    for entry in draw.sample(entries, len(entries)):
        tree.store(*entry)
        model.store(*entry)
    if seed % 2:
        tree = tree.copy()
    top = entries[-1][1] + 10 * PAGE
    for _ in range(300):
        low, high = sorted(draw.randrange(top) for _ in range(2))
        size = draw.choice((1, 100, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, draw.randrange(1, top)))
        mask = draw.choice((0, 0, 7, PAGE - 1, 4 * PAGE - 1, 2**21 - 1))
        request = (low, high, size, mask, draw.choice((0, 1, PAGE, draw.randrange(MAX))))
        assert tree.empty_area(*request) == model.empty_area(*request), request
        assert tree.empty_area_rev(*request) == model.empty_area_rev(*request), request
