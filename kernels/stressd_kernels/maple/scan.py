"""Scans: all entries of a range in ascending order, many at a time.

A scan stays at the node above the leaves: it copies one leaf after another and begins to fetch
the one AHEAD of it. That node may be unlinked meanwhile. Its children were in the tree at that
instant, which lies inside the scan, and by L1 it names them for as long as the caller is pinned
(E1), so each leaf was part of the tree at some instant of the scan. The spans of leaves do not
overlap, so even entries of different instants come in order. Reserved entries (ZERO) are passed
over.

    S1, S2  as in maple/search.py

Progress: wait-free; each leaf that meets the range is visited once.
"""

import numpy as np

from stressd_kernels.checks import is_freed
from stressd_kernels.door import (
    CHECKING,
    kernel,
    kernel_inline,
    load_acquire,
    load_relaxed,
    lowest_bit,
    prefetch,
)
from stressd_kernels.lanes import lanes_below, lanes_rows, lanes_zero
from stressd_kernels.layout import TREE_ROOT, U0, U1, U2, UMAX
from stressd_kernels.maple.node import (
    ALL_SLOTS,
    HEIGHT_MAX,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
    ZERO,
    is_last,
    slot_high,
    slot_low,
)
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK
from stressd_kernels.signs import COMPRESSES

AHEAD = 3  # leaves between the one that is copied and the one that is fetched


@kernel
def tree_scan(words, tree, first, last, limit, output):
    """Write up to `limit` entries that meet [first, last] to words[output..], ascending.

    output  word index of the caller's buffer: first, last, value of each entry in turn
    return  the number of entries; fewer than `limit` means that the range is exhausted

    Each entry was in the tree at some instant of the scan, and nothing that was there all the
    time is missed; the scan as a whole is not one instant. Last keys ascend strictly; an entry
    that was stored meanwhile may begin before the previous one's end.
    """
    count = 0
    key = first
    while count < limit:
        ref, low, high = branch_of(words, tree, key)
        if ref == NO_REF:
            return count
        node, room, at = np.int64(ref & NODE_MASK), limit - count, output + 3 * count
        if ref & LEAF_BIT != U0:
            count += scan_leaf(words, node, (low, high), (key, last), room, at)
        else:
            count += scan_branch(words, node, (low, high), (key, last), room, at)
        if is_last(high) or high >= last:
            return count
        key = high + U1
    return count


@kernel
def branch_of(words, tree, key):
    """Return (reference, low, high) of the node above the leaf that holds `key`.

    A root that is a leaf is returned itself; NO_REF if there is none, or a freed node was met.
    """
    ref = load_acquire(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
    low = U0
    high = UMAX
    for _ in range(HEIGHT_MAX):
        if ref == NO_REF or (CHECKING and is_freed(words, ref)):
            break
        node = np.int64(ref & NODE_MASK)
        prefetch(words, node + SLOT_FIRST)
        prefetch(words, node + SLOT_FIRST + 8)
        slot = lanes_below(words, node, key)
        child = load_acquire(words, node + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        if (ref | child) & LEAF_BIT != U0:
            return ref, low, high
        low = slot_low(words, node, slot, low)
        high = slot_high(words, node, slot, high)
        ref = child
    return NO_REF, low, high


@kernel
def scan_branch(words, node, span, window, room, output):
    """Write up to `room` entries of the leaves below `node` to words[output..]; return how many.

    span    first and last key of the node; window: of what is asked for
    """
    low, high = span
    first, last = window
    end = lanes_below(words, node, min(last, high))
    written = 0
    for place in range(lanes_below(words, node, first), end + 1):
        ref = load_acquire(words, node + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
        if written == room or (CHECKING and is_freed(words, ref)):
            break
        if place + AHEAD <= end:
            node_prefetch(words, load_relaxed(words, node + SLOT_FIRST + place + AHEAD))
        inside = slot_low(words, node, place, low), slot_high(words, node, place, high)
        leaf, at = np.int64(ref & NODE_MASK), output + 3 * written
        written += scan_leaf(words, leaf, inside, window, room - written, at)
    return written


@kernel_inline
def node_prefetch(words, ref):
    """Begin to fetch the pivots and the slots of a node."""
    node = np.int64(ref & NODE_MASK)
    prefetch(words, node)
    prefetch(words, node + 8)
    prefetch(words, node + SLOT_FIRST)
    prefetch(words, node + SLOT_FIRST + 8)


@kernel
def scan_leaf(words, leaf, span, window, room, output):
    """Write up to `room` entries of a leaf to words[output..]; return how many.

    Only the last slot in use may have no pivot to say that it ends at `high` (N1). If it is
    written at all it is so last: that end alone is looked at twice.
    """
    low, high = span
    first, last = window
    if COMPRESSES and first <= low and high <= last and room >= SLOTS:
        return lanes_rows(words, leaf, low, high, output)
    taken = ~lanes_zero(words, leaf + SLOT_FIRST) & ALL_SLOTS
    if first > low:
        begin = np.uint64(lanes_below(words, leaf, first))
        taken = (taken >> begin) << begin
    if last < high:
        taken &= (U2 << np.uint64(lanes_below(words, leaf, last))) - U1
    at = output
    end = output + 3 * room
    final = 0
    while taken != U0 and at != end:
        slot = lowest_bit(taken)
        taken &= taken - U1
        value = load_acquire(words, leaf + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        words[at] = slot_low(words, leaf, slot, low)
        words[at + 1] = words[leaf + PIVOT_FIRST + slot]
        words[at + 2] = value
        if value != ZERO:
            at += 3
            final = slot
    if at != output:
        words[at - 2] = slot_high(words, leaf, final, high)
    return (at - output) // 3
