"""What a write unlinks: counted while the lock is held, retired once the write is published.

Nodes between the two ends of a rebuild are covered by the range from first to last key: their
subtrees go as one limbo entry each, and are walked here once, to keep the tree's counts exact.
The ends themselves are replaced one by one: their other children live on.
"""

import numpy as np

from stressd_kernels.arena import ref_make
from stressd_kernels.door import bits_set, kernel, load_relaxed
from stressd_kernels.lanes import lanes_below, lanes_zero
from stressd_kernels.layout import (
    SLOT_LEAF_CACHE,
    SLOT_SCRATCH,
    TREE_COUNT,
    TREE_INNERS,
    TREE_LEAVES,
    U0,
    U1,
)
from stressd_kernels.limbo import RETIRE_MOST, limbo_count, limbo_put
from stressd_kernels.maple.node import ALL_SLOTS, SLOT_FIRST, SLOTS
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_PLACE, RIGHT
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK, SUBTREE_BIT

DROPPED_COUNT = SLOT_SCRATCH + 11
DROPPED_NODES = SLOT_SCRATCH + 12
DROPPED = SLOT_SCRATCH + 512
STACK = SLOT_SCRATCH + 1024

assert STACK + 16 * SLOTS <= SLOT_LEAF_CACHE
assert DROPPED + int(RETIRE_MOST) <= STACK


@kernel
def drop_put(words, slot, ref):
    """Append a reference to the list of what the present write unlinks."""
    count = words[slot + DROPPED_COUNT]
    words[slot + DROPPED + np.int64(count)] = ref
    words[slot + DROPPED_COUNT] = count + U1


@kernel
def drop_node(words, tree, slot, node, leaf):
    """Note one node, without what is below it; leaf: whether it is one."""
    if leaf:
        words[tree + TREE_COUNT] -= entries_of(words, node)
        words[tree + TREE_LEAVES] -= U1
        drop_put(words, slot, ref_make(words, node, LEAF_BIT))
    else:
        words[tree + TREE_INNERS] -= U1
        drop_put(words, slot, ref_make(words, node, U0))


@kernel
def entries_of(words, leaf):
    """Return how many slots of a leaf are not NULL."""
    return np.uint64(bits_set(~lanes_zero(words, leaf + SLOT_FIRST) & ALL_SLOTS))


@kernel
def drop_subtrees(words, tree, slot, leaves):
    """Note every subtree strictly between the two ends of a store; leaves: their depth."""
    apart = False
    for depth in range(leaves):
        left = slot + LEFT + depth
        right = slot + RIGHT + depth
        node = np.int64(words[left])
        begin = np.int64(words[left + PATH_PLACE]) + 1
        end = np.int64(words[right + PATH_PLACE])
        if not apart:
            drop_children(words, tree, slot, node, begin, end)
            apart = begin <= end
        else:
            used = lanes_below(words, node, words[left + PATH_HIGH]) + 1
            drop_children(words, tree, slot, node, begin, used)
            drop_children(words, tree, slot, np.int64(words[right]), 0, end)


@kernel
def drop_children(words, tree, slot, node, begin, end):
    """Note the subtrees in slots begin .. end - 1 of an inner node, and count what they hold."""
    for place in range(begin, end):
        ref = load_relaxed(words, node + SLOT_FIRST + place)
        drop_put(words, slot, ref | SUBTREE_BIT)
        words[slot + DROPPED_NODES] += count_off(words, tree, slot, ref)


@kernel
def count_off(words, tree, slot, ref):
    """Take a subtree off the tree's counts; return how many nodes it has besides its root."""
    words[slot + STACK] = ref
    depth = 1
    nodes = U0
    while depth > 0:
        depth -= 1
        ref = words[slot + STACK + depth]
        node = np.int64(ref & NODE_MASK)
        nodes += U1
        if ref & LEAF_BIT != U0:
            words[tree + TREE_COUNT] -= entries_of(words, node)
            words[tree + TREE_LEAVES] -= U1
            continue
        words[tree + TREE_INNERS] -= U1
        for place in range(SLOTS):
            child = load_relaxed(words, node + SLOT_FIRST + place)
            if child != NO_REF:
                words[slot + STACK + depth] = child
                depth += 1
    return nodes - U1


@kernel
def drop_retire(words, slot):
    """Put all that the write has unlinked into limbo; it is published, the lock still held."""
    count = words[slot + DROPPED_COUNT]
    for place in range(np.int64(count)):
        limbo_put(words, slot, words[slot + DROPPED + place])
    limbo_count(words, slot, count + words[slot + DROPPED_NODES])
    words[slot + DROPPED_COUNT] = U0
    words[slot + DROPPED_NODES] = U0
