"""The structural check: every invariant of node.py, walked leaf by leaf under the lock.

`check_from` looks at some leaves from a key on, so that the lock is held for a bounded time,
and names the first broken invariant. A walk that starts at key 0 and reaches the end in one
piece also compares the tree's counts with what it saw.
"""

from enum import IntEnum

import numpy as np

from stressd_kernels.checks import is_stale
from stressd_kernels.door import bits_set, kernel, load_relaxed
from stressd_kernels.lanes import lanes_below, lanes_largest, lanes_null_gap, lanes_zero
from stressd_kernels.layout import (
    FLAG_GAPS,
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    TREE_COUNT,
    TREE_FLAGS,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.node import (
    ALL_SLOTS,
    FILL_MIN,
    GAP_FIRST,
    HEIGHT_MAX,
    NULL,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
    ZERO,
    slot_high,
    slot_low,
)
from stressd_kernels.maple.shortcut import shortcut_holds
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK, REF_BIT
from stressd_kernels.status import VALUE_MAX as VALUE_MAX_INT


class Invariant(IntEnum):
    """What a structural check can find broken; ALL_HOLD is 0."""

    ALL_HOLD = 0
    PIVOTS_ASCEND = 1  # N1: pivots ascend strictly inside the node's span
    UNUSED_CLEAN = 2  # N1: unused pivots are 2**64 - 1, unused slots and gaps 0
    NULLS_APART = 3  # N2: no two adjacent NULL slots
    LEAF_END = 4  # N2: a leaf that is not the right-most does not end with NULL
    FILL = 5  # N3: enough slots are used
    DEPTH = 6  # N4: all leaves equally deep, and as deep as the tree says
    ROOT = 7  # N4: an inner root has two children, a leaf root an entry
    GAP = 8  # N5: a gap word equals the longest NULL range below its slot
    REFERENCE = 9  # a slot of an inner node is a reference to a live node
    VALUE = 10  # a slot of a leaf is NULL, a value, or the ZERO entry
    COUNTS = 11  # entries, leaves and inner nodes are as many as the tree says
    UNKNOWN = 12  # not a walk's answer: the lock was not to be had (BROKEN, or stopping)
    SHORTCUT = 13  # a bucket of the shortcut leads where the tree does (shortcut.py)


ALL_HOLD = np.uint64(Invariant.ALL_HOLD)
PIVOTS_ASCEND = np.uint64(Invariant.PIVOTS_ASCEND)
UNUSED_CLEAN = np.uint64(Invariant.UNUSED_CLEAN)
NULLS_APART = np.uint64(Invariant.NULLS_APART)
LEAF_END = np.uint64(Invariant.LEAF_END)
FILL = np.uint64(Invariant.FILL)
DEPTH = np.uint64(Invariant.DEPTH)
ROOT = np.uint64(Invariant.ROOT)
GAP = np.uint64(Invariant.GAP)
REFERENCE = np.uint64(Invariant.REFERENCE)
VALUE = np.uint64(Invariant.VALUE)
COUNTS = np.uint64(Invariant.COUNTS)
SHORTCUT = np.uint64(Invariant.SHORTCUT)
VALUE_MAX = np.uint64(VALUE_MAX_INT)
GAPS = np.uint64(FLAG_GAPS)

# what the walk has seen, in the caller's slot block behind the results
SEEN_ENTRIES = RESULT_FIRST + 8
SEEN_LEAVES = RESULT_FIRST + 9
SEEN_INNERS = RESULT_FIRST + 10


@kernel
def check_from(words, tree, slot, key, most):
    """Check up to `most` leaves from `key` on; the caller holds the lock (W1).

    return  ALL_HOLD or an Invariant. RESULT_FIRST: the key to go on from (or of the trouble);
            RESULT_LAST: the node at fault; RESULT_VALUE: 1 when the end was reached
    """
    words[slot + SEEN_ENTRIES] = U0
    words[slot + SEEN_LEAVES] = U0
    words[slot + SEEN_INNERS] = U0
    words[slot + RESULT_VALUE] = U1
    complete = key == U0
    while words[slot + SEEN_LEAVES] < most and load_relaxed(words, tree + TREE_ROOT) != NO_REF:
        words[slot + RESULT_FIRST] = key
        broken = check_path(words, tree, slot, key)
        if broken != ALL_HOLD:
            return broken
        high = words[slot + RESULT_FIRST]
        if high == UMAX:
            return check_whole(words, tree, slot) if complete else ALL_HOLD
        key = high + U1
        words[slot + RESULT_FIRST] = key
        words[slot + RESULT_VALUE] = U0
    if load_relaxed(words, tree + TREE_ROOT) == NO_REF:
        return check_whole(words, tree, slot)
    return ALL_HOLD


@kernel
def check_whole(words, tree, slot):
    """Compare the counts of a complete walk with those of the tree, and look at its shortcut."""
    words[slot + RESULT_VALUE] = U1
    same = words[slot + SEEN_ENTRIES] == words[tree + TREE_COUNT]
    same = same and words[slot + SEEN_LEAVES] == words[tree + TREE_LEAVES]
    same = same and words[slot + SEEN_INNERS] == words[tree + TREE_INNERS]
    if not same:
        return COUNTS
    return ALL_HOLD if shortcut_holds(words, tree) else SHORTCUT


@kernel
def check_path(words, tree, slot, key):
    """Check the leaf that holds `key` and those nodes above it that begin there.

    RESULT_FIRST becomes the leaf's last key, or stays `key` if something is broken.
    """
    ref = load_relaxed(words, tree + TREE_ROOT)
    low = U0
    high = UMAX
    gap = U0
    for depth in range(HEIGHT_MAX):
        node = np.int64(ref & NODE_MASK)
        words[slot + RESULT_LAST] = np.uint64(node)
        if ref & REF_BIT == U0 or is_stale(words, ref):
            return REFERENCE
        leaf = ref & LEAF_BIT != U0
        if leaf or low == key:
            broken = check_node(words, node, low, high, depth * 2 + leaf)
            if broken != ALL_HOLD:
                return broken
            tracked = depth > 0 and words[tree + TREE_FLAGS] & GAPS == GAPS
            if tracked and gap != longest_gap(words, node, low, high, leaf):
                return GAP
            if not leaf:
                words[slot + SEEN_INNERS] += U1
        if leaf:
            words[slot + SEEN_LEAVES] += U1
            used = ~lanes_zero(words, node + SLOT_FIRST) & ALL_SLOTS
            words[slot + SEEN_ENTRIES] += np.uint64(bits_set(used))
            words[slot + RESULT_FIRST] = high
            return ALL_HOLD if words[tree + TREE_HEIGHT] == np.uint64(depth + 1) else DEPTH
        place = lanes_below(words, node, key)
        low = slot_low(words, node, place, low)
        high = slot_high(words, node, place, high)
        gap = words[node + GAP_FIRST + place]
        ref = load_relaxed(words, node + SLOT_FIRST + place)
    return DEPTH


@kernel
def longest_gap(words, node, low, high, leaf):
    """Return the longest NULL range of a node, from its slots or from its gap words."""
    if leaf:
        return lanes_null_gap(words, node, low, high)
    return lanes_largest(words, node + GAP_FIRST)


@kernel
def check_node(words, node, low, high, level):
    """Check one node that spans [low, high]; level: depth * 2 + 1 for a leaf, + 0 otherwise."""
    leaf = level & 1 == 1
    used = lanes_below(words, node, high) + 1
    before = low
    for place in range(used - 1):
        pivot = words[node + PIVOT_FIRST + place]
        if pivot < before or pivot >= high:
            return PIVOTS_ASCEND
        before = pivot + U1
    for place in range(used - 1, SLOTS - 1):
        pivot = words[node + PIVOT_FIRST + place]
        if pivot != UMAX and (pivot != high or place > used - 1):
            return UNUSED_CLEAN
    for place in range(used, SLOTS):
        if words[node + SLOT_FIRST + place] != NULL:
            return UNUSED_CLEAN
    if level >= 2 and used < FILL_MIN and high != UMAX:
        return FILL
    if level < 2 and used < 2 and (not leaf or words[node + SLOT_FIRST] == NULL):
        return ROOT
    return check_leaf(words, node, used, high) if leaf else check_inner(words, node, used)


@kernel
def check_leaf(words, node, used, high):
    """Check the values of a leaf with `used` slots that ends at `high`."""
    before = UMAX
    for place in range(used):
        value = words[node + SLOT_FIRST + place]
        if value > VALUE_MAX and value != ZERO:
            return VALUE
        if value == NULL and before == NULL:
            return NULLS_APART
        before = value
    if before == NULL and high != UMAX:
        return LEAF_END
    return ALL_HOLD


@kernel
def check_inner(words, node, used):
    """Check that the used slots of an inner node are references, and the others have no gap."""
    for place in range(used):
        if load_relaxed(words, node + SLOT_FIRST + place) & REF_BIT == U0:
            return REFERENCE
    for place in range(used, SLOTS):
        if words[node + GAP_FIRST + place] != U0:
            return UNUSED_CLEAN
    return ALL_HOLD
