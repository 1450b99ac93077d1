"""Writes that stay inside one leaf: the usual case, one private copy and one store.

Decide, then do. `store_locked` and `erase_locked` walk once and choose:

    NOTHING    the range is NULL already
    VALUE      exactly one entry, value for value (not ZERO): one release store in place (L2)
    LEAF       the leaf's copy has room and stays full enough: copy, splice, publish
    REBUILD    anything else: the range leaves the leaf, or the leaf would overflow, underflow
               or end with NULL (rebuild.py, called through its address: it is large, and four
               entry points would otherwise each contain it)

The plan of a LEAF edit stands in the slot's scratch words: which slots [from, to] are replaced
by up to three: what is left of the first, the new range, what is left of the last.
"""

import numpy as np

from stressd_kernels.arena import leaf_take, ref_make
from stressd_kernels.door import CHECKING, bits_set, kernel, kernel_inline, load_relaxed
from stressd_kernels.lanes import lanes_below, lanes_null_gap, lanes_splice, lanes_zero
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    RESULT_VERSION,
    SLOT_SCRATCH,
    TREE_COUNT,
    TREE_FLAGS,
    TREE_ROOT,
    TREE_VERSION,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.limbo import limbo_retire
from stressd_kernels.lock import OK
from stressd_kernels.maple.node import (
    FILL_MIN,
    GAP_FIRST,
    HEIGHT_MAX,
    NULL,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
    slot_high,
    slot_low,
)
from stressd_kernels.maple.publish import GAPS, publish, publish_value
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_LOW, PATH_PLACE, walk
from stressd_kernels.refs import LEAF_BIT, NO_REF
from stressd_kernels.status import RESERVED_BIT, Status
from stressd_kernels.verbs import Verb, structure_call

NOT_FOUND = np.uint64(Status.NOT_FOUND)
CORRUPT = np.uint64(Status.CORRUPT)
RESERVED = np.uint64(RESERVED_BIT)
REBUILD = int(Verb.REBUILD)

PLAN_FROM = SLOT_SCRATCH  # first slot replaced
PLAN_TO = SLOT_SCRATCH + 1  # last slot replaced
PLAN_FIRST = SLOT_SCRATCH + 2  # the new range
PLAN_LAST = SLOT_SCRATCH + 3
PLAN_VALUE = SLOT_SCRATCH + 4


@kernel
def store_locked(words, tree, slot, first, last, value):
    """Map [first, last] to `value` (NULL erases); the caller holds the lock and has nodes.

    words  uint64[::1]; tree, slot: word indexes of their blocks
    first  first <= last, any keys; value: 0 .. 2**63 - 1, or ZERO
    return OK; RESULT_VERSION is the version after the write
    """
    if load_relaxed(words, tree + TREE_ROOT) == NO_REF:
        return structure_call(words, REBUILD, tree, slot, first, last, value, U0, U0)
    depth = walk(words, tree, slot + LEFT, first, HEIGHT_MAX)
    if CHECKING and depth == HEIGHT_MAX:
        return CORRUPT
    if last > words[slot + LEFT + depth + PATH_HIGH]:
        return structure_call(words, REBUILD, tree, slot, first, last, value, U0, U0)
    words[slot + PLAN_FIRST] = first
    words[slot + PLAN_LAST] = last
    words[slot + PLAN_VALUE] = value
    leaf = np.int64(words[slot + LEFT + depth])
    place = words[slot + LEFT + depth + PATH_PLACE]
    words[slot + PLAN_FROM] = place
    words[slot + PLAN_TO] = np.uint64(lanes_below(words, leaf, last))
    if value == NULL:
        fits = null_in_leaf(words, tree, slot, depth)
    else:
        fits = value_in_leaf(words, tree, slot, depth)
    if fits:
        return OK
    return structure_call(words, REBUILD, tree, slot, first, last, value, U0, U0)


@kernel
def erase_locked(words, tree, slot, key):
    """Erase the whole entry that holds `key`; OK with the entry in RESULT_*, or NOT_FOUND.

    The caller holds the lock and has nodes.
    """
    if load_relaxed(words, tree + TREE_ROOT) == NO_REF:
        return NOT_FOUND
    depth = walk(words, tree, slot + LEFT, key, HEIGHT_MAX)
    if CHECKING and depth == HEIGHT_MAX:
        return CORRUPT
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    place = np.int64(words[path + PATH_PLACE])
    value = words[leaf + SLOT_FIRST + place]
    if value == NULL:
        return NOT_FOUND
    first = slot_low(words, leaf, place, words[path + PATH_LOW])
    last = slot_high(words, leaf, place, words[path + PATH_HIGH])
    words[slot + PLAN_FIRST] = first
    words[slot + PLAN_LAST] = last
    words[slot + PLAN_VALUE] = NULL
    words[slot + PLAN_FROM] = np.uint64(place)
    words[slot + PLAN_TO] = np.uint64(place)
    words[slot + RESULT_FIRST] = first
    words[slot + RESULT_LAST] = last
    words[slot + RESULT_VALUE] = value
    if null_in_leaf(words, tree, slot, depth):
        return OK
    return structure_call(words, REBUILD, tree, slot, first, last, NULL, U0, U0)


@kernel_inline
def value_in_leaf(words, tree, slot, depth):
    """Carry out a planned store of a value inside the leaf at `depth`; False: it takes REBUILD."""
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    high = words[path + PATH_HIGH]
    begin = np.int64(words[slot + PLAN_FROM])
    end = np.int64(words[slot + PLAN_TO])
    first = words[slot + PLAN_FIRST]
    last = words[slot + PLAN_LAST]
    left = np.int64(slot_low(words, leaf, begin, words[path + PATH_LOW]) < first)
    right = np.int64(slot_high(words, leaf, end, high) > last)
    before = words[leaf + SLOT_FIRST + begin]
    ordinary = before != NULL and (before | words[slot + PLAN_VALUE]) & RESERVED == U0
    if begin == end and left + right == 0 and ordinary:
        publish_value(words, tree, slot, leaf + SLOT_FIRST + begin, words[slot + PLAN_VALUE])
        return True
    used = lanes_below(words, leaf, high) + 1 - (end - begin) + left + right
    if used > SLOTS or (used < FILL_MIN and depth > 0 and high != UMAX):
        return False
    leaf_replace(words, tree, slot, depth)
    return True


@kernel_inline
def null_in_leaf(words, tree, slot, depth):
    """Carry out a planned erasure inside the leaf at `depth`; False: it takes REBUILD.

    The new NULL range swallows the NULL slots that it touches (N2).
    """
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    low = words[path + PATH_LOW]
    high = words[path + PATH_HIGH]
    begin = np.int64(words[slot + PLAN_FROM])
    end = np.int64(words[slot + PLAN_TO])
    first = words[slot + PLAN_FIRST]
    last = words[slot + PLAN_LAST]
    used = lanes_below(words, leaf, high) + 1
    if begin == end and words[leaf + SLOT_FIRST + begin] == NULL:
        words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
        return True
    begin_low = slot_low(words, leaf, begin, low)
    if words[leaf + SLOT_FIRST + begin] == NULL:
        first = begin_low
    elif first == begin_low and begin > 0 and words[leaf + SLOT_FIRST + begin - 1] == NULL:
        begin -= 1
        first = slot_low(words, leaf, begin, low)
    end_high = slot_high(words, leaf, end, high)
    if words[leaf + SLOT_FIRST + end] == NULL:
        last = end_high
    elif last == end_high and end + 1 < used and words[leaf + SLOT_FIRST + end + 1] == NULL:
        end += 1
        last = slot_high(words, leaf, end, high)
    left = np.int64(slot_low(words, leaf, begin, low) < first)
    right = np.int64(slot_high(words, leaf, end, high) > last)
    used += left + right - (end - begin)
    ends_leaf = last == high and high != UMAX
    if ends_leaf or used > SLOTS or used == 1 or (used < FILL_MIN and depth > 0 and high != UMAX):
        return False
    words[slot + PLAN_FROM] = np.uint64(begin)
    words[slot + PLAN_TO] = np.uint64(end)
    words[slot + PLAN_FIRST] = first
    words[slot + PLAN_LAST] = last
    leaf_replace(words, tree, slot, depth)
    return True


@kernel
def leaf_replace(words, tree, slot, depth):
    """Copy the leaf at `depth` of the left path with the plan applied, and publish the copy."""
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    begin = np.int64(words[slot + PLAN_FROM])
    end = np.int64(words[slot + PLAN_TO])
    first = words[slot + PLAN_FIRST]
    begin_value = words[leaf + SLOT_FIRST + begin]
    end_value = words[leaf + SLOT_FIRST + end]
    end_high = slot_high(words, leaf, end, words[path + PATH_HIGH])
    left = np.int64(slot_low(words, leaf, begin, words[path + PATH_LOW]) < first)
    right = np.int64(end_high > words[slot + PLAN_LAST])
    fresh = leaf_take(words, slot)
    generation = words[fresh]
    lanes_splice(words, fresh, leaf, begin, end - begin - left - right)
    words[fresh] = generation
    place = begin
    if left:
        words[fresh + PIVOT_FIRST + place] = first - U1
        words[fresh + SLOT_FIRST + place] = begin_value
        place += 1
    if place < SLOTS - 1:
        words[fresh + PIVOT_FIRST + place] = words[slot + PLAN_LAST]
    words[fresh + SLOT_FIRST + place] = words[slot + PLAN_VALUE]
    place += 1
    if right:
        if place < SLOTS - 1:
            words[fresh + PIVOT_FIRST + place] = end_high
        words[fresh + SLOT_FIRST + place] = end_value
    replaced = (U1 << np.uint64(end + 1)) - (U1 << np.uint64(begin))
    gone = bits_set(~lanes_zero(words, leaf + SLOT_FIRST) & replaced)
    kept = np.int64(left and begin_value != NULL) + np.int64(right and end_value != NULL)
    kept += np.int64(words[slot + PLAN_VALUE] != NULL)
    words[tree + TREE_COUNT] += np.uint64(kept - gone)
    gap = leaf_gap(words, tree, slot, depth, fresh)
    publish(words, tree, slot, depth, ref_make(words, fresh, LEAF_BIT), gap)
    limbo_retire(words, slot, ref_make(words, leaf, LEAF_BIT))


@kernel_inline
def leaf_gap(words, tree, slot, depth, fresh):
    """Return the longest NULL range of the leaf copy `fresh`, without looking if it can."""
    if depth == 0 or words[tree + TREE_FLAGS] & GAPS == U0:
        return U0
    parent = slot + LEFT + depth - 1
    before = words[np.int64(words[parent]) + GAP_FIRST + np.int64(words[parent + PATH_PLACE])]
    if words[slot + PLAN_VALUE] == NULL:
        return max(before, words[slot + PLAN_LAST] - words[slot + PLAN_FIRST] + U1)
    path = slot + LEFT + depth
    low = words[path + PATH_LOW]
    high = words[path + PATH_HIGH]
    leaf = np.int64(words[path])
    first = slot_low(words, leaf, np.int64(words[slot + PLAN_FROM]), low)
    if slot_high(words, leaf, np.int64(words[slot + PLAN_TO]), high) - first + U1 < before:
        return before  # what was replaced was too short to matter
    return lanes_null_gap(words, fresh, low, high)
