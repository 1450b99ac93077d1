"""One bounded slice of one worker: draw an operation, pin or not, run it, time it, count it.

    slice   until its deadline, a stop, or a Status that ends it
    block   64 operations: one beat of the heart, one pin as far as reads follow each other
    op      drawn from the mix by an alias table, called by address

A pin begins before the first read of a block and ends before its first write, and at its end:
nothing waits while pinned. Each block looks at the stop words and at the clock, so a slice that
is told to stop is over within a block.

`timing: sampled` times one operation of each block, at a random place in it (timing every one
would keep the processor from overlapping them); `every` times all. The timed operation goes
into its histogram and into the ring.

Source of the alias table: A. J. Walker (1977), as built by M. D. Vose (1991).
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from stressd_kernels.asking import STATUS_NOT_FOUND, STATUS_STOPPED, stop_wanted
from stressd_kernels.clock import clock_begin, clock_nanoseconds
from stressd_kernels.counters import CONFLICT, ENDS, IDLE, counter_add, counter_one
from stressd_kernels.door import (
    PERTURBED,
    address_of,
    delays_of,
    driver,
    entry,
    entry_call,
    kernel,
    load_relaxed,
    store_relaxed,
    words_at,
)
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.histogram import BUCKETS, histogram_record
from stressd_kernels.holding import LOCK_HELD, LOCK_TIMED, LOCK_WAITED
from stressd_kernels.layout import SLOT_BEAT, SLOT_DELAYS, U0, U1
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.ring import ring_write
from stressd_kernels.worker import (
    BLOCK_DEADLINE,
    BLOCK_PINNED,
    HISTOGRAMS,
    LOCK_HOLDS,
    LOCK_HOLDS_SUM,
    LOCK_WAITS,
    LOCK_WAITS_SUM,
    MIX_ALIASES,
    MIX_COLUMNS,
    MIX_THRESHOLDS,
    NOW_OP,
    OP_ADDRESS,
    OP_OUTCOMES,
    OP_PINNED,
    OP_TIMED_MAX,
    OP_TIMED_SUM,
    OP_WORDS,
    OPS,
    TIMING_EVERY,
    TIMING_ON,
    TIMING_TICKS,
)

BLOCK = 64

COLUMN_MASK = np.uint64(MIX_COLUMNS - 1)
U32 = np.uint64(32)
U_BLOCK = np.uint64(BLOCK)


@kernel
def mix_draw(words, slot):
    """Draw the number of the next operation, as the mix weighs them."""
    random = prng_next(words, slot)
    column = np.int64(random & COLUMN_MASK)
    if random >> U32 < load_relaxed(words, slot + MIX_THRESHOLDS + column):
        return column
    return np.int64(load_relaxed(words, slot + MIX_ALIASES + column))


@kernel
def pin_set(words, slot, pinned):
    """Pin or unpin this worker, if it is not so already; `pinned` is U1 or U0."""
    if load_relaxed(words, slot + BLOCK_PINNED) == pinned:
        return
    store_relaxed(words, slot + BLOCK_PINNED, pinned)
    if pinned == U0:
        epoch_unpin(words, slot)
    else:
        epoch_pin(words, slot)


@kernel
def op_timed(words, slot, op, answer):
    """Put the operation that has just ended into its histogram and into the ring."""
    took = clock_nanoseconds(words, slot, load_relaxed(words, slot + TIMING_TICKS))
    store_relaxed(words, slot + TIMING_TICKS, U0)
    line = slot + OPS + op * OP_WORDS
    counter_add(words, line + OP_TIMED_SUM, took)
    if took > load_relaxed(words, line + OP_TIMED_MAX):
        store_relaxed(words, line + OP_TIMED_MAX, took)
    histogram_record(words, slot + HISTOGRAMS + op * BUCKETS, took)
    ring_write(words, slot, answer, took)
    if load_relaxed(words, slot + LOCK_HELD) != U0:
        lock_timed(words, slot)


@kernel
def lock_timed(words, slot):
    """Put what the timed write waited for its lock, and held it, into their histograms."""
    waited = clock_nanoseconds(words, slot, load_relaxed(words, slot + LOCK_WAITED))
    held = clock_nanoseconds(words, slot, load_relaxed(words, slot + LOCK_HELD) - U1)
    store_relaxed(words, slot + LOCK_HELD, U0)
    counter_add(words, slot + LOCK_WAITS_SUM, waited)
    counter_add(words, slot + LOCK_HOLDS_SUM, held)
    histogram_record(words, slot + LOCK_WAITS, waited)
    histogram_record(words, slot + LOCK_HOLDS, held)


@kernel
def ops_run(words, slot, count):
    """Run `count` operations; return U0, or the answer that ended them."""
    for _ in range(count):
        op = mix_draw(words, slot)
        line = slot + OPS + op * OP_WORDS
        pin_set(words, slot, load_relaxed(words, line + OP_PINNED))
        store_relaxed(words, slot + NOW_OP, np.uint64(op + 1))
        address = load_relaxed(words, line + OP_ADDRESS)
        answer = entry_call(words, address, 0, slot, U0, U0, U0, U0, U0)
        if answer >= IDLE:
            return answer
        counter_one(words, line + OP_OUTCOMES + np.int64(answer))
        if load_relaxed(words, slot + TIMING_ON) != U0:
            op_timed(words, slot, op, answer)
        if answer == CONFLICT:
            return ENDS  # with OK: the slice is over, and so would be those that follow
    return U0


@kernel
def block_run(words, slot):
    """Run one block; return U0, or the answer that ended it. Begins and ends unpinned."""
    counter_add(words, slot + SLOT_BEAT, U_BLOCK)
    before = np.int64(prng_below(words, slot, U_BLOCK))
    store_relaxed(words, slot + TIMING_TICKS, U0)
    answer = U0
    for part in range(3):
        count = 1 if part == 1 else before if part == 0 else BLOCK - 1 - before
        timed = U1 if part == 1 else load_relaxed(words, slot + TIMING_EVERY)
        store_relaxed(words, slot + TIMING_ON, timed)
        store_relaxed(words, slot + LOCK_TIMED, timed)
        answer = ops_run(words, slot, count)
        if answer != U0:
            break
    pin_set(words, slot, U0)
    store_relaxed(words, slot + NOW_OP, U0)
    return answer


@entry
def run(base, tree, slot, ticks, b, c, d, e):
    """Run blocks for `ticks` of this worker's clock; return a Status.

    OK when the time is over, STOPPED when told to, NOT_FOUND if there is nothing left to do; any
    other means that this worker cannot go on.
    """
    words = words_at(base)
    if PERTURBED:
        delays_of(address_of(words, slot + SLOT_DELAYS))
    status = blocks_run(words, slot, ticks)
    if PERTURBED:
        delays_of(U0)
    return status


@kernel
def blocks_run(words, slot, ticks):
    """Run blocks for `ticks` of this worker's clock; return a Status, as `run` does."""
    deadline = clock_begin(words, slot) + ticks
    store_relaxed(words, slot + BLOCK_DEADLINE, deadline)
    while clock_begin(words, slot) < deadline:
        if stop_wanted(words, slot):
            return STATUS_STOPPED
        answer = block_run(words, slot)
        if answer != U0:
            return STATUS_NOT_FOUND if answer == IDLE else answer - ENDS
    return U0


@driver
def entry_run(words, address, tree, slot, a, b, c, d, e):
    """Call the entry at `address` from Python; the GIL is not held meanwhile."""
    return entry_call(words, address, tree, slot, a, b, c, d, e)


# -- in Python ---------------------------------------------------------------------------


def mix_words(weights: Sequence[float]) -> npt.NDArray[np.uint64]:
    """Return the words from MIX_THRESHOLDS on: operation number n is drawn weights[n] often.

    Each column holds two operations and has a share of 1 / MIX_COLUMNS of the draws; its own
    operation gets the part below the threshold, of 2**32, and its alias the rest.
    """
    if not 0 < len(weights) <= MIX_COLUMNS or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"weights must be 1 .. {MIX_COLUMNS} numbers >= 0, not all 0")
    total = sum(map(Fraction, weights))
    scaled = [Fraction(weight) * MIX_COLUMNS / total for weight in weights]
    scaled += [Fraction(0)] * (MIX_COLUMNS - len(scaled))
    words = np.zeros(2 * MIX_COLUMNS, np.uint64)
    words[:MIX_COLUMNS] = 1 << 32
    poor = [n for n, share in enumerate(scaled) if share < 1]
    rich = [n for n, share in enumerate(scaled) if share >= 1]
    while poor and rich:
        low, high = poor.pop(), rich[-1]
        words[low] = round(scaled[low] * (1 << 32))
        words[MIX_COLUMNS + low] = high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            poor.append(rich.pop())
    return words
