"""How long a write waits for its tree's lock, and how long it holds it.

Two reads of the clock cost as much as a small write, so only a write that the slice has chosen
to time (LOCK_TIMED) pays for them; all others pay one predictable branch. The slice takes what
stands in LOCK_WAITED and LOCK_HELD, in ticks of the worker's clock, when the operation is over.
"""

from stressd_kernels.clock import clock_begin, clock_end
from stressd_kernels.door import kernel, kernel_inline, unlikely
from stressd_kernels.layout import SLOT_LOCK, TREE_LOCK, U0, U1
from stressd_kernels.lock import OK, lock_give, lock_take

LOCK_TIMED = SLOT_LOCK  # 1: time the next write
LOCK_TAKEN = SLOT_LOCK + 1  # stamp
LOCK_WAITED = SLOT_LOCK + 2  # ticks
LOCK_HELD = SLOT_LOCK + 3  # ticks, plus one; 0: no write has held a lock since it was cleared


@kernel_inline
def hold_begin(words, tree, slot):
    """Take the lock of `tree`, timed if the slot says so; OK, BROKEN or STOPPED (W1)."""
    if unlikely(words[slot + LOCK_TIMED] != U0):
        return hold_begin_timed(words, tree, slot)
    return lock_take(words, tree + TREE_LOCK)


@kernel
def hold_begin_timed(words, tree, slot):
    """Do what `hold_begin` does, and leave how long it took in LOCK_WAITED."""
    begun = clock_begin(words, slot)
    status = lock_take(words, tree + TREE_LOCK)
    if status == OK:
        taken = clock_end(words, slot)
        words[slot + LOCK_TAKEN] = taken
        words[slot + LOCK_WAITED] = taken - begun
    return status


@kernel_inline
def hold_end(words, tree, slot):
    """Give back the lock of `tree` that `hold_begin` took (W2)."""
    if unlikely(words[slot + LOCK_TIMED] != U0):
        words[slot + LOCK_HELD] = clock_end(words, slot) - words[slot + LOCK_TAKEN] + U1
    lock_give(words, tree + TREE_LOCK)
