"""Many look-ups at once, and the whole tree at one instant: drivers of the Python library.

A batch has WIDTH searches under way. All of them take one step down before any takes the next,
and each step begins to fetch what the following one will read, so that their cache misses
overlap instead of queueing.

    S1, S2  as in maple/search.py
"""

import numpy as np

from stressd_kernels.checks import is_freed
from stressd_kernels.door import CHECKING, borrowed, driver, kernel, kernel_inline, load_acquire
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.lanes import lanes_below_many
from stressd_kernels.layout import TREE_ROOT, U0
from stressd_kernels.maple.node import HEIGHT_MAX, NULL, SLOT_FIRST, ZERO
from stressd_kernels.maple.scan import node_prefetch
from stressd_kernels.maple.search import TRAP
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK

WIDTH = 64  # look-ups under one pin


@driver
def load_batch(words, tree, slot, keys, values):
    """Set values[i] to the value word at keys[i]; both uint64[:] of one length."""
    words = borrowed(words)
    for begin in range(0, len(keys), WIDTH):
        end = min(begin + WIDTH, len(keys))
        epoch_pin(words, slot)
        load_wide(words, tree, keys[begin:end], values[begin:end])
        epoch_unpin(words, slot)


@kernel
def load_wide(words, tree, keys, values):
    """Look up some keys level by level; the caller is pinned (E1).

    keys, values  uint64[:] of one length, 1 or more; values holds the references on the way

    All begin at one root. Its leaves are equally deep (N4), and a node is only ever replaced by
    one of its height, so the first search tells where the others are. One that is not at a leaf
    then, or met a freed node, has TRAP for its value.
    """
    root = load_acquire(words, tree + TREE_ROOT, "S1")  # pairs with P1 (publish)
    values[:] = root
    if root == NO_REF:
        return
    rounds = 0
    while values[0] & LEAF_BIT == U0 and rounds < HEIGHT_MAX:
        rounds += 1
        for lane in range(len(keys)):
            ref = step(words, values[lane], keys[lane])
            if CHECKING and ref == TRAP:
                values[:] = TRAP
                return
            values[lane] = ref
            node_prefetch(words, ref)
    for lane in range(len(keys)):
        value = step(words, values[lane], keys[lane])
        if values[lane] & LEAF_BIT == U0:
            value = TRAP
        values[lane] = NULL if value == ZERO else value


@kernel_inline
def step(words, ref, key):
    """Return what the slot of `key` holds in the node of `ref`: a reference or a value."""
    node = np.int64(ref & NODE_MASK)
    place = lanes_below_many(words, node, key)
    found = load_acquire(words, node + SLOT_FIRST + place, "S2")  # pairs with P1 (publish)
    if CHECKING and is_freed(words, ref):
        return TRAP
    return found
