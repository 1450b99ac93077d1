"""How an operation asks: what to ask for, and whom.

An operation names neither a source nor a structure. The source that the run was configured
with draws what to ask for, and leaves it in the worker's NOW line; the tree that it chose is
asked through its verbs; the answer stands in RESULT: first, last, value.

    DRAW_KEY      one key                           NOW_FIRST = NOW_LAST
    DRAW_WINDOW   a range to look through           NOW_FIRST, NOW_LAST
    DRAW_WRITE    a range, and a value for it       NOW_FIRST, NOW_LAST, NOW_VALUE
    DRAW_GAP      a window, and what to find in it  NOW_FIRST, NOW_LAST, NOW_SIZE, _MASK, _OFFSET

Reads run inside the pin of their block. Writes and everything under the lock run unpinned; they
may meet a limbo that is full, because a reader has not left for long, and then wait for it: no
longer than the slice lasts, and no longer than the run.
"""

import numpy as np

from stressd_kernels.clock import clock_begin, timer_begin, timer_end
from stressd_kernels.counters import (
    ENDS,
    ERROR,
    MISS,
    OK,
    RETRY_BACKLOG,
    RETRY_LOCK,
    RETRY_VERSION,
    counter_add,
    counter_one,
)
from stressd_kernels.door import entry_call, kernel, load_relaxed, sched_yield, store_relaxed
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.judge import gap_look, judge_gap
from stressd_kernels.layout import CONTROL, RESULT_TRIES, RESULT_VALUE, SLOT_STOP, U0
from stressd_kernels.status import Status
from stressd_kernels.verbs import structure_call
from stressd_kernels.worker import (
    BLOCK_DEADLINE,
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_OP,
    NOW_SIZE,
    NOW_TREE,
    NOW_VALUE,
    OP_RETRIES,
    OP_WORDS,
    OPS,
    SOURCE_DRAW,
)

DRAW_KEY = np.uint64(0)
DRAW_WINDOW = np.uint64(1)
DRAW_WRITE = np.uint64(2)
DRAW_GAP = np.uint64(3)

STATUS_BACKLOG = np.uint64(Status.BACKLOG)
STATUS_NOT_FOUND = np.uint64(Status.NOT_FOUND)
STATUS_RETRY = np.uint64(Status.RETRY)
STATUS_STOPPED = np.uint64(Status.STOPPED)


@kernel
def source_draw(words, slot, what):
    """Let the source draw what to ask for into NOW; return the tree to ask (a word index).

    what  a DRAW_* constant
    """
    entry_call(words, load_relaxed(words, slot + SOURCE_DRAW), 0, slot, what, U0, U0, U0, U0)
    return np.int64(load_relaxed(words, slot + NOW_TREE))


@kernel
def retry_at(words, slot, reason):
    """Return the word index of the running operation's counter of retries for `reason`."""
    op = np.int64(load_relaxed(words, slot + NOW_OP)) - 1
    return slot + OPS + op * OP_WORDS + OP_RETRIES + reason


@kernel
def stop_wanted(words, slot):
    """Say whether this worker, or the whole run, has been told to stop."""
    return load_relaxed(words, slot + SLOT_STOP) | load_relaxed(words, CONTROL) != U0


@kernel
def write_call(words, verb, tree, slot):
    """Ask for a write of NOW_FIRST, NOW_LAST, NOW_VALUE, and wait while readers hold too much.

    Unpinned. Returns the verb's Status; BACKLOG only when the slice is over, STOPPED only when
    the run is.
    """
    first = load_relaxed(words, slot + NOW_FIRST)
    last = load_relaxed(words, slot + NOW_LAST)
    value = load_relaxed(words, slot + NOW_VALUE)
    begun = timer_begin(words, slot)
    status = structure_call(words, verb, tree, slot, first, last, value, U0, U0)
    while status == STATUS_BACKLOG:
        counter_one(words, retry_at(words, slot, RETRY_BACKLOG))
        if stop_wanted(words, slot):
            return STATUS_STOPPED
        if clock_begin(words, slot) >= load_relaxed(words, slot + BLOCK_DEADLINE):
            break
        sched_yield()
        status = structure_call(words, verb, tree, slot, first, last, value, U0, U0)
    timer_end(words, slot, begun)
    return status


@kernel
def gap_ask(words, verb, tree, slot):
    """Ask a gap verb for what stands in NOW; return its Status."""
    low = load_relaxed(words, slot + NOW_FIRST)
    high = load_relaxed(words, slot + NOW_LAST)
    size = load_relaxed(words, slot + NOW_SIZE)
    mask = load_relaxed(words, slot + NOW_MASK)
    offset = load_relaxed(words, slot + NOW_OFFSET)
    return structure_call(words, verb, tree, slot, low, high, size, mask, offset)


@kernel
def gap_call(words, verb, locked, tree, slot):
    """Search a gap as NOW asks; where writers overtake it too often, under the lock.

    verb, locked  the two verbs of one direction

    Called and left pinned; the lock is waited for unpinned. Returns a Status, or RETRY for OK
    under the lock: an answer that was right, at a version that nobody knows.
    """
    begun = timer_begin(words, slot)
    status = gap_ask(words, verb, tree, slot)
    tries = load_relaxed(words, slot + RESULT_TRIES)
    counter_add(words, retry_at(words, slot, RETRY_VERSION), tries)
    if status == STATUS_RETRY:
        counter_one(words, retry_at(words, slot, RETRY_LOCK))
        epoch_unpin(words, slot)
        status = gap_ask(words, locked, tree, slot)
        epoch_pin(words, slot)
        if status == U0:
            status = STATUS_RETRY
    timer_end(words, slot, begun)
    return status


@kernel
def gap_run(words, slot, verb, locked):
    """Draw a gap search, ask it and judge the answer; the whole of gap_up and gap_down.

    Called and left pinned. Returns OK, MISS, ERROR, or what ends the slice.
    """
    tree = source_draw(words, slot, DRAW_GAP)
    status = gap_call(words, verb, locked, tree, slot)
    if status == STATUS_NOT_FOUND:
        return MISS
    if status == STATUS_RETRY:
        store_relaxed(words, slot + RESULT_VALUE, U0)
    elif status == U0:
        gap_look(words, slot, tree)
    else:
        return ENDS + status
    return OK if judge_gap(words, slot) == U0 else ERROR
