"""One writer flat out beside readers: both loops, and what taking a stamp costs."""

import numpy as np

from stressd_kernels.bench.workload import (
    ANSWER_SUM,
    ASKED,
    DRAW_ENTRIES,
    DRAW_STATE,
    GOLDEN,
    GONE,
    LOW_HALF,
    PAGE_MASK,
    SAMPLES,
    THERE,
    TOOK,
    draw_below,
    first_of,
    last_of,
)
from stressd_kernels.bench.writes import erase_one
from stressd_kernels.clock import clock_begin, clock_end
from stressd_kernels.door import (
    borrowed,
    clock_monotonic,
    driver,
    kernel,
    kernel_inline,
    load_relaxed,
    sched_yield,
    store_relaxed,
)
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import CONTROL, U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.maple.entries import store_one
from stressd_kernels.maple.search import tree_load
from stressd_kernels.status import Status

PIN_OPS = 64  # operations under one pin, or between two looks at the clock
TIMED_EVERY = 32  # of so many reads one is timed
BACKLOG = np.uint64(Status.BACKLOG)


@kernel
def store_patiently(words, tree, slot, entry, pages):
    """Store an entry, waiting while too much is held by readers that lost their core."""
    last = last_of(entry, pages)
    while True:
        status = store_one(words, tree, slot, (first_of(entry), last, entry + U1))
        if status != BACKLOG:
            return status
        sched_yield()


@kernel
def erase_patiently(words, tree, slot, entry):
    """Erase an entry, waiting in the same way."""
    while True:
        status = erase_one(words, tree, slot, first_of(entry))
        if status != BACKLOG:
            return status
        sched_yield()


@driver
def mixed_writes(words, tree, slot, state, pages, held):
    """Erase random entries and store back those erased longest ago, until time is up.

    state  DRAW_*; TOOK: nanoseconds to go on for, then those it took; ASKED: writes done
    pages  uint8[:], GONE set in those of the entries in `held`, uint32[:], which are erased
    return OK, or the first other status. The readers are told to stop.
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    begin = clock_monotonic()
    now = begin
    place = 0
    status = OK
    while status == OK and now - begin < state[TOOK]:
        for _ in range(PIN_OPS):
            draws += GOLDEN
            entry = draw_below(draws, state[DRAW_ENTRIES])
            while pages[entry] & GONE:
                draws += GOLDEN
                entry = draw_below(draws, state[DRAW_ENTRIES])
            pages[entry] |= GONE
            status = erase_patiently(words, tree, slot, entry)
            back = np.uint64(held[place])
            held[place] = entry
            pages[back] &= THERE
            place = place + 1 if place + 1 < len(held) else 0
            if status == OK:
                status = store_patiently(words, tree, slot, back, pages)
            state[ASKED] += np.uint64(2)
        now = clock_monotonic()
    store_relaxed(words, CONTROL, U1)
    state[DRAW_STATE] = draws
    state[TOOK] = now - begin
    return status


@kernel_inline
def read_one(words, tree, draws, entries):
    """Look up one random key; return 1 if the answer is neither the entry nor nothing."""
    entry = draw_below(draws, entries)
    value = tree_load(words, tree, first_of(entry) + (draws & PAGE_MASK))
    return np.uint64(value != entry + U1 and value != U0)


@driver
def mixed_reads(words, tree, slot, state, samples):
    """Look up random keys until told to stop; return how many answers were wrong.

    state    DRAW_*; ASKED: look-ups done; TOOK: nanoseconds; SAMPLES: durations recorded
    samples  uint32[:], how long each timed look-up took, in ticks of the slot's clock
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    entries = state[DRAW_ENTRIES]
    wrong = U0
    taken = 0
    begin = clock_monotonic()
    stopped = False
    while not stopped:  # told to before it got a core, it does one round all the same
        epoch_pin(words, slot)
        for _ in range(PIN_OPS // TIMED_EVERY):
            for _ in range(TIMED_EVERY - 1):
                draws += GOLDEN
                wrong += read_one(words, tree, draws, entries)
            draws += GOLDEN
            before = clock_begin(words, slot)
            wrong += read_one(words, tree, draws, entries)
            after = clock_end(words, slot)
            if taken < len(samples):
                samples[taken] = min(after - before, LOW_HALF)
                taken += 1
        epoch_unpin(words, slot)
        state[ASKED] += np.uint64(PIN_OPS)
        stopped = load_relaxed(words, CONTROL) != U0
    state[TOOK] = clock_monotonic() - begin
    state[SAMPLES] = np.uint64(taken)
    return wrong


@driver
def draws_only(words, state):
    """Draw until told to stop, as `mixed_reads` does, and look nothing up: memory plays no part.

    state  DRAW_*; ASKED: draws done; TOOK: nanoseconds; ANSWER_SUM: their sum
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    entries = state[DRAW_ENTRIES]
    total = U0
    begin = clock_monotonic()
    stopped = False
    while not stopped:  # told to before it got a core, it does one round all the same
        for _ in range(PIN_OPS):
            draws += GOLDEN
            total += draw_below(draws, entries)
        state[ASKED] += np.uint64(PIN_OPS)
        stopped = load_relaxed(words, CONTROL) != U0
    state[TOOK] = clock_monotonic() - begin
    state[ANSWER_SUM] = total
    return OK


@driver
def stamps_apart(words, slot, samples):
    """Fill uint32[:] with how long nothing at all takes, in ticks of the slot's clock."""
    words = borrowed(words)
    for place in range(len(samples)):
        before = clock_begin(words, slot)
        samples[place] = min(clock_end(words, slot) - before, LOW_HALF)
