"""The shortcut of a tall tree: a table that leads from a key past the upper levels.

The key, less BASE and shifted right, is the number of a bucket. A bucket has two sides, with the
last key of the first, and each side names a node that holds all its keys. So a look-up goes to the
node three levels above the entries with two reads, where the way from the root takes two reads and
a search at each level: among 1e6 entries it saves three of six. How well that works depends on the
keys: where they lie in few buckets most of these name a node further up, and no such table is
opened (table_end). Its words are told in buckets.py.

Why a look-up that begins here is as strict as one that begins at the root. While TREE_SHORTCUT
names a table, every node in it is linked: that word is cleared *before* a node at the depth it
names or above is replaced (P1), and set again only after the table follows. So a reader that
reads it finds in a bucket a node that was linked at that moment or, if the table was corrected
meanwhile, at the moment of that correction. A table that was replaced or retired meanwhile is
corrected no more, and names what it named then. Each of these moments lies inside the reader's
operation.

What replaces a node has the span of that node, whatever changed below it. So to follow is to name
the new node on each side that lies in its span: one at the named depth is named instead of the old
one; one further up, below which spans changed, holds the side's keys as well, and look-ups have
some levels more to go. Borders between sides never change in place. A table that is worn by that,
or outgrown, is replaced by another, which is made while it is open, a few buckets after each write;
both follow meanwhile. A new root retires both.

A table that was retired is written again only when its readers have left (protocol E), also those
of a tree that was closed since, and so each tree has two. If a reader holds the epoch that long,
the one that is open goes on.

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
from stressd_kernels.layout import (
    SHORTCUT_WORDS,
    SHORTCUTS,
    TREE_HEIGHT,
    TREE_ID,
    TREE_LEAVES,
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
from stressd_kernels.maple.buckets import (
    BASE,
    BUCKET_WORDS,
    BUCKETS,
    DEPTH,
    FILLED,
    LIMIT,
    NAMED,
    NAMED_LAST,
    NODES,
    SHIFT,
    WORN,
    buckets_fill,
    buckets_hold,
    buckets_lay,
    middle_of,
)
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_LOW
from stressd_kernels.refs import NO_REF, NODE_MASK

STEP = U1 if MODEL else np.uint64(32)  # buckets that are filled after one write
DEPTH_MIN = U2  # of the nodes: one level less is not worth the table's own two reads
OUTGROWN = np.uint64(8)  # what a change beyond the buckets wears, in sides: those of a node
WORN_SHIFT = np.uint64(3)  # replaced when as many sides were led up as a sixteenth of all
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
    return load_ref(words, at + 1 + side, "D4")  # pairs with D2 (table_correct)


# -- for writers: the caller holds the lock (W1) ---------------------------------------------


@kernel_inline
def shortcut_concerns(words, tree, depth):
    """Say whether a table must know of a node that is replaced at `depth`."""
    return np.uint64(depth) <= words[tree + TREE_SHORTCUT_DEPTH]


@kernel
def shortcut_close(words, tree):
    """Send look-ups to the root, before a node is replaced that the table may name."""
    store_relaxed(words, tree + TREE_SHORTCUT, NO_TABLE)


@kernel
def shortcut_follow(words, tree, slot, depth, ref):
    """After `ref` was published at `depth` of the left path: correct the tables, open the one."""
    if depth == 0:
        shortcut_retire(words, tree)
        return
    path = slot + LEFT + depth
    for number in (0, 1):
        table_correct(words, table_at(words, tree, number), path, np.uint64(depth), ref)
    table = table_opened(words, tree)
    if words[table + DEPTH] == U0:
        return
    store_release(words, tree + TREE_SHORTCUT, np.uint64(table), "D1")  # pairs with D3
    shortcut_renew(words, tree)


@kernel
def shortcut_renew(words, tree):
    """Have another table made if the open one is worn, and none is yet."""
    table = table_opened(words, tree)
    worn = words[table + WORN] > words[table + LIMIT] >> WORN_SHIFT
    if worn and words[tree + TREE_SHORTCUT_DUE] == UMAX:
        shortcut_postpone(words, tree)


@kernel
def shortcut_retire(words, tree):
    """Do without: the root was replaced, and TREE_SHORTCUT is cleared.

    A tree that has no table touches none: their pages are not there before they are needed.
    """
    if words[tree + TREE_SHORTCUT_DEPTH] != U0:
        opened_retire(words, tree)
        words[table_spare(words, tree) + DEPTH] = U0  # nobody has seen it
        words[tree + TREE_SHORTCUT_DEPTH] = U0
    shortcut_postpone(words, tree)


@kernel
def opened_retire(words, tree):
    """Retire the table that was opened last, if it is in use: no reader finds it from now on."""
    table = table_opened(words, tree)
    if words[table + DEPTH] != U0:
        last = np.int64(words[tree + TREE_SHORTCUT_LAST])
        words[tree + TREE_SHORTCUT_STAMPS + last] = epoch_stamp(words)
        words[table + DEPTH] = U0


@kernel
def shortcut_postpone(words, tree):
    """Let some writes pass before the next table is made: the more, the more leaves there are."""
    wait = words[tree + TREE_SHORTCUT_WAIT] + (words[tree + TREE_LEAVES] >> np.uint64(8))
    version = load_relaxed(words, tree + TREE_VERSION)
    tall = words[tree + TREE_HEIGHT] >= words[tree + TREE_SHORTCUT_BELOW] + DEPTH_MIN
    words[tree + TREE_SHORTCUT_DUE] = version + wait if tall else UMAX


@kernel_inline
def table_at(words, tree, number):
    """Return the word index of one of the tree's two tables."""
    pair = U2 * words[tree + TREE_ID]
    return SHORTCUTS + np.int64(pair + np.uint64(number)) * SHORTCUT_WORDS


@kernel_inline
def table_opened(words, tree):
    """Return the word index of the table that was opened last."""
    return table_at(words, tree, words[tree + TREE_SHORTCUT_LAST])


@kernel_inline
def table_spare(words, tree):
    """Return the word index of the other one, which is being made or at rest."""
    return table_at(words, tree, U1 - words[tree + TREE_SHORTCUT_LAST])


@kernel
def table_correct(words, table, path, depth, ref):
    """Name `ref` on each side that lies in the span of the node on a path, at `depth`.

    path  word index of the path's node at that depth
    """
    if depth > words[table + DEPTH]:
        return
    low, high = words[path + PATH_LOW], words[path + PATH_HIGH]
    base, shift = words[table + BASE], words[table + SHIFT]
    size = U1 << shift
    worn = U0
    if low < base or (high - base) >> shift >= words[table + LIMIT]:
        worn = OUTGROWN
    end = words[table + FILLED] if high >= base else U0
    if end > U0:  # the number of a bucket may be 2**64 - 1: add to the lesser
        end = min((high - base) >> shift, end - U1) + U1
    bucket = (max(low, base) - base) >> shift
    while bucket < end:
        at = table + BUCKETS + BUCKET_WORDS * np.int64(bucket)
        first = base + (bucket << shift)
        last = first + (size - U1)
        border = min(words[at], last)
        if low <= first and border <= high:
            worn += side_correct(words, at + 1, words[path], ref)
        if low <= border + U1 and last <= high and border < last:
            worn += side_correct(words, at + 2, words[path], ref)
        bucket += U1
    if depth < words[table + DEPTH]:
        words[table + WORN] += worn


@kernel_inline
def side_correct(words, at, node, ref):
    """Name `ref` at words[at]; return 1 if another node than the one it replaces was named."""
    before = load_relaxed(words, at)
    store_release(words, at, ref, "D2")  # pairs with D4 (shortcut_to)
    return np.uint64(before & NODE_MASK != node)


# -- making one ------------------------------------------------------------------------------


@kernel
def shortcut_make(words, tree, most):
    """Make a table for the tree as it is, `most` buckets of it; open it when they are all filled.

    The caller holds the lock. It takes 1 us at 1e5 entries and 16 at 1e6, all steps together: some
    nanoseconds for each bucket, and one descent for each node that is named.
    """
    table = table_spare(words, tree)
    if words[table + DEPTH] == U0 and not table_begin(words, tree, table):
        return
    buckets_fill(words, tree, table, most)
    filled = words[table + FILLED] == words[table + LIMIT]
    words[tree + TREE_SHORTCUT_DUE] = UMAX if filled else U0
    if filled:
        table_end(words, tree, table)


@kernel
def table_begin(words, tree, table):
    """Lay an empty table out for the tree as it is; say whether it is of any use to go on."""
    words[tree + TREE_SHORTCUT_DUE] = UMAX
    depth, nodes = middle_of(words, tree)
    if depth < 1:
        return False
    spare = np.int64(U1 - words[tree + TREE_SHORTCUT_LAST])
    stamp = words[tree + TREE_SHORTCUT_STAMPS + spare]
    if stamp != U0 and not epoch_expired(words, stamp):
        shortcut_postpone(words, tree)
        return False
    words[table + DEPTH] = np.uint64(depth)
    words[table + NODES] = nodes
    for word in (FILLED, NAMED, NAMED_LAST, WORN):
        words[table + word] = U0
    depth_settle(words, tree)
    buckets_lay(words, tree, table)
    return True


@kernel
def table_end(words, tree, table):
    """Open a table that is filled, instead of the one before, if it names half of the nodes."""
    useful = words[table + NAMED] << U1 >= words[table + NODES] and words[table + LIMIT] > U0
    if useful:
        store_release(words, tree + TREE_SHORTCUT, np.uint64(table), "D1")  # pairs with D3
        opened_retire(words, tree)
        words[tree + TREE_SHORTCUT_LAST] = U1 - words[tree + TREE_SHORTCUT_LAST]
        words[tree + TREE_SHORTCUT_MADE] += U1
        shortcut_renew(words, tree)  # it may have been worn while it was made
    else:  # so are its keys: it is asked again when half as many writes as leaves have passed
        words[table + DEPTH] = U0
        words[tree + TREE_SHORTCUT_DUE] = (
            load_relaxed(words, tree + TREE_VERSION) + words[tree + TREE_LEAVES]
        )
    depth_settle(words, tree)


@kernel
def depth_settle(words, tree):
    """Note down to which depth some table must know of replaced nodes."""
    words[tree + TREE_SHORTCUT_DEPTH] = max(
        words[table_opened(words, tree) + DEPTH], words[table_spare(words, tree) + DEPTH]
    )


# -- looking at one --------------------------------------------------------------------------


@kernel
def shortcut_holds(words, tree):
    """Say whether both tables lead where the tree does, and the right one is open."""
    opened, spare = table_opened(words, tree), table_spare(words, tree)
    depths = words[opened + DEPTH], words[spare + DEPTH]
    open_now = np.int64(load_relaxed(words, tree + TREE_SHORTCUT))
    if open_now != (0 if depths[0] == U0 else opened):
        return False
    if words[tree + TREE_SHORTCUT_DEPTH] != max(depths[0], depths[1]):
        return False
    if depths[0] != U0 and words[opened + FILLED] != words[opened + LIMIT]:
        return False
    return buckets_hold(words, tree, opened) and buckets_hold(words, tree, spare)
