"""Writes that change more than one leaf: split, merge, and stores that span.

One method serves them all. The write touches the leaves from that of its first key (the left
end) to that of its last (the right end). Level by level, from the leaves up:

    gather   what the left end keeps, what is new, what the right end keeps, into a buffer
    widen    if that is too little for a node, take in a neighbour: a sibling if there is one,
             else a cousin; the ends move outward
    pack     cut the buffer into as many nodes as it needs: the news for the level above
    stop     when one new node stands for exactly one old node, or for the whole level

and publish that node with one store. All nodes from end to end are replaced, so each is
unlinked by the same store: those that the range covers entirely go as whole subtrees. Nothing
that readers can reach is written before the publication, and nothing can fail: nodes were
reserved before the lock was taken.

Each range of the store is first widened to the NULL slots that it touches, and if a NULL would
end a leaf the right end moves on to the next one, so that N2 holds. Cuts avoid ending a leaf
with NULL for the same reason. When the tree grows at its right end the left node is packed
full: ascending inserts fill leaves completely.

Scratch words of the slot (from SLOT_SCRATCH + 8; the first eight are edit.py's plan)
    BUFFER   64 x (pivot, slot, gap)     NEWS   8 x (pivot, reference, gap)
    DROPPED  references to retire once the new nodes are published
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed
from stressd_kernels.lanes import lanes_below, lanes_move
from stressd_kernels.layout import (
    RESULT_VERSION,
    SLOT_SCRATCH,
    TREE_HEIGHT,
    TREE_ROOT,
    TREE_VERSION,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.lock import OK
from stressd_kernels.maple.drop import (
    DROPPED_COUNT,
    DROPPED_NODES,
    drop_node,
    drop_retire,
    drop_subtrees,
)
from stressd_kernels.maple.node import (
    FILL_MIN,
    GAP_FIRST,
    HEIGHT_MAX,
    NULL,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
    slot_high,
    slot_low,
)
from stressd_kernels.maple.pack import (
    BUFFER_GAP,
    BUFFER_PIVOT,
    BUFFER_SLOT,
    BUFFER_WORDS,
    COUNT,
    GROWING,
    NEWS_GAP,
    NEWS_PIVOT,
    NEWS_REF,
    STAT_MERGE,
    STAT_SPANNING,
    pack_level,
    pack_root,
)
from stressd_kernels.maple.publish import publish
from stressd_kernels.maple.walk import (
    LEFT,
    PATH_HIGH,
    PATH_LOW,
    PATH_PLACE,
    PATH_WORDS,
    RIGHT,
    walk,
)
from stressd_kernels.refs import NO_REF, NODE_MASK

ROOM = SLOTS * 3 // 2  # most ranges that are shared out to two nodes
FIRST = SLOT_SCRATCH + 8  # the range, widened to the NULLs it touches
LAST = SLOT_SCRATCH + 9
VALUE = SLOT_SCRATCH + 10
SPARE = SLOT_SCRATCH + 288  # a second buffer
OLD_PATH = SLOT_SCRATCH + 16  # nodes of a path before it moved outward


@kernel
def rebuild(words, tree, slot, first, last, value):
    """Map [first, last] to `value`, whatever that takes; the caller holds the lock (W1).

    The left path is that of `first`, unless the tree is empty.

    words  uint64[::1]; tree, slot: word indexes of their blocks
    return OK; the caller reserved nodes (A) and room in limbo, so nothing fails
    """
    words[slot + FIRST] = first
    words[slot + LAST] = last
    words[slot + VALUE] = value
    words[slot + DROPPED_COUNT] = U0
    words[slot + DROPPED_NODES] = U0
    words[slot + COUNT] = U0
    if load_relaxed(words, tree + TREE_ROOT) == NO_REF:
        return first_leaf(words, tree, slot)
    leaves = find_ends(words, tree, slot)
    if words[slot + LEFT + leaves] != words[slot + RIGHT + leaves]:
        words[tree + STAT_SPANNING] += U1
        drop_subtrees(words, tree, slot, leaves)
    gather_leaves(words, slot, leaves)
    depth = leaves
    while True:
        widen(words, tree, slot, depth, depth == leaves)
        spread(words, tree, slot, depth, depth == leaves)
        whole = is_whole(words, slot, depth)
        if whole and depth == leaves and is_empty(words, slot):
            words[slot + NEWS_REF] = NO_REF
            return finish(words, tree, slot, depth, leaves, np.int64(0))
        pieces = pack_level(words, tree, slot, depth, depth == leaves)
        same = words[slot + LEFT + depth] == words[slot + RIGHT + depth]
        if pieces == 1 and (same or whole):
            return finish(words, tree, slot, depth, leaves, leaves - depth + 1)
        if depth == 0:
            pack_root(words, tree, slot, pieces)
            return finish(words, tree, slot, depth, leaves, leaves + 2)
        drop_ends(words, tree, slot, depth, depth == leaves)
        depth -= 1
        gather_inners(words, slot, depth, pieces)


@kernel
def finish(words, tree, slot, depth, leaves, height):
    """Publish the one new node for the ends at `depth`, then retire all that it replaces.

    height  of the tree if the new node is the root (0: the tree is empty)
    """
    whole = is_whole(words, slot, depth)
    drop_ends(words, tree, slot, depth, depth == leaves)
    if whole:
        words[tree + TREE_HEIGHT] = np.uint64(height)
        while depth > 0:
            depth -= 1
            drop_ends(words, tree, slot, depth, depth == leaves)
    publish(words, tree, slot, depth, words[slot + NEWS_REF], words[slot + NEWS_GAP])
    drop_retire(words, slot)
    return OK


@kernel
def first_leaf(words, tree, slot):
    """Publish the first leaf of an empty tree: NULL, the value, NULL."""
    if words[slot + VALUE] == NULL:
        words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
        return OK
    words[slot + LEFT + PATH_LOW] = U0
    words[slot + RIGHT + PATH_HIGH] = UMAX
    if words[slot + FIRST] > U0:
        buffer_add(words, slot, words[slot + FIRST] - U1, NULL, U0)
    buffer_add(words, slot, words[slot + LAST], words[slot + VALUE], U0)
    if words[slot + LAST] < UMAX:
        buffer_add(words, slot, UMAX, NULL, U0)
    words[slot + GROWING] = U0
    ground = np.int64(0)  # no literal: numba would compile a second copy for it
    pack_level(words, tree, slot, ground, ground == 0)
    words[tree + TREE_HEIGHT] = U1
    publish(words, tree, slot, 0, words[slot + NEWS_REF], U0)
    return OK


@kernel
def is_whole(words, slot, depth):
    """Say whether the ends at `depth` are the two ends of their level."""
    low = words[slot + LEFT + depth + PATH_LOW]
    return low == U0 and words[slot + RIGHT + depth + PATH_HIGH] == UMAX


@kernel
def is_empty(words, slot):
    """Say whether the buffer of the leaf level holds nothing but one NULL range."""
    return words[slot + COUNT] == U1 and words[slot + BUFFER_SLOT] == NULL


# -- the ends --------------------------------------------------------------------------------


@kernel
def find_ends(words, tree, slot):
    """Find both ends, and widen the range of an erasure to the NULLs it touches (N2).

    The caller has walked to the left end; most often the right one is in the same leaf.
    return  the depth of the leaves
    """
    depth = np.int64(words[tree + TREE_HEIGHT] - U1)
    if words[slot + LAST] <= words[slot + LEFT + depth + PATH_HIGH]:
        path_copy(words, slot, depth)
    else:
        walk(words, tree, slot + RIGHT, words[slot + LAST], HEIGHT_MAX)
    if words[slot + VALUE] == NULL:
        null_left(words, slot, depth)
        null_right(words, slot, depth)
        high = words[slot + RIGHT + depth + PATH_HIGH]
        if words[slot + LAST] == high and high != UMAX:
            walk(words, tree, slot + RIGHT, high + U1, HEIGHT_MAX)
            null_right(words, slot, depth)
    return depth


@kernel
def path_copy(words, slot, depth):
    """Make the right path what the left one is, down to `depth`."""
    for at in range(slot + LEFT, slot + LEFT + depth + 1):
        for part in range(0, PATH_WORDS, PATH_PLACE):
            words[at + part + PATH_WORDS] = words[at + part]


@kernel
def null_left(words, slot, depth):
    """Move FIRST down to the start of a NULL slot that it lies in or comes right after."""
    path = slot + LEFT + depth
    leaf = np.int64(words[path])
    place = np.int64(words[path + PATH_PLACE])
    low = words[path + PATH_LOW]
    start = slot_low(words, leaf, place, low)
    if words[leaf + SLOT_FIRST + place] == NULL:
        words[slot + FIRST] = start
        return
    touches = words[slot + FIRST] == start and place > 0
    if touches and words[leaf + SLOT_FIRST + place - 1] == NULL:
        words[slot + FIRST] = slot_low(words, leaf, place - 1, low)


@kernel
def null_right(words, slot, depth):
    """Move LAST up to the end of a NULL slot that it lies in or comes right before."""
    path = slot + RIGHT + depth
    leaf = np.int64(words[path])
    high = words[path + PATH_HIGH]
    low = words[path + PATH_LOW]
    last = words[slot + LAST]
    following = last + U1 if last < low else last
    place = lanes_below(words, leaf, following)
    end = slot_high(words, leaf, place, high)
    if words[leaf + SLOT_FIRST + place] == NULL:
        words[slot + LAST] = end
    elif last == end and end < high and words[leaf + SLOT_FIRST + place + 1] == NULL:
        words[slot + LAST] = slot_high(words, leaf, place + 1, high)


@kernel
def drop_ends(words, tree, slot, depth, leaf):
    """Note the nodes of both ends at `depth` for retirement."""
    left = np.int64(words[slot + LEFT + depth])
    right = np.int64(words[slot + RIGHT + depth])
    drop_node(words, tree, slot, left, leaf)
    if left != right:
        drop_node(words, tree, slot, right, leaf)


# -- gather ----------------------------------------------------------------------------------


@kernel
def buffer_add(words, slot, pivot, item, gap):
    """Append one range to the buffer: its last key, its value or reference, its gap."""
    count = np.int64(words[slot + COUNT])
    words[slot + BUFFER_PIVOT + count] = pivot
    words[slot + BUFFER_SLOT + count] = item
    words[slot + BUFFER_GAP + count] = gap
    words[slot + COUNT] = np.uint64(count + 1)


@kernel
def gather_leaves(words, slot, depth):
    """Fill the buffer: the left leaf below FIRST, the new range, the right leaf above LAST."""
    first = words[slot + FIRST]
    left = slot + LEFT + depth
    leaf = np.int64(words[left])
    high = words[left + PATH_HIGH]
    begin = lanes_below(words, leaf, first)
    gather_slots(words, slot, leaf, 0, begin, high)
    if slot_low(words, leaf, begin, words[left + PATH_LOW]) < first:
        buffer_add(words, slot, first - U1, words[leaf + SLOT_FIRST + begin], U0)
    last = words[slot + LAST]
    buffer_add(words, slot, last, words[slot + VALUE], U0)
    position = words[slot + COUNT]
    right = slot + RIGHT + depth
    leaf = np.int64(words[right])
    high = words[right + PATH_HIGH]
    if last < high:
        begin = lanes_below(words, leaf, last + U1)
        gather_slots(words, slot, leaf, begin, lanes_below(words, leaf, high) + 1, high)
    growing = high == UMAX and position + U1 >= words[slot + COUNT]
    words[slot + GROWING] = U1 if growing else U0


@kernel
def gather_inners(words, slot, depth, pieces):
    """Fill the buffer: what the left node keeps, the news, what the right node keeps."""
    words[slot + COUNT] = U0
    left = slot + LEFT + depth
    node = np.int64(words[left])
    gather_slots(words, slot, node, 0, np.int64(words[left + PATH_PLACE]), words[left + PATH_HIGH])
    for piece in range(pieces):
        pivot = words[slot + NEWS_PIVOT + piece]
        ref = words[slot + NEWS_REF + piece]
        buffer_add(words, slot, pivot, ref, words[slot + NEWS_GAP + piece])
    right = slot + RIGHT + depth
    node = np.int64(words[right])
    high = words[right + PATH_HIGH]
    begin = np.int64(words[right + PATH_PLACE]) + 1
    gather_slots(words, slot, node, begin, lanes_below(words, node, high) + 1, high)


@kernel
def gather_slots(words, slot, node, begin, end, high):
    """Append slots begin .. end - 1 of a node that ends at `high` to the buffer.

    A leaf has no gaps: what follows it is copied in their place, and never looked at.
    """
    size = end - begin
    if size <= 0:
        return
    count = np.int64(words[slot + COUNT])
    lanes_move(words, slot + BUFFER_PIVOT + count, node + PIVOT_FIRST + begin, size, U0)
    lanes_move(words, slot + BUFFER_SLOT + count, node + SLOT_FIRST + begin, size, U0)
    lanes_move(words, slot + BUFFER_GAP + count, node + GAP_FIRST + begin, size, U0)
    words[slot + BUFFER_PIVOT + count + size - 1] = slot_high(words, node, end - 1, high)
    words[slot + COUNT] = np.uint64(count + size)


# -- widen -----------------------------------------------------------------------------------


@kernel
def widen(words, tree, slot, depth, leaf):
    """Take in neighbours until the buffer can fill a node, or there are none.

    The right-most node of a level may be as small as it likes.
    """
    while words[slot + COUNT] < np.uint64(FILL_MIN) and not is_whole(words, slot, depth):
        low = words[slot + LEFT + depth + PATH_LOW]
        high = words[slot + RIGHT + depth + PATH_HIGH]
        if high == UMAX:
            return
        words[tree + STAT_MERGE] += U1
        right_sibling = high < words[slot + RIGHT + depth - 1 + PATH_HIGH]
        left_sibling = low > words[slot + LEFT + depth - 1 + PATH_LOW]
        if right_sibling or not left_sibling:
            widen_right(words, tree, slot, depth, leaf)
        else:
            widen_left(words, tree, slot, depth, leaf)


@kernel
def spread(words, tree, slot, depth, leaf):
    """Rather than split a node, share its content with a sibling that has room.

    Two nodes make two, fuller than those that a split leaves behind, and the level above does
    not grow. Not where the tree grows at its right end: there nodes are packed full anyway.
    """
    count = np.int64(words[slot + COUNT])
    if depth == 0 or count <= SLOTS or count >= ROOM or words[slot + GROWING] != U0:
        return
    if words[slot + LEFT + depth] != words[slot + RIGHT + depth]:
        return
    above = slot + RIGHT + depth - 1
    node = np.int64(words[above])
    place = np.int64(words[above + PATH_PLACE])
    high = words[above + PATH_HIGH]
    if sibling_used(words, node, place + 1, high) + count <= ROOM:
        widen_right(words, tree, slot, depth, leaf)
    elif sibling_used(words, node, place - 1, high) + count <= ROOM:
        widen_left(words, tree, slot, depth, leaf)
    elif sibling_used(words, node, place + 1, high) < ROOM:
        widen_right(words, tree, slot, depth, leaf)
    else:
        widen_left(words, tree, slot, depth, leaf)


@kernel
def sibling_used(words, node, place, high):
    """Return the ranges of the child in slot `place` of a node that ends at `high`.

    More than any node has, if there is no such slot.
    """
    if place < 0 or place > lanes_below(words, node, high):
        return ROOM
    child = np.int64(load_relaxed(words, node + SLOT_FIRST + place) & NODE_MASK)
    return lanes_below(words, child, slot_high(words, node, place, high)) + 1


@kernel
def widen_right(words, tree, slot, depth, leaf):
    """Move the right end to the next node of its level and append what that holds."""
    path = slot + RIGHT
    for above in range(depth + 1):
        words[slot + OLD_PATH + above] = words[path + above]
    walk(words, tree, path, words[path + depth + PATH_HIGH] + U1, depth)
    drop_passed(words, tree, slot, slot + LEFT, path, depth * 2 + leaf)
    node = np.int64(words[path + depth])
    high = words[path + depth + PATH_HIGH]
    gather_slots(words, slot, node, 0, lanes_below(words, node, high) + 1, high)


@kernel
def widen_left(words, tree, slot, depth, leaf):
    """Move the left end to the previous node of its level and put what that holds in front."""
    path = slot + LEFT
    for above in range(depth + 1):
        words[slot + OLD_PATH + above] = words[path + above]
    walk(words, tree, path, words[path + depth + PATH_LOW] - U1, depth)
    drop_passed(words, tree, slot, slot + RIGHT, path, depth * 2 + leaf)
    node = np.int64(words[path + depth])
    high = words[path + depth + PATH_HIGH]
    used = lanes_below(words, node, high) + 1
    count = np.int64(words[slot + COUNT])
    buffer_copy(words, slot + SPARE, slot + BUFFER_PIVOT, count)
    words[slot + COUNT] = U0
    gather_slots(words, slot, node, 0, used, high)
    buffer_copy(words, slot + BUFFER_PIVOT + used, slot + SPARE, count)
    words[slot + COUNT] = np.uint64(count + used)


@kernel
def buffer_copy(words, target, source, count):
    """Copy `count` ranges from one buffer to another; what follows them is overwritten."""
    for begin in range(0, count, SLOTS):
        for part in range(0, 3 * BUFFER_WORDS, BUFFER_WORDS):
            at = part + begin
            lanes_move(words, target + at, source + at, SLOTS, U0)


@kernel
def drop_passed(words, tree, slot, other, path, level):
    """Note the nodes that a moving end has passed: they lie between the ends now.

    other  word index of the path of the end that stayed; level: depth * 2 + is it the leaves'
    """
    depth = level >> 1
    for above in range(depth + 1):
        old = words[slot + OLD_PATH + above]
        if old != words[path + above] and old != words[other + above]:
            drop_node(words, tree, slot, np.int64(old), (level & 1) == 1 and above == depth)
