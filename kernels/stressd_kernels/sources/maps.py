"""Maps source: the mappings of a process, rows of a table; each a place, cut into 16 parts.

    row        first key, last key, keys of one part (whole pages), number of parts (1 .. 16)

A store writes some of a row's parts again, half of the time all; so a mapping is cut and
restored for ever, and the tree stays as large as the process was. The value names the row and
the parts, as start * 16 + count - 1 in the bits of the length.
"""

import numpy as np

from stressd_kernels.asking import DRAW_KEY, DRAW_WINDOW, DRAW_WRITE
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.keys import place_draw
from stressd_kernels.layout import U0, U1
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
    SOURCE_TREE,
)

TABLE = SOURCE_OWN  # word index of row 0

ROW_WORDS = 4
ROW_FIRST = 0
ROW_LAST = 1
ROW_PART = 2
ROW_PARTS = 3
PARTS_MAX = 16
PAGE = 4096

RESERVED = np.uint64(RESERVED_BIT)
U3 = np.uint64(3)
U4 = np.uint64(4)
U7 = np.uint64(7)
U_PAGE = np.uint64(PAGE)
PAGE_MASK = np.uint64(PAGE - 1)
NIBBLE = np.uint64(15)
BESIDE = np.uint64(16 * PAGE)  # how far behind a mapping a key may miss it
WINDOW_ROWS = np.uint64(8)
GAP_ROWS = np.uint64(32)
GAP_PAGES = np.uint64(64)
HUGE_MASK = np.uint64((1 << 21) - 1)


@kernel
def row_of(words, slot, place):
    """Return the word index of row `place`, or of the last row if there is none."""
    row = min(place, load_relaxed(words, slot + KEYS_COUNT) - U1)
    return np.int64(load_relaxed(words, slot + TABLE)) + np.int64(row) * ROW_WORDS


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
def draw_window(words, slot, place, what):
    """Draw a key of row `place`, one in eight from behind it; for a window, with rows after it."""
    row = row_of(words, slot, place)
    first = load_relaxed(words, row + ROW_FIRST)
    last = load_relaxed(words, row + ROW_LAST)
    key = first + prng_below(words, slot, last - first + U1)
    if prng_next(words, slot) & U7 == U0:
        key = max(last, last + prng_below(words, slot, BESIDE))
    until = key
    if what == DRAW_WINDOW:
        after = row_of(words, slot, place + WINDOW_ROWS)
        until = max(key, load_relaxed(words, after + ROW_LAST))
    store_relaxed(words, slot + NOW_FIRST, key)
    store_relaxed(words, slot + NOW_LAST, until)


@kernel
def parts_last(words, row, end):
    """Return the last key of the parts before part `end` of the row at `row`."""
    if end >= load_relaxed(words, row + ROW_PARTS):
        return load_relaxed(words, row + ROW_LAST)
    first = load_relaxed(words, row + ROW_FIRST)
    return first + end * load_relaxed(words, row + ROW_PART) - U1


@kernel
def draw_write(words, slot, place):
    """Draw some parts of row `place`, half of the time all, and a value that names them."""
    row = row_of(words, slot, place)
    parts = load_relaxed(words, row + ROW_PARTS)
    start = U0
    count = parts
    if prng_next(words, slot) & U1 == U0:
        start = prng_below(words, slot, parts)
        count = U1 + prng_below(words, slot, parts - start)
    first = load_relaxed(words, row + ROW_FIRST) + start * load_relaxed(words, row + ROW_PART)
    store_relaxed(words, slot + NOW_FIRST, first)
    store_relaxed(words, slot + NOW_LAST, parts_last(words, row, start + count))
    value = value_next(words, slot, place, (start << U4) | (count - U1))
    store_relaxed(words, slot + NOW_VALUE, value)


@kernel
def draw_gap(words, slot, place):
    """Draw a window and some pages: one in four over all rows, one in four on huge pages."""
    random = prng_next(words, slot)
    low = load_relaxed(words, row_of(words, slot, place) + ROW_FIRST)
    rows = place + U1 + prng_below(words, slot, GAP_ROWS)
    if random & U3 == U0:
        low = U_PAGE
        rows = load_relaxed(words, slot + KEYS_COUNT)
    mask = HUGE_MASK if (random >> U4) & U3 == U0 else PAGE_MASK
    store_relaxed(words, slot + NOW_FIRST, low)
    last = load_relaxed(words, row_of(words, slot, rows) + ROW_LAST)
    store_relaxed(words, slot + NOW_LAST, max(low, last))
    store_relaxed(words, slot + NOW_SIZE, (U1 + prng_below(words, slot, GAP_PAGES)) * U_PAGE)
    store_relaxed(words, slot + NOW_MASK, mask)
    store_relaxed(words, slot + NOW_OFFSET, U0)


@entry
def certify(base, tree, slot, first, last, value, d, e):
    """Say what is wrong with an entry: 0, or a FAULT_* of values.py."""
    words = words_at(base)
    if value & RESERVED != U0:
        return FAULT_RESERVED
    place = value >> ORIGIN_AT
    if place >= load_relaxed(words, slot + KEYS_COUNT):
        return FAULT_RANGE
    row = row_of(words, slot, place)
    parts = (value >> LENGTH_AT) & LENGTH_MASK
    start = parts >> U4
    end = start + (parts & NIBBLE) + U1
    if end > load_relaxed(words, row + ROW_PARTS):
        return FAULT_RANGE
    begin = load_relaxed(words, row + ROW_FIRST) + start * load_relaxed(words, row + ROW_PART)
    if first < begin or last > parts_last(words, row, end):
        return FAULT_RANGE
    return value_fault(words, slot, value)
