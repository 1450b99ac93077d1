"""The smallest trees: nothing, one entry, one leaf, and the first levels above it."""

from __future__ import annotations

import pytest

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, VALUE_MAX
from tests.tree.nodes import preorder
from tests.tree.pair import Pair, adjacent

SLOTS = 16


def test_an_empty_tree_answers_every_question() -> None:
    """No node at all, so nothing is found anywhere and everything is free."""
    tree = MapleTree()
    for key in (0, 1, 2**63, MAX):
        assert tree.load(key) is tree.find(key) is tree.next(key) is tree.prev(key) is None
        assert tree.erase(key) is None
    tree.store(0, MAX, None)
    tree.clear()
    assert list(tree) == []
    assert tree.height == tree.nodes == len(tree) == 0
    assert tree.empty_area(0, MAX, MAX) == 0
    assert tree.check() is None


@pytest.mark.parametrize("first", [0, 1, 2**63, MAX - 1, MAX])
@pytest.mark.parametrize("length", [1, 2, 2**32, 2**64])
def test_a_tree_of_one_entry(first: int, length: int) -> None:
    """Wherever it lies, it is seen from everywhere, and its neighbours are nothing."""
    last = min(first + length - 1, MAX)
    tree = MapleTree()
    tree.store(first, last, VALUE_MAX)
    entry = (first, last, VALUE_MAX)
    assert tree.height == tree.nodes == len(tree) == 1
    assert tree.find(0) == tree.find(first) == tree.find(last) == entry
    assert tree.load(first) == tree.load(last) == VALUE_MAX
    assert tree.next(first) is tree.next(last) is tree.prev(first) is tree.prev(last) is None
    if first > 0:
        assert tree.load(first - 1) is None
        assert tree.next(first - 1) == tree.next(0) == entry
        assert tree.empty_area(0, first - 1, first) == 0
    if last < MAX:
        assert tree.load(last + 1) is tree.find(last + 1) is None
        assert tree.prev(last + 1) == tree.prev(MAX) == entry
        assert tree.empty_area_rev(last + 1, MAX, MAX - last) == last + 1
    assert tree.check() is None
    assert tree.erase(last) == VALUE_MAX
    assert tree.height == tree.nodes == 0


def test_a_root_expands_level_by_level_and_falls_back() -> None:
    """One leaf, then an inner root, then another: each step keeps what was there."""
    pair = Pair()
    heights = []
    for number in range(SLOTS * SLOTS + 1):
        pair.store(number, number, number + 1)
        heights.append(pair.tree.height)
    assert heights[0] == 1
    assert heights == sorted(heights)
    assert set(heights) == {1, 2, 3}
    assert heights.count(1) == SLOTS - 1  # the last slot of the only leaf is what follows
    for number in range(SLOTS * SLOTS, -1, -1):
        pair.erase(number)
        assert pair.tree.height <= heights[number] + 1  # the last node may be small
    assert pair.tree.height == 0


@pytest.mark.parametrize("key", [0, 5, MAX])
def test_the_value_at_one_key_may_change_for_ever(key: int) -> None:
    """A single entry is replaced, erased, replaced: there is one entry or none."""
    pair = Pair()
    for number in range(1, 50):
        pair.store(key, key, number)
        assert pair.tree.nodes == 1
        if number % 3 == 0:
            pair.erase(key)
            assert pair.tree.nodes == 0


@pytest.mark.parametrize("fill", [1, 5, 6, 7, SLOTS - 1, SLOTS, 100])
def test_nothing_over_everything_and_everything_over_nothing(fill: int) -> None:
    """The whole key space as one range swallows a tree of any size, and is swallowed."""
    pair = Pair(adjacent(fill))
    pair.store(0, MAX, 7)
    assert len(preorder(pair.tree)) == 1
    pair.store(fill, fill, 8)
    pair.store(0, MAX, None)
    assert preorder(pair.tree) == []
    pair.store(1, MAX - 1, 9)
    assert pair.tree.empty_area(0, MAX, 1) == 0
    assert pair.tree.empty_area_rev(0, MAX, 1) == MAX


@pytest.mark.parametrize("entries", range(1, SLOTS // 2 + 1))
@pytest.mark.parametrize("where", ["start", "end", "both", "whole", "many"])
def test_a_null_grows_into_the_nulls_beside_it(entries: int, where: str) -> None:
    """NULL beside NULL is one range and takes one slot, at every place of a leaf."""
    whole = Pair([(i * 20, i * 20 + 9, i) for i in range(1, entries + 1)])
    for begin, end, _ in list(whole.model.items()):
        pair = whole.copy()
        first, last = {
            "start": (begin, begin + 4),
            "end": (end - 4, end),
            "both": (begin - 5, end + 5),
            "whole": (begin, end),
            "many": (begin, end + 40),
        }[where]
        pair.store(first, last, None)
        for node in preorder(pair.tree):
            if pair.tree.height == 1:
                assert len(node.slots) == len(pair.model) + len(pair.model.holes())
                assert node.slots.count(0) == len(pair.model.holes())
