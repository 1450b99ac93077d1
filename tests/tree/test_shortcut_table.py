"""What a table names, word by word: as laid over a tree at rest, and after each write."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import MAGIC, TREE_LEAVES
from stressd_kernels.maple.buckets import (
    BUCKETS_A_NODE,
    BUCKETS_MAX,
    BUCKETS_MIN,
    NAMED,
    NODES_MAX,
)
from stressd_kernels.maple.shortcut import DEPTH_MIN, OUTGROWN, STEP
from stressd_kernels.refs import NODE_MASK
from tests.tree.keys import MAX, Entry
from tests.tree.nodes import Node, leaves, preorder
from tests.tree.pair import adjacent, apart
from tests.tree.shortcuts import (
    buckets,
    depth_of,
    has_shortcut,
    is_making,
    let_make,
    readers_leave,
    shorten,
    table_of,
    tables_made,
    wear_of,
)

FAR = 2**40


def made(entries: list[Entry], below: int = 1) -> MapleTree:
    """Return a tree of these entries, built with a table that names nodes above them."""
    tree = MapleTree(arena=Arena(64 << 20))
    shorten(tree, below)
    tree.build(entries)
    return tree


def shifted(entries: list[Entry], by: int) -> list[Entry]:
    """Return the entries at other keys."""
    return [(first + by, last + by, value) for first, last, value in entries]


# -- a tree at rest --------------------------------------------------------------------------


class Side(NamedTuple):
    """One side of a bucket: its first and last key, and the node that it names."""

    first: int
    last: int
    at: int


def sides(tree: MapleTree) -> list[Side]:
    """Return the sides of the open table that lead somewhere, from left to right."""
    found: list[Side] = []
    if not has_shortcut(tree):
        return found
    for first, last, pivot, refs, _ in buckets(tree):
        one, other = (ref & int(NODE_MASK) for ref in refs)
        found.append(Side(first, min(pivot, last), one))
        if pivot < last:
            found.append(Side(pivot + 1, last, other))
    return found


def laid(named: list[Node]) -> tuple[int, int, int]:
    """Return the first key, the shift and the number of buckets of a table for these nodes.

    It reaches from the nodes' inner ends by the width of one of them to either side.
    """
    begin, end = named[0].high, named[-1].low
    width = (end - begin) // len(named)
    base = max(begin - width, 0)
    span = min(end + width, MAX) - base
    most = min(max(len(named) * int(BUCKETS_A_NODE), BUCKETS_MIN), BUCKETS_MAX)
    shift = next(shift for shift in range(64) if span >> shift <= most)
    return base, shift, span >> shift


def told(nodes: list[Node], depth: int, base: int, shift: int, limit: int) -> list[Side]:
    """Return what a table should say of a tree: two nodes of the depth, or one that holds all."""
    found = []
    named = [node for node in nodes if node.depth == depth]
    above = [node for node in nodes if node.depth < depth]
    for first in range(base, base + (limit << shift), 1 << shift):
        last = first + (1 << shift) - 1
        here = [node for node in named if node.low <= last and node.high >= first]
        if len(here) == 1:
            found.append(Side(first, last, here[0].at))
        elif len(here) == 2:
            found.append(Side(first, here[0].high, here[0].at))
            found.append(Side(here[1].low, last, here[1].at))
        else:
            over = [node for node in above if node.low <= first and last <= node.high]
            found.append(Side(first, last, over[-1].at))
    return found


def crowded(even: int, crowd: int) -> list[Entry]:
    """Return entries of which some are far apart, and some stand together after them."""
    wide = [(n << 30, (n << 30) + 9, n + 1) for n in range(even)]
    return wide + [((even << 30) + n, (even << 30) + n, 5) for n in range(crowd)]


SHAPES = {
    "from the first key on": adjacent(3000),
    "with holes": shifted(apart(3000), FAR),
    "one node far below": [(0, 0, 1), *shifted(apart(3000), FAR)],
    "up to the last key": [(MAX - 10 * n - 9, MAX - 10 * n, 1) for n in range(2000)][::-1],
    "few and wide": shifted(adjacent(300, 2**50), FAR),
    "some of them crowded": crowded(2000, 400),
    "ever wider": [(n**3, n**3 + n, 1) for n in range(10, 2000)],
    "keys one by one": [(n, n, 1 + n % 2) for n in range(1500)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_table_covers_all_named_nodes_and_one_of_them_further(shape: str) -> None:
    """As many buckets as four times the nodes at most, of the smallest size that so few allow."""
    tree = made(SHAPES[shape])
    named = leaves(tree)
    assert has_shortcut(tree)
    found = buckets(tree)
    base, shift, limit = laid(named)
    assert (found[0].first, found[0].last - found[0].first + 1) == (base, 1 << shift)
    assert len(found) == limit


@pytest.mark.parametrize("shape", SHAPES)
def test_each_bucket_names_two_nodes_or_the_lowest_that_holds_it(shape: str) -> None:
    """Whether it was filled at once or by many writes."""
    entries = SHAPES[shape]
    for at_once in (True, False):
        tree = made(entries)
        if not at_once:
            tree = MapleTree(arena=Arena(64 << 20))
            tree.build(entries)
            shorten(tree, below=1)
            let_make(tree, *entries[-1])
        assert sides(tree) == told(preorder(tree), depth_of(tree), *laid(leaves(tree)))


def test_a_table_is_opened_if_it_names_half_of_the_nodes() -> None:
    """One node less, and there is none; the count is that of different nodes in its buckets."""
    opened = []
    tree = made(crowded(800, 0))
    for crowd in range(1200, 2000, 16):
        tree.clear()
        readers_leave(tree.arena)
        shorten(tree, below=1)
        tree.build(crowded(800, crowd))
        nodes, named = preorder(tree), leaves(tree)
        there = {leaf.at for leaf in named} & {
            side.at for side in told(nodes, tree.height - 1, *laid(named))
        }
        opened.append((2 * len(there) >= len(named), 2 * len(there) - len(named)))
        assert has_shortcut(tree) == opened[-1][0]
        if has_shortcut(tree):
            assert tree.arena.words[table_of(tree) + NAMED] == len(there)
    assert {opens for opens, _ in opened} == {True, False}
    assert 0 in [beyond for _, beyond in opened]


def test_keys_that_were_of_no_use_are_tried_again() -> None:
    """When half as many writes as leaves have passed; the table is that of the tree as it is."""
    crowd = next(n for n in range(1200, 2000, 16) if not has_shortcut(made(crowded(800, n))))
    tree = made(crowded(800, crowd))
    height, count = tree.height, len(leaves(tree))
    for key in range((800 << 30) + 500, (800 << 30) + 580):
        tree.erase(key)
    writes = 80
    assert not has_shortcut(tree)
    while not has_shortcut(tree):
        readers_leave(tree.arena)
        tree.store(7 << 30, (7 << 30) + 9, None if writes % 2 else 8)
        writes += 1
        assert writes < 2 * count
    assert tree.height == height
    filling = -(-len(buckets(tree)) // int(STEP))
    assert count // 2 <= writes <= count // 2 + filling + 1
    assert tree.check() is None


def test_what_a_table_has_no_room_for_is_named_a_level_higher() -> None:
    """Two buckets for each node are the least."""
    assert int(NODES_MAX) * 2 == BUCKETS_MAX
    for count, above in ((16 * 1022 - 1, 1), (16 * 1022, 2), (16 * 18_000, 3)):
        tree = made(adjacent(count))
        more = int(tree.arena.words[tree._block + TREE_LEAVES]) > NODES_MAX
        assert more == (above > 1)
        assert depth_of(tree) == tree.height - above >= DEPTH_MIN
        assert tree.check() is None


def test_nothing_is_taken_for_the_table_of_a_tree_that_has_none() -> None:
    """Not what stands at word 0 either, which looks like one to the keys near its first word."""
    tree = MapleTree(arena=Arena(16 << 20))
    tree.store(0, MAX - 1, 7)
    assert not has_shortcut(tree)
    assert all(tree.load(key) == 7 for key in range(MAGIC - 100, MAGIC + 20_000))


# -- after each write ------------------------------------------------------------------------


def followed(before: list[Side], old: Node, new: Node) -> list[Side]:
    """Return what the sides name after one node came in the place of another."""
    inside = [old.low <= side.first and side.last <= old.high for side in before]
    return [
        side._replace(at=new.at) if lies else side
        for side, lies in zip(before, inside, strict=True)
    ]


def wears(before: list[Side], depth: int, old: Node) -> tuple[int, int]:
    """Return what wears a table: the sides that are led up, and what counts for keys beyond it."""
    if old.depth >= depth:
        return 0, 0
    beyond = old.low < before[0].first or old.high > before[-1].last
    inside = [side for side in before if old.low <= side.first and side.last <= old.high]
    return sum(side.at != old.at for side in inside), int(OUTGROWN) * beyond


def write(tree: MapleTree, draw: random.Random, begin: int, end: int) -> None:
    """Store or erase one key or a few entries."""
    first = draw.randrange(max(begin - 50, 0), end + 50)
    last = first + draw.choice((0, 0, 0, 20, 300))
    tree.store(first, last, draw.choice((None, first)))


def uneven(count: int) -> list[Entry]:
    """Return entries that stand close together for a while, then far apart, and so on."""
    draw, found, first = random.Random(1), [], 0
    for number in range(count):
        first += draw.randrange(1, 3) if number // 40 % 2 else draw.randrange(20, 60)
        found.append((first, first, number + 1))
    return found


@pytest.mark.parametrize(
    ("below", "entries"),
    [
        (1, shifted(apart(900), FAR)),
        (2, shifted(apart(4000), FAR)),
        (1, shifted(uneven(900), FAR)),
        (1, apart(900)),
    ],
    ids=["leaves", "their parents", "uneven", "from key 0 on"],
)
def test_a_side_names_what_came_in_the_place_of_its_node(below: int, entries: list[Entry]) -> None:
    """Every side in the span of the node that was replaced, no other; its wear is counted.

    When one side in sixteen is worn another table is made.
    """
    draw = random.Random(below)
    tree = made(entries, below)
    nodes, corrected, led_up, outgrown = preorder(tree), 0, 0, 0
    for _ in range(400):
        number, before, worn = tables_made(tree), sides(tree), wear_of(tree)
        there = {node.at: node for node in nodes}
        spans = {(node.depth, node.low, node.high): node for node in nodes}
        write(tree, draw, entries[0][0], entries[-1][1])
        readers_leave(tree.arena)
        nodes = preorder(tree)
        new = next((node for node in nodes if node.at not in there), None)
        if new is None or not before or (tables_made(tree), has_shortcut(tree)) != (number, True):
            continue
        assert is_making(tree) == (wear_of(tree) > len(buckets(tree)) // 8)
        old, depth = spans[new.depth, new.low, new.high], depth_of(tree)
        if old.depth > depth:
            assert (sides(tree), wear_of(tree)) == (before, worn)
            continue
        up, beyond = wears(before, depth, old)
        assert sides(tree) == followed(before, old, new)
        assert wear_of(tree) == worn + up + beyond
        corrected += old.depth == depth
        led_up += up > 0
        outgrown += beyond > 0
    assert min(corrected, led_up, outgrown) > 3
