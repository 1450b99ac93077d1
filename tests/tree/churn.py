"""Compiled writers and readers for the test of concurrency: millions of operations a second.

Values certify themselves: VALUE_BIT | first cell | last cell. A writer stores ranges of cells;
a reader that loads a key of cell c must meet a value whose cells include c, and an entry must
lie within what its value names. Anything else is counted: a read of a freed node brings POISON,
a torn or misdirected one brings cells from elsewhere.
"""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import driver, entry_call, kernel, load_relaxed, sched_yield
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    SLOT_WORKER,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.prng import prng_below
from stressd_kernels.status import Status

CELL_SHIFT = np.uint64(4)
CELL_LAST = np.uint64(15)
LAST_MASK = np.uint64((1 << 24) - 1)
FIRST_SHIFT = np.uint64(24)
VALUE_BIT = np.uint64(1 << 62)
WIDE = np.uint64(40)  # most cells of a wide store
EIGHT = np.uint64(8)
SIXTEEN = np.uint64(16)
SCAN_LIMIT = np.uint64(40)
OK = np.uint64(Status.OK)
RETRY = np.uint64(Status.RETRY)
BACKLOG = np.uint64(Status.BACKLOG)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
PIN_OPS = 64


@kernel
def named_badly(first, last, value):
    """Say whether an entry lies outside of what its value names; NULL is never bad."""
    if value == U0:
        return False
    low = (value ^ VALUE_BIT) >> FIRST_SHIFT
    high = value & LAST_MASK
    return value >> np.uint64(62) != U1 or first >> CELL_SHIFT < low or last >> CELL_SHIFT > high


@driver
def write_cells(words, tree, slot, store, cells, count):
    """Store `count` random ranges of cells, one in eight of them wide, one in four NULL.

    store   address of the entry STORE; cells: uint64, how many there are
    return  how many stores did not answer OK
    """
    refused = 0
    for _ in range(count):
        first = prng_below(words, slot, cells)
        more = prng_below(words, slot, WIDE) if prng_below(words, slot, EIGHT) == U0 else U0
        last = min(first + more, cells - U1)
        value = VALUE_BIT | (first << FIRST_SHIFT) | last
        if prng_below(words, slot, SIXTEEN) < np.uint64(4):
            value = U0
        a = first << CELL_SHIFT
        b = (last << CELL_SHIFT) | CELL_LAST
        status = entry_call(words, store, tree, slot, a, b, value, U0, U0)
        while status == BACKLOG:
            sched_yield()
            status = entry_call(words, store, tree, slot, a, b, value, U0, U0)
        if status != OK:
            refused += 1
    return refused


@kernel
def look(words, tree, slot, verbs, cells):
    """Read once in a random way; return 1 if the answer is wrong.

    verbs  addresses of LOAD, FIND, NEXT, PREV, SCAN
    """
    key = prng_below(words, slot, cells << CELL_SHIFT)
    kind = np.int64(prng_below(words, slot, SIXTEEN))
    if kind == 4:
        output = np.uint64(slot + SLOT_WORKER)
        limit = SCAN_LIMIT
        found = np.int64(entry_call(words, verbs[4], tree, slot, key, UMAX, limit, output, U0))
        return scan_is_wrong(words, slot + SLOT_WORKER, found)
    if kind == 0 or kind > 4:
        value = entry_call(words, verbs[0], tree, slot, key, U0, U0, U0, U0)
        return named_badly(key, key, value)
    status = entry_call(words, verbs[kind], tree, slot, key, UMAX, U0, U0, U0)
    if status != OK:
        return status != NOT_FOUND and status != RETRY
    first = words[slot + RESULT_FIRST]
    last = words[slot + RESULT_LAST]
    ordered = (last >= key, first > key, last < key)[kind - 1]
    return not ordered or named_badly(first, last, words[slot + RESULT_VALUE])


@kernel
def scan_is_wrong(words, at, found):
    """Say whether any of `found` entries at words[at..] is wrong or not after the one before."""
    end = U0
    for row in range(at, at + 3 * found, 3):
        if named_badly(words[row], words[row + 1], words[row + 2]):
            return True
        if row > at and words[row + 1] <= end:
            return True
        end = words[row + 1]
    return False


@driver
def read_cells(words, tree, slot, verbs, cells, stop, pinned):
    """Read until words[stop] is set; return (reads, wrong answers).

    pinned  False: the defect that the canary is about, a reader that announces nothing
    """
    reads = 0
    wrong = 0
    while load_relaxed(words, stop) == U0:
        if pinned:
            epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            if look(words, tree, slot, verbs, cells):
                wrong += 1
        if pinned:
            epoch_unpin(words, slot)
        reads += PIN_OPS
    return reads, wrong


@driver
def move_hole(words, tree, slot, store, cells, count):
    """Free a random cell, then fill the one that was free, `count` times; return refusals.

    All cells are filled but cell 0; in every state one or two cells are free, never none.
    """
    refused = 0
    hole = U0
    for _ in range(count):
        fresh = prng_below(words, slot, cells)
        for cell, value in ((fresh, U0), (hole, VALUE_BIT | (hole << FIRST_SHIFT) | hole)):
            a = cell << CELL_SHIFT
            if fresh != hole:
                status = entry_call(words, store, tree, slot, a, a | CELL_LAST, value, U0, U0)
                while status == BACKLOG:
                    sched_yield()
                    status = entry_call(words, store, tree, slot, a, a | CELL_LAST, value, U0, U0)
                refused += status != OK
        hole = fresh
    return refused


@driver
def seek_hole(words, tree, slot, verbs, cells, stop):
    """Search for a free cell until words[stop] is set; return (answers, wrong answers).

    verbs  addresses of GAP_UP, GAP_DOWN. There always is a free cell, and there never are three
           side by side; a search that was overtaken three times (RETRY) is no answer.
    """
    answers = 0
    wrong = 0
    high = (cells << CELL_SHIFT) - U1
    three = SIXTEEN + SIXTEEN + U1
    while load_relaxed(words, stop) == U0:
        epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            verb = np.int64(prng_below(words, slot, EIGHT)) & 1
            status = entry_call(words, verbs[verb], tree, slot, U0, high, SIXTEEN, U0, U0)
            if status != RETRY:
                answers += 1
                wrong += status != OK or words[slot + RESULT_FIRST] & CELL_LAST != U0
            status = entry_call(words, verbs[verb], tree, slot, U0, high, three, U0, U0)
            if status != RETRY:
                answers += 1
                wrong += status != NOT_FOUND
        epoch_unpin(words, slot)
    return answers, wrong
