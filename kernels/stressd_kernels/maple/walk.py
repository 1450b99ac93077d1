"""The writer's path: which nodes a key passes, which slots, and what they span.

There are no parent pointers: a writer keeps its path in its own slot block, two of them, for
the first and the last key of what it changes. Under the lock (W1) nobody else changes the
tree, so plain reads are enough.

    path + 0  .. 15   word index of the node at each depth; the root is at depth 0
    path + 16 .. 31   slot taken there
    path + 32 .. 47   first key of the node
    path + 48 .. 63   last key of the node
"""

import numpy as np

from stressd_kernels.checks import CHECK_BOUNDS, check_fail, is_freed
from stressd_kernels.door import CHECKING, kernel, load_relaxed, prefetch
from stressd_kernels.lanes import lanes_below_many
from stressd_kernels.layout import SLOT_PATHS, SLOT_SCRATCH, TREE_ROOT, U0, UMAX
from stressd_kernels.maple.node import HEIGHT_MAX, SLOT_FIRST, slot_high, slot_low
from stressd_kernels.refs import LEAF_BIT, NODE_MASK

PATH_PLACE = 16
PATH_LOW = 32
PATH_HIGH = 48
PATH_WORDS = 64
LEFT = SLOT_PATHS
RIGHT = SLOT_PATHS + PATH_WORDS

assert HEIGHT_MAX <= 16, "a path has room for 16 levels"
assert RIGHT + PATH_WORDS <= SLOT_SCRATCH


@kernel
def walk(words, tree, path, key, deepest):
    """Write the path of `key` down to depth `deepest` or to its leaf; return the last depth.

    words    uint64[::1]; tree: word index of a block whose root is not 0; the lock is held
    path     word index of one of the caller's two paths
    deepest  0 .. HEIGHT_MAX; HEIGHT_MAX means down to the leaf
    """
    ref = load_relaxed(words, tree + TREE_ROOT)
    low = U0
    high = UMAX
    for depth in range(HEIGHT_MAX):
        node = np.int64(ref & NODE_MASK)
        prefetch(words, node + SLOT_FIRST)
        prefetch(words, node + SLOT_FIRST + 8)
        place = lanes_below_many(words, node, key)
        at = path + depth
        words[at] = np.uint64(node)
        words[at + PATH_PLACE] = np.uint64(place)
        words[at + PATH_LOW] = low
        words[at + PATH_HIGH] = high
        if CHECKING:
            is_freed(words, ref)
        if depth == deepest or ref & LEAF_BIT != U0:
            return depth
        low = slot_low(words, node, place, low)
        high = slot_high(words, node, place, high)
        ref = load_relaxed(words, node + SLOT_FIRST + place)
    if CHECKING:
        check_fail(words, CHECK_BOUNDS, key)
    return HEIGHT_MAX
