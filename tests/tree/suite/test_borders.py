"""A border between two leaves that moves: both lengths of NULL stand in the parent, exactly."""

from __future__ import annotations

import pytest

from stressd_kernels import Arena, MapleTree
from tests.naive import NaiveTree
from tests.tree.nodes import leaves
from tests.tree.suite.test_writers import balanced, taken

GROUPS, VALUES, WIDTH, HOLE = 40, 15, 10, 100  # a hole and its values fill a leaf
MIDDLE = GROUPS // 2


def grouped(before: int, merged: int = 3) -> tuple[MapleTree, NaiveTree, int]:
    """Return a tree whose leaves are full and begin with holes, its model, and the middle hole.

    before  length of the hole of the leaf before
    merged  how many of its values are one, so that it has room
    """
    entries, at, hole = [], 0, 0
    for group in range(GROUPS):
        hole = at if group == MIDDLE else hole
        at += before if group == MIDDLE - 1 else HOLE
        for _ in range(VALUES):
            entries.append((at, at + WIDTH - 1, len(entries) + 1))
            at += WIDTH
    tree, model = MapleTree(arena=Arena(16 << 20)), NaiveTree()
    for side in (tree, model):
        side.build(entries)
        side.store(hole - merged * WIDTH, hole - 1, 7)
    assert [node.low for node in leaves(tree)][MIDDLE] == hole
    return tree, model, hole


@pytest.mark.parametrize("before", [1, 60, 300])
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 98), (1, 1), (1, 98), (50, 60), (98, 98)])
def test_a_border_is_raised(before: int, begin: int, end: int) -> None:
    """A value in the hole of a full leaf goes to the leaf before it, with what is NULL below it."""
    tree, model, hole = grouped(before)
    nodes = tree.nodes
    assert taken(tree, lambda: tree.store(hole + begin, hole + end, 9)) == 3
    model.store(hole + begin, hole + end, 9)
    assert tree.nodes == nodes
    assert [node.low for node in leaves(tree)][MIDDLE] == hole + end + 1
    agree(tree, model, hole)


@pytest.mark.parametrize("before", [1, 60, 300])
@pytest.mark.parametrize("erased", [1, 2, 5])
def test_a_border_is_lowered(before: int, erased: int) -> None:
    """What is erased at the end of a leaf goes to the hole of the leaf after it."""
    tree, model, hole = grouped(before)
    nodes, first = tree.nodes, hole - (2 + erased) * WIDTH
    assert taken(tree, lambda: tree.store(first, hole - 1, None)) == 2
    model.store(first, hole - 1, None)
    assert tree.nodes == nodes
    assert [node.low for node in leaves(tree)][MIDDLE] == first
    agree(tree, model, hole)


@pytest.mark.parametrize("begin", [0, 50])
@pytest.mark.parametrize("merged", [1, 2, 3])
def test_a_leaf_without_room_keeps_its_border(merged: int, begin: int) -> None:
    """The value takes a slot of the leaf before, and the NULL below it another one."""
    tree, model, hole = grouped(HOLE, merged)
    made = taken(tree, lambda: tree.store(hole + begin, hole + 60, 9))
    model.store(hole + begin, hole + 60, 9)
    assert (made == 3) == (merged - 1 >= (1 if begin == 0 else 2))
    agree(tree, model, hole)


def agree(tree: MapleTree, model: NaiveTree, hole: int) -> None:
    """Demand that nothing differs, gaps least of all."""
    assert tree.check() is None
    assert tree.arena.drain()
    assert balanced(tree.arena)
    assert list(tree.items()) == list(model.items())
    window = (hole - 1000, hole + 400)
    for size in (1, 2, HOLE - 2, HOLE, HOLE + 20):
        assert tree.empty_area(*window, size) == model.empty_area(*window, size)
        assert tree.empty_area_rev(*window, size) == model.empty_area_rev(*window, size)
