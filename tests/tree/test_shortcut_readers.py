"""A table that was given up is written again only when nobody can read it any more."""

from __future__ import annotations

import itertools

from stressd_kernels import Arena, MapleTree
from stressd_kernels.epoch import announce_of
from stressd_kernels.layout import (
    EPOCH_GLOBAL,
    SHORTCUT_WAIT,
    SHORTCUT_WORDS,
    TREE_SHORTCUT_WAIT,
)
from tests.tree.pair import adjacent, apart
from tests.tree.shortcuts import (
    has_shortcut,
    readers_leave,
    shorten,
    table_of,
    tables_made,
)


def content(tree: MapleTree, table: int) -> list[int]:
    """Return the words of a table, open or not."""
    return tree.arena.words[table : table + SHORTCUT_WORDS].tolist()


def give_up(tree: MapleTree, number: int) -> None:
    """Split a leaf, and so have the table that names it given up."""
    made = tables_made(tree)
    for key in itertools.count(number * 1000):
        if tables_made(tree) > made or not has_shortcut(tree):
            return
        tree.store(key, key, 7)


def pin(arena: Arena, reader: int) -> None:
    """Let a slot announce that it reads from now on."""
    arena.words[announce_of(reader)] = int(arena.words[EPOCH_GLOBAL]) * 2 + 1


def test_a_table_is_not_written_while_somebody_may_read_it() -> None:
    """There are two: while one waits for a reader, the other is made; then there is none."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(adjacent(1000, 1000))
    with arena.seated() as reader:
        first = table_of(tree)
        pin(arena, reader)
        give_up(tree, 1)
        second = table_of(tree)
        assert second not in (0, first)
        before = content(tree, first)
        give_up(tree, 2)
        for number in range(3, 9):
            assert not readers_leave(arena)
            assert not has_shortcut(tree)
            tree.store(number * 1000, number * 1000, 7)
            assert tree.load(number * 1000) == 7
            assert content(tree, first) == before
        arena.words[announce_of(reader)] = 0
        assert readers_leave(arena)
        tree.store(9000, 9000, 7)
    assert table_of(tree) == first
    assert content(tree, first) != before
    assert tree.check() is None


def test_a_reader_that_came_later_holds_nothing_up() -> None:
    """It cannot have seen the table that was given up before it came."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(adjacent(1000, 1000))
    first = table_of(tree)
    give_up(tree, 1)
    assert readers_leave(arena)
    with arena.seated() as reader:
        pin(arena, reader)
        give_up(tree, 2)
        assert table_of(tree) == first
        arena.words[announce_of(reader)] = 0


def test_a_reader_of_a_closed_tree_is_waited_for() -> None:
    """Whoever has its block next does not write the table that the reader may be in."""
    arena = Arena(32 << 20)
    tree = MapleTree(arena=arena)
    shorten(tree, below=1)
    tree.build(adjacent(1000))
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


def test_a_table_is_not_made_again_at_once() -> None:
    """As many writes pass as it costs to make one: a tree whose tables do not last has none."""
    tree = MapleTree(arena=Arena(32 << 20))
    shorten(tree, below=1)
    tree.arena.words[tree._block + TREE_SHORTCUT_WAIT] = SHORTCUT_WAIT
    tree.build(adjacent(1000, 1000))
    give_up(tree, 1)
    passed = 0
    while not has_shortcut(tree):
        tree.store(500_000 + passed, 500_000 + passed, 7)
        tree.erase(500_000 + passed)
        passed += 1
    assert SHORTCUT_WAIT // 4 - 4 <= passed <= SHORTCUT_WAIT
