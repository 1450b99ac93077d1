"""Which address space to ask, and where the next one may live.

Address spaces sit on seats: as many blocks as there may be at a time, opened at the start. A
fork and an exec take a free one (`seat_take`). Whoever ends an address space (EXIT answers OK
once) frees its seat, and was allowed to by `seat_leaves` before. The lock of the seats (W1, W2) is
held for a few steps, and never while an address space is asked for anything.

Counted are those that live: from when they have begun until somebody is about to end them. So there
are never fewer than the count says, and whoever may end one never ends the last.

Whoever draws a seat that is free, or an address space that ends just then, asks one that is not
there: ESRCH for calls that change, an empty tree for those that read.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.keys import place_draw
from stressd_kernels.layout import LINE_WORDS, U0, U1
from stressd_kernels.lock import OK, lock_give, lock_take
from stressd_kernels.mm.layout import MM_TREE
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.status import Status
from stressd_kernels.traffic.certify import space_choose
from stressd_kernels.traffic.layout import (
    CHOSEN,
    SEATS_LIVING,
    SEATS_LOCK,
    SPACE_MM,
    SPACE_TAKEN,
    SPACE_WORDS,
    SPACES,
)
from stressd_kernels.worker import KEYS_COUNT, NOW_TREE

NO_SEAT = 0
U31 = np.uint64(31)
STATUS_NOT_FOUND = np.uint64(Status.NOT_FOUND)


@kernel
def seat_at(words, slot, number):
    """Return the word index of seat `number` (uint64)."""
    first = np.int64(load_relaxed(words, slot + SPACES)) + LINE_WORDS
    return first + np.int64(number) * SPACE_WORDS


@kernel
def seat_choose(words, slot, seat):
    """Let the block of `seat` be the one that is asked; its MM_ID is read before all else."""
    mm = np.int64(load_relaxed(words, seat + SPACE_MM))
    store_relaxed(words, slot + CHOSEN, np.uint64(seat))
    space_choose(words, slot, mm)
    store_relaxed(words, slot + NOW_TREE, load_relaxed(words, mm + MM_TREE))
    return mm


@kernel
def space_draw(words, slot):
    """Draw an address space as this worker's keys are distributed; return its block.

    One draw in 32 takes the seat as it is; the others go on to the next that is taken.
    """
    count = load_relaxed(words, slot + KEYS_COUNT)
    drawn = place_draw(words, slot)
    seat = seat_at(words, slot, drawn)
    if prng_next(words, slot) & U31 == U0:
        return seat_choose(words, slot, seat)
    for step in range(count):
        seat = seat_at(words, slot, (drawn + np.uint64(step)) % count)
        if load_relaxed(words, seat + SPACE_TAKEN) != U0:
            break
    return seat_choose(words, slot, seat)


@kernel
def seat_take(words, slot):
    """Take a free seat; return (OK, its word index), or why there is none: NOT_FOUND, STOPPED."""
    spaces = np.int64(load_relaxed(words, slot + SPACES))
    status = lock_take(words, spaces + SEATS_LOCK)
    if status != OK:
        return status, NO_SEAT
    count = load_relaxed(words, slot + KEYS_COUNT)
    drawn = prng_below(words, slot, count)
    status = STATUS_NOT_FOUND
    seat = NO_SEAT
    for step in range(count):
        seat = seat_at(words, slot, (drawn + np.uint64(step)) % count)
        if load_relaxed(words, seat + SPACE_TAKEN) == U0:
            store_relaxed(words, seat + SPACE_TAKEN, U1)
            status = OK
            break
    lock_give(words, spaces + SEATS_LOCK)
    return status, seat


@kernel
def seat_leaves(words, slot, least):
    """Count one address space fewer, if more than `least` (uint64) are left: OK or NOT_FOUND.

    STOPPED at the end of the run, as of all that waits for the lock.
    """
    spaces = np.int64(load_relaxed(words, slot + SPACES))
    status = lock_take(words, spaces + SEATS_LOCK)
    if status != OK:
        return status
    living = load_relaxed(words, spaces + SEATS_LIVING)
    if living > least:
        store_relaxed(words, spaces + SEATS_LIVING, living - U1)
    else:
        status = STATUS_NOT_FOUND
    lock_give(words, spaces + SEATS_LOCK)
    return status


@kernel
def seat_lives(words, slot):
    """Count one address space more: it has begun, or that which was to end is there still."""
    spaces = np.int64(load_relaxed(words, slot + SPACES))
    if lock_take(words, spaces + SEATS_LOCK) == OK:
        living = load_relaxed(words, spaces + SEATS_LIVING)
        store_relaxed(words, spaces + SEATS_LIVING, living + U1)
        lock_give(words, spaces + SEATS_LOCK)


@kernel
def seat_free(words, slot, seat):
    """Let `seat`, whose address space has ended or never began, be taken again."""
    spaces = np.int64(load_relaxed(words, slot + SPACES))
    if lock_take(words, spaces + SEATS_LOCK) == OK:
        store_relaxed(words, seat + SPACE_TAKEN, U0)
        lock_give(words, spaces + SEATS_LOCK)
