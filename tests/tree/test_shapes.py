"""Shapes of trees and of writes that once broke range trees, each built on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from stressd_kernels import Arena, MapleTree
from tests.tree.keys import MAX, VALUE_MAX, Entry
from tests.tree.nodes import preorder
from tests.tree.pair import Pair, adjacent, apart

SLOTS = 16  # of a node, as the design has it; only makes the sizes below interesting


ORDERS: dict[str, Callable[[list[int]], list[int]]] = {
    "ascending": lambda keys: keys,
    "descending": lambda keys: keys[::-1],
    "random": lambda keys: random.Random(len(keys)).sample(keys, len(keys)),
    "outside_in": lambda keys: [k for pair in zip(keys, keys[::-1], strict=True) for k in pair],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 2, SLOTS - 1, SLOTS, SLOTS + 1, 1000])
@pytest.mark.parametrize("stride", [1, 3])
def test_single_keys_in_any_order(order: str, count: int, stride: int) -> None:
    """Each insert is seen at once, leaves a sound tree, and disturbs no other key."""
    tree, keys = MapleTree(), [k * stride for k in range(count)]
    placed: dict[int, int] = {}
    for key in ORDERS[order](keys):
        tree.store(key, key, key + 1)
        placed[key] = key + 1
        assert tree.load(key) == key + 1
        assert tree.check() is None
    assert list(tree.items()) == [(k, k, v) for k, v in sorted(placed.items())]
    assert tree.load(count * stride) is None


@pytest.mark.parametrize("count", [100, 1000, 5000])
def test_ascending_stores_pack_their_nodes(count: int) -> None:
    """The commonest order of all, a growing address space, leaves nodes at least half full."""
    tree = MapleTree()
    for entry in adjacent(count):
        tree.store(*entry)
    assert tree.nodes <= count / (SLOTS / 2) * 1.25 + 2


@pytest.mark.parametrize("base", [2**p for p in (12, 20, 31, 32, 33, 47, 52, 62, 63)])
@pytest.mark.parametrize("side", ["left", "middle", "right"])
def test_splits_among_powers_of_two(base: int, side: str) -> None:
    """A leaf splits wherever the new range lands; keys of any size compare right."""
    pair = Pair()
    steps = [(i + 1) * (base // 64) for i in range(40)]
    if side == "left":
        steps.reverse()
    elif side == "middle":
        steps = ORDERS["outside_in"](steps[::2]) + steps[1::2]
    for step in steps:
        pair.store(base - step, base - step + base // 128, step)


def test_the_first_and_the_last_key() -> None:
    """Keys 0 and 2^64-1 are keys like any other, alone, together and as one range."""
    pair = Pair()
    for first, last, value in [
        (0, 0, 1),
        (MAX, MAX, VALUE_MAX),
        (0, 1, 2),
        (MAX - 1, MAX, 3),
        (MAX, MAX, None),
        (0, 0, None),
        (0, MAX, 4),
        (1, MAX - 1, 5),
        (1, MAX - 1, None),
        (0, MAX, None),
        (MAX, MAX, 6),
        (0, MAX - 1, 7),
    ]:
        pair.store(first, last, value)
    assert pair.tree.load(MAX) == 6
    assert pair.tree.next(MAX) is None
    assert pair.tree.prev(0) is None
    assert pair.tree.prev(MAX) == (0, MAX - 1, 7)


@pytest.mark.parametrize("key", [0, MAX])
def test_a_full_tree_keeps_its_outermost_keys(key: int) -> None:
    """Single keys at both ends of the key space survive splits and merges beside them."""
    pair = Pair([(0, 0, 1), (MAX, MAX, 2), *[(i * 16, i * 16 + 3, i) for i in range(1, 200)]])
    for first in range(16, 200 * 16, 160):
        pair.store(first, first + 100, None)
    assert pair.tree.load(key) in (1, 2)


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("length", [2, SLOTS, SLOTS + 1, 3 * SLOTS])
def test_a_spanning_store_may_end_at_any_entry(bulk: bool, length: int) -> None:
    """A store over several leaves that ends exactly where a node ends duplicates nothing.

    Ended at the last pivot of a full three-level tree's inner node, such a store once left the
    entry behind it twice (CVE-2024-50200). Every end is tried, so every node's end is.
    """
    entries = adjacent(SLOTS * SLOTS + 40)
    whole = Pair(entries, bulk).tree
    assert whole.height >= 3
    for end in range(length - 1, len(entries)):
        start = end - length + 1
        tree = whole.copy()
        tree.store(entries[start][0], entries[end][1], 7777)
        assert tree.check() is None, f"entries {start}..{end}"
        expected = [*entries[:start], (entries[start][0], entries[end][1], 7777)]
        assert list(tree.items()) == [*expected, *entries[end + 1 :]], f"entries {start}..{end}"


@pytest.mark.parametrize("value", [None, 9999])
@pytest.mark.parametrize("shift", [(-1, 0), (0, -1), (1, 0), (0, 1), (1, -1), (-1, 1), (3, 3)])
def test_a_spanning_store_may_cut_entries_at_both_ends(
    value: int | None, shift: tuple[int, int]
) -> None:
    """Ranges that begin and end inside entries or holes, over up to the whole tree."""
    entries = apart(600)
    whole = Pair(entries)
    for start, end in [(0, 599), (1, 40), (15, 16), (250, 330), (300, 302), (580, 599), (5, 560)]:
        first, last = entries[start][0] + shift[0], entries[end][1] + shift[1]
        whole.copy().store(max(first, 0), last, value)


@pytest.mark.parametrize("count", [1, SLOTS, 300, 5000])
@pytest.mark.parametrize("value", [None, 5])
def test_one_store_over_everything(count: int, value: int | None) -> None:
    """[0, 2^64-1] swallows a tree of any height, and the tree can grow again."""
    pair = Pair(adjacent(count))
    pair.store(0, MAX, value)
    assert pair.tree.height <= 1
    for entry in adjacent(40, width=3):
        pair.store(*entry)


def test_null_over_many_nodes() -> None:
    """One store of nothing over a ninth of 4,000 ranges leaves one hole."""
    pair = Pair([(i * 100, i * 100 + 49, i + 1) for i in range(4000)])
    pair.store(319_951, 367_950, None)
    assert pair.tree.find(319_951) == (368_000, 368_049, 3681)
    assert pair.tree.prev(368_000) == (319_900, 319_949, 3200)


def test_a_hole_that_needs_a_cousin() -> None:
    """Removing most of a leaf in the middle borrows across parents and stays sound."""
    whole = Pair(apart(1000), bulk=True)
    for first in range(4000, 6000, 70):
        whole.copy().store(first + 5, first + 595, None)


@pytest.mark.parametrize("order", ORDERS)
def test_shrinking_to_nothing(order: str) -> None:
    """Erasing every entry, in any order, merges nodes down to an empty tree."""
    tree, left = Pair(apart(700)).tree, {entry[0]: entry for entry in apart(700)}
    keys = ORDERS[order](list(left))
    for number, key in enumerate(dict.fromkeys(keys)):
        assert tree.erase(key + 5) == left.pop(key)[2]
        assert tree.erase(key) is None
        assert tree.check() is None
        if number % 25 == 0:
            assert list(tree.items()) == list(left.values())
    assert len(tree) == 0
    assert list(tree.items()) == []
    assert tree.height <= 1
    assert tree.empty_area(0, MAX, MAX) == 0


@pytest.mark.parametrize(
    ("first", "last"),
    [(20, 25), (24, 29), (20, 29), (10, 29), (20, 39), (15, 34), (0, 49), (26, 31), (36, 50)],
)
def test_nothing_beside_nothing_is_one_hole(first: int, last: int) -> None:
    """Storing nothing beside, over or between holes merges with them on both sides."""
    pair = Pair([(0, 9, 1), (20, 29, 2), (40, 49, 3)])
    pair.store(first, last, None)
    pair.store(first, last, 8)
    pair.store(first, last, None)


def test_equal_neighbours_stay_separate() -> None:
    """Entries with equal values that touch are not merged: each store is one entry."""
    pair = Pair([(0, 9, 5), (10, 19, 5), (20, 29, 5)])
    assert pair.tree.find(15) == (10, 19, 5)
    pair.store(12, 14, 5)
    assert list(pair.tree.items(0, 29)) == [
        (0, 9, 5),
        (10, 11, 5),
        (12, 14, 5),
        (15, 19, 5),
        (20, 29, 5),
    ]


def test_an_entry_that_walks_through_a_full_node() -> None:
    """A two-boundary change (one neighbour grows, the other shrinks) moves both at once."""
    pair = Pair(adjacent(400))
    for step in range(1, 10):
        for number in range(1, 399, 31):
            pair.store(number * 10 - step, number * 10 + 9 - step, 1000 + number)


def test_erase_answers_for_the_whole_entry() -> None:
    """erase() of any index inside removes the entry once and returns its value once."""
    pair = Pair(apart(50))
    for index in range(0, 500):
        pair.erase(index)
    assert len(pair.tree) == 0


@pytest.mark.parametrize("count", [0, 1, 2, 10, 15, 16, 17, 135, 255, 256, 257, 3000, 70_000])
@pytest.mark.parametrize("make", [adjacent, apart])
def test_a_copy_is_equal_and_separate(count: int, make: Callable[[int], list[Entry]]) -> None:
    """A copy of any size equals its source; writing to either leaves the other alone."""
    entries, tree = make(count), MapleTree()
    for entry in entries:
        tree.store(*entry)
    twin = tree.copy()
    assert twin.check() is None
    assert list(twin.items()) == entries
    twin.store(5, 5, 424242)
    tree.store(7, 7, 171717)
    assert twin.load(7) != 171717
    assert tree.load(5) != 424242
    tree.clear()
    assert len(twin) >= count
    assert twin.check() is None


def test_iteration_goes_on_after_its_entry_was_overwritten() -> None:
    """items() holds no place in the tree: a write to the current entry cannot mislead it."""
    tree = MapleTree()
    for entry in adjacent(126):
        tree.store(*entry)
    seen = []
    for first, last, value in tree.items():
        seen.append(value)
        tree.store(first + 2, last, value + 1000)
        tree.store(first, first + 1, value + 2000)
    assert seen == list(range(1, 127))
    assert len(tree) == 252
    assert tree.check() is None


@pytest.mark.parametrize(("count", "height"), [(1, 1), (15, 1), (16, 2), (31, 2)])
def test_a_build_of_adjacent_entries_is_no_higher_than_it_must_be(count: int, height: int) -> None:
    """The NULL range at the very end may take the last slot of a leaf: nothing comes after it."""
    tree = MapleTree()
    tree.build([(key, key, key + 1) for key in range(count)])
    assert tree.height == height
    assert tree.check() is None
    assert len(tree) == count


def test_a_store_may_end_at_the_number_of_a_reference() -> None:
    """No word of a node passes for a key: what reaches beyond such a key is cut there."""
    tree, top = MapleTree(arena=Arena(16 << 20)), 1 << 63
    entries = adjacent(SLOTS * SLOTS - 1)
    entries[-1] = (entries[-1][0], top - 1, 1)
    tree.build([*entries, (top, MAX, 2)])
    for number in range(SLOTS):
        twin = tree.copy()
        key = preorder(twin)[0].slots[number]
        twin.store(top, key, 3)
        assert twin.find(top) == (top, key, 3)
        assert twin.find(key + 1) == (key + 1, MAX, 2)
        assert twin.check() is None
