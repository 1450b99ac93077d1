"""The table of a shortcut: how its buckets are laid, filled, and compared with the tree.

    table + 0   BASE    first key of bucket 0
    table + 1   SHIFT   keys of a bucket, as a power of two
    table + 2   LIMIT   buckets
    table + 8   DEPTH   of the nodes to be named; 0: the table is not in use
    table + 9   FILLED  buckets that are filled; all of them when it is opened
    table + 10  NODES   about how many nodes of that depth there are
    table + 11  NAMED   how many of them are named
    table + 12  NAMED_LAST  reference of the last one that was
    table + 13  WORN    sides that were led to nodes further up
    table + 16  ..      buckets, four words each: last key of the first side, the node of the
                        first side, that of the second

Readers look at the first three and at buckets. Everything here is called under the lock (W1), and
writes to tables that nobody reads: what may name a node, and when, is argued in shortcut.py.
"""

import numpy as np

from stressd_kernels.door import MODEL, kernel, kernel_inline, load_relaxed
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import (
    SHORTCUT_WORDS,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    TREE_SHORTCUT_BELOW,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.node import SLOT_FIRST, slot_high, slot_low
from stressd_kernels.refs import NODE_MASK

BASE = 0
SHIFT = 1
LIMIT = 2
DEPTH = 8
FILLED = 9
NODES = 10
NAMED = 11
NAMED_LAST = 12
WORN = 13
BUCKETS = 16
BUCKET_WORDS = 4
BUCKETS_MAX = (SHORTCUT_WORDS - BUCKETS) // BUCKET_WORDS
BUCKETS_MIN = 4 if MODEL else 64
BUCKETS_A_NODE = np.uint64(4)  # at most, and half of that at least
NODES_MAX = np.uint64(BUCKETS_MAX // 2)


@kernel
def middle_of(words, tree):
    """Return (depth, nodes): which nodes to name, and about how many they are; depth 0: none."""
    below = np.int64(words[tree + TREE_SHORTCUT_BELOW])
    depth = np.int64(words[tree + TREE_HEIGHT]) - below
    inners = words[tree + TREE_INNERS]
    nodes = words[tree + TREE_LEAVES]
    if depth < 1 or inners == U0:
        return 0, U0
    fan = (nodes + inners - U1) // inners  # every node but the root is in some slot
    for _ in range(below - 1):
        nodes = nodes // fan
    while nodes > NODES_MAX:
        nodes = nodes // fan
        depth -= 1
    return depth, nodes


@kernel
def node_over(words, tree, depth, first, last):
    """Return (reference, first and last key) of the deepest node that holds all of [first, last].

    depth  of the node at most
    """
    ref = load_relaxed(words, tree + TREE_ROOT)
    low = U0
    high = UMAX
    for _ in range(depth):
        node = np.int64(ref & NODE_MASK)
        place = lanes_below(words, node, first)
        end = slot_high(words, node, place, high)
        if end < last:
            break
        low = slot_low(words, node, place, low)
        high = end
        ref = load_relaxed(words, node + SLOT_FIRST + place)
    return ref, low, high


@kernel
def buckets_lay(words, tree, table):
    """Choose which keys the buckets cover: from the named nodes, and one of them further out.

    The first node begins at 0 and the last one ends at 2**64 - 1, wherever their entries are.
    """
    depth = np.int64(words[table + DEPTH])
    nodes = words[table + NODES]
    _, _, begin = node_over(words, tree, depth, U0, U0)
    _, end, _ = node_over(words, tree, depth, UMAX, UMAX)
    width = (end - begin) // max(nodes, U1)
    base = begin - min(begin, width)
    span = end - base + min(UMAX - end, width)
    most = min(max(nodes * BUCKETS_A_NODE, np.uint64(BUCKETS_MIN)), np.uint64(BUCKETS_MAX))
    shift = U0
    while (span >> shift) > most:
        shift += U1
    words[table + BASE] = base
    words[table + SHIFT] = shift
    words[table + LIMIT] = span >> shift  # what is left over at the end begins at the root


@kernel
def buckets_fill(words, tree, table, most):
    """Name in the next `most` buckets what their keys belong to, and count the nodes.

    Where that is more than two nodes, both sides name the one that holds them all.
    """
    depth = np.int64(words[table + DEPTH])
    size = (U1 << words[table + SHIFT]) - U1
    filled = words[table + FILLED]
    stop = filled + min(most, words[table + LIMIT] - filled)
    first = words[table + BASE] + (filled << words[table + SHIFT])
    ref, _, high = node_over(words, tree, depth, first, first)
    for bucket in range(np.int64(filled), np.int64(stop)):
        last = first + size
        if high < first:
            ref, _, high = node_over(words, tree, depth, first, first)
        following, end, border = ref, high, UMAX
        if high < last:
            border = high
            following, _, end = node_over(words, tree, depth, high + U1, high + U1)
        if end < last:
            over, _, _ = node_over(words, tree, depth, first, last)
            bucket_name(words, table, bucket, UMAX, (over, over))
        else:
            bucket_name(words, table, bucket, border, (ref, following))
            words[table + NAMED] += np.uint64(ref != words[table + NAMED_LAST])
            words[table + NAMED] += np.uint64(following != ref)
            words[table + NAMED_LAST] = following
        ref, high = following, end
        first = last + U1
    words[table + FILLED] = stop


@kernel_inline
def bucket_name(words, table, bucket, border, refs):
    """Write one bucket: the last key of its first side, and the nodes of both."""
    at = table + BUCKETS + BUCKET_WORDS * bucket
    words[at] = border
    words[at + 1], words[at + 2] = refs


@kernel
def buckets_hold(words, tree, table):
    """Say whether each side that is filled names a node of the tree that holds its keys."""
    depth = np.int64(words[table + DEPTH])
    if depth == 0:
        return True
    size = (U1 << words[table + SHIFT]) - U1
    first = words[table + BASE]
    for bucket in range(np.int64(words[table + FILLED])):
        at = table + BUCKETS + BUCKET_WORDS * bucket
        last = first + size
        border = min(words[at], last)
        if not leads_to(words, tree, depth, (first, border), words[at + 1]):
            return False
        if border < last and not leads_to(words, tree, depth, (border + U1, last), words[at + 2]):
            return False
        first = last + U1
    return True


@kernel
def leads_to(words, tree, depth, keys, named):
    """Say whether `named` is a node at `depth` at most that holds all of `keys`."""
    first, last = keys
    ref = load_relaxed(words, tree + TREE_ROOT)
    high = UMAX
    for _ in range(depth):
        node = np.int64(ref & NODE_MASK)
        place = lanes_below(words, node, first)
        high = slot_high(words, node, place, high)
        if ref == named or high < last:
            break
        ref = load_relaxed(words, node + SLOT_FIRST + place)
    return ref == named
