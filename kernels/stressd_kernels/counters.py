"""Counters: plain words with one writer each, that the supervisor may read at any time.

Nothing is ever reset, so a reader that takes differences misses nothing and needs no lock. A
single-writer counter is a load and a store; both relaxed, for the order of counters of
different operations is nobody's business.

What an operation answers to the slice that called it:

    0 .. 3          an outcome; it is counted
    ANSWER_IDLE     there is nothing to do any more; not counted, ends the slice
    ANSWER_ENDS +   a Status that ends the slice

Ordering                                      pairs with   and forbids
    N1  acquire, copying words for Python     F1           a finding counted but not written
"""

import numpy as np

from stressd_kernels.door import driver, kernel, load_acquire, load_relaxed, store_relaxed
from stressd_kernels.layout import U1

OUTCOMES = ("ok", "miss", "conflict", "error")
OUTCOME_OK = 0  # done, or found
OUTCOME_MISS = 1  # nothing there; no gap that fits
OUTCOME_CONFLICT = 2  # not done within the slice: too much waited for readers
OUTCOME_ERROR = 3  # answered, and the answer was forbidden
ANSWER_IDLE = 4
ANSWER_ENDS = 16

RETRIES = ("version", "lock", "backlog")
RETRY_VERSION = 0  # a writer came in between: asked again
RETRY_LOCK = 1  # asked a last time, under the lock
RETRY_BACKLOG = 2  # waited for readers to leave

OK = np.uint64(OUTCOME_OK)
MISS = np.uint64(OUTCOME_MISS)
CONFLICT = np.uint64(OUTCOME_CONFLICT)
ERROR = np.uint64(OUTCOME_ERROR)
IDLE = np.uint64(ANSWER_IDLE)
ENDS = np.uint64(ANSWER_ENDS)


@kernel
def counter_add(words, at, amount):
    """Add the uint64 `amount` to the counter words[at]; one writer."""
    store_relaxed(words, at, load_relaxed(words, at) + amount)


@kernel
def counter_one(words, at):
    """Add one to the counter words[at]; one writer."""
    store_relaxed(words, at, load_relaxed(words, at) + U1)


@driver
def words_copy(words, index, out):
    """Copy words[index : index + len(out)] to the uint64 array `out`, first word first.

    Every word is whole; together they are no snapshot. What was written before a word that is
    copied here, is copied after it.
    """
    for offset in range(out.shape[0]):
        out[offset] = load_acquire(words, index + offset, "N1")  # pairs with F1 (judge_fault)
