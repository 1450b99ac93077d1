"""Synthetic source: a key space cut into equal cells, each of 16 units, one hot or cold place.

    cell c     keys c * cell .. (c + 1) * cell - 1       a power of two of at least 16 keys
    unit u     keys u * cell/16 .. (u + 1) * cell/16 - 1

A store writes a range of whole units inside one cell: half of the time all of it, or a share
SOURCE_WIDE of the time several cells, up to 15. So entries are cut, swallowed and joined
by neighbours without end, and a tree settles at two or three entries a cell. The value names
the first unit and the number of units; what is left of an entry after others cut it still
lies inside.
"""

import numpy as np

from stressd_kernels.asking import DRAW_KEY, DRAW_WINDOW, DRAW_WRITE
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.keys import place_draw
from stressd_kernels.layout import U0, U1, U2
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.status import RESERVED_BIT
from stressd_kernels.values import (
    FAULT_RANGE,
    FAULT_RESERVED,
    LENGTH_AT,
    LENGTH_MASK,
    ORIGIN_AT,
    value_fault,
    value_next,
)
from stressd_kernels.worker import (
    KEYS_COUNT,
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_SIZE,
    NOW_TREE,
    NOW_VALUE,
    SOURCE_OWN,
    SOURCE_OWN_WORDS,
    SOURCE_TREE,
)

CELL_SHIFT = SOURCE_OWN  # bits of a cell (63 for a single cell of all keys)
UNIT_SHIFT = SOURCE_OWN + 1
CELL_MASK = SOURCE_OWN + 2  # keys of a cell, less one
UNITS = SOURCE_OWN + 3  # of the whole space
WIDE_BELOW = SOURCE_OWN + 4  # a store is wide if 63 random bits are below
OWN_WORDS = 5

CELL_UNITS = 16
UNITS_MAX = 15 * CELL_UNITS  # of one store
WINDOW_CELLS = 16  # of a find or a scan
GAP_CELLS = 64  # of a gap search, at most

assert OWN_WORDS <= SOURCE_OWN_WORDS
assert UNITS_MAX < 1 << 8

RESERVED = np.uint64(RESERVED_BIT)
U3 = np.uint64(3)
U4 = np.uint64(4)
U14 = np.uint64(14)
U16 = np.uint64(CELL_UNITS)
NIBBLE = np.uint64(15)
U_WINDOW_CELLS = np.uint64(WINDOW_CELLS)
U_GAP_CELLS = np.uint64(GAP_CELLS)


@entry
def draw(base, tree, slot, what, b, c, d, e):
    """Draw what to ask for: `what` is a DRAW_* of asking.py. Always answers 0."""
    words = words_at(base)
    store_relaxed(words, slot + NOW_TREE, load_relaxed(words, slot + SOURCE_TREE))
    place = place_draw(words, slot)
    if what in (DRAW_KEY, DRAW_WINDOW):
        draw_window(words, slot, place, what)
    elif what == DRAW_WRITE:
        draw_write(words, slot, place)
    else:
        draw_gap(words, slot, place)
    return U0


@kernel
def cells_last(words, slot, place, cells):
    """Return the last key of `cells` cells from cell `place` on, or of the whole space."""
    end = min(place + cells, load_relaxed(words, slot + KEYS_COUNT))
    return (end << load_relaxed(words, slot + CELL_SHIFT)) - U1


@kernel
def draw_window(words, slot, place, what):
    """Draw a key of cell `place`; for a window, with the cells that follow."""
    inside = prng_next(words, slot) & load_relaxed(words, slot + CELL_MASK)
    key = (place << load_relaxed(words, slot + CELL_SHIFT)) + inside
    last = key
    if what == DRAW_WINDOW:
        last = max(key, cells_last(words, slot, place, U_WINDOW_CELLS))
    store_relaxed(words, slot + NOW_FIRST, key)
    store_relaxed(words, slot + NOW_LAST, last)


@kernel
def draw_units(words, slot):
    """Draw the part of a cell that a store writes: (first unit, number of units)."""
    random = prng_next(words, slot)
    if (random >> U1) < load_relaxed(words, slot + WIDE_BELOW):
        start = prng_below(words, slot, U16)
        return start, ((U2 + prng_below(words, slot, U14)) << U4) - start
    if random & U1 == U0:
        return U0, U16
    random = prng_next(words, slot)
    one = random & NIBBLE
    other = (random >> U4) & NIBBLE
    start = min(one, other)
    return start, max(one, other) - start + U1


@kernel
def draw_write(words, slot, place):
    """Draw a range that begins in cell `place`, and a value that names it."""
    start, length = draw_units(words, slot)
    start += place << U4
    length = min(length, load_relaxed(words, slot + UNITS) - start)
    shift = load_relaxed(words, slot + UNIT_SHIFT)
    store_relaxed(words, slot + NOW_FIRST, start << shift)
    store_relaxed(words, slot + NOW_LAST, ((start + length) << shift) - U1)
    store_relaxed(words, slot + NOW_VALUE, value_next(words, slot, start, length))


@kernel
def draw_gap(words, slot, place):
    """Draw a window of some cells and a size of 1 .. 16 units, aligned half of the time."""
    random = prng_next(words, slot)
    unit = load_relaxed(words, slot + UNIT_SHIFT)
    mask = U0
    if random & U1 != U0:
        mask = (U1 << (unit + ((random >> U1) & U3))) - U1
    cells = U1 + prng_below(words, slot, U_GAP_CELLS)
    store_relaxed(words, slot + NOW_FIRST, place << load_relaxed(words, slot + CELL_SHIFT))
    store_relaxed(words, slot + NOW_LAST, cells_last(words, slot, place, cells))
    store_relaxed(words, slot + NOW_SIZE, (U1 + prng_below(words, slot, U16)) << unit)
    store_relaxed(words, slot + NOW_MASK, mask)
    store_relaxed(words, slot + NOW_OFFSET, prng_next(words, slot) & mask)


@entry
def certify(base, tree, slot, first, last, value, d, e):
    """Say what is wrong with an entry: 0, or a FAULT_* of values.py."""
    words = words_at(base)
    if value & RESERVED != U0:
        return FAULT_RESERVED
    start = value >> ORIGIN_AT
    length = (value >> LENGTH_AT) & LENGTH_MASK
    if length == U0 or start + length > load_relaxed(words, slot + UNITS):
        return FAULT_RANGE
    shift = load_relaxed(words, slot + UNIT_SHIFT)
    if first < start << shift or last > ((start + length) << shift) - U1:
        return FAULT_RANGE
    return value_fault(words, slot, value)
