"""A place for a mapping, looked at again: is it free, and clear of the stack above it?"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.judge import gap_look
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    RESULT_VERSION,
    TREE_VERSION,
    U0,
)
from stressd_kernels.rbtree.guard import STACK_GUARD_GAP, grows_down, start_gap
from stressd_kernels.records import vma_of
from stressd_kernels.verbs import Verb, structure_call

FIND = int(Verb.FIND)


@kernel
def guard_look(words, slot, tree):
    """Look for a VMA in the place in RESULT, or a stack above that needs it for its guard gap.

    Pinned. Leaves its value, or 0, in RESULT_VALUE, if the tree is as it was for the search.
    """
    gap_look(words, slot, tree)
    if load_relaxed(words, slot + RESULT_VALUE) != U0:
        return
    start = load_relaxed(words, slot + RESULT_FIRST)
    last = load_relaxed(words, slot + RESULT_LAST)
    version = load_relaxed(words, slot + RESULT_VERSION)
    until = last + STACK_GUARD_GAP
    status = structure_call(words, FIND, tree, slot, last, until, U0, U0, U0)
    value = load_relaxed(words, slot + RESULT_VALUE) if status == U0 else U0
    if value != U0:
        above = np.int64(vma_of(value))
        reaches = grows_down(words, above) and start_gap(words, above) <= last
        same = load_relaxed(words, tree + TREE_VERSION) == version
        value = value if reaches and same else U0
    store_relaxed(words, slot + RESULT_FIRST, start)
    store_relaxed(words, slot + RESULT_LAST, last)
    store_relaxed(words, slot + RESULT_VALUE, value)
    store_relaxed(words, slot + RESULT_VERSION, version)
