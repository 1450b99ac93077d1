"""Point look-ups: which value holds a key, and which entry comes at, after or before it?

The caller is pinned (E1), so every reference it meets stays valid; it neither locks nor
retries. Argument that a load is linearizable: the root is current when it is read, and by L1
and L2 (node.py) a node that is reached covers the key for as long as it is linked, so each
node on the way was part of the tree at some instant after the previous one was read; the value
is the map's at the last of these instants, which lies inside the operation. `find` needs one
leaf only (N2) and is as strict. `next`, `prev` and `find_rev` may need two: they compare the
version around both (instant.py) and after three tries answer all the same, marked loose.

Reserved entries (ZERO) hold their place and read as nothing: each of these passes over them. A
leaf's pattern of them is as fixed as that of its NULLs (L2), so inside one leaf nothing changes.
`find` looks at a second leaf only where they fill the first to its end, and is then as strict, or
as loose, as `next`.

Ordering                                             pairs with   and forbids
    S1  acquire, reading the root                    P1           a node before its content
    S2  acquire, reading a slot                      P1           "

Progress: wait-free; what crosses leaves is repeated at most CROSSING_TRIES times.

Source: pivots as inclusive upper bounds, Linux lib/maple_tree.c; sixteen comparisons at once
instead of a search inside the node (lanes.py).
"""

import numpy as np

from stressd_kernels.checks import is_freed
from stressd_kernels.door import (
    CHECKING,
    kernel,
    kernel_inline,
    load_acquire,
    load_ref,
    load_relaxed,
    prefetch,
    unlikely,
)
from stressd_kernels.instant import instant_begin, instant_held
from stressd_kernels.lanes import lanes_below, lanes_below_many
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    RESULT_VALUE,
    TREE_ROOT,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.node import (
    HEIGHT_MAX,
    NULL,
    SLOT_FIRST,
    ZERO,
    slot_high,
    slot_low,
)
from stressd_kernels.maple.shortcut import shortcut_to
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK, inner_at, leaf_at
from stressd_kernels.status import TRAP as TRAP_VALUE
from stressd_kernels.status import Status

OK = np.uint64(Status.OK)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
TRAP = np.uint64(TRAP_VALUE)
CROSSING_TRIES = 3
QUICK_LEVELS = 3  # small enough for the caches: compared with masks, and not fetched ahead
ASTRAY = np.uint64(1)  # no reference: that of a leaf at word 0
NO_LEAF = 0
NO_PARENT = 0


@kernel_inline
def tree_load(words, tree, key):
    """Return the value word at `key`: NULL (also where it is reserved), or a value.

    Any other reserved word than ZERO is a bug, and is returned.

    words   uint64[::1], the arena
    tree    word index of the tree block
    key     0 .. 2**64 - 1
    return  TRAP when the bounded descent meets a freed node or no leaf
    """
    ref, _, _ = leaf_below(words, tree, key)
    if unlikely(ref <= ASTRAY):
        return TRAP if CHECKING and ref == ASTRAY else NULL
    leaf = leaf_at(ref)
    prefetch(words, leaf + SLOT_FIRST)
    prefetch(words, leaf + SLOT_FIRST + 8)
    slot = lanes_below_many(words, leaf, key)
    value = load_acquire(words, leaf + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
    if CHECKING and is_freed(words, ref):
        return TRAP
    if unlikely(value == ZERO):
        return NULL
    return value


@kernel_inline
def leaf_below(words, tree, key):
    """Return (leaf, parent, slot): the reference of the leaf that holds `key`, and where it is.

    return  the parent's word index and the slot there; NO_PARENT if the search began at the leaf.
            Leaf NO_REF when the tree is empty; ASTRAY when the bounded descent meets a freed
            node or no leaf

    Every instruction counts here: a core has room for some four hundred, and so for four look-ups
    that wait for memory. What is not asked for, as the parent, costs nothing.
    """
    parent = NO_PARENT
    slot = 0
    ref = shortcut_to(words, tree, key)
    if ref == NO_REF:
        ref = load_ref(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
        if ref == NO_REF:
            return NO_REF, parent, slot
        for _ in range(QUICK_LEVELS):
            if ref & LEAF_BIT != U0:
                return ref, parent, slot
            parent = inner_at(ref)
            slot = lanes_below(words, parent, key)
            found = load_ref(words, parent + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
            if CHECKING and is_freed(words, ref):
                return ASTRAY, parent, slot
            ref = found
    for _ in range(HEIGHT_MAX):
        if ref & LEAF_BIT != U0:
            return ref, parent, slot
        parent = inner_at(ref)
        prefetch(words, parent + SLOT_FIRST)
        prefetch(words, parent + SLOT_FIRST + 8)
        slot = lanes_below_many(words, parent, key)
        found = load_ref(words, parent + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        if CHECKING and is_freed(words, ref):
            break
        ref = found
    return ASTRAY, parent, slot


@kernel
def leaf_of(words, tree, key):
    """Return (leaf, low, high): the leaf that holds `key` and its span; leaf 0 if none.

    An empty tree has no leaf, and neither has a descent that met a freed node.
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
        if ref & LEAF_BIT != U0:
            return node, low, high
        slot = lanes_below(words, node, key)
        low = slot_low(words, node, slot, low)
        high = slot_high(words, node, slot, high)
        found = load_acquire(words, node + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        if CHECKING and is_freed(words, ref):
            break
        ref = found
    return NO_LEAF, low, high


@kernel_inline
def answer(words, result, first, last, value):
    """Leave an entry in the caller's slot block at word index `result`; return OK."""
    words[result + RESULT_FIRST] = first
    words[result + RESULT_LAST] = last
    words[result + RESULT_VALUE] = value
    return OK


@kernel
def tree_find(words, tree, result, key, last):
    """Leave the first entry that ends at or after `key` and begins at or before `last`.

    result  word index of the slot block that takes the answer
    return  OK or NOT_FOUND; RESULT_TRIES is CROSSING_TRIES if the answer is loose, as for next
    """
    words[result + RESULT_TRIES] = U0
    leaf, low, high = leaf_of(words, tree, key)
    if leaf == NO_LEAF:
        return NOT_FOUND
    status = find_in(words, leaf, low, high, key, result)
    if status != OK:
        # Only the right-most leaf ends with NULL (N2): this one ends with reserved entries.
        return NOT_FOUND if high >= last else find_beyond(words, tree, result, key, last)
    return OK if words[result + RESULT_FIRST] <= last else NOT_FOUND


@kernel
def find_beyond(words, tree, result, key, last):
    """Do what tree_find does where reserved entries fill the leaf of `key` to its end."""
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        status = tree_first(words, tree, result, key, last)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    return status


@kernel
def tree_first(words, tree, result, key, last):
    """Leave the first entry that ends at or after `key`, looking at leaf after leaf.

    return  OK; NOT_FOUND if there is none, or if it begins after `last`

    Each leaf is of another instant: the caller compares versions, or answers loosely.
    """
    while True:
        leaf, low, high = leaf_of(words, tree, key)
        if leaf == NO_LEAF:
            return NOT_FOUND
        if find_in(words, leaf, low, high, key, result) == OK:
            return OK if words[result + RESULT_FIRST] <= last else NOT_FOUND
        if high >= last:
            return NOT_FOUND
        key = high + U1


@kernel
def tree_next(words, tree, result, key):
    """Leave the first entry after the entry (or the NULL range) that holds `key`.

    When writers overtake it CROSSING_TRIES times (RESULT_TRIES says so), it leaves an entry that
    begins after `key` and was there at some instant, but maybe not the first.
    """
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        leaf, low, high = leaf_of(words, tree, key)
        if leaf == NO_LEAF:
            return NOT_FOUND
        end = slot_high(words, leaf, lanes_below(words, leaf, key), high)
        status = NOT_FOUND
        if end != high:
            status = find_in(words, leaf, low, high, end + U1, result)
        if status == OK or high == UMAX:
            return status
        status = tree_first(words, tree, result, high + U1, UMAX)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    while status == OK and words[result + RESULT_FIRST] <= key:
        if words[result + RESULT_LAST] == UMAX:
            return NOT_FOUND
        status = tree_first(words, tree, result, words[result + RESULT_LAST] + U1, UMAX)
    return status


@kernel
def find_in(words, leaf, low, high, key, result):
    """Leave the first entry at or after `key` inside one leaf; OK or NOT_FOUND."""
    slot = lanes_below(words, leaf, key)
    while True:
        end = slot_high(words, leaf, slot, high)
        value = load_acquire(words, leaf + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        if value != NULL and value != ZERO:
            return answer(words, result, slot_low(words, leaf, slot, low), end, value)
        if end == high:
            return NOT_FOUND
        slot += 1


@kernel
def tree_prev(words, tree, result, key):
    """Leave the last entry before the entry (or the NULL range) that holds `key`.

    When writers overtake it CROSSING_TRIES times (RESULT_TRIES says so), it leaves an entry that
    ends before `key` and was there at some instant, but maybe not the last.
    """
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        leaf, low, high = leaf_of(words, tree, key)
        if leaf == NO_LEAF:
            return NOT_FOUND
        status = before_in(words, leaf, low, high, lanes_below(words, leaf, key), result)
        if status == OK or low == U0:
            return status
        status = tree_last(words, tree, result, low - U1, U0)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    while status == OK and words[result + RESULT_LAST] >= key:
        if words[result + RESULT_FIRST] == U0:
            return NOT_FOUND
        status = tree_last(words, tree, result, words[result + RESULT_FIRST] - U1, U0)
    return status


@kernel
def tree_find_rev(words, tree, result, key, first):
    """Leave the last entry that begins at or before `key` and ends at or after `first`.

    return  OK or NOT_FOUND; RESULT_TRIES is CROSSING_TRIES if the answer is loose, as for prev
    """
    words[result + RESULT_TRIES] = U0
    leaf, low, high = leaf_of(words, tree, key)
    if leaf == NO_LEAF:
        return NOT_FOUND
    status = before_in(words, leaf, low, high, lanes_below(words, leaf, key) + 1, result)
    if status != OK:
        return NOT_FOUND if low <= first else find_before(words, tree, result, key, first)
    return OK if words[result + RESULT_LAST] >= first else NOT_FOUND


@kernel
def find_before(words, tree, result, key, first):
    """Do what tree_find_rev does where the leaf of `key` has nothing at or before it."""
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        status = tree_last(words, tree, result, key, first)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    return status


@kernel
def tree_last(words, tree, result, key, first):
    """Leave the last entry that begins at or before `key`, looking at leaf after leaf.

    return  OK; NOT_FOUND if there is none, or if it ends before `first`

    Each leaf is of another instant: the caller compares versions, or answers loosely.
    """
    while True:
        leaf, low, high = leaf_of(words, tree, key)
        if leaf == NO_LEAF:
            return NOT_FOUND
        place = lanes_below(words, leaf, key) + 1
        if before_in(words, leaf, low, high, place, result) == OK:
            return OK if words[result + RESULT_LAST] >= first else NOT_FOUND
        if low <= first:
            return NOT_FOUND
        key = low - U1


@kernel
def before_in(words, leaf, low, high, slot, result):
    """Leave the last entry before slot `slot` (0 .. 16) of one leaf; OK or NOT_FOUND."""
    while slot > 0:
        slot -= 1
        value = load_acquire(words, leaf + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
        if value != NULL and value != ZERO:
            first = slot_low(words, leaf, slot, low)
            return answer(words, result, first, slot_high(words, leaf, slot, high), value)
    return NOT_FOUND


@kernel
def is_taken(words, tree, first, last):
    """Say whether anything is mapped or reserved in [first, last]; for holders of the lock (W1)."""
    leaf, _, high = leaf_of(words, tree, first)
    if leaf == NO_LEAF:
        return False
    slot = lanes_below(words, leaf, first)
    taken = load_relaxed(words, leaf + SLOT_FIRST + slot) != NULL
    return taken or slot_high(words, leaf, slot, high) < last  # what follows a NULL is none (N2)
