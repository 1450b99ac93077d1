"""Entries that give wrong answers on purpose, to stand where a structure's own would."""

from __future__ import annotations

from typing import Any

import numpy as np

from stressd_kernels.door import Entry as Entry
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    RESULT_VERSION,
    TREE_VERSION,
    U0,
    U1,
    U2,
    UMAX,
)
from stressd_kernels.mm.layout import ANSWER, MM_LIST_FIRST, MM_TREE
from stressd_kernels.mm.words import ENOMEM
from stressd_kernels.records import LIST_NEXT, VMA_END, VMA_START
from stressd_kernels.status import POISON, TRAP, ZERO, Status

POISON_WORD = np.uint64(POISON)
TRAP_WORD = np.uint64(TRAP)
ZERO_WORD = np.uint64(ZERO)
VALUE = np.uint64(1)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
RETRY = np.uint64(Status.RETRY)
ARENA_FULL = np.uint64(Status.ARENA_FULL)
BACKLOG = np.uint64(Status.BACKLOG)


@kernel
def put(words: Any, at: Any, first: Any, last: Any) -> None:
    """Write an entry."""
    store_relaxed(words, at, first)
    store_relaxed(words, at + 1, last)
    store_relaxed(words, at + 2, VALUE)


@kernel
def gap_at(words: Any, tree: Any, slot: Any, start: Any) -> Any:
    """Answer OK with `start`, as right at the present version."""
    store_relaxed(words, slot + RESULT_FIRST, start)
    store_relaxed(words, slot + RESULT_LAST, start)
    store_relaxed(words, slot + RESULT_TRIES, U0)
    store_relaxed(words, slot + RESULT_VERSION, load_relaxed(words, tree + TREE_VERSION))
    return U0


@entry
def answers_poison(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """LOAD: what stands in a freed leaf."""
    return POISON_WORD


@entry
def answers_zero(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """LOAD: what stands in a reserved place, and should read as nothing."""
    return ZERO_WORD


@entry
def answers_trap(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """LOAD: what a descent into a freed node answers."""
    return TRAP_WORD


@entry
def answers_nothing(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """LOAD: there is no value. SCAN: there is no entry."""
    return U0


@entry
def finds_nothing(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """FIND: there is no entry."""
    return NOT_FOUND


@entry
def scans_backwards(base, tree, slot, first, last, limit, output, e):  # type: ignore[no-untyped-def]
    """SCAN: the window's last key, then its first."""
    words = words_at(base)
    put(words, np.int64(output), last, last)
    put(words, np.int64(output) + 3, first, first)
    return U2


@entry
def scans_elsewhere(base, tree, slot, first, last, limit, output, e):  # type: ignore[no-untyped-def]
    """SCAN: one key beside the window."""
    key = first - U1 if first > U0 else last + U1
    put(words_at(base), np.int64(output), key, key)
    return U1


@entry
def scans_overlapping(base, tree, slot, first, last, limit, output, e):  # type: ignore[no-untyped-def]
    """SCAN: two entries that overlap and ascend, as a scan may see while the tree changes."""
    words = words_at(base)
    put(words, np.int64(output), first, last)
    put(words, np.int64(output) + 3, first, last + U1)
    return U2


@entry
def scans_too_much(base, tree, slot, first, last, limit, output, e):  # type: ignore[no-untyped-def]
    """SCAN: says that there are more entries than were asked for."""
    return limit + U1


@entry
def finds_elsewhere(base, tree, slot, first, last, c, d, e):  # type: ignore[no-untyped-def]
    """FIND: the key behind the window, or before it."""
    key = last + U1 if last < UMAX else first - U1
    put(words_at(base), slot + RESULT_FIRST, key, key)
    return U0


@entry
def gap_below(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: the first aligned start below the window."""
    start = low + ((offset - low) & mask) - mask - U1
    return gap_at(words_at(base), tree, slot, start)


@entry
def gap_beyond(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: ends one key behind the window."""
    return gap_at(words_at(base), tree, slot, high - size + U2)


@entry
def gap_misaligned(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: at the beginning of the window, one key off the alignment."""
    return gap_at(words_at(base), tree, slot, low + ((offset - low) & mask) + U1)


@entry
def gap_anywhere(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: at the beginning of the window and aligned, free or not."""
    return gap_at(words_at(base), tree, slot, low + ((offset - low) & mask))


@entry
def gap_of_another_state(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: as gap_anywhere, but right at a version that has passed."""
    words = words_at(base)
    status = gap_at(words, tree, slot, low + ((offset - low) & mask))
    store_relaxed(words, slot + RESULT_VERSION, U0)
    return status


@entry
def gap_overtaken(base, tree, slot, low, high, size, mask, offset):  # type: ignore[no-untyped-def]
    """GAP: three tries were overtaken."""
    store_relaxed(words_at(base), slot + RESULT_TRIES, np.uint64(3))
    return RETRY


@entry
def none(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Any verb: nothing there."""
    store_relaxed(words_at(base), slot + RESULT_TRIES, U0)
    return NOT_FOUND


@entry
def full(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """A write: no node could be had."""
    return ARENA_FULL


@entry
def behind(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """A write: too much waits for readers."""
    return BACKLOG


# -- calls of an address space, by its block ---------------------------------------------------


@entry
def answers_first_vma(base, mm, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """FIND_VMA and its kin: the first VMA of all."""
    words = words_at(base)
    first = np.int64(words[mm + MM_LIST_FIRST])
    words[slot + ANSWER] = words[first] | np.uint64(first)
    return U0


@entry
def counts_one_page(base, mm, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """COUNT_PAGES: one."""
    words_at(base)[slot + ANSWER] = U1
    return U0


@entry
def counts_too_many(base, mm, slot, start, end, c, d, e):  # type: ignore[no-untyped-def]
    """COUNT_PAGES: one more than the range has."""
    words_at(base)[slot + ANSWER] = ((end - start) >> np.uint64(12)) + U1
    return U0


@entry
def looks_right_below(base, mm, slot, length, low, high, mask, offset):  # type: ignore[no-untyped-def]
    """LOOK: right below the first VMA that has so much room below it, guard gap or not."""
    words = words_at(base)
    end = U0
    vma = np.int64(words[mm + MM_LIST_FIRST])
    while vma != 0:
        begin = words[vma + VMA_START] - length
        begin -= (begin - offset) & mask
        if words[vma + VMA_START] >= end + length + mask and begin >= max(low, end):
            tree = np.int64(words[mm + MM_TREE])
            return gap_at(words, tree, slot, begin) if begin + length <= high else ENOMEM
        end = words[vma + VMA_END]
        vma = np.int64(words[vma + LIST_NEXT])
    return ENOMEM
