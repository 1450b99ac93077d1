"""Stores over several leaves: ends at every pivot, relatives of every kind, several levels."""

from __future__ import annotations

import itertools
import random

import pytest

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, Entry
from tests.tree.nodes import Node, branches, leaves, preorder
from tests.tree.pair import Pair, adjacent, apart

SLOTS = 16


def full(levels: int) -> Pair:
    """Return a tree of this many levels in which every node is full."""
    entries = adjacent(SLOTS**levels)
    entries[-1] = (entries[-1][0], MAX, SLOTS**levels)
    pair = Pair(entries, bulk=True)
    assert {len(node.slots) for node in preorder(pair.tree)} == {SLOTS}
    assert pair.tree.height == levels
    return pair


def spliced(entries: list[Entry], first: int, last: int, value: int | None) -> list[Entry]:
    """Return adjacent entries of width ten after a store on whole ones of them."""
    middle = [] if value is None else [(first, last, value)]
    return [*entries[: first // 10], *middle, *entries[min(last // 10 + 1, len(entries)) :]]


@pytest.mark.parametrize("value", [None, 77_777])
def test_a_store_that_ends_at_the_last_pivot_of_a_parent(value: int | None) -> None:
    """Over two leaves of a full three-level tree, up to exactly where their parent ends.

    Such a store, which leaves nothing of the right leaf and nothing right of it in the parent,
    once left the last entry behind twice (CVE-2024-50200).
    """
    whole = full(3)
    entries = list(whole.model.items())
    draw = random.Random(1)
    for parent in branches(whole.tree)[:-1]:
        last_leaf = parent.high + 1 - SLOTS * 10
        begins = [last_leaf - 10 * slots for slots in (1, 2, 7, 15, 16, 17, 40, 200)]
        for first in begins if parent.low == 0 else draw.sample(begins, 2):
            tree = whole.tree.copy()
            tree.store(max(first, 0), parent.high, value)
            assert tree.check() is None
            assert list(tree.items()) == spliced(entries, max(first, 0), parent.high, value)


@pytest.mark.parametrize("value", [None, 5])
@pytest.mark.parametrize("bulk", [False, True])
def test_what_is_left_needs_each_kind_of_relative(value: int | None, bulk: bool) -> None:
    """So little of two leaves is left that it goes to a sibling, or to a cousin, on either side."""
    whole = Pair(apart(1000), bulk)
    nodes = leaves(whole.tree)
    parents = branches(whole.tree)
    firsts = {parent.low for parent in parents}
    lasts = {parent.high for parent in parents}
    kinds = {"right sibling": 0, "right cousin": 0, "left sibling": 0, "left cousin": 0}
    for left, right in itertools.pairwise(nodes):
        if right.high == MAX or left.low == 0:
            continue
        kinds["right cousin" if right.high in lasts else "right sibling"] += 1
        kinds["left cousin" if left.low in firsts else "left sibling"] += 1
        for first, last in [
            (left.ends[0] + 1, right.ends[-2]),
            (left.ends[1] + 2, right.high),
            (left.low, right.ends[-3] - 1),
            (left.low, right.high),
        ]:
            tree = whole.tree.copy()
            tree.store(first, last, value)
            assert tree.check() is None, (first, last)
            model = whole.model.copy()
            model.store(first, last, value)
            low, high = max(first - 400, 0), last + 400
            assert list(tree.items(low, high)) == list(model.items(low, high))
            assert len(tree) == len(model)
    assert min(kinds.values()) > 0


@pytest.mark.parametrize("count", [120, 700, 5000])
@pytest.mark.parametrize("make", [adjacent, apart])
def test_neighbours_of_a_store_over_several_levels_are_untouched(make, count: int) -> None:
    """NULL and values from any node to any later one; then every neighbour is looked at."""
    whole = Pair(make(count), bulk=True)
    draw = random.Random(count)
    nodes = [node for node in preorder(whole.tree) if node.depth > 0]
    for _ in range(60):
        one, other = sorted(draw.sample(nodes, 2), key=lambda node: node.low)
        first = draw.choice((one.low, one.ends[0], one.ends[0] + 1, one.ends[-1]))
        last = max(draw.choice((other.high, other.ends[0], other.ends[-1] - 3, other.low)), first)
        value = draw.choice((None, 9))
        tree, model = whole.tree.copy(), whole.model.copy()
        tree.store(first, last, value)
        model.store(first, last, value)
        assert tree.check() is None, (first, last, value)
        places = (first - 1, first, (first + last) // 2, last, last + 1)
        for at in (min(max(place, 0), MAX) for place in places):
            assert tree.load(at) == model.load(at)
            assert tree.find(at) == model.find(at)
            assert tree.next(at) == model.next(at)
            assert tree.prev(at) == model.prev(at)
        assert len(tree) == len(model)
        assert list(tree.items()) == list(model.items())


@pytest.mark.parametrize("keep", range(1, 8))
def test_descending_fill_then_a_null_that_leaves_too_little(keep: int) -> None:
    """Filled from the top, then all but a few of a leaf's entries go in one store."""
    entries = apart(300)
    for node in leaves(Pair(entries[::-1]).tree):
        if node.high == MAX:
            continue
        pair = Pair()
        for entry in entries[::-1]:
            pair.tree.store(*entry)
            pair.model.store(*entry)
        following = min(node.high + 60, MAX)
        pair.store(node.ends[min(keep, len(node.ends) - 2)] + 1, following, None)
        pair.store(node.low, following, 3)


def test_bulk_built_leaves_may_be_emptied_one_by_one() -> None:
    """Full nodes lose entry after entry: merged when too small, never before, to nothing."""
    pair = full(2)
    sizes = []
    for number in range(SLOTS**2):
        assert pair.tree.erase(number * 10) == number + 1
        assert pair.tree.check() is None
        sizes.append(pair.tree.nodes)
    assert pair.tree.nodes == 0
    assert all(later <= earlier for earlier, later in itertools.pairwise(sizes))


@pytest.mark.parametrize("seed", range(6))
def test_sequences_like_those_that_fuzzers_find(seed: int) -> None:
    """Short fierce lives: ranges drawn from a few ends, so that they share them again and again."""
    draw = random.Random(seed)
    for _ in range(25):
        base = draw.choice((0, 1 << 32, MAX - 4000))
        ends = sorted({base + draw.randrange(4000) for _ in range(40)} | {0, MAX})
        pair = Pair()
        for number in range(1, 60):
            first, last = sorted(draw.choices(ends, k=2))
            first = min(first + draw.randrange(2), last)
            pair.tree.store(first, last, value := draw.choice((None, number, number)))
            pair.model.store(first, last, value)
            assert pair.tree.check() is None, (seed, number, first, last, value)
        pair.agree()


def test_every_range_of_a_small_full_tree() -> None:
    """Every pair of entries as the ends of a store, over a tree whose nodes are all full."""
    whole = full(2)
    entries = list(whole.model.items())
    some: list[Node] = leaves(whole.tree)
    assert len(some) == SLOTS
    for begin in range(0, len(entries), 3):
        for end in range(begin, len(entries), 7):
            tree: MapleTree = whole.tree.copy()
            first, last = entries[begin][0], entries[end][1]
            tree.store(first, last, None)
            assert tree.check() is None, (first, last)
            assert list(tree.items()) == spliced(entries, first, last, None)
