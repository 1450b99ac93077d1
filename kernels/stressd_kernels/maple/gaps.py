"""Gap search: the lowest (highest) free range of `size` keys inside a window, lock-free.

The answer is exact: the lowest start with low <= start, start + size - 1 <= high, and
start = offset modulo (mask + 1), such that no key of the range is mapped.

Most answers lie near the window's edge. So a search first descends to that edge as a look-up does,
and looks at the gaps of one node only, the parent of the leaf (`near_up`, `near_down`). What that
does not settle begins again at the root (`far_up`, `far_down`): a descent follows the window's edge
and, at each inner node, goes to the first slot whose gap word says that something large enough lies
below it. A gap may be cut by the window or spoilt by the alignment, so a leaf can disappoint: the
search then starts again after it. It never looks at a leaf twice.

Gap words change under readers, so one search may mix two states. The version tells (instant.py):
if it was even before and unchanged after, everything was read from exactly one state, whose
version is RESULT_VERSION. After TRIES the caller unpins and asks under the lock, where the
same search needs no version.

    S1, S2  as in search.py

Progress: a search visits each leaf at most once, those of one parent twice; with writers it ends
after TRIES searches.

Source: the window rules of mas_empty_area and mas_empty_area_rev, Linux lib/maple_tree.c;
alignment is part of the search here, not a correction of its answer.
"""

import numpy as np

from stressd_kernels.checks import is_freed
from stressd_kernels.door import (
    CHECKING,
    kernel,
    kernel_inline,
    leading_zeros,
    load_acquire,
    load_ref,
    lowest_bit,
    prefetch,
)
from stressd_kernels.instant import instant_begin, instant_held
from stressd_kernels.lanes import lanes_at_least, lanes_below, lanes_null_fit
from stressd_kernels.layout import (
    ASK_HIGH,
    ASK_LOW,
    ASK_MASK,
    ASK_OFFSET,
    ASK_SIZE,
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    TREE_ROOT,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.node import GAP_FIRST, SLOT_FIRST, slot_high, slot_low
from stressd_kernels.maple.scan import node_prefetch
from stressd_kernels.maple.search import ASTRAY, NO_PARENT, leaf_below
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK, leaf_at
from stressd_kernels.status import Status

OK = np.uint64(Status.OK)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
RETRY = np.uint64(Status.RETRY)
CORRUPT = np.uint64(Status.CORRUPT)
TRIES = 3
STEPS_MAX = 1 << 31  # nodes one search may visit before the tree counts as damaged


@kernel_inline
def ask(words, slot, low, high, size, mask, offset):
    """Write down the question of a search in the caller's slot block."""
    words[slot + ASK_LOW] = low
    words[slot + ASK_HIGH] = high
    words[slot + ASK_SIZE] = size
    words[slot + ASK_MASK] = mask
    words[slot + ASK_OFFSET] = offset


@kernel
def gap_search(words, tree, slot, upward):
    """Answer the question in the slot from one consistent state: OK, NOT_FOUND or RETRY.

    upward  True: the lowest start; False: the highest. The caller is pinned (E1).
    """
    for attempt in range(TRIES):
        version = instant_begin(words, tree, slot, attempt)
        status = RETRY
        if version & U1 == U0:  # an odd one would be for nothing
            status = gap_up(words, tree, slot) if upward else gap_down(words, tree, slot)
        if instant_held(words, tree, version):
            return status
    words[slot + RESULT_TRIES] = np.uint64(TRIES)
    return RETRY


@kernel_inline
def fit_up(words, slot, first, last):
    """Leave the lowest fitting start inside the NULL range [first, last]; return success."""
    first = max(first, words[slot + ASK_LOW])
    last = min(last, words[slot + ASK_HIGH])
    start = first + ((words[slot + ASK_OFFSET] - first) & words[slot + ASK_MASK])
    if first > last or start < first or start > last:
        return False
    if last - start < words[slot + ASK_SIZE] - U1:
        return False
    words[slot + RESULT_FIRST] = start
    words[slot + RESULT_LAST] = start + (words[slot + ASK_SIZE] - U1)
    return True


@kernel_inline
def fit_down(words, slot, first, last):
    """Leave the highest fitting start inside the NULL range [first, last]; return success."""
    first = max(first, words[slot + ASK_LOW])
    last = min(last, words[slot + ASK_HIGH])
    if first > last or last - first < words[slot + ASK_SIZE] - U1:
        return False
    start = last - (words[slot + ASK_SIZE] - U1)
    back = (start - words[slot + ASK_OFFSET]) & words[slot + ASK_MASK]
    if start - first < back:
        return False
    words[slot + RESULT_FIRST] = start - back
    words[slot + RESULT_LAST] = start - back + (words[slot + ASK_SIZE] - U1)
    return True


@kernel
def gap_up(words, tree, slot):
    """Find the lowest fit; OK with RESULT_FIRST and RESULT_LAST, NOT_FOUND or CORRUPT."""
    root = load_ref(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
    if root == NO_REF:
        return OK if fit_up(words, slot, U0, UMAX) else NOT_FOUND
    status = near_up(words, tree, slot)
    return far_up(words, root, slot) if status == RETRY else status


@kernel_inline
def near_up(words, tree, slot):
    """Try the leaf of the window's low edge and those after it below the same parent.

    return  OK, NOT_FOUND or CORRUPT as gap_up; RETRY: that cannot be told from here
    """
    key = words[slot + ASK_LOW]
    edge, parent, begin = leaf_below(words, tree, key)
    if edge <= ASTRAY or parent == NO_PARENT:
        return RETRY
    node_prefetch(words, edge)
    fits = lanes_at_least(words, parent + GAP_FIRST, words[slot + ASK_SIZE])
    fits = (fits >> np.uint64(begin)) << np.uint64(begin)
    while fits != U0:
        place = lowest_bit(fits)
        high = slot_high(words, parent, place, UMAX)
        ref = load_ref(words, parent + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
        if high == UMAX or ref == NO_REF:  # where the leaf ends stands higher; another state
            return RETRY
        # Where the first leaf of all begins stands higher too, but never above the edge.
        low = slot_low(words, parent, place, key)
        if leaf_up(words, slot, leaf_at(ref), low, high, key):
            return CORRUPT if CHECKING and is_freed(words, ref) else OK
        if high >= words[slot + ASK_HIGH]:
            return NOT_FOUND
        fits &= fits - U1
    return RETRY


@kernel
def far_up(words, root, slot):
    """Find the lowest fit wherever it is; as gap_up."""
    key = words[slot + ASK_LOW]
    ref = root
    low = U0
    high = UMAX
    for _ in range(STEPS_MAX):
        node = np.int64(ref & NODE_MASK)
        prefetch(words, node + SLOT_FIRST)
        prefetch(words, node + SLOT_FIRST + 8)
        if ref & LEAF_BIT != U0:
            if leaf_up(words, slot, node, low, high, key):
                return CORRUPT if CHECKING and is_freed(words, ref) else OK
            found = U0
        else:
            begin = lanes_below(words, node, key)
            fits = lanes_at_least(words, node + GAP_FIRST, words[slot + ASK_SIZE])
            found = (fits >> np.uint64(begin)) << np.uint64(begin)
        if found == U0:
            if high >= words[slot + ASK_HIGH]:
                return NOT_FOUND
            key = high + U1
            ref = root
            low = U0
            high = UMAX
        else:
            place = lowest_bit(found)
            low = slot_low(words, node, place, low)
            high = slot_high(words, node, place, high)
            key = max(key, low)
            child = load_acquire(words, node + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
            if child == NO_REF:
                return NOT_FOUND  # a slot that another state left unused: the version tells
            if CHECKING and is_freed(words, ref):
                return CORRUPT
            ref = child
    return CORRUPT


@kernel
def leaf_up(words, slot, leaf, low, high, key):
    """Try the NULL slots of a leaf from `key` upward; return success."""
    begin = np.uint64(lanes_below(words, leaf, key))
    nulls = lanes_null_fit(words, leaf, low, high, words[slot + ASK_SIZE])
    nulls = (nulls >> begin) << begin
    while nulls != U0:
        place = lowest_bit(nulls)
        first = slot_low(words, leaf, place, low)
        if fit_up(words, slot, first, slot_high(words, leaf, place, high)):
            return True
        nulls &= nulls - U1
    return False


@kernel
def gap_down(words, tree, slot):
    """Find the highest fit; OK with RESULT_FIRST and RESULT_LAST, NOT_FOUND or CORRUPT."""
    root = load_ref(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
    if root == NO_REF:
        return OK if fit_down(words, slot, U0, UMAX) else NOT_FOUND
    status = near_down(words, tree, slot)
    return far_down(words, root, slot) if status == RETRY else status


@kernel_inline
def near_down(words, tree, slot):
    """Try the leaf of the window's high edge and those before it below the same parent.

    return  OK, NOT_FOUND or CORRUPT as gap_down; RETRY: that cannot be told from here
    """
    key = words[slot + ASK_HIGH]
    edge, parent, end = leaf_below(words, tree, key)
    if edge <= ASTRAY or parent == NO_PARENT:
        return RETRY
    node_prefetch(words, edge)
    fits = lanes_at_least(words, parent + GAP_FIRST, words[slot + ASK_SIZE])
    fits &= (U1 << np.uint64(end + 1)) - U1
    while fits != U0:
        place = 63 - leading_zeros(fits)
        high = slot_high(words, parent, place, UMAX)
        ref = load_ref(words, parent + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
        if place == 0 or ref == NO_REF:  # where the leaf begins stands higher; another state
            return RETRY
        low = slot_low(words, parent, place, U0)
        # Where the last leaf of all ends stands higher too, but the edge lies inside of that one.
        if leaf_down(words, slot, leaf_at(ref), low, high, min(key, high)):
            return CORRUPT if CHECKING and is_freed(words, ref) else OK
        if low <= words[slot + ASK_LOW]:
            return NOT_FOUND
        fits ^= U1 << np.uint64(place)
    return RETRY


@kernel
def far_down(words, root, slot):
    """Find the highest fit wherever it is; as gap_down."""
    key = words[slot + ASK_HIGH]
    ref = root
    low = U0
    high = UMAX
    for _ in range(STEPS_MAX):
        node = np.int64(ref & NODE_MASK)
        prefetch(words, node + SLOT_FIRST)
        prefetch(words, node + SLOT_FIRST + 8)
        if ref & LEAF_BIT != U0:
            if leaf_down(words, slot, node, low, high, key):
                return CORRUPT if CHECKING and is_freed(words, ref) else OK
            found = U0
        else:
            end = np.uint64(lanes_below(words, node, key) + 1)
            fits = lanes_at_least(words, node + GAP_FIRST, words[slot + ASK_SIZE])
            found = fits & ((U1 << end) - U1)
        if found == U0:
            if low <= words[slot + ASK_LOW]:
                return NOT_FOUND
            key = low - U1
            ref = root
            low = U0
            high = UMAX
        else:
            place = 63 - leading_zeros(found)
            low = slot_low(words, node, place, low)
            high = slot_high(words, node, place, high)
            key = min(key, high)
            child = load_acquire(words, node + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
            if child == NO_REF:
                return NOT_FOUND  # a slot that another state left unused: the version tells
            if CHECKING and is_freed(words, ref):
                return CORRUPT
            ref = child
    return CORRUPT


@kernel
def leaf_down(words, slot, leaf, low, high, key):
    """Try the NULL slots of a leaf from `key` downward; return success."""
    end = np.uint64(lanes_below(words, leaf, key) + 1)
    nulls = lanes_null_fit(words, leaf, low, high, words[slot + ASK_SIZE])
    nulls &= (U1 << end) - U1
    while nulls != U0:
        place = 63 - leading_zeros(nulls)
        first = slot_low(words, leaf, place, low)
        if fit_down(words, slot, first, slot_high(words, leaf, place, high)):
            return True
        nulls ^= U1 << np.uint64(place)
    return False
