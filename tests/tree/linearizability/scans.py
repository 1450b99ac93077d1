"""Scans from random keys on: each step is a find that was right at some instant.

A step goes from the end of one entry (or the start of the range) to the end of the next: the
keys between them were free and the entry was there, in one state while the scan ran. So
nothing is skipped that was there throughout. The steps of one scan may be of different states;
and where reserved entries lie between, which may fill whole leaves, so may parts of one step.
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
from stressd_kernels.layout import SLOT_WORKER, U0, U1
from stressd_kernels.prng import prng_below
from tests.tree.linearizability.states import (
    CELLS,
    ORIGIN,
    SHIFT,
    STOP,
    is_bare,
    is_entry,
    version_now,
)

# a record: this, then three words for each entry found
V1, V2, LOW, HIGH, LIMIT, FOUND = range(6)
HEAD = 6
LIMIT_MAX = np.uint64(40)
JUDGED, OVERLAPPED, SCANS = range(3)  # of totals; all but the last count steps


Log = npt.NDArray[np.int64]


@driver
def read(words, tree, slot, address, shape, log):
    """Scan until the log, int64[:], has no room or the round is over; return words written."""
    words = borrowed(words)
    at = 0
    most = HEAD + 3 * np.int64(LIMIT_MAX)
    while at + most <= len(log) and load_relaxed(words, shape[STOP]) == U0:
        epoch_pin(words, slot)
        ask(words, tree, slot, address, shape, log[at : at + most])
        epoch_unpin(words, slot)
        if log[at + V1] == log[at + V2]:
            sched_yield()  # nothing has changed meanwhile: whoever writes may want this core
        at += HEAD + 3 * log[at + FOUND]
    return at


@kernel
def ask(words, tree, slot, address, shape, row):
    """Scan once, between two looks at the version, and fill the record."""
    keys = np.uint64(shape[CELLS] << SHIFT)
    a = np.int64(prng_below(words, slot, keys))
    b = np.int64(prng_below(words, slot, keys))
    row[LOW] = min(a, b)
    row[HIGH] = max(a, b)
    row[LIMIT] = np.int64(U1 + prng_below(words, slot, LIMIT_MAX))
    low = np.uint64(shape[ORIGIN] + row[LOW])
    high = np.uint64(shape[ORIGIN] + row[HIGH])
    limit = np.uint64(row[LIMIT])
    output = slot + SLOT_WORKER
    row[V1] = version_now(words, tree, shape)
    found = entry_call(words, address, tree, slot, low, high, limit, np.uint64(output), U0)
    fence_acquire("V2")
    row[V2] = version_now(words, tree, shape)
    row[FOUND] = min(np.int64(found), row[LIMIT] + 1)
    for entry in range(min(row[FOUND], row[LIMIT])):
        place = output + 3 * entry
        row[HEAD + 3 * entry] = np.int64(words[place]) - shape[ORIGIN]
        row[HEAD + 3 * entry + 1] = np.int64(words[place + 1]) - shape[ORIGIN]
        row[HEAD + 3 * entry + 2] = np.int64(words[place + 2])


@driver
def judge(log, kind, states, values, totals):
    """Judge records one after the other; add to totals; return -1, or where one is wrong."""
    at = 0
    while at < len(log):
        row = log[at : at + HEAD + 3 * log[at + FOUND]]
        low = row[V1] // 2
        high = min((row[V2] + 1) // 2, len(states) - 1)
        if row[FOUND] > row[LIMIT] or not is_right(row, states[low : high + 1], values):
            return at
        totals[JUDGED] += row[FOUND] + 1
        totals[OVERLAPPED] += (row[FOUND] + 1) * (high > low)
        totals[SCANS] += 1
        at += len(row)
    return -1


@kernel
def is_right(row, states, values):
    """Say whether each step of one scan is right in one of the states."""
    key = row[LOW]
    for place in range(HEAD, len(row), 3):
        first, last = row[place], row[place + 1]
        if last < key or first > row[HIGH] or not is_step(states, values, key, row[place:]):
            return False
        key = last + 1
    if row[FOUND] == row[LIMIT] or key > row[HIGH]:
        return True
    for number in range(len(states)):
        if is_bare(states[number], values, key >> SHIFT, row[HIGH] >> SHIFT):
            return True
    return is_bare_by_parts(states, values, key >> SHIFT, row[HIGH] >> SHIFT)


@kernel
def is_step(states, values, key, entry):
    """Say whether `entry` (first, last, value) was the first that was seen from `key` on."""
    begin, end = key >> SHIFT, (entry[0] >> SHIFT) - 1
    there = False
    for number in range(len(states)):
        state = states[number]
        if is_entry(state, values, entry[0], entry[1], entry[2]):
            there = True
            if is_bare(state, values, begin, end):
                return True
    return there and is_bare_by_parts(states, values, begin, end)


@kernel
def is_bare_by_parts(states, values, first, last):
    """Say whether nothing was seen in cells [first, last] by looks at several instants.

    Only reserved entries make a scan look so: without them what is free is one slot of one leaf.
    """
    reserved = False
    for cell in range(first, last + 1):
        bare = False
        for number in range(len(states)):
            value = values[states[number, cell]]
            bare = bare or value <= 0
            reserved = reserved or value < 0
        if not bare:
            return False
    return reserved


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    places: list[int] = []
    at = 0
    while at < len(log):
        end = at + HEAD + 3 * int(log[at + FOUND])
        if log[at + V1] == log[at + V2]:
            places += range(at + HEAD + 0, end, 1)
        at = end
    return np.array(places)
