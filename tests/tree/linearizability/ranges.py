"""find_rev, and what a cursor asks (walk, seek, seek_rev): how they are asked, and what is right.

Each takes a key and a bound: the last key that seek may begin at, the first that find_rev and
seek_rev may end at; walk heeds none. Where writers overtook the backward ones three times, they
give something that was there, and nothing that was there throughout lies nearer.
"""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import borrowed, driver, kernel, load_relaxed, sched_yield
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import U0
from stressd_kernels.maple.search import CROSSING_TRIES
from stressd_kernels.prng import prng_below
from stressd_kernels.status import ZERO
from tests.tree.linearizability.rows import (
    BOUND,
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
    is_still,
    last_of,
    version_now,
)

FIND_REV, WALK, SEEK, SEEK_REV = range(4)

KINDS_OF_BOUND = np.uint64(4)
ZERO_WORD = ZERO - (1 << 64)  # as a signed number


@driver
def read(words, tree, slot, address, shape, log):
    """Ask at random keys until the log, int64[:, ROW], is full or the round over; return rows.

    address  of the entry FIND_REV, WALK, SEEK or SEEK_REV
    """
    words = borrowed(words)
    keys = np.uint64(shape[CELLS] << SHIFT)
    done = 0
    while done < len(log) and load_relaxed(words, shape[STOP]) == U0:
        epoch_pin(words, slot)
        for at in range(done, min(done + PIN_READS, len(log))):
            row = log[at]
            row[KEY] = np.int64(prng_below(words, slot, keys))
            row[BOUND] = np.int64(prng_below(words, slot, keys))
            kind = prng_below(words, slot, KINDS_OF_BOUND)
            if kind < np.uint64(2):
                row[BOUND] = 0 if kind == U0 else np.int64(keys) - 1
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
        loose = kind in (FIND_REV, SEEK_REV) and row[TRIES] >= CROSSING_TRIES
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
    if kind == WALK:
        return row[STATUS] == OK and is_range(row, state, values, cell)
    cell = wanted(row, kind, state, values, cell)
    if cell < 0:
        return row[STATUS] == NOT_FOUND
    return row[STATUS] == OK and is_range(row, state, values, cell)


@kernel
def is_range(row, state, values, cell):
    """Say whether the answer is the range of a state that holds `cell`, NULL or not.

    What is NULL at either end of the cells goes on beyond them.
    """
    first, last = first_of(state, cell), last_of(state, cell)
    value = values[state[cell]]
    if row[VALUE] != (ZERO_WORD if value < 0 else value):
        return False
    if (value != 0 or first > 0) and row[FIRST] != first * CELL_KEYS:
        return False
    open_end = value == 0 and last + 1 == len(state)
    return open_end or row[LAST] == (last + 1) * CELL_KEYS - 1


@kernel
def is_there(kind, state, values, cell):
    """Say whether a look-up of this kind sees what holds `cell`."""
    value = values[state[cell]]
    return value > 0 or (value < 0 and kind != FIND_REV)


@kernel
def wanted(row, kind, state, values, cell):
    """Return a cell of the entry that is meant, looking from `cell` on, or -1."""
    while 0 <= cell < len(state) and not is_there(kind, state, values, cell):
        cell = last_of(state, cell) + 1 if kind == SEEK else first_of(state, cell) - 1
    if cell < 0 or cell == len(state):
        return -1
    if kind == SEEK:
        return cell if first_of(state, cell) * CELL_KEYS <= row[BOUND] else -1
    return cell if (last_of(state, cell) + 1) * CELL_KEYS > row[BOUND] else -1


@kernel
def is_loosely_right(row, kind, states, values):
    """Say whether an overtaken answer was there, and nothing nearer was there throughout."""
    nearest = -1
    if row[STATUS] == OK:
        there = False
        for number in range(len(states)):
            cell = row[FIRST] >> SHIFT
            if 0 <= cell < states.shape[1] and is_there(kind, states[number], values, cell):
                there = there or is_range(row, states[number], values, cell)
        if not there or row[FIRST] > row[KEY] or row[LAST] < row[BOUND]:
            return False
        nearest = row[LAST] >> SHIFT
    elif row[STATUS] != NOT_FOUND:
        return False
    state = states[0]
    cell = wanted(row, kind, state, values, row[KEY] >> SHIFT)
    while cell > nearest:
        if is_still(states, first_of(state, cell), last_of(state, cell)):
            return False
        cell = wanted(row, kind, state, values, first_of(state, cell) - 1)
    return True


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    calm = (log[:, V1] == log[:, V2]) & (log[:, TRIES] < CROSSING_TRIES)
    entries = np.flatnonzero(calm & (log[:, STATUS] == OK) & (log[:, VALUE] > 0))
    return np.add.outer(entries * ROW, np.array([FIRST, LAST, VALUE])).ravel()
