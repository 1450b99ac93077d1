"""Bulk build: a whole tree from sorted ranges, packed full, private until one publication.

Entries are laid into leaves from left to right, with a NULL slot for each gap between them. A
leaf that is full goes up to the open node of the level above, and so on; in the end the open
nodes are closed, from the leaves up, and the last one is the root.

A leaf takes sixteen slots, or fifteen if the sixteenth would be NULL, but for the last one (N2).
Nobody can see the nodes, so a failure half-way frees them at once.

The open node of each level stands in the slot's buffers (OPEN), 64 words a level:
    + 0 number of slots    + 1 first key    + 2 .. 17 last keys    + 18 .. 33 slots    + 34 .. gaps
"""

import numpy as np

from stressd_kernels.arena import arena_is_ready, inner_take, leaf_take, ref_make
from stressd_kernels.door import kernel, load_relaxed
from stressd_kernels.lanes import lanes_fill, lanes_largest, lanes_null_gap
from stressd_kernels.layout import (
    READY_MAX,
    SLOT_LEAF_CACHE,
    SLOT_READY,
    SLOT_SCRATCH,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    U0,
    U1,
    U2,
    UMAX,
)
from stressd_kernels.limbo import READY_COUNT, limbo_count
from stressd_kernels.lock import OK
from stressd_kernels.maple.node import (
    GAP_FIRST,
    HEIGHT_MAX,
    NULL,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
)
from stressd_kernels.maple.publish import publish
from stressd_kernels.refs import LEAF_BIT, NO_REF, SUBTREE_BIT
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call

EXISTS = np.uint64(Status.EXISTS)
RESERVE = int(Verb.RESERVE)
COLLECT = int(Verb.COLLECT)

OPEN = SLOT_SCRATCH + 512
OPEN_WORDS = 64
OPEN_USED = 0
OPEN_LOW = 1
OPEN_HIGHS = 2
OPEN_SLOTS = OPEN_HIGHS + SLOTS
OPEN_GAPS = OPEN_SLOTS + SLOTS
MADE_LEAVES = SLOT_SCRATCH + 8
MADE_INNERS = SLOT_SCRATCH + 9

assert OPEN_GAPS + SLOTS <= OPEN_WORDS
assert OPEN + HEIGHT_MAX * OPEN_WORDS <= SLOT_LEAF_CACHE
assert READY_MAX >= HEIGHT_MAX * SLOTS


@kernel
def build_locked(words, tree, slot, source, count):
    """Build the tree of `count` entries at words[source..]: first, last, value of each.

    source  uint64 word index from the arena, modulo 2**64: ascending, disjoint entries
    return  OK; EXISTS if the tree is not empty; ARENA_FULL: the tree stays empty
    The caller holds the lock (W1) and is not pinned.
    """
    if load_relaxed(words, tree + TREE_ROOT) != NO_REF:
        return EXISTS
    if count == 0:
        return OK
    open_reset(words, slot)
    status = OK
    at = U0
    for entry in range(count):
        place = source + np.uint64(3 * entry)  # unsigned: it may lie before the arena
        first = words[place]
        if status == OK and first > at:
            status = range_add(words, tree, slot, first - U1, NULL)
        if status == OK:
            status = range_add(words, tree, slot, words[place + U1], words[place + U2])
        at = words[place + U1] + U1
    if status == OK and at != U0:
        status = range_add(words, tree, slot, UMAX, NULL)
    if status != OK:
        open_abandon(words, tree, slot)
        return status
    root = open_finish(words, tree, slot)
    words[tree + TREE_COUNT] = np.uint64(count)
    words[tree + TREE_LEAVES] = words[slot + MADE_LEAVES]
    words[tree + TREE_INNERS] = words[slot + MADE_INNERS]
    publish(words, tree, slot, 0, root, U0)
    return OK


@kernel
def open_reset(words, slot):
    """Open an empty node at every level."""
    words[slot + MADE_LEAVES] = U0
    words[slot + MADE_INNERS] = U0
    for level in range(HEIGHT_MAX):
        words[slot + OPEN + level * OPEN_WORDS + OPEN_USED] = U0
        words[slot + OPEN + level * OPEN_WORDS + OPEN_LOW] = U0


@kernel
def range_add(words, tree, slot, last, value):
    """Append a range that ends at `last` to the open leaf; close it if that fills it."""
    used = np.int64(words[slot + OPEN + OPEN_USED])
    if used == SLOTS or (used == SLOTS - 1 and value == NULL and last != UMAX):
        status = level_close(words, tree, slot)
        if status != OK:
            return status
        used = 0
    words[slot + OPEN + OPEN_HIGHS + used] = last
    words[slot + OPEN + OPEN_SLOTS + used] = value
    words[slot + OPEN + OPEN_USED] = np.uint64(used + 1)
    return OK


@kernel
def level_close(words, tree, slot):
    """Close the open leaf, and the open nodes above it that are full: OK or ARENA_FULL."""
    if not arena_is_ready(words, slot):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
        if status != OK:
            return status
    if words[slot + OPEN + OPEN_WORDS + OPEN_USED] == np.uint64(SLOTS):
        close_above(words, slot, 1)
    node_close(words, slot, 0)
    return OK


@kernel
def close_above(words, slot, level):
    """Close the full open node at `level`, after those above it that are full too."""
    top = level
    while words[slot + OPEN + (top + 1) * OPEN_WORDS + OPEN_USED] == np.uint64(SLOTS):
        top += 1
    while top >= level:
        node_close(words, slot, top)
        top -= 1


@kernel
def node_close(words, slot, level):
    """Make a node of the open one at `level` and append it to the open one above."""
    here = slot + OPEN + level * OPEN_WORDS
    above = here + OPEN_WORDS
    used = np.int64(words[here + OPEN_USED])
    high = words[here + OPEN_HIGHS + used - 1]
    node = leaf_take(words, slot) if level == 0 else inner_take(words, slot)
    node_fill(words, here, node, used)
    if level == 0:
        gap = lanes_null_gap(words, node, words[here + OPEN_LOW], high)
        words[slot + MADE_LEAVES] += U1
    else:
        lanes_fill(words, node + GAP_FIRST, U0)
        for place in range(used):
            words[node + GAP_FIRST + place] = words[here + OPEN_GAPS + place]
        gap = lanes_largest(words, node + GAP_FIRST)
        words[slot + MADE_INNERS] += U1
    place = np.int64(words[above + OPEN_USED])
    words[above + OPEN_HIGHS + place] = high
    words[above + OPEN_SLOTS + place] = ref_make(words, node, LEAF_BIT if level == 0 else U0)
    words[above + OPEN_GAPS + place] = gap
    words[above + OPEN_USED] = np.uint64(place + 1)
    words[here + OPEN_USED] = U0
    words[here + OPEN_LOW] = high + U1


@kernel
def node_fill(words, here, node, used):
    """Copy the slots and pivots of an open node into a private one."""
    generation = words[node]
    lanes_fill(words, node, UMAX)
    words[node] = generation
    lanes_fill(words, node + SLOT_FIRST, U0)
    for place in range(used):
        words[node + SLOT_FIRST + place] = words[here + OPEN_SLOTS + place]
    for place in range(used - 1):
        words[node + PIVOT_FIRST + place] = words[here + OPEN_HIGHS + place]


@kernel
def open_finish(words, tree, slot):
    """Close the open nodes from the leaves up; return the reference of the root.

    What is open needs at most one node a level, which the last reservation still covers.
    """
    level = 0
    while True:
        here = slot + OPEN + level * OPEN_WORDS
        if level > 0 and words[here + OPEN_USED] == U1 and top_level(words, slot) == level:
            words[tree + TREE_HEIGHT] = np.uint64(level)
            return words[here + OPEN_SLOTS]
        if words[here + OPEN_USED] > U0:
            if words[here + OPEN_WORDS + OPEN_USED] == np.uint64(SLOTS):
                close_above(words, slot, level + 1)
            node_close(words, slot, level)
        level += 1


@kernel
def top_level(words, slot):
    """Return the highest level whose open node holds anything."""
    level = HEIGHT_MAX - 1
    while level > 0 and words[slot + OPEN + level * OPEN_WORDS + OPEN_USED] == U0:
        level -= 1
    return level


@kernel
def open_abandon(words, tree, slot):
    """Free every node that was made: nobody has seen them, so nobody is waited for."""
    limbo_count(words, slot, words[slot + MADE_LEAVES] + words[slot + MADE_INNERS])
    for level in range(1, HEIGHT_MAX):
        here = slot + OPEN + level * OPEN_WORDS
        for place in range(np.int64(words[here + OPEN_USED])):
            ready = words[slot + READY_COUNT]
            words[slot + SLOT_READY + np.int64(ready)] = (
                words[here + OPEN_SLOTS + place] | SUBTREE_BIT
            )
            words[slot + READY_COUNT] = ready + U1
            while words[slot + READY_COUNT] > U0:
                structure_call(words, COLLECT, tree, slot, U0, U0, U0, U0, U0)
