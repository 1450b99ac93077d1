"""Writers: every kind of write on random cells, recorded, put in order and judged.

A writer goes through moods (grow, decay, churn), so that leaves fill, split, empty and merge,
the root rises and falls, and the tree is cleared now and then. Each write is one row.

A write that answers with a version made that state, but for one: a store of NULL over NULL
changes nothing and answers with the version that it met. Of several writes with one version the
one that made it is the one after which the others change nothing.
"""

from __future__ import annotations

import numpy as np

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
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    RESULT_VERSION,
    TREE_HEIGHT,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.prng import prng_below
from stressd_kernels.status import ZERO as ZERO_WORD
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.tree.linearizability.states import (
    CELL_KEYS,
    CELLS,
    NO_VERSION,
    NUMBER,
    ORIGIN,
    RESERVED,
    SHIFT,
    START,
    STOP,
    VALUE_BIT,
    WIDE,
    first_of,
    last_of,
    version_now,
)

STORE, ERASE, INSERT, ALLOCATE, CLEAR, FIND = range(6)
VERBS = (Verb.STORE, Verb.ERASE, Verb.INSERT, Verb.ALLOCATE, Verb.CLEAR, Verb.FIND)

# columns of a row; cells and keys without the origin
KIND, V1, V2, VERSION, STATUS = range(5)
FIRST, LAST = 5, 6  # cells asked for; of an allocation the window
VALUE = 7  # what was to be stored
SIZE = 8  # cells to allocate; negative: from the top
GOT_FIRST, GOT_LAST, GOT_VALUE = 9, 10, 11  # keys and value of the answer
HEIGHT = 12  # of the tree afterwards
ROW = 13

# facts: what really happened
MADE, IN_PLACE, CLEARED, ROSE, FELL, REFUSED, NOTHING = range(7)
FACTS = 7
FACT_NAMES = ("in place", "cleared", "root rose", "root fell", "refused", "nothing to do")

GROW, DECAY, MOODS = 0, 1, 4  # the others churn
MOOD_WRITES = 256
MOST_SHORT = np.uint64(6)  # cells of an ordinary store
MOST_ROOM = np.uint64(4)  # cells to allocate
KINDS = np.uint64(16)
CLEAR_IN = np.uint64(64)
ZERO = np.int64(np.uint64(ZERO_WORD))  # negative
BACKLOG = np.uint64(Status.BACKLOG)
OK = int(Status.OK)
EXISTS = int(Status.EXISTS)
NOT_FOUND = int(Status.NOT_FOUND)


@driver
def write(words, tree, slot, verbs, shape, log):
    """Write until the log is full or the round is over; return the rows written.

    verbs  uint64: addresses of VERBS; log: int64[:, ROW]
    """
    words = borrowed(words)
    mood = 0
    for at in range(len(log)):
        if load_relaxed(words, shape[STOP]) != U0:
            return at
        if at % MOOD_WRITES == 0:
            mood = np.int64(prng_below(words, slot, np.uint64(MOODS)))
        row = log[at]
        choose(words, slot, shape, mood, row)
        if row[VALUE] > 0:
            row[VALUE] = VALUE_BIT | shape[NUMBER] << 50 | at << 24 | row[FIRST] << 12 | row[LAST]
        if row[KIND] == FIND:
            same_range(words, tree, slot, verbs, shape, row)
        carry_out(words, tree, slot, verbs, shape, row)
    return len(log)


@kernel
def choose(words, slot, shape, mood, row):
    """Draw one write: its kind, its cells and what it stores: a value (1), NULL (0) or ZERO."""
    cells = np.uint64(shape[CELLS])
    draw = np.int64(prng_below(words, slot, KINDS))
    first = prng_below(words, slot, cells)
    reach = prng_below(words, slot, MOST_SHORT)
    if draw == 5 or draw == 9:
        reach = prng_below(words, slot, np.uint64(shape[WIDE]))
    if mood == GROW and draw < 14:
        draw = 0
        reach = U0
    elif mood == DECAY and 5 < draw < 14:
        draw = 8 if draw < 10 else 10
    row[KIND] = STORE
    row[FIRST] = np.int64(first)
    row[LAST] = np.int64(min(first + reach, cells - U1))
    row[VALUE] = 1
    row[SIZE] = 0
    if draw == 6 or draw == 7:
        row[KIND] = FIND  # and then store on exactly that range
    elif draw == 8 or draw == 9:
        row[VALUE] = 0
    elif draw == 10 or draw == 11:
        row[KIND] = ERASE
        row[VALUE] = 0
    elif draw == 12:
        row[KIND] = INSERT
    elif draw == 13:
        row[KIND] = ALLOCATE
        row[LAST] = np.int64(prng_below(words, slot, cells))
        row[FIRST], row[LAST] = min(row[FIRST], row[LAST]), max(row[FIRST], row[LAST])
        size = np.int64(U1 + prng_below(words, slot, MOST_ROOM))
        row[SIZE] = size if prng_below(words, slot, KINDS) < np.uint64(8) else -size
    if row[VALUE] != 0 and shape[RESERVED] != 0 and prng_below(words, slot, KINDS) < np.uint64(4):
        row[VALUE] = ZERO
    if draw == 15 and prng_below(words, slot, CLEAR_IN) == U0:
        row[KIND] = CLEAR
        row[FIRST], row[LAST], row[VALUE] = 0, shape[CELLS] - 1, 0


@kernel
def same_range(words, tree, slot, verbs, shape, row):
    """Make the row a store on exactly the range of the first entry at or after its cell."""
    key = np.uint64(shape[ORIGIN] + (row[FIRST] << SHIFT))
    epoch_pin(words, slot)
    status = entry_call(words, verbs[FIND], tree, slot, key, UMAX, U0, U0, U0)
    epoch_unpin(words, slot)
    row[KIND] = STORE
    if np.int64(status) == OK:
        row[FIRST] = (np.int64(words[slot + RESULT_FIRST]) - shape[ORIGIN]) >> SHIFT
        row[LAST] = (np.int64(words[slot + RESULT_LAST]) - shape[ORIGIN]) >> SHIFT


@kernel
def carry_out(words, tree, slot, verbs, shape, row):
    """Write what the row says, waiting for readers if need be, and complete the row."""
    a = np.uint64(shape[ORIGIN] + (row[FIRST] << SHIFT))
    b = np.uint64(shape[ORIGIN] + (row[LAST] << SHIFT) + CELL_KEYS - 1)
    c = np.uint64(row[VALUE])
    d = U0
    e = U0
    if row[KIND] == ALLOCATE:
        c = np.uint64(abs(row[SIZE]) << SHIFT)
        d = np.uint64(row[VALUE])
        e = U1 if row[SIZE] < 0 else U0
    words[slot + RESULT_VERSION] = UMAX
    row[V1] = version_now(words, tree, shape)
    status = entry_call(words, verbs[row[KIND]], tree, slot, a, b, c, d, e)
    while status == BACKLOG:
        sched_yield()
        status = entry_call(words, verbs[row[KIND]], tree, slot, a, b, c, d, e)
    fence_acquire("V2")
    row[V2] = version_now(words, tree, shape)
    row[STATUS] = np.int64(status)
    version = words[slot + RESULT_VERSION]
    row[VERSION] = NO_VERSION if version == UMAX else np.int64(version) - shape[START]
    row[GOT_FIRST] = np.int64(words[slot + RESULT_FIRST]) - shape[ORIGIN]
    row[GOT_LAST] = np.int64(words[slot + RESULT_LAST]) - shape[ORIGIN]
    row[GOT_VALUE] = np.int64(words[slot + RESULT_VALUE])
    row[HEIGHT] = np.int64(load_relaxed(words, tree + TREE_HEIGHT))


# -- order and judgement ---------------------------------------------------------------------


@driver
def states_build(rows, states, values, facts):
    """Make the list of states of rows in order of their versions, and judge each write.

    rows    int64[:, ROW] of all writers, ascending by VERSION, without those that have none
    states  int32[:, :], values int64[:]: room for all; facts int64[FACTS]: added to
    return  the number of states after the first, or -1 - row of a write that was wrong
    """
    states[0] = 0
    made = 0
    begin = 0
    height = 0
    while begin < len(rows):
        end = begin
        while end < len(rows) and rows[end, VERSION] == rows[begin, VERSION]:
            end += 1
        if rows[begin, VERSION] > 0:
            made += 1
            if made == len(states):
                return -1 - begin
            maker = maker_of(rows[begin:end], states[made - 1])
            if rows[begin, VERSION] != 2 * made or maker < 0:
                return -1 - begin
            row = rows[begin + maker]
            if not is_right(row, states[made - 1], values):
                return -1 - begin - maker
            facts[MADE] += 1
            facts[IN_PLACE] += is_in_place(row, states[made - 1])
            apply(row, states[made - 1], states[made], made)
            values[made] = row[VALUE]
            facts[CLEARED] += row[KIND] == CLEAR
            facts[ROSE] += row[HEIGHT] > height
            facts[FELL] += row[HEIGHT] < height
            height = row[HEIGHT]
        facts[NOTHING] += end - begin - 1
        for at in range(begin, end):
            if rows[at, VERSION] <= 0 and not is_idle(rows[at], states[0]):
                return -1 - at
        begin = end
    return made


@kernel
def maker_of(group, state):
    """Return which of the writes with one version made it out of `state`, or -1."""
    for at in range(len(group)):
        row = group[at]
        if row[STATUS] != OK or is_idle(row, state):
            continue
        first, last = cells_of(row, state)
        good = True
        for other in range(len(group)):
            if other == at:
                continue
            erases = group[other, KIND] == STORE or group[other, KIND] == CLEAR
            if not erases or group[other, VALUE] != 0:
                good = False
                break
            for cell in range(group[other, FIRST], group[other, LAST] + 1):
                if state[cell] != 0 and not (row[VALUE] == 0 and first <= cell <= last):
                    good = False
                if row[VALUE] != 0 and first <= cell <= last:
                    good = False
        if good:
            return at
    return -1


@kernel
def cells_of(row, state):
    """Return the cells that a write changed: (first, last), whatever its answer was."""
    if row[KIND] != ERASE and row[KIND] != ALLOCATE:
        return row[FIRST], row[LAST]
    most = len(state) - 1
    return min(max(row[GOT_FIRST] >> SHIFT, 0), most), min(max(row[GOT_LAST] >> SHIFT, 0), most)


@kernel
def is_idle(row, state):
    """Say whether a write of NULL finds nothing but NULL in its range."""
    if row[VALUE] != 0:
        return False
    first, last = cells_of(row, state)
    return state[first] == 0 and last_of(state, first) >= last


@kernel
def apply(row, before, after, number):
    """Fill the state after a write from that before it."""
    after[:] = before
    first, last = cells_of(row, before)
    for cell in range(first, last + 1):
        after[cell] = number if row[VALUE] != 0 else 0


@kernel
def is_in_place(row, state):
    """Say whether a write replaces exactly one entry by another."""
    first, last = cells_of(row, state)
    if row[VALUE] == 0 or state[first] == 0:
        return False
    return first_of(state, first) == first and last_of(state, first) == last


@kernel
def is_right(row, state, values):
    """Say whether the answer of a write that changed `state` is what it had to be."""
    cell = row[FIRST]
    if row[KIND] == ERASE:
        right = state[cell] != 0 and row[GOT_VALUE] == values[state[cell]]
        right = right and row[GOT_FIRST] == first_of(state, cell) * CELL_KEYS
        return right and row[GOT_LAST] == (last_of(state, cell) + 1) * CELL_KEYS - 1
    if row[KIND] == INSERT:
        return state[cell] == 0 and last_of(state, cell) >= row[LAST]
    if row[KIND] == ALLOCATE:
        start = room_in(row, state)
        size = abs(row[SIZE])
        right = start >= 0 and row[GOT_FIRST] == start * CELL_KEYS
        return right and row[GOT_LAST] == (start + size) * CELL_KEYS - 1
    return True


@kernel
def room_in(row, state):
    """Return the lowest (highest) cell where an allocation fits, or -1."""
    size = abs(row[SIZE])
    found = -1
    free = 0
    for cell in range(row[FIRST], row[LAST] + 1):
        free = free + 1 if state[cell] == 0 else 0
        if free >= size:
            found = cell - size + 1
            if row[SIZE] > 0:
                return found
    return found


@driver
def refusals_judge(rows, states, facts):
    """Judge writes that changed nothing and said so; return -1, or the row that is wrong.

    rows  int64[:, ROW], those that were refused: right in the state whose version they name
    """
    for at in range(len(rows)):
        row = rows[at]
        facts[REFUSED] += 1
        good = row[V1] <= row[VERSION] <= row[V2] and row[VERSION] % 2 == 0
        if not good:
            return at
        state = states[row[VERSION] // 2]
        cell = row[FIRST]
        if row[KIND] == ERASE:
            good = row[STATUS] == NOT_FOUND and state[cell] == 0
        elif row[KIND] == INSERT:
            taken = state[cell] != 0 or last_of(state, cell) < row[LAST]
            good = row[STATUS] == EXISTS and taken
        elif row[KIND] == ALLOCATE:
            good = row[STATUS] == NOT_FOUND and room_in(row, state) < 0
        else:
            good = False
        if not good:
            return at
    return -1
