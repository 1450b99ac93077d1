"""The structural check finds what is broken: every invariant, broken by hand in a sound tree.

All tests of the tree lean on `check`; here it is the one that is tested.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy.typing as npt
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import (
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_LOCK,
    TREE_ROOT,
    TREE_SHORTCUT,
    TREE_SHORTCUT_DEPTH,
)
from stressd_kernels.lock import BROKEN
from stressd_kernels.maple.buckets import BUCKETS, FILLED, LIMIT
from stressd_kernels.maple.check import Invariant
from stressd_kernels.maple.node import FILL_MIN, GAP_FIRST, PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.refs import LEAF_BIT
from stressd_kernels.status import POISON, RESERVED_BIT, ZERO
from tests.tree.keys import MAX
from tests.tree.nodes import Node, branches, leaves, preorder
from tests.tree.pair import adjacent, apart
from tests.tree.shortcuts import (
    Bucket,
    buckets,
    filled_buckets,
    has_shortcut,
    shorten,
    spare_of,
    table_of,
)

Words = npt.NDArray  # of uint64
Break = Callable[[Words, MapleTree], None]


def grown() -> MapleTree:
    """Return a tree of three levels with a hole after each entry, some of its slots reserved."""
    tree, entries = MapleTree(arena=Arena(16 << 20)), apart(1000)
    random.Random(1).shuffle(entries)  # or most nodes would be full
    for first, last, value in entries:
        if value % 7:
            tree.store(first, last, value)
        else:
            tree.reserve(first, last)
    assert tree.height == 3
    return tree


def verdict(tree: MapleTree) -> str:
    """Return the name of the invariant that the check finds broken, or "sound"."""
    found = tree.check() or "sound"
    tree.arena.words[tree._block + TREE_LOCK] = BROKEN  # nobody is to take the damage apart
    return found.split()[0]


def roomy(nodes: list[Node]) -> Node:
    """Return a node from the middle that has unused slots, two and an unused pivot."""
    return next(node for node in nodes[len(nodes) // 2 :] if len(node.slots) < SLOTS - 1)


def cut_to(words: Words, node: Node, kept: int) -> None:
    """Leave a node its first `kept` slots; the last of them reaches to the node's end."""
    words[node.at + PIVOT_FIRST + kept - 1 : node.at + PIVOT_FIRST + SLOTS - 1] = MAX
    words[node.at + SLOT_FIRST + kept : node.at + SLOT_FIRST + SLOTS] = 0
    if not node.leaf:
        words[node.at + GAP_FIRST + kept : node.at + GAP_FIRST + SLOTS] = 0


def put(offset: int, word: int, which: str = "leaf") -> Break:
    """Return what sets a word of a leaf, of a parent of leaves, of the root, or of the tree."""

    def broken(words: Words, tree: MapleTree) -> None:
        words[place(tree, which) + offset] = word

    return broken


def add(offset: int, number: int, which: str = "leaf") -> Break:
    """Return what changes a word by a number."""

    def broken(words: Words, tree: MapleTree) -> None:
        at = place(tree, which) + offset
        words[at] = int(words[at]) + number

    return broken


def place(tree: MapleTree, which: str) -> int:
    """Return the word index of a node that is not at an edge of the tree, or of the tree."""
    if which == "tree":
        return tree._block
    if which == "root":
        return preorder(tree)[0].at
    nodes = leaves(tree) if which == "leaf" else branches(tree)
    return nodes[len(nodes) // 2].at


def unused(group: int, word: int, level: str = "leaf") -> Break:
    """Return what sets the first unused pivot, slot or gap word of a node that has one."""

    def broken(words: Words, tree: MapleTree) -> None:
        nodes = {"leaf": leaves, "parent": branches, "root": preorder}[level](tree)
        node = nodes[0] if level == "root" else roomy(nodes)
        words[node.at + group + len(node.slots)] = word

    return broken


def too_few(level: str) -> Break:
    """Return what leaves a node of this level less than it must have."""

    def broken(words: Words, tree: MapleTree) -> None:
        nodes = leaves(tree) if level == "leaf" else branches(tree)
        cut_to(words, nodes[1], FILL_MIN - 1)

    return broken


def root_of_one(words: Words, tree: MapleTree) -> None:
    """Leave the root one child."""
    cut_to(words, preorder(tree)[0], 1)


def leaf_too_high(words: Words, tree: MapleTree) -> None:
    """Put a leaf where its parent has been."""
    parent, leaf = branches(tree)[0], leaves(tree)[0]
    words[preorder(tree)[0].at + SLOT_FIRST] = words[parent.at + SLOT_FIRST]
    assert int(words[parent.at + SLOT_FIRST]) & int(LEAF_BIT)
    words[preorder(tree)[0].at + GAP_FIRST] = words[parent.at + GAP_FIRST]
    words[leaf.at + PIVOT_FIRST + len(leaf.slots) - 1] = MAX


HOLE, ENTRY = SLOT_FIRST, SLOT_FIRST + 1  # of every leaf but the first: none ends with a hole
FAULTS: dict[str, tuple[str, Break]] = {
    "pivots of a leaf that descend": ("PIVOTS_ASCEND", put(PIVOT_FIRST + 2, 1)),
    "pivots of a parent that descend": ("PIVOTS_ASCEND", put(PIVOT_FIRST + 2, 0, "parent")),
    "a pivot below the first key of its node": ("PIVOTS_ASCEND", put(PIVOT_FIRST, 0)),
    "a pivot behind the last": ("UNUSED_CLEAN", unused(PIVOT_FIRST, MAX - 1)),
    "a value behind the last": ("UNUSED_CLEAN", unused(SLOT_FIRST, 7)),
    "a gap behind the last": ("UNUSED_CLEAN", unused(GAP_FIRST, 1, "parent")),
    "a gap behind the last of the root": ("UNUSED_CLEAN", unused(GAP_FIRST, 1, "root")),
    "an entry where the hole before it was": ("COUNTS", put(HOLE, 7)),
    "two NULL slots side by side": ("NULLS_APART", put(ENTRY, 0)),
    "a leaf of too few slots": ("FILL", too_few("leaf")),
    "a parent of too few children": ("FILL", too_few("parent")),
    "a height that is none": ("DEPTH", add(TREE_HEIGHT, 1, "tree")),
    "a leaf beside parents": ("DEPTH", leaf_too_high),
    "a root of one child": ("ROOT", root_of_one),
    "a gap of a leaf that is too long": ("GAP", add(GAP_FIRST, 1, "parent")),
    "a gap of a leaf that is too short": ("GAP", add(GAP_FIRST, -1, "parent")),
    "a gap of a parent that is too long": ("GAP", add(GAP_FIRST, 1, "root")),
    "a gap of a parent that is too short": ("GAP", add(GAP_FIRST, -1, "root")),
    "a value where a reference should be": ("REFERENCE", put(SLOT_FIRST + 3, 7, "parent")),
    "a reference to a freed leaf": ("REFERENCE", add(0, 1 << 40)),
    "a reference to a freed parent": ("REFERENCE", add(0, 1 << 40, "parent")),
    "a value that is poison": ("VALUE", put(ENTRY, POISON)),
    "a value that is reserved for nothing": ("VALUE", put(ENTRY, RESERVED_BIT | 5)),
    "an entry that is not counted": ("COUNTS", add(TREE_COUNT, -1, "tree")),
    "a leaf that is not counted": ("COUNTS", add(TREE_LEAVES, -1, "tree")),
    "an inner node too many": ("COUNTS", add(TREE_INNERS, 1, "tree")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_broken_is_named(name: str) -> None:
    """One word is changed in a tree that was sound; the check says which invariant that breaks."""
    tree = grown()
    assert tree.check() is None
    invariant, broken = FAULTS[name]
    broken(tree.arena.words, tree)
    assert verdict(tree) == invariant


def test_every_invariant_can_be_broken() -> None:
    """Each that the check knows is in a test here; UNKNOWN is the answer when it could not look."""
    named = {invariant for invariant, _ in FAULTS.values()} | {"LEAF_END", "SHORTCUT"}
    assert named == {invariant.name for invariant in Invariant} - {"ALL_HOLD", "UNKNOWN"}


def test_a_leaf_that_ends_with_null_is_found_unless_it_is_the_last() -> None:
    """What begins in the next leaf would not be found from there."""
    tree = MapleTree(arena=Arena(16 << 20))
    tree.build(adjacent(300))
    *_, leaf, _ = leaves(tree)
    tree.arena.words[leaf.at + SLOT_FIRST + len(leaf.slots) - 1] = 0
    assert verdict(tree) == "LEAF_END"


def bucket_word(which: int, word: Callable[[Bucket], int]) -> Break:
    """Return what sets a word of a bucket whose keys belong to two nodes."""

    def broken(words: Words, tree: MapleTree) -> None:
        bucket = next(bucket for bucket in buckets(tree) if bucket.pivot != MAX)
        words[bucket.at + which] = word(bucket)

    return broken


def put_last(words: Words, bucket: Bucket) -> None:
    """Have a bucket name what nothing is."""
    words[bucket.at + 1] += 1


MISLEADING: dict[str, Break] = {
    "the first node of a bucket": bucket_word(1, lambda bucket: bucket.refs[1]),
    "the second node of a bucket": bucket_word(2, lambda bucket: bucket.refs[0]),
    "a freed node": bucket_word(1, lambda bucket: bucket.refs[0] ^ 1 << 40),
    "a border too low": bucket_word(0, lambda bucket: bucket.pivot - 1),
    "a border too high": bucket_word(0, lambda bucket: bucket.pivot + 1),
    "the last bucket": lambda words, tree: put_last(words, buckets(tree)[-1]),
    "no border": bucket_word(0, lambda _: MAX),
    "a table that nobody keeps": put(TREE_SHORTCUT_DEPTH, 0, "tree"),
    "another level": put(TREE_SHORTCUT_DEPTH, 1, "tree"),
    "a table that stayed closed": put(TREE_SHORTCUT, 0, "tree"),
}


@pytest.mark.parametrize("name", MISLEADING)
def test_a_shortcut_that_leads_elsewhere_is_found(name: str) -> None:
    """One word of a table that was right is changed, or a word of the tree about it."""
    tree = MapleTree(arena=Arena(16 << 20))
    shorten(tree, below=1)
    tree.build(apart(1000))
    assert has_shortcut(tree)
    assert tree.check() is None
    MISLEADING[name](tree.arena.words, tree)
    assert verdict(tree) == "SHORTCUT"


def test_a_table_that_is_open_is_full() -> None:
    """One bucket that is not filled yet is missed."""
    tree = MapleTree(arena=Arena(16 << 20))
    shorten(tree, below=1)
    tree.build(apart(1000))
    tree.arena.words[table_of(tree) + FILLED] -= 1
    assert verdict(tree) == "SHORTCUT"


def test_a_table_that_is_being_made_is_right_as_far_as_it_goes() -> None:
    """What it names already is compared with the tree, as in the open one."""
    tree = MapleTree(arena=Arena(16 << 20))
    tree.build(apart(1000))
    shorten(tree, below=1)
    tree.erase(0)
    words, spare = tree.arena.words, spare_of(tree)
    assert 0 < filled_buckets(tree) < words[spare + LIMIT]
    assert tree.check() is None
    words[spare + BUCKETS + 1] += 1
    assert verdict(tree) == "SHORTCUT"


@pytest.mark.parametrize("word", [0, ZERO])
def test_a_root_of_nothing_is_found(word: int) -> None:
    """A tree that holds nothing has no node; one that reserves all keys has one."""
    tree = MapleTree(arena=Arena(16 << 20))
    tree.reserve(0, MAX)
    assert tree.check() is None
    root = leaves(tree)[0].at
    tree.arena.words[root + SLOT_FIRST] = word
    assert verdict(tree) == ("sound" if word else "ROOT")


def test_a_tree_without_a_root_counts_nothing() -> None:
    """What was lost with the root is missed."""
    tree = grown()
    tree.arena.words[tree._block + TREE_ROOT] = 0
    assert verdict(tree) == "COUNTS"
