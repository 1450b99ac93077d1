"""Writes that stay inside one leaf: the usual case, one private copy and one store.

Decide, then do. A store first descends as look-ups do and tries VALUE without a path (`replace`);
what that leaves, and an erasure, walks once and chooses:

    NOTHING    the range is NULL already
    VALUE      exactly one entry, value for value: one release store in place (L2). Neither is
               ZERO: a reader would see an entry come or go in a leaf that it found without it
    LEAF       the leaf's copy has room and stays full enough: copy, splice, publish
    BORDER     the leaf would end with NULL, or is full and begins with what is stored into, and
               a sibling can help (border.py)
    REBUILD    anything else: the range leaves the leaf, or the leaf would overflow or underflow
               (rebuild.py, called through its address: it is large, and four entry points would
               otherwise each contain it)

In a leaf's copy the new range takes one slot; before and after it stays what is left of the
slots that it meets.

    S1  as in search.py
"""

import numpy as np

from stressd_kernels.arena import leaf_take, ref_make
from stressd_kernels.checks import is_freed
from stressd_kernels.door import (
    CHECKING,
    bits_set,
    kernel,
    kernel_inline,
    load_relaxed,
    prefetch,
    unlikely,
)
from stressd_kernels.lanes import (
    lanes_below,
    lanes_below_many,
    lanes_null_gap_but,
    lanes_splice,
    lanes_zero,
)
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    RESULT_VERSION,
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
from stressd_kernels.maple.border import border_lower, border_raise
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
from stressd_kernels.maple.search import ASTRAY, NO_PARENT, leaf_below
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_LOW, PATH_PLACE, walk
from stressd_kernels.refs import LEAF_BIT, NO_REF, leaf_at
from stressd_kernels.status import RESERVED_BIT, Status
from stressd_kernels.verbs import Verb, structure_call

NOT_FOUND = np.uint64(Status.NOT_FOUND)
CORRUPT = np.uint64(Status.CORRUPT)
RESERVED = np.uint64(RESERVED_BIT)
TOP = np.uint64(63)
REBUILD = int(Verb.REBUILD)


@kernel_inline
def store_locked(words, tree, slot, first, last, value):
    """Map [first, last] to `value` (NULL erases); the caller holds the lock and has nodes.

    words  uint64[::1]; tree, slot: word indexes of their blocks
    first  first <= last, any keys; value: 0 .. 2**63 - 1, or ZERO
    return OK; RESULT_VERSION is the version after the write
    """
    plan = first, last, value
    if replace(words, tree, slot, plan):
        return OK
    return store_walked(words, tree, slot, plan)


@kernel_inline
def replace(words, tree, slot, plan):
    """Replace the value of the entry on exactly the range of `plan`; False: it is not that simple.

    plan  first, last, value, as for `store_locked`; the lock is held, nodes are not needed

    No path is written, and the leaf's bounds are looked for in its parent alone. Where they stand
    higher (on each side of one leaf in sixteen) it seems to begin at 0, or to end at 2**64 - 1.
    For an entry that begins at 0 that is true, and one that ends at 2**63 or later is not replaced
    here: so the answer may be a needless False, but no wrong True.
    """
    first, last, value = plan
    if unlikely(value == NULL or last & RESERVED != U0):
        return False
    ref, parent, above = leaf_below(words, tree, first)
    if unlikely(ref <= ASTRAY or parent == NO_PARENT):
        return False
    leaf = leaf_at(ref)
    prefetch(words, leaf + SLOT_FIRST)
    prefetch(words, leaf + SLOT_FIRST + 8)
    if CHECKING:
        is_freed(words, ref)
    low = slot_low(words, parent, above, U0)
    # Beyond every `last` if it stands higher: a branch there would often be mispredicted.
    unknown = np.uint64(above == SLOTS - 1) << TOP
    high = words[parent + PIVOT_FIRST + above] | unknown
    place = lanes_below_many(words, leaf, first)
    return replace_in(words, tree, slot, (leaf, low, high), place, plan)


@kernel_inline
def replace_in(words, tree, slot, leaf, place, plan):
    """Replace the value in slot `place` of a leaf, if that is what `plan` means; False: it is not.

    leaf  word index, first and last key
    """
    node, low, high = leaf
    first, last, value = plan
    before = words[node + SLOT_FIRST + place]
    begins = slot_low(words, node, place, low) == first
    ends = slot_high(words, node, place, high) == last
    ordinary = (before != NULL) & (value != NULL) & ((before | value) & RESERVED == U0)
    if unlikely(not (begins & ends & ordinary)):
        return False
    publish_value(words, tree, slot, node + SLOT_FIRST + place, value)
    return True


@kernel
def store_walked(words, tree, slot, plan):
    """Do what `store_locked` does, along a path.

    plan  first, last, value
    """
    first, last, value = plan
    if load_relaxed(words, tree + TREE_ROOT) == NO_REF:
        return structure_call(words, REBUILD, tree, slot, first, last, value, U0, U0)
    depth = walk(words, tree, slot + LEFT, first, HEIGHT_MAX)
    if CHECKING and depth == HEIGHT_MAX:
        return CORRUPT
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    place = np.int64(words[path + PATH_PLACE])
    bounds = words[path + PATH_LOW], words[path + PATH_HIGH]
    if replace_in(words, tree, slot, (leaf, *bounds), place, plan):
        return OK
    if last <= words[path + PATH_HIGH]:
        span = place, lanes_below(words, leaf, last)
        if leaf_write(words, tree, slot, depth, span, plan):
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
    words[slot + RESULT_FIRST] = first
    words[slot + RESULT_LAST] = last
    words[slot + RESULT_VALUE] = value
    if leaf_write(words, tree, slot, depth, (place, place), (first, last, NULL)):
        return OK
    return structure_call(words, REBUILD, tree, slot, first, last, NULL, U0, U0)


@kernel_inline
def leaf_write(words, tree, slot, depth, span, plan):
    """Carry out a write inside the leaf at `depth` of the left path; False: it takes REBUILD.

    span    the slots that hold the first and the last key of the range
    plan    first, last, value: what is to be mapped to what
    The slots that a range meets are few and their pattern is random: they are counted, not
    branched on.
    """
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    low = words[path + PATH_LOW]
    high = words[path + PATH_HIGH]
    begin, end = span
    first, last, value = plan
    used = lanes_below(words, leaf, high) + 1
    empty = lanes_zero(words, leaf + SLOT_FIRST)
    if value == NULL:
        if begin == end and bit(empty, begin) == 1:
            words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
            return True
        begin, end = null_touched(words, (leaf, low, high), empty, span, plan)
        first = slot_low(words, leaf, begin, low) if bit(empty, begin) == 1 else first
        last = slot_high(words, leaf, end, high) if bit(empty, end) == 1 else last
    left = np.int64(slot_low(words, leaf, begin, low) < first)
    right = np.int64(slot_high(words, leaf, end, high) > last)
    used -= end - begin - left - right
    if value == NULL and last == high and high != UMAX:
        return border_lower(words, tree, slot, depth, begin + left, first)
    if used > SLOTS and end == 0 and right == 1 and bit(empty, 0) == 1:
        return border_raise(words, tree, slot, depth, plan)
    if used > SLOTS or used == 1 or (used < FILL_MIN and depth > 0 and high != UMAX):
        return False
    leaf_replace(words, tree, slot, depth, (begin, end), (first, last, value))
    return True


@kernel_inline
def bit(mask, place):
    """Return bit `place`, 0 .. 63, of a mask of slots."""
    return np.int64((mask >> np.uint64(place)) & U1)


@kernel_inline
def null_touched(words, leaf, empty, span, plan):
    """Return the span of an erasure with the NULL slots that it touches, one on each side (N2).

    leaf    word index, first and last key
    empty   mask of its NULL slots; no two are adjacent but for those not in use
    """
    node, low, high = leaf
    begin, end = span
    begins = np.int64(slot_low(words, node, begin, low) == plan[0])
    ends = np.int64(slot_high(words, node, end, high) == plan[1]) & np.int64(plan[1] < high)
    return begin - (begins & bit(empty << U1, begin)), end + (ends & bit(empty, end + 1))


@kernel_inline
def leaf_replace(words, tree, slot, depth, span, plan):
    """Publish a copy of the leaf at `depth`, with one range in place of the slots of `span`."""
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    begin, end = span
    first, last, value = plan
    low = slot_low(words, leaf, begin, words[path + PATH_LOW])
    high = slot_high(words, leaf, end, words[path + PATH_HIGH])
    left = np.int64(low < first)
    right = np.int64(high > last)
    empty = lanes_zero(words, leaf + SLOT_FIRST)
    replaced = (U1 << np.uint64(end + 1)) - (U1 << np.uint64(begin))
    gap = U0
    if depth > 0 and words[tree + TREE_FLAGS] & GAPS == GAPS:
        gap = gap_above(words, slot, depth)
        if value == NULL:
            gap = max(gap, last - first + U1)
        elif high - low + U1 >= gap:  # otherwise what is replaced was too short to matter
            gap = lanes_null_gap_but(
                words, leaf, words[path + PATH_LOW], words[path + PATH_HIGH], replaced
            )
            gap = max(gap, first - low if bit(empty, begin) == 1 else U0)
            gap = max(gap, high - last if bit(empty, end) == 1 else U0)
    kept = (left & ~bit(empty, begin)) + (right & ~bit(empty, end)) + np.int64(value != NULL)
    words[tree + TREE_COUNT] += np.uint64(kept - bits_set(~empty & replaced))
    fresh = leaf_take(words, slot)
    shift = end - begin - left - right
    lanes_splice(words, fresh, leaf, begin + left, shift, first, last, value)
    publish(words, tree, slot, depth, ref_make(words, fresh, LEAF_BIT), gap)
    limbo_retire(words, slot, ref_make(words, leaf, LEAF_BIT))


@kernel_inline
def gap_above(words, slot, depth):
    """Return the gap word that stands above the node at `depth` of the left path."""
    path = slot + LEFT + depth - 1
    return words[np.int64(words[path]) + GAP_FIRST + np.int64(words[path + PATH_PLACE])]
