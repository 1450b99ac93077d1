"""unmapped_area: where a mapping of a length could go, guard gaps of stacks kept free.

Draws a window, a length, an alignment with its offset, and from which end to look. Makes the call
LOOK, lock-free, inside the block's pin; where writers overtake it too often, and one time in 16
anyway, SEARCH, under the lock and outside, which asks both trees. `ok` is a place, `miss` is
none; `conflict` as for a store. The place must lie in the window, be aligned, and in the state
that the search was answered from be free and clear of the guard gap above it (oracle `gaps`).
"""

import numpy as np

from stressd_kernels.asking import DRAW_GAP, STATUS_BACKLOG, STATUS_RETRY, retry_at
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import (
    CONFLICT,
    ENDS,
    ERROR,
    MISS,
    OK,
    RETRY_LOCK,
    RETRY_VERSION,
    counter_add,
    counter_one,
)
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.judge import judge_gap
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    RESULT_VALUE,
    U0,
    U1,
)
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import MM_OFFSET
from stressd_kernels.mm.words import CANNOT_KNOW, ERRNO
from stressd_kernels.ops import Entries, gap_down, gap_up
from stressd_kernels.prng import prng_next
from stressd_kernels.traffic.asking import space_ask
from stressd_kernels.traffic.guard import guard_look
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import (
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_SIZE,
    NOW_TREE,
)

VERBS = (Verb.FIND,)
CALLS = (Call.LOOK, Call.SEARCH)

LOOK = int(Call.LOOK)
SEARCH = int(Call.SEARCH)
U15 = np.uint64(15)
REFUSED = ERRNO | CANNOT_KNOW


def spec(entries: Entries, low: int, high: int, size: int, from_top: bool) -> int | None:
    """Return the place without alignment, where no stack is near."""
    search = gap_down.spec if from_top else gap_up.spec
    return search(entries, low, high, size, 0, 0)


@kernel
def area_ask(words, call, mm, slot):
    """Ask LOOK or SEARCH for what stands in NOW; return its Status."""
    length = load_relaxed(words, slot + NOW_SIZE)
    low = load_relaxed(words, slot + NOW_FIRST)
    end = load_relaxed(words, slot + NOW_LAST) + U1
    mask = load_relaxed(words, slot + NOW_MASK)
    offset = load_relaxed(words, slot + NOW_OFFSET)
    return mm_call(words, call, mm, slot, length, low, end, mask, offset)


@kernel
def area_call(words, mm, slot):
    """Search as NOW asks, without the lock if that can be; return a Status.

    Called and left pinned; the lock is waited for unpinned. RETRY is OK under the lock: an answer
    that was right, at a version that nobody knows.
    """
    begun = timer_begin(words, slot)
    status = STATUS_RETRY
    if prng_next(words, slot) & U15 != U0:
        status = area_ask(words, LOOK, mm, slot)
        tries = load_relaxed(words, slot + RESULT_TRIES)
        counter_add(words, retry_at(words, slot, RETRY_VERSION), tries)
        if status == STATUS_RETRY:
            counter_one(words, retry_at(words, slot, RETRY_LOCK))
    if status == STATUS_RETRY:
        epoch_unpin(words, slot)
        status = area_ask(words, SEARCH, mm, slot)
        epoch_pin(words, slot)
        if status == U0:
            status = STATUS_RETRY
    timer_end(words, slot, begun)
    return status


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Search one place; answers OK, MISS, CONFLICT, ERROR, or what ends the slice. Pinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_GAP)
    store_relaxed(words, slot + MM_OFFSET, prng_next(words, slot) & U1)
    status = area_call(words, mm, slot)
    if status & REFUSED != U0:
        return MISS
    if status == STATUS_BACKLOG:
        return CONFLICT
    if status != U0 and status != STATUS_RETRY:
        return ENDS + status
    start = load_relaxed(words, slot + RESULT_FIRST)
    last = start + load_relaxed(words, slot + NOW_SIZE) - U1
    store_relaxed(words, slot + RESULT_LAST, last)
    store_relaxed(words, slot + RESULT_VALUE, U0)
    if status == U0:
        guard_look(words, slot, np.int64(load_relaxed(words, slot + NOW_TREE)))
    return OK if judge_gap(words, slot) == U0 else ERROR
