"""Batches of loads at random keys: each element is right at some instant of its call."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stressd_kernels.batch import load_batch
from stressd_kernels.door import borrowed, driver, fence_acquire, load_relaxed, sched_yield
from stressd_kernels.layout import U0, U1
from stressd_kernels.prng import prng_below
from tests.tree.linearizability.states import CELLS, ORIGIN, SHIFT, STOP, version_now

# a record: this, then two words for each element: key and value
V1, V2, COUNT = range(3)
HEAD = 3
COUNT_MAX = 150  # more than are looked up under one pin
JUDGED, OVERLAPPED, BATCHES = range(3)  # of totals


Log = npt.NDArray[np.int64]


@driver
def read(words, tree, slot, address, shape, log):
    """Load batches until the log, int64[:], has no room or the round is over; return words."""
    pointer = borrowed(words)
    bound = np.uint64(shape[CELLS] << SHIFT)
    keys = np.empty(COUNT_MAX, np.uint64)
    found = np.empty(COUNT_MAX, np.uint64)
    at = 0
    while at + HEAD + 2 * COUNT_MAX <= len(log) and load_relaxed(pointer, shape[STOP]) == U0:
        count = np.int64(U1 + prng_below(pointer, slot, np.uint64(COUNT_MAX)))
        for place in range(count):
            keys[place] = np.uint64(shape[ORIGIN]) + prng_below(pointer, slot, bound)
        log[at + V1] = version_now(pointer, tree, shape)
        load_batch(words, tree, slot, keys[:count], found[:count])
        fence_acquire("V2")
        log[at + V2] = version_now(pointer, tree, shape)
        log[at + COUNT] = count
        if log[at + V1] == log[at + V2]:
            sched_yield()  # nothing has changed meanwhile: whoever writes may want this core
        at += HEAD
        for place in range(count):
            log[at] = np.int64(keys[place]) - shape[ORIGIN]
            log[at + 1] = np.int64(found[place])
            at += 2
    return at


@driver
def judge(log, kind, states, values, totals):
    """Judge records one after the other; add to totals; return -1, or where one is wrong."""
    at = 0
    while at < len(log):
        low = log[at + V1] // 2
        high = min((log[at + V2] + 1) // 2, len(states) - 1)
        end = at + HEAD + 2 * log[at + COUNT]
        for place in range(at + HEAD, end, 2):
            good = False
            for number in range(low, high + 1):
                if max(values[states[number, log[place] >> SHIFT]], 0) == log[place + 1]:
                    good = True
                    break
            if not good:
                return at
            totals[JUDGED] += 1
            totals[OVERLAPPED] += high > low
        totals[BATCHES] += 1
        at = end
    return -1


def answers(log: Log, kind: int) -> Log:
    """Return the places of answers that would be wrong with another number in them."""
    places: list[int] = []
    at = 0
    while at < len(log):
        end = at + HEAD + 2 * int(log[at + COUNT])
        if log[at + V1] == log[at + V2]:
            places += range(at + HEAD + 1, end, 2)
        at = end
    return np.array(places)
