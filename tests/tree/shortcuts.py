"""The shortcut of a tree at rest, read word by word; and trees made to have one that are small.

A tree of fewer than five levels has none by itself: `shorten` lets the table name nodes nearer to
the entries, and lets another be made as soon as it is worn, if the readers of the last have left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stressd_kernels import Arena, MapleTree
from stressd_kernels.door import borrowed, driver, entry_call
from stressd_kernels.epoch import GRACE_EPOCHS, epoch_pin, epoch_try_advance, epoch_unpin
from stressd_kernels.layout import (
    SHORTCUT_WORDS,
    SHORTCUTS,
    TREE_ID,
    TREE_SHORTCUT,
    TREE_SHORTCUT_BELOW,
    TREE_SHORTCUT_DUE,
    TREE_SHORTCUT_LAST,
    TREE_SHORTCUT_MADE,
    TREE_SHORTCUT_WAIT,
    U0,
    UMAX,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.maple.buckets import (
    BASE,
    BUCKET_WORDS,
    BUCKETS,
    BUCKETS_MAX,
    DEPTH,
    FILLED,
    LIMIT,
    SHIFT,
    WORN,
)
from stressd_kernels.verbs import Verb

Keys = npt.NDArray[np.uint64]


class Bucket(NamedTuple):
    """Which keys it is for, the last key of its first node, both references, where it is."""

    first: int
    last: int
    pivot: int
    refs: tuple[int, int]
    at: int  # word index


def shorten(tree: MapleTree, below: int) -> None:
    """Have the table of a tree name nodes `below` levels above the entries (1: leaves).

    It is made from the next write on, and so is another whenever it was retired or is worn.
    """
    words, block = tree.arena.words, tree._block
    words[block + TREE_SHORTCUT_DUE] = 0
    words[block + TREE_SHORTCUT_BELOW] = below
    words[block + TREE_SHORTCUT_WAIT] = 0


def table_of(tree: MapleTree) -> int:
    """Return the word index of the open table, or 0."""
    return int(tree.arena.words[tree._block + TREE_SHORTCUT])


def has_shortcut(tree: MapleTree) -> bool:
    """Tell whether look-ups begin with a table."""
    return table_of(tree) != 0


def depth_of(tree: MapleTree) -> int:
    """Return the depth of the nodes that the table names, or 0."""
    table = table_of(tree)
    return int(tree.arena.words[table + DEPTH]) if table else 0


def tables_made(tree: MapleTree) -> int:
    """Return how many tables the tree has opened."""
    return int(tree.arena.words[tree._block + TREE_SHORTCUT_MADE])


def wear_of(tree: MapleTree) -> int:
    """Return how many sides of the open table were led further up, and what stands for others."""
    table = table_of(tree)
    return int(tree.arena.words[table + WORN]) if table else 0


def is_making(tree: MapleTree) -> bool:
    """Tell whether another table is being made, or waits for its turn."""
    return int(tree.arena.words[tree._block + TREE_SHORTCUT_DUE]) != UMAX


def spare_of(tree: MapleTree) -> int:
    """Return the word index of the table that is not open, or was not last."""
    words = tree.arena.words
    last = int(words[tree._block + TREE_SHORTCUT_LAST])
    number = 2 * int(words[tree._block + TREE_ID]) + 1 - last
    return SHORTCUTS + number * SHORTCUT_WORDS


def filled_buckets(tree: MapleTree) -> int:
    """Return how many buckets of a table that is not open yet are filled."""
    words, spare = tree.arena.words, spare_of(tree)
    return int(words[spare + FILLED]) if words[spare + DEPTH] else 0


def let_make(tree: MapleTree, first: int, last: int, value: int) -> None:
    """Erase and store an entry until no table is to be made any more; all readers have left."""
    for _ in range(BUCKETS_MAX):
        if not is_making(tree):
            return
        assert readers_leave(tree.arena)
        tree.erase(first)
        tree.store(first, last, value)
    raise AssertionError("the table is never finished")


def buckets(tree: MapleTree) -> list[Bucket]:
    """Return the buckets of the open table, from left to right."""
    words, table = tree.arena.words, table_of(tree)
    assert table, "there is no table"
    base, shift, limit = (int(words[table + word]) for word in (BASE, SHIFT, LIMIT))
    found = []
    for number in range(limit):
        at = table + BUCKETS + BUCKET_WORDS * number
        pivot, *refs = (int(word) for word in words[at : at + 3])
        first = base + (number << shift)
        found.append(Bucket(first, first + (1 << shift) - 1, pivot, (refs[0], refs[1]), at))
    return found


@driver
def _advance(words):  # type: ignore[no-untyped-def]
    """Advance the epoch by one unless somebody is pinned before it."""
    return epoch_try_advance(borrowed(words))


def readers_leave(arena: Arena) -> bool:
    """Let so many epochs pass that whatever was given up may be used again; False: one stays."""
    return all(bool(_advance(arena.words)) for _ in range(int(GRACE_EPOCHS)))


@driver
def _load_each(words, tree, slot, address, keys, values):  # type: ignore[no-untyped-def]
    """Set values[i] to what LOAD answers at keys[i]; both uint64[:] of one length."""
    words = borrowed(words)
    for place in range(len(keys)):
        epoch_pin(words, slot)
        values[place] = entry_call(words, address, tree, slot, keys[place], U0, U0, U0, U0)
        epoch_unpin(words, slot)


def load_each(tree: MapleTree, keys: Keys) -> Keys:
    """Return the value at each key, 0 for none: one look-up after the other, no batch."""
    values = np.empty(len(keys), np.uint64)
    address = np.uint64(STRUCTURE.entries[Verb.LOAD].address)
    with tree.arena.seated() as slot:
        _load_each(tree.arena.words, tree._block, slot, address, keys, values)
    return values
