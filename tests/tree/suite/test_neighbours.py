"""Find, next and prev: over node boundaries, over gaps of whole nodes, at both ends of all keys."""

from __future__ import annotations

import pytest

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import MAX
from tests.tree.nodes import leaves
from tests.tree.pair import Pair, adjacent, apart


def agree_around(tree: MapleTree, model: NaiveTree, keys: set[int]) -> None:
    """Compare every look-up at, before and after each of these keys."""
    for key in keys:
        for at in (key - 1, key, key + 1):
            if 0 <= at <= MAX:
                assert tree.load(at) == model.load(at), at
                assert tree.find(at) == model.find(at), at
                assert tree.next(at) == model.next(at), at
                assert tree.prev(at) == model.prev(at), at


@pytest.mark.parametrize("make", [adjacent, apart])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 200, 3000])
@pytest.mark.parametrize("bulk", [False, True])
def test_neighbours_over_every_node_boundary(make, count: int, bulk: bool) -> None:
    """Each leaf's first and last key, and each key beside them."""
    pair = Pair(make(count), bulk)
    keys = {0, MAX}
    for node in leaves(pair.tree):
        keys |= {node.low, node.high, *node.ends}
    agree_around(pair.tree, pair.model, keys)


@pytest.mark.parametrize("hole", [(1000, 1999), (0, 1500), (500, 2994), (5, 2990), (1500, 2999)])
def test_neighbours_over_gaps_of_whole_nodes(hole: tuple[int, int]) -> None:
    """200 and more ranges with many leaves missing between them."""
    pair = Pair(apart(300))
    pair.store(*hole, None)
    keys = {*hole, (hole[0] + hole[1]) // 2}
    agree_around(pair.tree, pair.model, keys | {end for n in leaves(pair.tree) for end in n.ends})


def test_a_walk_to_the_end_and_back_meets_every_entry_twice() -> None:
    """next() from below the first to beyond the last, then prev() back."""
    entries = apart(500, stride=7, width=3)
    tree = Pair(entries).tree
    up = []
    entry = tree.find(0)
    while entry:
        up.append(entry)
        entry = tree.next(entry[0])
    down = []
    entry = tree.prev(MAX)
    while entry:
        down.append(entry)
        entry = tree.prev(entry[1])
    assert up == entries
    assert down == entries[::-1]


@pytest.mark.parametrize("stride", [1, 7])
def test_find_with_whole_iterations_between_256_inserts_and_erases(stride: int) -> None:
    """After each of them the whole map is walked by find, and is what it should be."""
    tree = MapleTree()
    there: dict[int, int] = {}

    def walk() -> list[tuple[int, int, int]]:
        met, at = [], 0
        while entry := tree.find(at):
            met.append(entry)
            at = entry[1] + 1
        return met

    for number in range(256):
        key = number * 97 % 256 * stride
        tree.store(key, key, number + 1)
        there[key] = number + 1
        assert walk() == [(k, k, there[k]) for k in sorted(there)]
    for number in range(256):
        key = number * 41 % 256 * stride
        assert tree.erase(key) == there.pop(key)
        assert walk() == [(k, k, there[k]) for k in sorted(there)]


def test_find_keeps_to_its_limit() -> None:
    """The entry found begins at or before `last`, and only its beginning counts."""
    pair = Pair(apart(400))
    for first, end, value in list(pair.model.items())[::7]:
        assert pair.tree.find(first, first) == (first, end, value)
        assert pair.tree.find(end, end) == (first, end, value)
        assert pair.tree.find(end + 1, end + 4) is None
        assert pair.tree.find(max(first - 4, 0), max(first - 1, 0)) is None or first == 0
        assert pair.tree.find(max(first - 4, 0), first) == (first, end, value)


@pytest.mark.parametrize("every", [1, 2, 17])
def test_reserved_entries_are_passed_over(every: int) -> None:
    """One in `every` entries is reserved: no look-up meets it, everything else is met."""
    tree, model = MapleTree(), NaiveTree()
    for number, (first, last, value) in enumerate(apart(400)):
        for side in (tree, model):
            if number % every == 0:
                side.reserve(first, last)
            else:
                side.store(first, last, value)
    assert tree.check() is None
    assert list(tree.items()) == list(model.items())
    keys = {end for node in leaves(tree) for end in node.ends}
    agree_around(tree, model, keys)
    for first, last, _ in apart(400):
        assert tree.empty_area(first, last, 1) is None
