"""Load, find, next and prev at random keys: how they are asked, and what is right."""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import borrowed, driver, kernel, load_relaxed, sched_yield
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import U0, U1
from stressd_kernels.maple.search import CROSSING_TRIES
from stressd_kernels.prng import prng_below
from tests.tree.linearizability.rows import (
    BOUND,
    EVERYWHERE,
    FIRST,
    JUDGED,
    KEY,
    LAST,
    LOOSE,
    NOT_FOUND,
    OK,
    OVERLAPPED,
    PIN_READS,
    ROW,
    STATUS,
    TRIES,
    V1,
    V2,
    VALUE,
    Log,
    ask,
)
from tests.tree.linearizability.states import (
    CELL_KEYS,
    CELLS,
    SHIFT,
    STOP,
    first_of,
    is_entry,
    is_seen,
    is_still,
    last_of,
    version_now,
)

LOAD, FIND, NEXT, PREV = range(4)


@driver
def read(words, tree, slot, address, shape, log):
    """Ask at random keys until the log, int64[:, ROW], is full or the round over; return rows.

    address  of the entry LOAD, FIND, NEXT or PREV
    """
    words = borrowed(words)
    keys = np.uint64(shape[CELLS] << SHIFT)
    done = 0
    while done < len(log) and load_relaxed(words, shape[STOP]) == U0:
        epoch_pin(words, slot)
        for at in range(done, min(done + PIN_READS, len(log))):
            row = log[at]
            row[KEY] = np.int64(prng_below(words, slot, keys))
            row[BOUND] = EVERYWHERE
            if prng_below(words, slot, keys) & U1 != U0:
                row[BOUND] = np.int64(prng_below(words, slot, keys))
            ask(words, tree, slot, address, shape, row)
        epoch_unpin(words, slot)
        if log[done, V1] == version_now(words, tree, shape):
            sched_yield()  # nothing has changed meanwhile: whoever writes may want this core
        done = min(done + PIN_READS, len(log))
    return done


@driver
def judge(log, kind, states, values, totals):
    """Judge int64[:, ROW]; add to totals; return -1, or the first row that is wrong."""
    for at in range(len(log)):
        row = log[at]
        low = row[V1] // 2
        high = min((row[V2] + 1) // 2, len(states) - 1)
        loose = kind != LOAD and row[TRIES] >= CROSSING_TRIES
        good = False
        if loose:
            good = is_loosely_right(row, kind, states[low : high + 1], values)
        else:
            for number in range(low, high + 1):
                if is_right(row, kind, states[number], values):
                    good = True
                    break
        if not good:
            return at
        totals[JUDGED] += 1
        totals[OVERLAPPED] += high > low
        totals[LOOSE] += loose
    return -1


@kernel
def is_right(row, kind, state, values):
    """Say whether a row's answer is that of one state."""
    cell = row[KEY] >> SHIFT
    if kind == LOAD:
        return row[STATUS] == max(values[state[cell]], 0)
    cell = wanted(kind, state, values, cell)
    if cell >= 0 and kind == FIND and first_of(state, cell) * CELL_KEYS > row[BOUND]:
        cell = -1
    if cell < 0:
        return row[STATUS] == NOT_FOUND
    right = row[STATUS] == OK and row[VALUE] == values[state[cell]]
    right = right and row[FIRST] == first_of(state, cell) * CELL_KEYS
    return right and row[LAST] == (last_of(state, cell) + 1) * CELL_KEYS - 1


@kernel
def wanted(kind, state, values, cell):
    """Return a cell of the entry that FIND, NEXT or PREV means, or -1."""
    if kind != FIND:
        cell = onward(kind, state, cell)
    while 0 <= cell < len(state) and not is_seen(state, values, cell):
        cell = onward(kind, state, cell)
    return cell if cell < len(state) else -1


@kernel
def onward(kind, state, cell):
    """Return a cell of the next entry or NULL range in the direction of `kind`."""
    return first_of(state, cell) - 1 if kind == PREV else last_of(state, cell) + 1


@kernel
def is_loosely_right(row, kind, states, values):
    """Say whether the answer of an overtaken look-up was there, and nothing that was there
    throughout lies nearer.
    """
    first, last = row[FIRST], row[LAST]
    if row[STATUS] == OK:
        beyond = first > row[KEY] if kind == NEXT else last < row[KEY]
        if kind == FIND:
            beyond = last >= row[KEY] and first <= row[BOUND]
        there = False
        for number in range(len(states)):
            there = there or is_entry(states[number], values, first, last, row[VALUE])
        if not beyond or not there:
            return False
    elif row[STATUS] != NOT_FOUND:
        return False
    state = states[0]
    cell = wanted(kind, state, values, row[KEY] >> SHIFT)
    while cell >= 0:
        begin, end = first_of(state, cell), last_of(state, cell)
        nearer = last < begin * CELL_KEYS if kind == PREV else first > end * CELL_KEYS
        if row[STATUS] == OK and not nearer:
            return True
        if kind == FIND and begin * CELL_KEYS > row[BOUND]:
            return True
        if is_still(states, begin, end):
            return False
        cell = onward(kind, state, cell)
        if 0 <= cell < len(state) and not is_seen(state, values, cell):
            cell = wanted(kind, state, values, cell)
        cell = cell if cell < len(state) else -1
    return True


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    calm = (log[:, V1] == log[:, V2]) & (log[:, TRIES] < CROSSING_TRIES)
    if kind == LOAD:
        return np.flatnonzero(calm) * ROW + STATUS
    entries = np.flatnonzero(calm & (log[:, STATUS] == OK))
    return np.add.outer(entries * ROW, np.array([FIRST, LAST, VALUE])).ravel()
