"""The workload: that of the C program which measures the kernel's maple tree, number for number.

The same generator, the same entries, the same questions:

    entry k    covers [k << 16, (k << 16) + pages * 4096 - 1] with value k + 1, where pages is
               1 .. 15, so a gap of 1 .. 15 pages follows every entry
    cell k     the 16 pages from k << 16 on: entry k and the gap after it

The state of a loop is a small array, uint64[STATE_WORDS]:

    DRAW_STATE   the generator, left where it stopped       DRAW_ENTRIES   entries there are
    ASKED        operations to do, or that were done        TOOK           nanoseconds
    ANSWER_SUM   sum of the answers modulo 2**64, to be compared with what it must be
    SAMPLES      durations that were recorded
"""

import numpy as np

from stressd_kernels.door import driver, kernel_inline, multiply_high
from stressd_kernels.layout import U1

DRAW_STATE = 0
DRAW_ENTRIES = 1
ASKED = 2
ANSWER_SUM = 3
TOOK = 4
SAMPLES = 5
STATE_WORDS = 8

CELL_BITS = np.uint64(16)
PAGE_BITS = np.uint64(12)
PAGE_MASK = np.uint64(4095)
CELL_LAST = np.uint64(65535)
PAGES_MAX = np.uint64(15)
GONE = np.uint8(0x80)  # added to the pages of an entry while it is erased
THERE = np.uint8(0x7F)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
U32 = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


@kernel_inline
def draw_below(state, bound):
    """Return the number below `bound` that belongs to generator state `state`.

    The caller adds GOLDEN to its state before each draw.
    """
    mixed = (state ^ (state >> U32)) * MULTIPLIER
    mixed ^= mixed >> U32
    return multiply_high(mixed, bound)


@kernel_inline
def draw_below_many(state, bound):
    """Return what `draw_below` does; a loop that does nothing else draws eight at a time.

    bound  at most 2**32
    """
    mixed = (state ^ (state >> U32)) * MULTIPLIER
    mixed ^= mixed >> U32
    return ((mixed >> U32) * bound + (((mixed & LOW_HALF) * bound) >> U32)) >> U32


@kernel_inline
def first_of(entry):
    """Return the first key of an entry."""
    return entry << CELL_BITS


@kernel_inline
def last_of(entry, pages):
    """Return the last key of an entry."""
    return (entry << CELL_BITS) + (np.uint64(pages[entry]) << PAGE_BITS) - U1


@driver
def pages_draw(pages):
    """Fill uint8[:] with the length in pages, 1 .. 15, of each entry."""
    state = np.uint64(42)
    for entry in range(len(pages)):
        state += GOLDEN
        pages[entry] = U1 + draw_below(state, PAGES_MAX)


@driver
def order_draw(order):
    """Fill uint32[:] with the entries in a random order."""
    state = np.uint64(3)
    for entry in range(len(order)):
        order[entry] = entry
    for entry in range(len(order) - 1, 0, -1):
        state += GOLDEN
        other = draw_below(state, np.uint64(entry + 1))
        order[entry], order[other] = order[other], order[entry]


@driver
def entries_draw(state, drawn):
    """Fill uint32[:] with the entries that a loop with this state draws."""
    draws = state[DRAW_STATE]
    for place in range(len(drawn)):
        draws += GOLDEN
        drawn[place] = draw_below(draws, state[DRAW_ENTRIES])
    state[DRAW_STATE] = draws


@driver
def batches_draw(state, pages, erased, stored):
    """Draw batches of different entries, and of each batch another order.

    state    uint64[STATE_WORDS]; pages: uint8[:], left as it was
    erased   uint32[:, :], one batch a row: the order to erase; stored: the order to store back
    """
    entries = state[DRAW_ENTRIES]
    draws = state[DRAW_STATE]
    width = erased.shape[1]
    for batch in range(erased.shape[0]):
        for place in range(width):
            draws += GOLDEN
            entry = draw_below(draws, entries)
            while pages[entry] & GONE:
                draws += GOLDEN
                entry = draw_below(draws, entries)
            pages[entry] |= GONE
            erased[batch, place] = entry
        stored[batch] = erased[batch]
        for place in range(width - 1, 0, -1):
            draws += GOLDEN
            other = draw_below(draws, np.uint64(place + 1))
            stored[batch, place], stored[batch, other] = stored[batch, other], stored[batch, place]
        for place in range(width):
            pages[erased[batch, place]] &= THERE
    state[DRAW_STATE] = draws
