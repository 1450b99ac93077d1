"""Look-ups at random keys, of every kind that answers with a value or an entry.

    load, find, next, prev, find_rev     what the library offers
    walk, seek, seek_rev                 what a cursor asks: reserved entries are there for it

All are asked and judged in one way; the kinds differ in where they begin to look, in which
direction, how far, and in what they see. find, seek: a bound is the last key that the entry may
begin at; find_rev, seek_rev: the first that it may end at; the others heed none.

Where writers overtook one three times (`may_be_loose`) its answer was there, and nothing that was
there throughout lies nearer. A load, a walk and a seek need one leaf, so they have no such excuse.
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
    KIND,
    SHIFT,
    STOP,
    first_of,
    is_still,
    last_of,
    version_now,
)

LOAD, FIND, NEXT, PREV, FIND_REV, WALK, SEEK, SEEK_REV = range(8)

CHOICES = np.uint64(8)
ZERO_WORD = ZERO - (1 << 64)  # as a signed number


@driver
def read(words, tree, slot, address, shape, log):
    """Ask at random keys until the log, int64[:, ROW], is full or the round over; return rows.

    address  of the entry that the kind of the shape means: LOAD, FIND, ...
    """
    words = borrowed(words)
    keys = np.uint64(shape[CELLS] << SHIFT)
    done = 0
    while done < len(log) and load_relaxed(words, shape[STOP]) == U0:
        epoch_pin(words, slot)
        for at in range(done, min(done + PIN_READS, len(log))):
            row = log[at]
            row[KEY] = np.int64(prng_below(words, slot, keys))
            row[BOUND] = draw_bound(words, slot, shape[KIND], keys)
            ask(words, tree, slot, address, shape, row)
        epoch_unpin(words, slot)
        if log[done, V1] == version_now(words, tree, shape):
            sched_yield()  # nothing has changed meanwhile: whoever writes may want this core
        done = min(done + PIN_READS, len(log))
    return done


@kernel
def draw_bound(words, slot, kind, keys):
    """Return a bound: any key of the map, or its first, or its last, or none that matters."""
    choice = np.int64(prng_below(words, slot, CHOICES))
    if choice < 2:
        return 0 if is_downward(kind) else EVERYWHERE
    if choice < 4:
        return 0 if choice == 2 else np.int64(keys) - 1
    return np.int64(prng_below(words, slot, keys))


@driver
def judge(log, kind, states, values, totals):
    """Judge int64[:, ROW]; add to totals; return -1, or the first row that is wrong."""
    for at in range(len(log)):
        row = log[at]
        low = row[V1] // 2
        high = min((row[V2] + 1) // 2, len(states) - 1)
        loose = may_be_loose(kind) and row[TRIES] >= CROSSING_TRIES
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


# -- what the kinds differ in ----------------------------------------------------------------


@kernel
def may_be_loose(kind):
    """Say whether look-ups of this kind may leave the leaf that they begin in."""
    return kind not in (LOAD, WALK, SEEK)


@kernel
def is_downward(kind):
    """Say whether look-ups of this kind look below the key."""
    return kind in (PREV, FIND_REV, SEEK_REV)


@kernel
def is_there(kind, state, values, cell):
    """Say whether look-ups of this kind see what holds `cell`."""
    value = values[state[cell]]
    return value > 0 or (value < 0 and kind in (SEEK, SEEK_REV))


@kernel
def is_within(row, kind, first, last):
    """Say whether an entry on [first, last] is where a look-up of this kind looks."""
    if kind == NEXT:
        return first > row[KEY]
    if kind == PREV:
        return last < row[KEY]
    if is_downward(kind):
        return first <= row[KEY] and last >= row[BOUND]
    return last >= row[KEY] and first <= row[BOUND]


# -- what is right ---------------------------------------------------------------------------


@kernel
def is_right(row, kind, state, values):
    """Say whether a row's answer is that of one state."""
    cell = row[KEY] >> SHIFT
    if kind == LOAD:
        return row[STATUS] == max(values[state[cell]], 0)
    if kind != WALK:
        cell = wanted(row, kind, state, values)
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
def wanted(row, kind, state, values):
    """Return a cell of the entry that is meant, or -1."""
    cell = row[KEY] >> SHIFT
    if kind in (NEXT, PREV):
        cell = onward(kind, state, cell)
    return wanted_from(row, kind, state, values, cell)


@kernel
def wanted_from(row, kind, state, values, cell):
    """Return a cell of the first entry that is meant, from `cell` onward, or -1."""
    while 0 <= cell < len(state) and not is_there(kind, state, values, cell):
        cell = onward(kind, state, cell)
    if cell < 0 or cell == len(state):
        return -1
    first, last = first_of(state, cell) * CELL_KEYS, (last_of(state, cell) + 1) * CELL_KEYS - 1
    return cell if is_within(row, kind, first, last) else -1


@kernel
def onward(kind, state, cell):
    """Return a cell of the next entry or NULL range in the direction of `kind`."""
    return first_of(state, cell) - 1 if is_downward(kind) else last_of(state, cell) + 1


@kernel
def is_loosely_right(row, kind, states, values):
    """Say whether the answer of an overtaken look-up was there, and nothing that was there
    throughout lies nearer.
    """
    if row[STATUS] == OK:
        if not is_within(row, kind, row[FIRST], row[LAST]):
            return False
        if not was_there(row, kind, states, values):
            return False
    elif row[STATUS] != NOT_FOUND:
        return False
    state = states[0]
    cell = wanted(row, kind, state, values)
    while cell >= 0:
        begin, end = first_of(state, cell), last_of(state, cell)
        if row[STATUS] == OK and not is_nearer(row, kind, begin, end):
            return True
        if is_still(states, begin, end):
            return False
        cell = wanted_from(row, kind, state, values, onward(kind, state, cell))
    return True


@kernel
def was_there(row, kind, states, values):
    """Say whether the answer is an entry of one of the states."""
    cell = row[FIRST] >> SHIFT
    if cell < 0 or cell >= states.shape[1]:
        return False
    for number in range(len(states)):
        state = states[number]
        if is_there(kind, state, values, cell) and is_range(row, state, values, cell):
            return True
    return False


@kernel
def is_nearer(row, kind, begin, end):
    """Say whether the entry of cells [begin, end] comes before the answer."""
    if is_downward(kind):
        return row[LAST] < begin * CELL_KEYS
    return row[FIRST] > end * CELL_KEYS


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    calm = (log[:, V1] == log[:, V2]) & (log[:, TRIES] < CROSSING_TRIES)
    if kind == LOAD:
        return np.flatnonzero(calm) * ROW + STATUS
    entries = np.flatnonzero(calm & (log[:, STATUS] == OK) & (log[:, VALUE] > 0))
    return np.add.outer(entries * ROW, np.array([FIRST, LAST, VALUE])).ravel()
