"""Protocol W: one writer at a time in each tree.

    value   meaning                                        who may change it
    0       free                                           anyone, to 1, by W1
    1       held                                           the holder, to 0, by W2
    2       BROKEN: a writer left without finishing        nobody; every waiter returns

Test-and-test-and-set: look until it seems free, then try once; after SPINS_BEFORE_YIELD
looks, give the core away. A ticket lock is fairer and collapses when there are more threads
than cores (31 ns against 3 us an operation with 4 writers on busy cores, measured).

Nothing is waited for while the lock is held, so the wait is bounded by the work of the
holders. A waiter is never pinned (protocol E), and returns STOPPED if the run is being stopped
and the lock does not come free.

Ordering                                   pairs with   and forbids
    W1  acquire, taking the lock           W2           seeing a tree half changed
    W2  release, giving it back            W1           "
    W3  release, marking it BROKEN         W4           missing that the tree is not known
    W4  acquire, looking while waiting     W3           "

Progress: blocking; no fairness promised.

Not promised: anything about a tree whose lock is BROKEN, but that its readers are safe.
"""

import numpy as np

from stressd_kernels.door import (
    MODEL,
    compare_exchange,
    kernel,
    load_acquire,
    load_relaxed,
    pause,
    sched_yield,
    store_release,
    unlikely,
)
from stressd_kernels.layout import CONTROL, TREE_LOCK, U0
from stressd_kernels.status import Status

FREE = np.uint64(0)
HELD = np.uint64(1)
BROKEN = np.uint64(2)
SPINS_BEFORE_YIELD = 2 if MODEL else 64
YIELDS_BEFORE_STOP = 2 if MODEL else 1000  # how long a waiter hopes after the run was told to stop

OK = np.uint64(Status.OK)
STOPPED = np.uint64(Status.STOPPED)
STATUS_BROKEN = np.uint64(Status.BROKEN)


@kernel
def lock_take(words, at):
    """Take the lock word words[at]; return OK, BROKEN or STOPPED.

    The caller is not pinned (E). Order: a tree's lock, then the arena's. Two trees' only by a
    copy, the one whose block comes first before the other.
    """
    before = compare_exchange(words, at, FREE, HELD, "W1")  # pairs with W2 (lock_give)
    if unlikely(before != FREE):
        return lock_wait(words, at)
    return OK


@kernel
def lock_wait(words, at):
    """Wait for the lock word words[at] and take it; return OK, BROKEN or STOPPED."""
    yields = 0
    while True:
        for _ in range(SPINS_BEFORE_YIELD):
            seen = load_acquire(words, at, "W4")  # pairs with W3 (lock_break)
            if seen == BROKEN:
                return STATUS_BROKEN
            if seen == FREE:
                taken = compare_exchange(words, at, FREE, HELD, "W1")  # pairs with W2 (lock_give)
                if taken == FREE:
                    return OK
            pause()
        if load_relaxed(words, CONTROL) != U0:
            yields += 1
            if yields > YIELDS_BEFORE_STOP:
                return STOPPED
        sched_yield()


@kernel
def lock_give(words, at):
    """Give back the lock word words[at] that the caller holds."""
    store_release(words, at, FREE, "W2")  # pairs with W1 (lock_take)


@kernel
def lock_break(words, at):
    """Mark the lock BROKEN for good: what it guards is not known to be whole any more."""
    store_release(words, at, BROKEN, "W3")  # pairs with W4 (lock_wait)


@kernel
def locks_take(words, source, tree):
    """Take the locks of two different trees, the first block's first; OK, BROKEN or STOPPED."""
    status = lock_take(words, min(source, tree) + TREE_LOCK)
    if status != OK:
        return status
    status = lock_take(words, max(source, tree) + TREE_LOCK)
    if status != OK:
        lock_give(words, min(source, tree) + TREE_LOCK)
    return status


@kernel
def locks_give(words, source, tree):
    """Give back what `locks_take` took."""
    lock_give(words, source + TREE_LOCK)
    lock_give(words, tree + TREE_LOCK)
