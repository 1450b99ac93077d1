"""The shortcut of a tall tree: a table that leads from a key past the upper levels.

The key, less BASE and shifted right, is the number of a bucket. A bucket names the nodes of one
depth that its keys belong to, one or two, with the last key of the first; or the root, if they
are more. So a look-up goes to the node three levels above the entries with two reads, where the
way from the root takes two reads and a search at each level: among 1e6 entries it saves three of
six. How well that works depends on the keys: where they lie in few buckets most of these name
the root, and no such table is opened (shortcut_make).

    table + 0  BASE   first key of bucket 0           table + 2  LIMIT  buckets
    table + 1  SHIFT  keys of a bucket, as a power    table + 16 ..     buckets, four words each:
                      of two                          last key of the first node, the two references

Why a look-up that begins here is as strict as one that begins at the root. While TREE_SHORTCUT
names a table, every node in it is linked: that word is cleared *before* a node at that depth or
above is replaced (P1), and set again only after the table follows. So a reader that reads it finds
in a bucket a node that was linked at that moment, or, if the table was corrected meanwhile, one
that was linked later: each lies inside its operation. A node that replaces one at that depth has
the span of the other, so the keys between buckets and nodes never change in place; a write that
changes spans, and each that replaces a node further up, gives the table up.

A table that was given up is written again only when its readers have left (protocol E), also those
of a tree that was closed since, and so each tree has two. If a reader holds the epoch that long,
the tree has no shortcut meanwhile.

Ordering                                           pairs with   and forbids
    D1  release, opening a table                   D3           a bucket before its content
    D2  release, correcting a bucket               D4           a node before its content
    D3  acquire, reading which table is open       D1           a bucket before its content
    D4  acquire, reading a bucket's reference      D2           a node before its content

That TREE_SHORTCUT is cleared before a node is published needs no label: the store is relaxed, and
P1 and P2, which come after it, are releases. All but the buckets' references is written while
nobody can read it.

Source: the first stage of a RadixSpline (Kipf et al., aiDM 2020), with nodes instead of spline
points; what it may name, and when, is argued here.
"""

import numpy as np

from stressd_kernels.door import (
    MODEL,
    kernel,
    kernel_inline,
    load_acquire,
    load_ref,
    load_relaxed,
    store_relaxed,
    store_release,
)
from stressd_kernels.epoch import epoch_expired, epoch_stamp
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import (
    SHORTCUT_WORDS,
    SHORTCUTS,
    TREE_HEIGHT,
    TREE_ID,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    TREE_SHORTCUT,
    TREE_SHORTCUT_BELOW,
    TREE_SHORTCUT_DEPTH,
    TREE_SHORTCUT_DUE,
    TREE_SHORTCUT_LAST,
    TREE_SHORTCUT_MADE,
    TREE_SHORTCUT_STAMPS,
    TREE_SHORTCUT_WAIT,
    TREE_VERSION,
    U0,
    U1,
    U2,
    UMAX,
)
from stressd_kernels.maple.node import SLOT_FIRST, slot_high, slot_low
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_LOW
from stressd_kernels.refs import NO_REF, NODE_MASK

BASE = 0
SHIFT = 1
LIMIT = 2
NAMED = 3  # nodes that buckets name, for who makes the table
BUCKETS = 16
BUCKET_WORDS = 4
BUCKETS_MAX = (SHORTCUT_WORDS - BUCKETS) // BUCKET_WORDS
BUCKETS_MIN = 4 if MODEL else 64
BUCKETS_A_NODE = np.uint64(4)  # at most, and half of that at least
DEPTH_MIN = U2  # of the nodes: one level less is not worth the table's own two reads
NODES_MAX = np.uint64(BUCKETS_MAX // 2)
NO_TABLE = np.uint64(0)


@kernel_inline
def shortcut_to(words, tree, key):
    """Return the reference of a node that the look-up of `key` may begin with, as load_ref.

    words   uint64[::1]; tree: word index of its block; the caller is pinned, or holds the lock
    return  NO_REF where none is known: begin at the root
    """
    table = np.int64(load_acquire(words, tree + TREE_SHORTCUT, "D3"))  # pairs with D1
    if table == 0:
        return NO_REF
    bucket = (key - words[table + BASE]) >> words[table + SHIFT]  # a key below BASE: too large
    if bucket >= words[table + LIMIT]:
        return NO_REF
    at = table + BUCKETS + BUCKET_WORDS * np.int64(bucket)
    side = np.int64(key > words[at])
    return load_ref(words, at + 1 + side, "D4")  # pairs with D2 (shortcut_correct)


# -- for writers: the caller holds the lock (W1) ---------------------------------------------


@kernel_inline
def shortcut_meets(words, tree, depth):
    """Say whether the table must know of a node that is replaced at `depth`."""
    return np.uint64(depth) <= words[tree + TREE_SHORTCUT_DEPTH]


@kernel
def shortcut_close(words, tree):
    """Send look-ups to the root, before a node is replaced that the table may name."""
    store_relaxed(words, tree + TREE_SHORTCUT, NO_TABLE)


@kernel
def shortcut_follow(words, tree, slot, depth, ref):
    """After `ref` was published at `depth` of the left path: correct the table, or give it up."""
    if depth > 0 and np.uint64(depth) == words[tree + TREE_SHORTCUT_DEPTH]:
        table = table_of(words, tree)
        shortcut_correct(words, table, slot + LEFT + depth, ref)
        store_release(words, tree + TREE_SHORTCUT, np.uint64(table), "D1")  # pairs with D3
        return
    if words[tree + TREE_SHORTCUT_DEPTH] != U0:
        last = np.int64(words[tree + TREE_SHORTCUT_LAST])
        words[tree + TREE_SHORTCUT_STAMPS + last] = epoch_stamp(words)
        words[tree + TREE_SHORTCUT_DEPTH] = U0
    shortcut_postpone(words, tree)


@kernel
def shortcut_postpone(words, tree):
    """Let some writes pass before the next table is made: as many as it costs to make one."""
    wait = words[tree + TREE_SHORTCUT_WAIT] + (words[tree + TREE_LEAVES] >> np.uint64(8))
    version = load_relaxed(words, tree + TREE_VERSION)
    tall = words[tree + TREE_HEIGHT] >= words[tree + TREE_SHORTCUT_BELOW] + DEPTH_MIN
    words[tree + TREE_SHORTCUT_DUE] = version + wait if tall else UMAX


@kernel
def shortcut_hasten(words, tree):
    """Let the next table be made at once, if there is to be one: the tree was just built."""
    if words[tree + TREE_SHORTCUT_DUE] != UMAX:
        words[tree + TREE_SHORTCUT_DUE] = U0


@kernel_inline
def table_of(words, tree):
    """Return the word index of the table that was begun last."""
    number = U2 * words[tree + TREE_ID] + words[tree + TREE_SHORTCUT_LAST]
    return SHORTCUTS + np.int64(number) * SHORTCUT_WORDS


@kernel
def shortcut_correct(words, table, path, ref):
    """Name `ref` wherever the table names the node on a path; both have the same span.

    path  word index of the path's node at that depth
    """
    low = words[path + PATH_LOW]
    high = words[path + PATH_HIGH]
    base = words[table + BASE]
    if high < base:
        return
    first = (max(low, base) - base) >> words[table + SHIFT]
    last = min((high - base) >> words[table + SHIFT], words[table + LIMIT] - U1)
    for bucket in range(np.int64(first), np.int64(last) + 1):
        at = table + BUCKETS + BUCKET_WORDS * bucket
        for side in (1, 2):
            if load_relaxed(words, at + side) & NODE_MASK == words[path]:
                store_release(words, at + side, ref, "D2")  # pairs with D4 (shortcut_to)


# -- making one ------------------------------------------------------------------------------


@kernel
def shortcut_make(words, tree):
    """Make a table for the tree as it is, and open it if it is of use.

    The caller holds the lock. It takes 1 us at 1e5 entries and 16 at 1e6: some nanoseconds for each
    bucket, and one descent for each node that is named.
    """
    words[tree + TREE_SHORTCUT_DUE] = UMAX
    depth, nodes = middle_of(words, tree)
    if depth < 1 or words[tree + TREE_SHORTCUT_DEPTH] != U0:
        return
    other = U1 - words[tree + TREE_SHORTCUT_LAST]
    stamp = words[tree + TREE_SHORTCUT_STAMPS + np.int64(other)]
    if stamp != U0 and not epoch_expired(words, stamp):
        shortcut_postpone(words, tree)
        return
    words[tree + TREE_SHORTCUT_LAST] = other
    table = table_of(words, tree)
    buckets_lay(words, tree, table, depth, nodes)
    buckets_fill(words, tree, table, depth)
    if words[table + NAMED] << U1 >= nodes and words[table + LIMIT] > U0:
        words[tree + TREE_SHORTCUT_MADE] += U1
        words[tree + TREE_SHORTCUT_DEPTH] = np.uint64(depth)
        store_release(words, tree + TREE_SHORTCUT, np.uint64(table), "D1")  # pairs with D3
    else:  # so are its keys: it is asked again when half as many writes as leaves have passed
        words[tree + TREE_SHORTCUT_DUE] = (
            load_relaxed(words, tree + TREE_VERSION) + words[tree + TREE_LEAVES]
        )


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
def node_at(words, tree, depth, key):
    """Return (reference, first and last key) of the node at `depth` that holds `key`."""
    ref = load_relaxed(words, tree + TREE_ROOT)
    low = U0
    high = UMAX
    for _ in range(depth):
        node = np.int64(ref & NODE_MASK)
        place = lanes_below(words, node, key)
        low = slot_low(words, node, place, low)
        high = slot_high(words, node, place, high)
        ref = load_relaxed(words, node + SLOT_FIRST + place)
    return ref, low, high


@kernel
def buckets_lay(words, tree, table, depth, nodes):
    """Choose which keys the buckets cover: from the middle nodes, and one of them further out.

    The first node begins at 0 and the last one ends at 2**64 - 1, wherever their entries are.
    """
    _, _, begin = node_at(words, tree, depth, U0)
    _, end, _ = node_at(words, tree, depth, UMAX)
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
def buckets_fill(words, tree, table, depth):
    """Name in each bucket what its keys belong to, and count the nodes.

    Where that is more than two nodes it is the root, which is linked as long as the table is open.
    """
    root = load_relaxed(words, tree + TREE_ROOT)
    size = (U1 << words[table + SHIFT]) - U1
    first = words[table + BASE]
    ref, _, high = node_at(words, tree, depth, first)
    named = NO_REF
    words[table + NAMED] = U0
    for bucket in range(np.int64(words[table + LIMIT])):
        last = first + size
        if high < first:
            ref, _, high = node_at(words, tree, depth, first)
        following, end, pivot = ref, high, UMAX
        if high < last:
            pivot = high
            following, _, end = node_at(words, tree, depth, high + U1)
        if end < last:
            bucket_name(words, table, bucket, UMAX, (root, root))
        else:
            bucket_name(words, table, bucket, pivot, (ref, following))
            words[table + NAMED] += np.uint64(ref != named) + np.uint64(following != ref)
            named = following
        ref, high = following, end
        first = last + U1


@kernel_inline
def bucket_name(words, table, bucket, pivot, refs):
    """Write one bucket: the last key of its first node, and the references of both."""
    at = table + BUCKETS + BUCKET_WORDS * bucket
    words[at] = pivot
    words[at + 1], words[at + 2] = refs


@kernel
def shortcut_holds(words, tree):
    """Say whether each bucket of an open table leads where the tree does."""
    depth = np.int64(words[tree + TREE_SHORTCUT_DEPTH])
    if load_relaxed(words, tree + TREE_SHORTCUT) == NO_TABLE:
        return depth == 0
    table = table_of(words, tree)
    size = (U1 << words[table + SHIFT]) - U1
    first = words[table + BASE]
    for bucket in range(np.int64(words[table + LIMIT])):
        at = table + BUCKETS + BUCKET_WORDS * bucket
        last = first + size
        root = load_relaxed(words, tree + TREE_ROOT)
        if words[at + 1] != root or words[at + 2] != root:
            ref, _, high = node_at(words, tree, depth, first)
            following, _, end = node_at(words, tree, depth, last)
            if words[at] == UMAX:
                following = ref if high >= last else NO_REF
            elif words[at] != high or end < last:
                return False
            if words[at + 1] != ref or words[at + 2] != following:
                return False
        first = last + U1
    return True
