"""Many look-ups at once, and the whole tree at one instant: drivers of the Python library.

A batch keeps WIDTH searches in flight. All of them take one step down before any takes the
next, and each step begins to fetch what the following one will read, so that the cache misses
of sixteen searches overlap instead of queueing.

    S1, S2  as in maple/search.py
"""

import numpy as np

from stressd_kernels.checks import is_freed
from stressd_kernels.door import CHECKING, borrowed, driver, kernel, load_acquire, prefetch
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import TREE_COUNT, TREE_LOCK, TREE_ROOT, U0, UMAX
from stressd_kernels.lock import OK, lock_give, lock_take
from stressd_kernels.maple.node import HEIGHT_MAX, NULL, SLOT_FIRST, SLOTS, ZERO
from stressd_kernels.maple.search import TRAP, leaf_of, tree_load
from stressd_kernels.refs import LEAF_BIT, NODE_MASK, REF_BIT

WIDTH = 16
PIN_OPS = 64  # look-ups under one pin


@driver
def load_batch(words, tree, slot, keys, values):
    """Set values[i] to the value word at keys[i]; both uint64[:] of one length."""
    words = borrowed(words)
    for begin in range(0, len(keys), PIN_OPS):
        epoch_pin(words, slot)
        end = min(begin + PIN_OPS, len(keys))
        at = begin
        while at + WIDTH <= end:
            load_wide(words, tree, slot, keys[at : at + WIDTH], values[at : at + WIDTH])
            at += WIDTH
        while at < end:
            values[at] = tree_load(words, tree, keys[at])
            at += 1
        epoch_unpin(words, slot)


@kernel
def load_wide(words, tree, slot, keys, values):
    """Look up WIDTH keys level by level; the caller is pinned (E1).

    The first search to arrive at a leaf does not wait for the others: its reference becomes
    its value, which has bit 63 clear (ZERO reads as NULL), and later rounds pass it over.
    """
    root = load_acquire(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
    for lane in range(WIDTH):
        values[lane] = root
    busy = root & REF_BIT != U0
    rounds = 0
    while busy and rounds < HEIGHT_MAX:
        busy = False
        rounds += 1
        for lane in range(WIDTH):
            ref = values[lane]
            if ref & REF_BIT == U0:
                continue
            node = np.int64(ref & NODE_MASK)
            place = lanes_below(words, node, keys[lane])
            found = load_acquire(words, node + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
            if CHECKING and is_freed(words, ref):
                values[lane] = TRAP
                return
            if ref & LEAF_BIT != U0 and found == ZERO:
                found = NULL
            values[lane] = found
            if ref & LEAF_BIT == U0:
                busy = True
                child = np.int64(found & NODE_MASK)
                prefetch(words, child)
                prefetch(words, child + 8)
                prefetch(words, child + SLOT_FIRST)
                prefetch(words, child + SLOT_FIRST + 8)


@driver
def snapshot(words, tree, slot, rows):
    """Copy all entries of one instant to rows, uint64[:, 3]; return how many there are.

    If there are more than rows has room for, nothing is copied; -1 if the lock, which this
    takes, is BROKEN or the run is stopping.
    """
    words = borrowed(words)
    if lock_take(words, tree + TREE_LOCK) != OK:
        return -1
    count = np.int64(words[tree + TREE_COUNT])
    if count <= len(rows):
        entries_copy(words, tree, rows)
    lock_give(words, tree + TREE_LOCK)
    return count


@kernel
def entries_copy(words, tree, rows):
    """Copy all entries in order; the lock is held and rows has room."""
    key = U0
    at = 0
    while True:
        leaf, low, high = leaf_of(words, tree, key)
        if leaf == 0:
            return
        first = low
        for place in range(lanes_below(words, leaf, high) + 1):
            last = high if place == SLOTS - 1 else min(words[leaf + 1 + place], high)
            value = load_acquire(words, leaf + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
            if value != NULL:
                rows[at, 0] = first
                rows[at, 1] = last
                rows[at, 2] = value
                at += 1
            first = last + np.uint64(1)
        if high == UMAX:
            return
        key = high + np.uint64(1)
