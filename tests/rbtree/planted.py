"""An rb-tree driven from Python, with the VMAs that a test plants in it.

Records are laid out by hand in the pool of an arena of their own; nothing else uses it.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from stressd_kernels import Arena
from stressd_kernels.door import borrowed, driver
from stressd_kernels.layout import LEAF_WORDS, POOL, RESULT_FIRST, RESULT_LAST
from stressd_kernels.rbtree import check, erase, gaps, insert, links, unmapped
from stressd_kernels.rbtree.guard import gap_between
from stressd_kernels.records import (
    RB_OWN,
    VMA_END,
    VMA_FLAGS,
    VMA_START,
)

ROOT_AT = 600  # a word of the header that nothing uses
INSERT, ERASE, REPLACE, CHANGED, CHECK = range(5)
FIND, FIRST, LAST, NEXT, PREV = range(5, 10)
DOWN, UP = 10, 11


@driver
def write(words, what, a, b, slot):  # type: ignore[no-untyped-def]
    """Change the tree, or check it."""
    words = borrowed(words)
    if what == INSERT:
        insert.rb_insert(words, ROOT_AT, a)
    elif what == ERASE:
        erase.rb_erase(words, ROOT_AT, a)
    elif what == REPLACE:
        erase.rb_replace(words, ROOT_AT, a, b)
    elif what == CHANGED:
        gaps.rb_gap_changed(words, a)
    return check.rb_check(words, ROOT_AT, slot) if what == CHECK else np.uint64(0)


@driver
def ask(words, what, a):  # type: ignore[no-untyped-def]
    """Look something up; a: an address or a record."""
    words = borrowed(words)
    root = np.int64(words[ROOT_AT])
    if what == FIND:
        return links.rb_find(words, root, a)
    if what == FIRST:
        return links.rb_first(words, root)
    if what == LAST:
        return links.rb_last(words, root)
    return links.rb_next(words, np.int64(a)) if what == NEXT else links.rb_prev(words, np.int64(a))


@driver
def place(words, what, window, length, align):  # type: ignore[no-untyped-def]
    """Search for a place."""
    words = borrowed(words)
    root = np.int64(words[ROOT_AT])
    if what == DOWN:
        return unmapped.rb_unmapped_down(words, root, window, length, align)
    return unmapped.rb_unmapped_up(words, root, window, length, align)


@driver
def own(words, below, vma):  # type: ignore[no-untyped-def]
    """Return what RB_OWN of a VMA should be."""
    return gap_between(borrowed(words), below, vma)


class Planted:
    """A tree of [start, end) with flags, and beside it the same as a sorted list."""

    def __init__(self) -> None:
        self.arena = Arena(4 << 20)
        self.words = self.arena.words
        self.slot = self.arena.seat()
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.words[ROOT_AT] = 0
        self.order: list[tuple[int, int]] = []  # (start, record), ascending
        self.free = [POOL + number * LEAF_WORDS for number in range(8000)]

    @property
    def records(self) -> list[int]:
        """The records in order."""
        return [record for _, record in self.order]

    def record(self, start: int, end: int, flags: int = 0) -> int:
        """Return a record that is in no tree."""
        record = self.free.pop()
        self.words[record : record + LEAF_WORDS] = 0
        self.words[record + VMA_START] = start
        self.words[record + VMA_END] = end
        self.words[record + VMA_FLAGS] = flags
        return record

    def neighbours(self, start: int) -> tuple[int, int]:
        """Return the record before the one at `start`, and the first after it; 0: none."""
        records = self.records
        at = bisect_left(self.order, (start, 0))
        after = at + 1 if at < len(records) and self.order[at][0] == start else at
        below = records[at - 1] if at else 0
        return below, records[after] if after < len(records) else 0

    def set_own(self, below: int, record: int) -> None:
        """Write RB_OWN of a record."""
        if record:
            self.words[record + RB_OWN] = own(self.words, below, record)

    def changed(self, below: int, record: int) -> None:
        """Write RB_OWN of a record in the tree."""
        if record:
            self.set_own(below, record)
            write(self.words, CHANGED, record, 0, self.slot)

    def insert(self, start: int, end: int, flags: int = 0) -> int:
        """Add a VMA, as whoever keeps the tree does."""
        record = self.record(start, end, flags)
        below, above = self.neighbours(start)
        self.set_own(below, record)
        write(self.words, INSERT, record, 0, self.slot)
        self.changed(record, above)
        insort(self.order, (start, record))
        return record

    def erase(self, record: int) -> None:
        """Take a VMA out."""
        start = int(self.words[record + VMA_START])
        below, above = self.neighbours(start)
        write(self.words, ERASE, record, 0, self.slot)
        self.words[record : record + LEAF_WORDS] = 0xBAD
        self.changed(below, above)
        self.order.remove((start, record))
        self.free.append(record)

    def resize(self, record: int, start: int, end: int) -> int:
        """Give a VMA another range that keeps the order: a new record in its place."""
        words, before = self.words, int(self.words[record + VMA_START])
        below, above = self.neighbours(before)
        fresh = self.record(start, end, int(words[record + VMA_FLAGS]))
        self.set_own(below, fresh)
        write(words, REPLACE, record, fresh, self.slot)
        words[record : record + LEAF_WORDS] = 0xBAD
        self.changed(fresh, above)
        self.order[self.order.index((before, record))] = (start, fresh)
        self.free.append(record)
        return fresh

    def check(self) -> check.Broken:
        """Return the first broken invariant; RESULT_* have been compared."""
        broken = check.Broken(int(write(self.words, CHECK, 0, 0, self.slot)))
        if not broken:
            assert int(self.words[self.slot + RESULT_FIRST]) == len(self.order)
        return broken

    @property
    def at_fault(self) -> int:
        """The record that the last check named."""
        return int(self.words[self.slot + RESULT_LAST])

    def ask(self, what: int, a: int = 0) -> int:
        """Look up a record."""
        return int(ask(self.words, what, np.uint64(a)))

    def unmapped(
        self, what: int, window: tuple[int, int], length: int, align: tuple[int, int] = (0, 0)
    ) -> int | None:
        """Search for a place; None: there is none."""
        pairs = (tuple(map(np.uint64, pair)) for pair in (window, align))
        low_high, mask_offset = pairs
        found = int(place(self.words, what, low_high, np.uint64(length), mask_offset))
        return None if found == int(unmapped.NOWHERE) else found
