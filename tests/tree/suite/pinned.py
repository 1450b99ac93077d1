"""A reader that stays pinned between its questions, as a read-side critical section does."""

from __future__ import annotations

from typing import Any

import numpy as np

from stressd_kernels import Arena, MapleTree
from stressd_kernels.door import borrowed, driver, entry_call
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, RESULT_VALUE
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.maple.search import leaf_of
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.tree.keys import MAX, Entry


@driver
def pin(words, slot):
    """Begin to hold what is found from now on."""
    epoch_pin(borrowed(words), slot)


@driver
def unpin(words, slot):
    """Hold nothing any more."""
    epoch_unpin(borrowed(words), slot)


@driver
def ask(words, address, tree, slot, a, b):
    """Ask one of the entries for reading; the caller is pinned."""
    zero = np.uint64(0)
    return entry_call(borrowed(words), address, tree, slot, a, b, zero, zero, zero)


@driver
def leaf_at(words, tree, key):
    """Return the word index of the leaf that holds `key`; the caller is pinned."""
    return leaf_of(borrowed(words), tree, key)[0]


class Pinned:
    """`with Pinned(arena, tree) as reader`: one pin, as many questions as one likes."""

    def __init__(self, arena: Arena, tree: MapleTree) -> None:
        self.arena, self.tree = arena, tree
        self.slot = arena.seat()

    def __enter__(self) -> Pinned:
        pin(self.arena.words, self.slot)
        return self

    def __exit__(self, *_: object) -> None:
        unpin(self.arena.words, self.slot)
        self.arena.leave(self.slot)

    def load(self, key: int) -> int | None:
        """Return the value at `key`."""
        return int(self._ask(Verb.LOAD, key)) or None

    def find(self, key: int) -> Entry | None:
        """Return the first entry that ends at or after `key`."""
        return self._entry(Verb.FIND, key)

    def next(self, key: int) -> Entry | None:
        """Return the entry after the one at `key`."""
        return self._entry(Verb.NEXT, key)

    def prev(self, key: int) -> Entry | None:
        """Return the entry before the one at `key`."""
        return self._entry(Verb.PREV, key)

    def leaf_words(self, key: int) -> list[int]:
        """Return the words of the leaf that holds `key` now."""
        at = int(leaf_at(self.arena.words, self.tree._block, np.uint64(key)))
        return self.words_at(at)

    def leaf_index(self, key: int) -> int:
        """Return where the leaf that holds `key` is now."""
        return int(leaf_at(self.arena.words, self.tree._block, np.uint64(key)))

    def words_at(self, index: int) -> list[int]:
        """Return the words of the leaf that is, or was, at a word index."""
        words: list[int] = self.arena.words[index : index + 32].tolist()
        return words

    def _entry(self, verb: Verb, key: int) -> Entry | None:
        if self._ask(verb, key) != Status.OK:
            return None
        first, last, value = self.arena.words[
            self.slot + RESULT_FIRST : self.slot + RESULT_VALUE + 1
        ].tolist()
        return first, last, value

    def _ask(self, verb: Verb, key: int) -> Any:
        address = np.uint64(STRUCTURE.entries[verb].address)
        block = self.tree._block
        return ask(self.arena.words, address, block, self.slot, np.uint64(key), np.uint64(MAX))
