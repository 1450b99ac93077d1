"""States, cells and versions: the words in which readers, writers and judges speak.

    cell        16 keys, all stored, erased or overwritten together; cell 0 begins at `origin`
    state       int32[cells]: for each cell the number of the write that stored what is there,
                0 for NULL. An entry is a longest run of one number: no write stores twice
    states      int32[writes + 1, cells]: S[0], the empty map, to the last
    values      int64[writes + 1]: the value that each write stored, 0 if it stored none; negative
                if it reserved: such an entry is in the way, and no look-up sees it
    shape       int64[SHAPE_WORDS]: what one round is about
    version     as recorded: less that at the start of the round, so write k made version 2 * k
    key         as recorded: less the origin, so that all keys are small

Numba's cache knows a compiled function by the file that it stands in. So what calls each other
stands in one file, but for these few: touch the others' files when one of these changes.
"""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import kernel, load_acquire
from stressd_kernels.layout import TREE_VERSION

CELL_KEYS = 16
SHIFT = 4

CELLS = 0  # how many there are
WIDE = 1  # most cells of a wide store
ORIGIN = 2  # first key of cell 0, modulo 2**64
START = 3  # version at the start of the round
NUMBER = 4  # of the thread
STOP = 5  # word index: not 0 when the round is over
RESERVED = 6  # 1: some writes reserve
KIND = 7  # of read, of those that one judge knows
SHAPE_WORDS = 8

VALUE_BIT = 1 << 62
NO_VERSION = -1  # of a write that changed nothing


@kernel
def version_now(words, tree, shape):
    """Return the version, less that at the start of the round."""
    version = load_acquire(words, tree + TREE_VERSION, "V1")  # pairs with P4 (publish)
    return np.int64(version) - shape[START]


@kernel
def first_of(state, cell):
    """Return the first cell of the entry, or of the NULL range, that holds `cell`."""
    while cell > 0 and state[cell - 1] == state[cell]:
        cell -= 1
    return cell


@kernel
def last_of(state, cell):
    """Return the last cell of the entry, or of the NULL range, that holds `cell`."""
    while cell + 1 < len(state) and state[cell + 1] == state[cell]:
        cell += 1
    return cell


@kernel
def is_seen(state, values, cell):
    """Say whether a look-up sees the entry, if any, that holds `cell`."""
    return values[state[cell]] > 0


@kernel
def is_bare(state, values, first, last):
    """Say whether no look-up sees anything in cells [first, last]."""
    cell = first
    while cell <= last:
        if is_seen(state, values, cell):
            return False
        cell = last_of(state, cell) + 1
    return True


@kernel
def is_entry(state, values, first, last, value):
    """Say whether [first, last] (keys) with this value is exactly one entry of a state."""
    cell = first >> SHIFT
    if cell < 0 or cell >= len(state) or value <= 0 or values[state[cell]] != value:
        return False
    begin = first_of(state, cell) * CELL_KEYS
    return begin == first and (last_of(state, cell) + 1) * CELL_KEYS - 1 == last


@kernel
def is_still(states, first, last):
    """Say whether the entry of cells [first, last] is in all states."""
    number = states[0][first]
    for other in range(len(states)):
        state = states[other]
        if state[first] != number or first_of(state, first) != first:
            return False
        if last_of(state, first) != last:
            return False
    return True
