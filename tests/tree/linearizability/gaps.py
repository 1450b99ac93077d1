"""Gap search in random windows, with masks and offsets: right in exactly the state it names.

A search that was overtaken three times (RETRY) is asked again under the lock, as its users do.
That answer names no version: it must be right in one state while it ran.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import (
    borrowed,
    driver,
    entry_call,
    fence_acquire,
    kernel,
    load_relaxed,
    sched_yield,
)
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, RESULT_LAST, RESULT_VERSION, U0, U1
from stressd_kernels.prng import prng_below
from stressd_kernels.status import Status
from tests.tree.linearizability.states import (
    CELL_KEYS,
    CELLS,
    NO_VERSION,
    ORIGIN,
    SHIFT,
    START,
    STOP,
    last_of,
    version_now,
)

UP, DOWN = range(2)

V1, V2, LOW, HIGH, SIZE, MASK, OFFSET, STATUS, FIRST, LAST, VERSION = range(11)
ROW = 11
JUDGED, OVERLAPPED, LOCKED = range(3)  # of totals

PIN_READS = 8
MASKS = np.array([0, 0, 7, 15, 63, 255], np.int64)
MOST_CELLS = np.uint64(5)  # that one question asks for
KINDS = np.uint64(4)
OK = int(Status.OK)
NOT_FOUND = int(Status.NOT_FOUND)
RETRY = np.uint64(Status.RETRY)


Log = npt.NDArray[np.int64]


@driver
def read(words, tree, slot, addresses, shape, log):
    """Search until the log, int64[:, ROW], is full or the round over; return rows.

    addresses  uint64: of GAP_UP (GAP_DOWN), and of the same under the lock
    """
    words = borrowed(words)
    done = 0
    while done < len(log) and load_relaxed(words, shape[STOP]) == U0:
        epoch_pin(words, slot)
        for at in range(done, min(done + PIN_READS, len(log))):
            choose(words, slot, shape, log[at])
            ask(words, tree, slot, addresses, shape, log[at])
        epoch_unpin(words, slot)
        if log[done, V1] == version_now(words, tree, shape):
            sched_yield()  # nothing has changed meanwhile: whoever writes may want this core
        done = min(done + PIN_READS, len(log))
    return done


@kernel
def choose(words, slot, shape, row):
    """Draw a question: a window, mostly of odd keys, a size, a mask and an offset."""
    keys = np.uint64(shape[CELLS] << SHIFT)
    a = np.int64(prng_below(words, slot, keys))
    b = np.int64(prng_below(words, slot, keys))
    kind = prng_below(words, slot, KINDS)
    if kind == U0:
        a, b = 0, np.int64(keys) - 1
    elif kind == U1:
        b = min(a + 40 * CELL_KEYS, np.int64(keys) - 1)
    row[LOW] = min(a, b)
    row[HIGH] = max(a, b)
    row[SIZE] = np.int64(U1 + prng_below(words, slot, MOST_CELLS << np.uint64(SHIFT)))
    if prng_below(words, slot, KINDS) == U0:
        row[SIZE] = (row[SIZE] | (CELL_KEYS - 1)) + 1
    row[MASK] = MASKS[np.int64(prng_below(words, slot, np.uint64(len(MASKS))))]
    row[OFFSET] = np.int64(prng_below(words, slot, keys))


@kernel
def ask(words, tree, slot, addresses, shape, row):
    """Search once, under the lock if overtaken, and complete the row; pinned before and after."""
    low = np.uint64(shape[ORIGIN] + row[LOW])
    high = np.uint64(shape[ORIGIN] + row[HIGH])
    size = np.uint64(row[SIZE])
    mask = np.uint64(row[MASK])
    offset = np.uint64(shape[ORIGIN] + row[OFFSET])
    row[V1] = version_now(words, tree, shape)
    status = entry_call(words, addresses[0], tree, slot, low, high, size, mask, offset)
    row[VERSION] = np.int64(words[slot + RESULT_VERSION]) - shape[START]
    if status == RETRY:
        epoch_unpin(words, slot)
        row[VERSION] = NO_VERSION
        status = entry_call(words, addresses[1], tree, slot, low, high, size, mask, offset)
        epoch_pin(words, slot)
    fence_acquire("V2")
    row[V2] = version_now(words, tree, shape)
    row[STATUS] = np.int64(status)
    row[FIRST] = np.int64(words[slot + RESULT_FIRST]) - shape[ORIGIN]
    row[LAST] = np.int64(words[slot + RESULT_LAST]) - shape[ORIGIN]


@driver
def judge(log, kind, states, values, totals):
    """Judge int64[:, ROW]; add to totals; return -1, or the first row that is wrong."""
    for at in range(len(log)):
        row = log[at]
        low = row[V1] // 2
        high = min((row[V2] + 1) // 2, len(states) - 1)
        totals[OVERLAPPED] += high > low
        if row[VERSION] != NO_VERSION:
            if not row[V1] <= row[VERSION] <= row[V2] or row[VERSION] % 2 != 0:
                return at
            low = row[VERSION] // 2
            high = low
        good = False
        for number in range(low, high + 1):
            start = room(row, kind, states[number])
            if start < 0:
                good = row[STATUS] == NOT_FOUND
            else:
                good = row[STATUS] == OK and row[FIRST] == start
                good = good and row[LAST] == start + row[SIZE] - 1
            if good:
                break
        if not good:
            return at
        totals[JUDGED] += 1
        totals[LOCKED] += row[VERSION] == NO_VERSION
    return -1


@kernel
def room(row, kind, state):
    """Return the lowest (highest) fitting start in one state, or -1: every hole is looked at."""
    found = -1
    cell = row[LOW] >> SHIFT
    while cell < len(state) and cell * CELL_KEYS <= row[HIGH]:
        end = last_of(state, cell)
        if state[cell] == 0:
            first = max(cell * CELL_KEYS, row[LOW])
            last = min((end + 1) * CELL_KEYS - 1, row[HIGH])
            start = first + ((row[OFFSET] - first) & row[MASK])
            if start + row[SIZE] - 1 <= last:
                if kind == UP:
                    return start
                start = last - row[SIZE] + 1
                found = start - ((start - row[OFFSET]) & row[MASK])
        cell = end + 1
    return found


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    exact = np.flatnonzero((log[:, VERSION] != NO_VERSION) & (log[:, STATUS] == OK))
    return np.add.outer(exact * ROW, np.array([FIRST, LAST])).ravel()
