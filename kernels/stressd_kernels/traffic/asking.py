"""How memory calls are made: drawn, made as often as it takes, and what became of them.

    OK         the call did what was asked                       outcome ok
    ERRNO ..   it was refused as the kernel would, or touching   outcome miss
               an address would be a SIGSEGV
    BACKLOG    readers hold too much, until the slice is over    outcome conflict
    the rest   BROKEN, ARENA_FULL, STOPPED                       ends the slice

Calls that change run unpinned. What they find wrong stands in the block of the address space
(mm/finding.py), and its lock is BROKEN from then on.
"""

import numpy as np

from stressd_kernels.asking import STATUS_BACKLOG, STATUS_STOPPED, retry_at, stop_wanted
from stressd_kernels.clock import clock_begin, timer_begin, timer_end
from stressd_kernels.counters import CONFLICT, ENDS, MISS, OK, RETRY_BACKLOG, counter_one
from stressd_kernels.door import (
    entry_call,
    kernel,
    load_relaxed,
    sched_yield,
    store_relaxed,
)
from stressd_kernels.layout import U0
from stressd_kernels.mm.calls import mm_call
from stressd_kernels.mm.layout import MM_OFFSET
from stressd_kernels.mm.words import CANNOT_KNOW, ERRNO
from stressd_kernels.traffic.layout import CHOSEN_MM, FIFTH, SIXTH
from stressd_kernels.worker import (
    BLOCK_DEADLINE,
    NOW_FIRST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_SIZE,
    SOURCE_DRAW,
)

DRAW_SPACE = np.uint64(8)  # an address space, and nothing else
DRAW_MMAP = np.uint64(9)
DRAW_UNMAP = np.uint64(10)
DRAW_PROTECT = np.uint64(11)  # the third argument is a protection
DRAW_ADVISE = np.uint64(12)  # the third argument is advice
DRAW_RANGE = np.uint64(13)
DRAW_REMAP = np.uint64(14)
DRAW_BRK = np.uint64(15)
DRAW_TOUCH = np.uint64(16)

REFUSED = ERRNO | CANNOT_KNOW


@kernel
def space_ask(words, slot, what):
    """Let the source draw an address space, and what to ask of it; return its block."""
    entry_call(words, load_relaxed(words, slot + SOURCE_DRAW), 0, slot, what, U0, U0, U0, U0)
    return np.int64(load_relaxed(words, slot + CHOSEN_MM))


@kernel
def call_once(words, call, mm, slot):
    """Make a call with the arguments that stand in NOW; return its Status."""
    store_relaxed(words, slot + MM_OFFSET, load_relaxed(words, slot + SIXTH))
    a = load_relaxed(words, slot + NOW_FIRST)
    b = load_relaxed(words, slot + NOW_SIZE)
    c = load_relaxed(words, slot + NOW_MASK)
    d = load_relaxed(words, slot + NOW_OFFSET)
    e = load_relaxed(words, slot + FIFTH)
    return mm_call(words, call, mm, slot, a, b, c, d, e)


@kernel
def call_make(words, call, mm, slot):
    """Make a call that changes, and wait while readers hold too much; return its Status.

    Unpinned. BACKLOG only when the slice is over, STOPPED only when the run is.
    """
    begun = timer_begin(words, slot)
    status = call_once(words, call, mm, slot)
    while status == STATUS_BACKLOG:
        counter_one(words, retry_at(words, slot, RETRY_BACKLOG))
        if stop_wanted(words, slot):
            return STATUS_STOPPED
        if clock_begin(words, slot) >= load_relaxed(words, slot + BLOCK_DEADLINE):
            break
        sched_yield()
        status = call_once(words, call, mm, slot)
    timer_end(words, slot, begun)
    return status


@kernel
def call_answer(status):
    """Return what an operation answers whose call answered `status`."""
    if status == U0:
        return OK
    if status & REFUSED != U0:
        return MISS
    return CONFLICT if status == STATUS_BACKLOG else ENDS + status


@kernel
def call_run(words, call, slot, what):
    """Draw `what`, make the call, and answer: the whole of most operations."""
    mm = space_ask(words, slot, what)
    return call_answer(call_make(words, call, mm, slot))
