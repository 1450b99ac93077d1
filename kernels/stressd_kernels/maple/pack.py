"""Pack: cut the gathered buffer of one level into new nodes, the news for the level above.

One node if it fits. Otherwise even pieces; or, when the tree grows at its right end, full ones
and a small last one, so that ascending inserts leave full leaves behind. A leaf that is not
the right-most must not end with NULL (N2): the cut moves by one.
"""

import numpy as np

from stressd_kernels.arena import inner_take, leaf_take, ref_make
from stressd_kernels.door import kernel
from stressd_kernels.lanes import lanes_largest, lanes_move, lanes_null_gap
from stressd_kernels.layout import (
    SLOT_SCRATCH,
    TREE_COUNT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_STATS,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.maple.drop import entries_of
from stressd_kernels.maple.node import GAP_FIRST, NULL, PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.maple.walk import LEFT, PATH_LOW
from stressd_kernels.refs import LEAF_BIT

COUNT = SLOT_SCRATCH + 13  # ranges in the buffer
GROWING = SLOT_SCRATCH + 14  # 1: the write is at the right end of the tree
NEWS_NODE = SLOT_SCRATCH + 15  # word index of the node made last
BUFFER_WORDS = 64  # of each of the three; fifteen more than the most ranges there can be
BUFFER_PIVOT = SLOT_SCRATCH + 64
BUFFER_SLOT = SLOT_SCRATCH + 128
BUFFER_GAP = SLOT_SCRATCH + 192
NEWS_PIVOT = SLOT_SCRATCH + 256
NEWS_REF = SLOT_SCRATCH + 264
NEWS_GAP = SLOT_SCRATCH + 272
EVEN = SLOTS - 1  # most ranges an even piece is planned for: one is left for moving a cut

STAT_SPLIT = TREE_STATS  # levels cut into more nodes than one
STAT_MERGE = TREE_STATS + 1  # levels that took in a neighbour
STAT_SPANNING = TREE_STATS + 2  # stores whose ends were different leaves


@kernel
def pack_level(words, tree, slot, depth, leaf):
    """Make new nodes of the buffer; return how many; NEWS has them in order.

    depth  of this level: the left end there gives the first key; leaf: whether these are leaves
    """
    count = np.int64(words[slot + COUNT])
    low = words[slot + LEFT + depth + PATH_LOW]
    pieces = 0
    begin = 0
    total = 1 if count <= SLOTS else (count + EVEN - 1) // EVEN
    while begin < count:
        end = cut(words, slot, begin, total - pieces, leaf)
        if leaf:
            ref = pack_leaf(words, tree, slot, begin, end)
        else:
            ref = pack_inner(words, tree, slot, begin, end)
        words[slot + NEWS_REF + pieces] = ref
        high = words[slot + BUFFER_PIVOT + end - 1]
        words[slot + NEWS_PIVOT + pieces] = high
        node = np.int64(words[slot + NEWS_NODE])
        if leaf:
            words[slot + NEWS_GAP + pieces] = lanes_null_gap(words, node, low, high)
        else:
            words[slot + NEWS_GAP + pieces] = lanes_largest(words, node + GAP_FIRST)
        low = high + U1
        begin = end
        pieces += 1
    if pieces > 1:
        words[tree + STAT_SPLIT] += U1
    return pieces


@kernel
def cut(words, slot, begin, left, leaf):
    """Return where the piece that begins at `begin` ends, with `left` pieces to make."""
    count = np.int64(words[slot + COUNT])
    if count - begin <= SLOTS and (left <= 1 or words[slot + GROWING] != U0):
        return count
    if words[slot + GROWING] != U0:
        end = begin + SLOTS
    else:
        end = begin + (count - begin) // left
    if leaf and words[slot + BUFFER_SLOT + end - 1] == NULL:
        end += 1 if end - begin < SLOTS else -1
    return end


@kernel
def pack_leaf(words, tree, slot, begin, end):
    """Make one leaf of buffer[begin : end]; return its reference."""
    node = leaf_take(words, slot)
    pack_slots(words, slot, node, begin, end)
    words[slot + NEWS_NODE] = np.uint64(node)
    words[tree + TREE_LEAVES] += U1
    words[tree + TREE_COUNT] += entries_of(words, node)
    return ref_make(words, node, LEAF_BIT)


@kernel
def pack_inner(words, tree, slot, begin, end):
    """Make one inner node of buffer[begin : end]; return its reference."""
    node = inner_take(words, slot)
    pack_slots(words, slot, node, begin, end)
    lanes_move(words, node + GAP_FIRST, slot + BUFFER_GAP + begin, end - begin, U0)
    words[slot + NEWS_NODE] = np.uint64(node)
    words[tree + TREE_INNERS] += U1
    return ref_make(words, node, U0)


@kernel
def pack_slots(words, slot, node, begin, end):
    """Fill pivots and slots of a private node; the last slot needs no pivot."""
    size = end - begin
    lanes_move(words, node + PIVOT_FIRST, slot + BUFFER_PIVOT + begin, size - 1, UMAX)
    lanes_move(words, node + SLOT_FIRST, slot + BUFFER_SLOT + begin, size, U0)


@kernel
def pack_root(words, tree, slot, pieces):
    """Make a new root over the news: the tree grows by a level; NEWS holds the root alone."""
    for piece in range(pieces):
        words[slot + BUFFER_PIVOT + piece] = words[slot + NEWS_PIVOT + piece]
        words[slot + BUFFER_SLOT + piece] = words[slot + NEWS_REF + piece]
        words[slot + BUFFER_GAP + piece] = words[slot + NEWS_GAP + piece]
    words[slot + COUNT] = np.uint64(pieces)
    words[slot + NEWS_REF] = pack_inner(words, tree, slot, 0, pieces)
