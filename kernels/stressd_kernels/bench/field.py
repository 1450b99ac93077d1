"""The ground a benchmark stands on: an arena of its own, one tree, and the entries to put in.

Each section of a benchmark gets a fresh one, so that no figure depends on how the nodes of an
earlier section were left behind: scattered nodes make iteration three times as slow.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from stressd_kernels.bench import shape, workload, writes
from stressd_kernels.layout import (
    INNER_WORDS,
    LEAF_WORDS,
    LINE_WORDS,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_SHORTCUT,
    WORD_BYTES,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.maple.buckets import BUCKET_WORDS, BUCKETS, LIMIT
from stressd_kernels.maple.node import SLOTS
from stressd_kernels.memory import Arena
from stressd_kernels.status import KEY_MAX, Status
from stressd_kernels.verbs import Verb

VERBS = (Verb.STORE, Verb.ERASE, Verb.CLEAR, Verb.CHECK)
NODE_BYTES_PER_ENTRY = 128  # twice what the emptiest tree needs: the old copies wait in limbo
SPARE_BYTES = 512 << 20  # of address space: a reader that lost its core holds whole seconds back


class Field:
    """An arena with one tree for `entries` entries, empty at first, and a seat to work from.

    entries  1 .. 2**32 - 1
    pages    uint8, the length of each entry
    """

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.arena = Arena(NODE_BYTES_PER_ENTRY * entries + SPARE_BYTES)
        self.words = self.arena.words
        self.tree = self.arena.open_tree()
        self.arena.offer(self.tree, STRUCTURE, STRUCTURE.with_helpers(VERBS))
        self.slot = self.arena.seat()
        self.pages: npt.NDArray[np.uint8] = np.zeros(entries, np.uint8)
        workload.pages_draw(self.pages)

    @property
    def place(self) -> tuple[Any, int, int]:
        """The first three arguments of most drivers."""
        return self.words, self.tree, self.slot

    def state(self, seed: int, asked: int = 0) -> npt.NDArray[np.uint64]:
        """Return the state of a loop that has not begun.

        It has two cache lines to itself: loops of other threads write theirs all the time.
        """
        room = np.zeros(2 * LINE_WORDS, np.uint64)
        begin = -(room.ctypes.data // WORD_BYTES) % LINE_WORDS
        state = room[begin : begin + workload.STATE_WORDS]
        state[workload.DRAW_STATE] = seed
        state[workload.DRAW_ENTRIES] = self.entries
        state[workload.ASKED] = asked
        return state

    def source_of(self, rows: npt.NDArray[np.uint64]) -> np.uint64:
        """Return the word index of `rows` from the arena, modulo 2**64."""
        return np.uint64(((rows.ctypes.data - self.words.ctypes.data) // WORD_BYTES) & KEY_MAX)

    def fill(self) -> None:
        """Store every entry in ascending order."""
        _done("store", writes.store_ascending(*self.place, self.pages))

    def clear(self) -> None:
        """Empty the tree and give all its nodes back."""
        _done("clear", writes.clear_all(*self.place))
        if not self.arena.drain():
            raise RuntimeError("a reader is still pinned")

    def bytes_per_entry(self) -> float:
        """Return the memory of the live nodes, and of the shortcut, for each entry."""
        leaves = int(self.words[self.tree + TREE_LEAVES]) * LEAF_WORDS
        inners = int(self.words[self.tree + TREE_INNERS]) * INNER_WORDS
        table = int(self.words[self.tree + TREE_SHORTCUT])
        buckets = int(self.words[table + LIMIT]) * BUCKET_WORDS + BUCKETS if table else 0
        return (leaves + inners + buckets) * WORD_BYTES / self.entries

    @property
    def height(self) -> int:
        """Levels of nodes."""
        return int(self.words[self.tree + TREE_HEIGHT])

    def slots_used(self) -> tuple[float, float]:
        """Return how many of the 16 slots of a leaf, and of an inner node, are in use on average.

        Every node but the root takes one slot of an inner node, so those need not be counted.
        """
        used = np.zeros(SLOTS + 1, np.uint64)
        shape.leaves_by_fill(*self.place, used)
        leaves = int(self.words[self.tree + TREE_LEAVES])
        inners = int(self.words[self.tree + TREE_INNERS])
        mean = float(used @ np.arange(SLOTS + 1, dtype=np.uint64)) / leaves
        return mean, (leaves + inners - 1) / inners if inners else 0.0

    def is_whole(self) -> bool:
        """Say whether the tree has all its entries and holds its invariants."""
        count = int(self.words[self.tree + TREE_COUNT])
        return count == self.entries and int(writes.check_all(*self.place)) == 0


def _done(what: str, status: int) -> None:
    if status != Status.OK:
        raise RuntimeError(f"{what} answered {Status(status).name}")
