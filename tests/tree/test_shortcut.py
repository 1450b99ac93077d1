"""Look-ups that begin with a table: they answer as any others, whatever happens to the tree.

Large trees have a table by themselves. Small ones are made to have it (`shorten`), and to have it
another as soon as it is worn, so that random writes make, correct and retire many of them.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterable

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.maple.shortcut import DEPTH_MIN
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE, Entry, layout
from tests.tree.pair import adjacent, apart
from tests.tree.shortcuts import (
    Keys,
    buckets,
    depth_of,
    filled_buckets,
    has_shortcut,
    let_make,
    load_each,
    readers_leave,
    shorten,
    tables_made,
    wear_of,
)
from tests.tree.test_failing import refused, writes
from tests.tree.test_large import Sorted, changed, looked, start

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
MANY = 100_000
BELOW = 3  # levels from what a table names to the entries, in trees that nobody has shortened


def around(tree: MapleTree, entries: Iterable[Entry]) -> Keys:
    """Return the ends of all entries and buckets, the keys beside them, and those of the range."""
    ends = [end for first, last, _ in entries for end in (first, last)]
    if has_shortcut(tree):
        for bucket in buckets(tree):
            ends += [bucket.first, bucket.last, bucket.pivot]
    keys = {min(max(end + step, 0), MAX) for end in ends for step in (-1, 0, 1)}
    return np.array(sorted(keys | {0, 1, 2**63 - 1, 2**63, MAX - 1, MAX}), np.uint64)


def wanted(entries: list[Entry], keys: Keys) -> Keys:
    """Return the value at each key in a sorted list of entries, 0 for none."""
    rows = np.array([(0, 0, 0), *entries], np.uint64)
    at = np.searchsorted(rows[1:, 0], keys, side="right")
    return np.where((at > 0) & (keys <= rows[at, 1]), rows[at, 2], 0)


def agree(tree: MapleTree, entries: list[Entry]) -> None:
    """Demand that the tree is sound, and that every look-up answers as a sorted list does."""
    assert tree.check() is None
    keys = around(tree, entries)
    assert (load_each(tree, keys) == wanted(entries, keys)).all()


# -- trees that are tall enough --------------------------------------------------------------


def filled(way: str, entries: list[Entry], gaps: bool = True) -> MapleTree:
    """Return a tree of these entries."""
    tree = MapleTree(gaps, arena=Arena(128 << 20))
    if way in ("built", "copied"):
        tree.build(entries)
        return tree if way == "built" else tree.copy()
    if way == "shuffled":
        entries = random.Random(1).sample(entries, len(entries))
    for entry in entries:
        tree.store(*entry)
    return tree


@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("way", ["built", "copied", "ascending", "shuffled"])
def test_a_tall_tree_has_a_table_whatever_made_it(way: str, gaps: bool) -> None:
    """It names the nodes three levels above the entries, and every key is answered right."""
    far = 2**40
    entries = [(first + far, last + far, n) for first, last, n in start(random.Random(way))]
    tree = filled(way, entries, gaps)
    assert has_shortcut(tree)
    assert depth_of(tree) == tree.height - BELOW >= int(DEPTH_MIN)
    assert buckets(tree)[0].first > 0
    assert buckets(tree)[-1].last < MAX
    agree(tree, entries)


@pytest.mark.parametrize(("way", "below"), [("built", 3), ("shuffled", 2), ("ascending", 2)])
def test_every_operation_beside_a_table(way: str, below: int) -> None:
    """Writes of all kinds, and after each all kinds of look-ups, where the table is made anew."""
    draw = random.Random(way)
    entries = start(draw)
    tree, model = filled(way, entries), Sorted(entries)
    shorten(tree, below)
    before, with_table = tables_made(tree), 0
    for step in range(1, 4000 if THOROUGH else 2000):
        changed(tree, model, draw, MANY + step)
        readers_leave(tree.arena)
        looked(tree, model, draw)
        with_table += has_shortcut(tree)
        if step % 20 == 0:
            assert tree.check() is None, step
    assert tables_made(tree) - before > 5
    assert with_table > 500
    agree(tree, [entry for entry in model.ranges(0, MAX) if entry[2]])


STEP = 2**64 // MANY
SPREADS: dict[str, tuple[bool, list[Entry]]] = {  # is there to be a table, and the entries
    "from the first key on": (True, adjacent(MANY)),
    "up to the last key": (
        True,
        [(MAX - 10 * n - 9, MAX - 10 * n, n + 1) for n in range(MANY)][::-1],
    ),
    "everywhere": (True, [(n * STEP, n * STEP + 99, n + 1) for n in range(MANY)]),
    "one far below": (
        True,
        [(0, 0, 1)] + [(2**63 + e[0], 2**63 + e[1], e[2]) for e in apart(MANY)],
    ),
    "one far above": (True, [*apart(MANY), (2**63, 2**63, 1)]),
    "at both ends": (
        False,
        [*apart(MANY), *((MAX - MANY + n, MAX - MANY + n, 1) for n in range(MANY))],
    ),
    "ever further apart": (
        False,
        [(int(1.0004**n), int(1.0004**n), n) for n in range(20_000, 110_000)],
    ),
}


@pytest.mark.parametrize("spread", SPREADS)
def test_a_table_is_opened_where_it_is_of_use(spread: str) -> None:
    """Where most buckets could name no node there is none; every key is answered right anyway."""
    use, entries = SPREADS[spread]
    tree = filled("built", entries)
    assert has_shortcut(tree) == use
    agree(tree, entries)
    for entry in entries[:: len(entries) // 100]:
        tree.store(entry[0], entry[0], 5)
        assert tree.load(entry[0]) == 5
    assert tree.check() is None


def test_reserved_entries_are_passed_over_beside_a_table() -> None:
    """They read as nothing, and are in the way."""
    entries = apart(MANY)
    tree = filled("built", entries)
    seen = []
    for first, last, value in entries:
        if value % 3 == 0:
            tree.reserve(first, last)
        else:
            seen.append((first, last, value))
    assert has_shortcut(tree)
    agree(tree, seen)
    assert tree.find(entries[2][0]) == entries[3]
    assert tree.empty_area(entries[2][0], MAX, 5) == MANY * 10 - 4


# -- trees that come, go, grow and shrink ----------------------------------------------------


def refilled(tree: MapleTree, way: int, entries: list[Entry]) -> None:
    """Fill an empty tree: at once, by a copy, or entry by entry."""
    if way == 0:
        tree.build(entries)
    elif way == 1:
        source = MapleTree(arena=tree.arena)
        source.build(entries)
        source.copy(tree)
    else:
        for entry in entries:
            tree.store(*entry)
        let_make(tree, *entries[0])


@pytest.mark.parametrize("below", [1, 2])
def test_a_tree_is_cleared_and_filled_again_and_again(below: int) -> None:
    """Each time with entries that stand elsewhere: nothing of the last table is left."""
    tree = MapleTree(arena=Arena(32 << 20))
    for turn in range(1, 40):
        shorten(tree, below)
        stride = 10 + turn
        entries = [(n * stride, n * stride + turn, turn) for n in range(100 * turn)]
        refilled(tree, turn % 3, entries)
        assert has_shortcut(tree) == (tree.height >= below + DEPTH_MIN)
        agree(tree, entries)
        tree.clear()
        assert not has_shortcut(tree)
        agree(tree, [])
        readers_leave(tree.arena)
    assert tables_made(tree) > 20


def test_a_block_is_given_from_tree_to_tree() -> None:
    """What follows a closed tree in its block has a table of its own, or none."""
    arena = Arena(32 << 20)
    blocks = set()
    for turn in range(1, 20):
        with MapleTree(arena=arena) as tree:
            blocks.add(tree._block)
            assert not has_shortcut(tree)
            if turn % 2:
                shorten(tree, below=1)
            entries = [(n * (10 + turn), n * (10 + turn) + turn, turn) for n in range(1000)]
            tree.build(entries)
            assert has_shortcut(tree) == (turn % 2 == 1)
            agree(tree, entries)
            readers_leave(arena)
    assert len(blocks) == 1


@pytest.mark.parametrize("below", [1, 2])
def test_a_tree_shrinks_and_grows(below: int) -> None:
    """Down to what is too low for a table, up to several levels, and again."""
    draw = random.Random(below)
    tree, entries = MapleTree(arena=Arena(32 << 20)), apart(3000)
    shorten(tree, below)
    tree.build(entries)
    there = set(entries)
    opened = [True]
    for size in (5, 3000, 40, 2000, 0, 3000):
        gone = draw.sample(sorted(there), max(len(there) - size, 0))
        come = draw.sample(sorted(set(entries) - there), max(size - len(there), 0))
        for number, entry in enumerate([*gone, *come]):
            tree.store(*entry[:2], None if number < len(gone) else entry[2])
            readers_leave(tree.arena)
            opened.append(has_shortcut(tree))
            if number % 20 == 0:
                assert tree.check() is None
                assert opened[-1] <= (tree.height > below)
                assert tree.load(entry[0]) == (None if number < len(gone) else entry[2])
        there = (there - set(gone)) | set(come)
        agree(tree, sorted(there))
    changes = sum(now != before for before, now in itertools.pairwise(opened))
    assert changes >= 6
    assert tables_made(tree) > 30


# -- what is right at every step -------------------------------------------------------------


class Seen:
    """What became of tables, as told by looks after each write."""

    def __init__(self) -> None:
        self.opened = self.replaced = self.retired = self.corrected = self.led_up = self.half = 0
        self.last: tuple[int, int, list[tuple[int, int]]] = (0, 0, [])

    def look(self, tree: MapleTree) -> None:
        """Compare the table of a tree with what it was before."""
        number = tables_made(tree) if has_shortcut(tree) else 0
        refs = [bucket.refs for bucket in buckets(tree)] if number else []
        now = (number, wear_of(tree), refs)
        self.opened += number not in (0, self.last[0])
        self.replaced += 0 not in (number, self.last[0]) and number != self.last[0]
        self.retired += number == 0 and self.last[0] != 0
        same = number == self.last[0]
        self.corrected += same and now[1] == self.last[1] and now[2] != self.last[2]
        self.led_up += same and now[1] != self.last[1] and now[2] != self.last[2]
        self.half += filled_buckets(tree) > 0
        self.last = now


@pytest.mark.parametrize(
    ("below", "sizes", "pages"), [(1, (150, 400, 1500), 700), (2, (5000,), 8000)]
)
@pytest.mark.parametrize("fill", [0.0, 0.5, 0.95, 1.0])
def test_a_random_life_with_a_table(
    fill: float, below: int, sizes: tuple[int, ...], pages: int
) -> None:
    """Writes of all kinds, whole trees too; checked and looked at after each."""
    draw, seen = random.Random(f"{fill} {below}"), Seen()
    tree, model = MapleTree(arena=Arena(64 << 20)), NaiveTree()
    for step in range(20_000 if THOROUGH else 2_000):
        if step % 250 == 0:
            entries = layout(step, draw.choice(sizes), fill)
            tree.clear()
            shorten(tree, below)
            refilled(tree, draw.randrange(2), entries)
            model.clear()
            model.build(entries)
        elif step % 100 == 0:
            twin = tree.copy()
            tree.clear()
            seen.look(tree)
            twin.copy(tree)
        write, same = writes(tree, model, draw, pages)
        assert write() == same(), step
        assert tree.check() is None, step
        seen.look(tree)
        readers_leave(tree.arena)
        key = draw.randrange(1, pages) * PAGE + draw.choice((-1, 0, 1))
        assert tree.load(key) == model.load(key), step
        if step % 25 == 0:
            agree(tree, list(model.items()))
    assert seen.opened > 40
    assert seen.replaced > 40
    assert seen.retired > 10
    assert seen.corrected > 100
    assert seen.led_up > 50
    assert seen.half > 100


@pytest.mark.parametrize("first", [0, MAX - 59])
def test_a_random_life_of_adjacent_keys(first: int) -> None:
    """Buckets of one key each, from the first key on or to the last, in many tables."""
    draw = random.Random(1)
    tree, model = MapleTree(arena=Arena(32 << 20)), NaiveTree()
    for step in range(20_000 if THOROUGH else 4_000):
        if step % 10 == 0:
            shorten(tree, below=1)
        begin = draw.randrange(60)
        end = min(begin + draw.choice((0, 0, 0, 1, 3)), 59)
        value = draw.choice((None, step + 1, step + 1, step + 1))
        tree.store(first + begin, first + end, value)
        model.store(first + begin, first + end, value)
        readers_leave(tree.arena)
        assert tree.check() is None, step
        if step % 25 == 0:
            agree(tree, list(model.items()))
    assert tables_made(tree) > 100


def test_a_refused_write_leaves_the_table_as_it_was() -> None:
    """No node is to be had: the table stays open, its buckets the same, and so do the answers."""
    arena, draw = Arena(32 << 20), random.Random(6)
    tree, model = MapleTree(arena=arena), NaiveTree()
    entries = layout(6, 700, 0.5)
    shorten(tree, below=1)
    tree.build(entries)
    model.build(entries)
    refusals = 0
    for _ in range(300):
        write, same = writes(tree, model, draw)
        before = buckets(tree) if has_shortcut(tree) else None
        if before:
            refused(arena, tree, write)
            assert buckets(tree) == before
            agree(tree, list(model.items()))
            refusals += 1
        assert write() == same()
        readers_leave(arena)
    assert refusals > 100


def test_a_refused_build_or_copy_has_no_table() -> None:
    """Until there are nodes enough; then it has one."""
    arena = Arena(32 << 20)
    source, tree = MapleTree(arena=arena), MapleTree(arena=arena)
    source.build(apart(1000))
    shorten(tree, below=1)
    for fill in (lambda: tree.build(apart(1000)), lambda: source.copy(tree)):
        for after in range(0, source.nodes, 20):
            with arena.failing(after), pytest.raises(MemoryError):
                fill()
            assert not has_shortcut(tree)
            agree(tree, [])
        fill()
        assert has_shortcut(tree)
        agree(tree, apart(1000))
        tree.clear()
        shorten(tree, below=1)
        readers_leave(arena)
