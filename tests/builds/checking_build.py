"""The checking build: what it asserts fails when it is not so.

test_builds.py runs these in a process of that build.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.arena import (
    CORRUPT,
    INNER_NEED,
    LEAF_CACHED,
    LEAF_NEED,
    LEAVES_BEFORE,
    inner_take,
    leaf_take,
    takes_begin,
    takes_end,
)
from stressd_kernels.builds import CHECKING
from stressd_kernels.checks import CHECK_BOUNDS, CHECK_FREED, CHECK_RESERVED, NAMES
from stressd_kernels.door import borrowed, driver
from stressd_kernels.layout import SPARE_NODE, TREE_ROOT
from stressd_kernels.maple.node import SLOT_FIRST
from stressd_kernels.refs import GENERATION_ONE, LEAF_BIT, NODE_MASK
from tests.engine.build import SYNTHETIC, WRITES, arena_of, loaded, trees_of, work

assert CHECKING, "test_builds.py starts these"
ENTRIES = 500  # three levels


@pytest.fixture
def tree() -> MapleTree:
    """Return a tree in an arena of its own."""
    made = MapleTree(arena=Arena(64 << 20))
    for n in range(ENTRIES):
        made.store(n * 16, n * 16 + 7, n + 1)
    return made


def arena_below(tree: MapleTree) -> Arena:
    """Return the arena of a tree."""
    return tree.arena


def root_of(tree: MapleTree) -> int:
    """Return the word index of the root node."""
    return int(arena_below(tree).words[tree._block + TREE_ROOT] & NODE_MASK)


def leaf_at_the_left(tree: MapleTree) -> int:
    """Return the word index of the first leaf."""
    words = arena_below(tree).words
    ref = words[tree._block + TREE_ROOT]
    while not ref & LEAF_BIT:
        ref = words[int(ref & NODE_MASK) + SLOT_FIRST]
    return int(ref & NODE_MASK)


READS: dict[str, Callable[[MapleTree], object]] = {
    "load": lambda tree: tree.load(3),
    "load_many": lambda tree: tree.load_many(np.arange(64)),
    "find": lambda tree: tree.find(3),
    "next": lambda tree: tree.next(3),
    "prev": lambda tree: tree.prev(16),
    "items": lambda tree: list(tree.items(0, 100)),
    "find_rev": lambda tree: tree.find_rev(3),
    "copy": lambda tree: tree.copy(),
    "empty_area": lambda tree: tree.empty_area(0, 100, 8),
    "empty_area_rev": lambda tree: tree.empty_area_rev(0, 100, 8),
    "store": lambda tree: tree.store(3, 4, 5),
    "erase": lambda tree: tree.erase(3),
}


@pytest.mark.parametrize("which", [root_of, leaf_at_the_left], ids=["root", "leaf"])
@pytest.mark.parametrize("name", READS)
def test_a_freed_node_is_noticed_by_whoever_meets_it(
    tree: MapleTree, name: str, which: Callable[[MapleTree], int]
) -> None:
    """Every kind of descent compares generations, at the first level and at the last."""
    assert arena_below(tree).failed_checks() == {}
    arena_below(tree).words[which(tree)] += GENERATION_ONE
    with contextlib.suppress(RuntimeError):  # what an answer of TRAP or CORRUPT becomes
        READS[name](tree)
    assert NAMES[CHECK_FREED] in arena_below(tree).failed_checks()


@driver
def take_both(words, slot):  # type: ignore[no-untyped-def]
    """Take a leaf and an inner node."""
    words = borrowed(words)
    return leaf_take(words, slot), inner_take(words, slot)


def test_who_has_reserved_nothing_gets_the_spare_node() -> None:
    """No word below the cache is read, and the failure stands in the header."""
    arena = Arena(64 << 20)
    assert take_both(arena.words, arena.seat()) == (SPARE_NODE, SPARE_NODE)
    assert arena.failed_checks() == {NAMES[CHECK_RESERVED]: 2}


@driver
def write_that_takes(words, slot, leaves):  # type: ignore[no-untyped-def]
    """Begin and end a write that takes so many leaves of those that are cached."""
    words = borrowed(words)
    takes_begin(words, slot)
    for _ in range(leaves):
        leaf_take(words, slot)
    return takes_end(words, slot, np.uint64(0))


def test_whole_trees_may_take_any_number(tree: MapleTree) -> None:
    """Copies and builds, done or refused, and clearing what is empty, fail no assertion."""
    arena, entries = arena_below(tree), list(tree)
    for after in (0, 20, 1000):
        other = MapleTree(arena=arena)
        with contextlib.suppress(MemoryError), arena.failing(after):
            tree.copy().clear()
        with contextlib.suppress(MemoryError), arena.failing(after):
            other.build(entries)
        other.clear()
        other.clear()
        tree.store(7, 8, after + 1)
    assert arena.failed_checks() == {}


def test_a_write_takes_no_more_than_it_may() -> None:
    """Even if the cache would have had more."""
    arena = Arena(64 << 20)
    slot = arena.seat()
    arena.words[slot + LEAF_CACHED] = 100
    assert write_that_takes(arena.words, slot, int(LEAF_NEED)) == 0
    assert arena.words[slot + LEAVES_BEFORE] == 100
    assert arena.failed_checks() == {}
    assert write_that_takes(arena.words, slot, int(LEAF_NEED) + 1) == CORRUPT
    assert arena.failed_checks() == {NAMES[CHECK_RESERVED]: 1}
    assert int(INNER_NEED) > 0


@pytest.mark.parametrize("write", ["store", "erase"])
def test_a_path_that_does_not_end_is_no_path(tree: MapleTree, write: str) -> None:
    """A node that is its own child: the write answers CORRUPT and changes nothing."""
    words, root = arena_below(tree).words, root_of(tree)
    words[root + SLOT_FIRST : root + SLOT_FIRST + 16] = words[tree._block + TREE_ROOT]
    with pytest.raises(RuntimeError):
        READS[write](tree)
    assert NAMES[CHECK_BOUNDS] in arena_below(tree).failed_checks()


def test_arenas_poison_unless_told_otherwise() -> None:
    """What is freed is overwritten, in the arena of the library too."""
    arena = Arena(64 << 20)
    tree = MapleTree(arena=arena)
    tree.store(0, 9, 1)
    leaf = leaf_at_the_left(tree)
    tree.clear()
    assert arena.drain()
    assert int(arena.words[leaf + SLOT_FIRST]) >> 63 == 1


def test_a_failed_assertion_is_a_finding_once() -> None:
    """The engine tells of it as a forbidden finding about the structure."""
    with loaded(SYNTHETIC, WRITES % 1) as engine:
        work(engine, 1)
        assert engine.findings() == []
        arena = arena_of(engine)
        root = int(arena.words[trees_of(engine)[0] + TREE_ROOT] & NODE_MASK)
        arena.words[root] += GENERATION_ONE
        work(engine, 1)
        told = engine.findings()
        assert ("structure", "forbidden", f"assertion failed: {NAMES[CHECK_FREED]}") in [
            (finding.oracle, finding.grade, finding.message) for finding in told
        ]
        assert NAMES[CHECK_FREED] not in [finding.message[18:] for finding in engine.findings()]
