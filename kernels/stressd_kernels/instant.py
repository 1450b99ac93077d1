"""Instants: was all that a reader read of one state of the tree?

    version = instant_begin(...)      the version, and which try this is
    ... references, values, gaps ...
    if instant_held(...):             the version is even, and still the same
        the answer is that of this version

Whoever reads words that change, or two leaves, tries a few times and then answers without that
promise, or asks under the lock.

Ordering                                             pairs with   and forbids
    V1  acquire, reading the version before          P4           an answer from half a write
    V2  acquire fence, before reading it after       P2, P3       "

Progress: wait-free; how many tries there are is the caller's business.

Source: the reader's side of a sequence lock.
"""

import numpy as np

from stressd_kernels.door import fence_acquire, kernel_inline, load_acquire, load_relaxed, pause
from stressd_kernels.layout import RESULT_TRIES, RESULT_VERSION, TREE_VERSION, U0, U1


@kernel_inline
def instant_begin(words, tree, result, attempt):
    """Return the version that a try begins with, odd if a write is under way.

    result   word index of the slot block that takes the answer: the version and the try go there
    attempt  0 for the first
    """
    version = load_acquire(words, tree + TREE_VERSION, "V1")  # pairs with P4 (publish)
    words[result + RESULT_TRIES] = np.uint64(attempt)
    words[result + RESULT_VERSION] = version
    return version


@kernel_inline
def instant_held(words, tree, version):
    """Say whether all that was read since `instant_begin` is of that version; else pause."""
    fence_acquire("V2")  # pairs with P2, P3 (publish)
    if version & U1 == U0 and load_relaxed(words, tree + TREE_VERSION) == version:
        return True
    pause()
    return False
