"""Gap searches in windows, and allocation: tables of questions, filling up, gaps that join."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE
from tests.tree.nodes import branches, leaves
from tests.tree.pair import Pair, adjacent

# three holes, of 5, 1 and 3 pages, in a wall of a page an entry; then everything above the wall
WALL = 600
HOLES = {100: 5, 277: 1, 430: 3}
TAKEN = [p for p in range(WALL) if not any(h <= p < h + size for h, size in HOLES.items())]
END = WALL * PAGE - 1

# low page, high page (inclusive), pages wanted -> lowest page, highest page, or None
QUESTIONS = {
    "anything": ((0, WALL - 1, 1), 100, 432),
    "a hole's own size": ((0, WALL - 1, 5), 100, 100),
    "between": ((0, WALL - 1, 2), 100, 431),
    "only one fits": ((0, WALL - 1, 4), 100, 101),
    "too many": ((0, WALL - 1, 6), None, None),
    "the single page": ((200, 400, 1), 277, 277),
    "two where one is": ((200, 400, 2), None, None),
    "window is the hole": ((100, 104, 5), 100, 100),
    "window one page short at the top": ((100, 103, 5), None, None),
    "window one page short at the bottom": ((101, 104, 5), None, None),
    "window cuts the hole": ((102, 290, 2), 102, 103),
    "window cuts the hole to one": ((104, 290, 2), None, None),
    "window is one page, free": ((103, 103, 1), 103, 103),
    "window is one page, taken": ((99, 99, 1), None, None),
    "window of taken pages": ((0, 99, 1), None, None),
    "from the end of a hole": ((432, 599, 1), 432, 432),
    "behind the last hole": ((433, 599, 1), None, None),
    "into what follows": ((433, 700, 100), 600, 601),
    "all of what follows": ((0, 700, 101), 600, 600),
}


def wall() -> MapleTree:
    """Return a tree of single pages with HOLES in it."""
    tree = MapleTree()
    for page in TAKEN:
        tree.store(page * PAGE, page * PAGE + PAGE - 1, page + 1)
    assert tree.height == 3
    return tree


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_table_of_allocations(name: str) -> None:
    """Search and allocation agree, both ways; what is allocated is no longer free."""
    (low, high, pages), up, down = QUESTIONS[name]
    window = (low * PAGE, high * PAGE + PAGE - 1, pages * PAGE)
    for from_top, page in ((False, up), (True, down)):
        tree = wall()
        search = tree.empty_area_rev if from_top else tree.empty_area
        expected = None if page is None else page * PAGE
        assert search(*window) == expected
        assert tree.allocate(*window, 9, from_top=from_top) == expected
        assert tree.check() is None
        if expected is None:
            assert len(tree) == len(TAKEN)
        else:
            last = expected + window[2] - 1
            assert tree.find(expected) == (expected, last, 9)
            assert tree.empty_area(expected, last, 1) is None
            assert len(tree) == len(TAKEN) + 1


@pytest.mark.parametrize("from_top", [False, True])
def test_the_mappings_of_this_process_leave_room(from_top: bool) -> None:
    """Allocations among real mappings, one after the other, are those of a naive scan."""
    tree, model = MapleTree(), NaiveTree()
    for number, line in enumerate(Path("/proc/self/maps").read_text("utf-8").splitlines(), 1):
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        for side in (tree, model):
            side.store(start, end - 1, number)
    draw = random.Random(3)
    for number in range(200):
        size = draw.choice((1, 2, 16, 512, 1 << 18)) * PAGE
        request = (PAGE, 0x7FFF_FFFF_EFFF, size, 1000 + number, from_top)
        assert tree.allocate(*request) == model.allocate(*request)
    assert tree.check() is None
    assert list(tree.items()) == list(model.items())


@pytest.mark.parametrize("size", [1, 2, 3, 50, 4096])
def test_windows_reach_no_further_than_they_say(size: int) -> None:
    """Every window around a hole of ten times `size`: exact at both ends, or nothing."""
    base, hole = 50_000_000, size * 10
    tree = MapleTree()
    for number in range(200):
        tree.store(base - 1000 * (number + 1), base - 1000 * number - 1, number + 1)
        above = base + hole + 1000 * number
        tree.store(above, above + 999, number + 1)
    for low in (base - 500, base - 1, base, base + 1, base + hole - size, base + hole - size + 1):
        for high in (base + size - 2, base + size - 1, base + hole - 1, base + hole + 500):
            if low > high:
                continue
            first, last = max(low, base), min(high, base + hole - 1)
            fits = last - first + 1 >= size
            assert tree.empty_area(low, high, size) == (first if fits else None)
            assert tree.empty_area_rev(low, high, size) == (last - size + 1 if fits else None)
    with pytest.raises(ValueError, match="low"):
        tree.empty_area(base + 1, base, 1)
    assert tree.empty_area(base, base + 5, MAX) is None


@pytest.mark.parametrize("pages", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("from_top", [False, True])
def test_filling_up_to_the_last_page(pages: int, from_top: bool) -> None:
    """Find, store there, until nothing is left; then no search of any size finds anything."""
    tree, size, count = MapleTree(), pages * PAGE, 5000 // pages
    high = count * size - 1
    search = tree.empty_area_rev if from_top else tree.empty_area
    for number in range(count):
        start = search(0, high, size)
        assert start == (count - 1 - number if from_top else number) * size
        tree.store(start, start + size - 1, number + 1)
    assert len(tree) == count
    assert tree.check() is None
    for wanted in (1, PAGE, size):
        assert tree.empty_area(0, high, wanted) is None
        assert tree.empty_area_rev(0, high, wanted) is None


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("where", ["leaf", "leaves", "branches"])
def test_gaps_join_over_every_boundary(where: str, bulk: bool) -> None:
    """Erase outward from a boundary of leaves or of their parents: always one gap, found whole."""
    for order in ("left", "right", "out", "in"):
        pair = Pair(adjacent(1500), bulk)
        nodes = branches(pair.tree) if where == "branches" else leaves(pair.tree)
        node = nodes[len(nodes) // 2]
        middle = node.ends[6] if where == "leaf" else node.high
        middle = (middle + 1) // 10
        erased = list(range(middle - 40, middle + 40))
        outward = sorted(erased, key=lambda n, m=middle: abs(n - m))
        orders = {"left": erased[::-1], "right": erased, "out": outward, "in": outward[::-1]}
        for number in orders[order]:
            assert pair.tree.empty_area(0, 14_999, 800) is None
            assert pair.tree.erase(number * 10) == pair.model.erase(number * 10)
            assert pair.tree.check() is None
            largest = max(b - a + 1 for a, b in pair.model.holes(0, 14_999))
            found = pair.tree.empty_area(0, 14_999, largest)
            assert found == pair.model.empty_area(0, 14_999, largest)
            assert pair.tree.empty_area(0, 14_999, largest + 1) is None
        assert pair.tree.empty_area_rev(0, 14_999, 800) == erased[0] * 10
        pair.agree()


@pytest.mark.parametrize("count", [100, 400, 2000])
def test_nearly_empty_leaves_are_rebalanced_with_their_gaps(count: int) -> None:
    """Of long runs of entries a few are left here and there; each gap word stays exact."""
    pair = Pair(adjacent(count))
    draw = random.Random(count)
    left = set(draw.sample(range(count), count // 20))
    gone = [number for number in range(count) if number not in left]
    draw.shuffle(gone)
    for step, number in enumerate(gone):
        pair.tree.store(number * 10, number * 10 + 9, None)
        pair.model.store(number * 10, number * 10 + 9, None)
        assert pair.tree.check() is None
        if step % 23 == 0:
            size = draw.choice((10, 20, 50, 100, 200))
            for ask in ("empty_area", "empty_area_rev"):
                asked = (0, count * 10 - 1, size)
                assert getattr(pair.tree, ask)(*asked) == getattr(pair.model, ask)(*asked)
    pair.agree()
