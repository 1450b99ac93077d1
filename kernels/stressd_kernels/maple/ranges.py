"""Ranges as a cursor sees them: whatever takes a slot, reserved entries too.

A NULL range is one slot and never ends a leaf but the right-most (N2). So `walk` (the range that
holds a key) and `seek` (the entry at or after a key) need one leaf, and are linearizable as load
and find are (search.py). `seek_rev` (the entry at or before a key) needs a second leaf where the
first begins with the NULL range that holds the key; it is then as strict, or as loose, as prev.

    S1, S2  as in search.py

Progress: wait-free; what crosses leaves is repeated at most CROSSING_TRIES times.
"""

import numpy as np

from stressd_kernels.door import kernel, load_acquire, load_relaxed
from stressd_kernels.instant import instant_begin, instant_held
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import (
    RESULT_LAST,
    RESULT_TRIES,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.node import NULL, SLOT_FIRST, slot_high, slot_low
from stressd_kernels.maple.search import (
    CROSSING_TRIES,
    NO_LEAF,
    NOT_FOUND,
    OK,
    answer,
    leaf_of,
)


@kernel
def slot_answer(words, leaf, low, high, slot, result):
    """Leave the range of one slot of a leaf that spans [low, high]; return OK."""
    value = load_acquire(words, leaf + SLOT_FIRST + slot, "S2")  # pairs with P1 (publish)
    first = slot_low(words, leaf, slot, low)
    return answer(words, result, first, slot_high(words, leaf, slot, high), value)


@kernel
def tree_walk(words, tree, result, key):
    """Leave the range that holds `key`: its value is NULL, ZERO or ordinary; return OK."""
    leaf, low, high = leaf_of(words, tree, key)
    if leaf == NO_LEAF:
        return answer(words, result, U0, UMAX, NULL)
    return slot_answer(words, leaf, low, high, lanes_below(words, leaf, key), result)


@kernel
def tree_seek(words, tree, result, key, last):
    """Leave the first entry, reserved or not, that ends at or after `key`, up to `last`.

    return  OK; NOT_FOUND if there is none, or if it begins after `last`
    """
    leaf, low, high = leaf_of(words, tree, key)
    if leaf == NO_LEAF:
        return NOT_FOUND
    slot = lanes_below(words, leaf, key)
    if load_relaxed(words, leaf + SLOT_FIRST + slot) == NULL:  # for the leaf's life (L2)
        if slot_high(words, leaf, slot, high) == high:
            return NOT_FOUND  # only the right-most leaf ends with NULL (N2)
        slot += 1
    if slot_low(words, leaf, slot, low) > last:
        return NOT_FOUND
    return slot_answer(words, leaf, low, high, slot, result)


@kernel
def tree_seek_rev(words, tree, result, key, first):
    """Leave the last entry, reserved or not, that begins at or before `key`, down to `first`.

    return  OK; NOT_FOUND if there is none, or if it ends before `first`; RESULT_TRIES is
            CROSSING_TRIES if the answer is loose
    """
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        status, low = seek_back(words, tree, result, key, first)
        if status == OK or low <= first:
            return status
        while status != OK and low > first:
            status, low = seek_back(words, tree, result, low - U1, first)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    return status


@kernel
def seek_back(words, tree, result, key, first):
    """Do what tree_seek_rev does in the leaf of `key` alone; return a status and a key.

    Where that leaf has no answer, one may lie below the key; if it is `first` or less, none does.
    """
    leaf, low, high = leaf_of(words, tree, key)
    if leaf == NO_LEAF:
        return NOT_FOUND, U0
    slot = lanes_below(words, leaf, key)
    if load_relaxed(words, leaf + SLOT_FIRST + slot) == NULL:  # for the leaf's life (L2)
        slot -= 1
    if slot < 0:
        return NOT_FOUND, low
    slot_answer(words, leaf, low, high, slot, result)
    return (OK if words[result + RESULT_LAST] >= first else NOT_FOUND), U0
