"""A table is made beside the open one, and written again only when nobody can read it any more."""

from __future__ import annotations

import ctypes
import mmap

from stressd_kernels import Arena, MapleTree
from stressd_kernels.epoch import announce_of
from stressd_kernels.layout import (
    EPOCH_GLOBAL,
    SHORTCUT_WAIT,
    SHORTCUT_WORDS,
    SHORTCUTS,
    TREE_SHORTCUT_WAIT,
)
from stressd_kernels.maple.buckets import BUCKETS, LIMIT, WORN
from stressd_kernels.maple.shortcut import STEP
from tests.tree.pair import adjacent, apart
from tests.tree.shortcuts import (
    filled_buckets,
    has_shortcut,
    is_making,
    let_make,
    readers_leave,
    shorten,
    table_of,
    tables_made,
)

WIDE = adjacent(5000, 100_000)
ROOMY = 490_000_000  # here nodes have free slots up to the root, and so it is not replaced


def content(tree: MapleTree, table: int) -> list[int]:
    """Return what look-ups read of a table, open or not."""
    words = tree.arena.words[table : table + SHORTCUT_WORDS]
    return words[: LIMIT + 1].tolist() + words[BUCKETS:].tolist()


def wear(tree: MapleTree, number: int) -> None:
    """Split leaves, and so wear the table that names them, until another is to be made."""
    for key in range(ROOMY + number * 1000, ROOMY + number * 1000 + 200):
        if is_making(tree):
            return
        tree.store(key, key, 7)
    raise AssertionError("the table does not wear out")


def renew(tree: MapleTree, number: int) -> None:
    """Wear the table out, and have the other one opened."""
    made = tables_made(tree)
    wear(tree, number)
    for key in range(ROOMY + number * 1000 + 500, ROOMY + number * 1000 + 700):
        if tables_made(tree) > made:
            return
        tree.store(key, key, 7)
    raise AssertionError("no other table is opened")


def pin(arena: Arena, reader: int) -> None:
    """Let a slot announce that it reads from now on."""
    arena.words[announce_of(reader)] = int(arena.words[EPOCH_GLOBAL]) * 2 + 1


def test_a_table_is_not_written_while_somebody_may_read_it() -> None:
    """There are two: while one waits for its reader, the other is open, however worn it is."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(WIDE)
    with arena.seated() as reader:
        first = table_of(tree)
        pin(arena, reader)
        renew(tree, 1)
        second = table_of(tree)
        assert second not in (0, first)
        before = content(tree, first)
        wear(tree, 2)
        for number in range(3, 9):
            assert not readers_leave(arena)
            for key in range(ROOMY + number * 1000, ROOMY + number * 1000 + 50):
                tree.store(key, key, 7)
                assert tree.load(key) == 7
            assert table_of(tree) == second
            assert content(tree, first) == before
        arena.words[announce_of(reader)] = 0
        let_make(tree, ROOMY, ROOMY, 7)
    assert table_of(tree) == first
    assert content(tree, first) != before
    assert tree.check() is None


def test_a_reader_that_came_later_holds_nothing_up() -> None:
    """It cannot have seen the table that was retired before it came."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(WIDE)
    first = table_of(tree)
    renew(tree, 1)
    assert readers_leave(arena)
    with arena.seated() as reader:
        pin(arena, reader)
        renew(tree, 2)
        assert table_of(tree) == first
        arena.words[announce_of(reader)] = 0


def test_a_reader_of_a_closed_tree_is_waited_for() -> None:
    """Whoever has its block next does not write the table that the reader may be in."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(adjacent(1000))
    tree.erase(5000)  # from now on there is the path of a writer
    assert has_shortcut(tree)
    table, block = table_of(tree), tree._block
    before = content(tree, table)
    with arena.seated() as reader:
        pin(arena, reader)
        tree.close()
        following = MapleTree(arena=arena)
        assert following._block == block
        shorten(following, below=1)
        for _ in range(4):
            following.build(apart(1000))
            assert list(following.items()) == apart(1000)
            assert all(following.load(first) == value for first, _, value in apart(1000))
            assert table_of(following) != table
            assert content(following, table) == before
            following.clear()
        arena.words[announce_of(reader)] = 0


def pages_there(arena: Arena, word: int, words: int) -> int:
    """Return how many pages of the arena's memory from a word on exist."""
    libc = ctypes.CDLL(None, use_errno=True)
    first = arena.words[word:].ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
    found = (ctypes.c_ubyte * (words * 8 // mmap.PAGESIZE))()
    assert libc.mincore(ctypes.c_void_p(first), ctypes.c_size_t(words * 8), found) == 0
    return sum(page & 1 for page in found)


def test_trees_that_are_not_tall_take_no_memory_for_tables() -> None:
    """The pages are not there before a table is made."""
    arena = Arena(32 << 20)
    tables = SHORTCUTS, 2 * 20 * SHORTCUT_WORDS
    for tree in [MapleTree(arena=arena) for _ in range(20)]:
        tree.build(apart(100))
        tree.clear()
        tree.store(0, 9, 1)
    assert pages_there(arena, *tables) == 0
    tree.clear()
    shorten(tree, below=1)
    tree.build(WIDE)
    assert has_shortcut(tree)
    assert pages_there(arena, *tables) > 0


def test_a_table_is_not_made_again_at_once() -> None:
    """As many writes pass as it costs to make one; then each fills some buckets of it."""
    tree = MapleTree(arena=Arena(32 << 20))
    shorten(tree, below=1)
    tree.arena.words[tree._block + TREE_SHORTCUT_WAIT] = SHORTCUT_WAIT
    tree.build(WIDE)
    made, first = tables_made(tree), table_of(tree)
    wear(tree, 1)
    passed, filling, filled = 0, 0, 0
    while tables_made(tree) == made:
        assert table_of(tree) == first
        assert 0 <= filled_buckets(tree) - filled <= 2 * STEP
        filled = filled_buckets(tree)
        filling += filled > 0
        tree.store(ROOMY + passed, ROOMY + passed, 7)
        tree.erase(ROOMY + passed)
        passed += 1
        assert tree.check() is None
    assert SHORTCUT_WAIT // 4 - 4 <= passed - filling <= SHORTCUT_WAIT
    assert filling > 1
    assert not is_making(tree)


def test_a_table_that_was_worn_while_it_was_made_is_replaced_too() -> None:
    """Also if from then on no write concerns it: entries leave their leaf, and come back."""
    tree = MapleTree(arena=Arena(32 << 20))
    shorten(tree, below=2)
    tree.build(adjacent(20_000, 100_000))
    made, gone = tables_made(tree), 0
    while tables_made(tree) == made:
        tree.store(gone + 50_000, gone + 2_950_000, None)
        assert readers_leave(tree.arena)
        gone += 3_000_000
    words, table = tree.arena.words, table_of(tree)
    assert words[table + WORN] > words[table + LIMIT] // 8
    let_make(tree, gone + 600_000, gone + 699_999, 7)
    assert tables_made(tree) == made + 2
    assert words[table_of(tree) + WORN] == 0
    assert tree.check() is None
