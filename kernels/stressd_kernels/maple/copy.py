"""Copy: another tree with the same entries, node by node, as fork needs it.

Nothing is stored again. Each node of the source becomes one private node with the same pivots,
values and gaps; references are exchanged for those of the copies; the root is published once. So
the cost is that of the nodes, and the copy is the source as it was at one version, which
RESULT_VALUE names.

The walk keeps, for each depth, a node, its copy, and the slot that comes next. A copy is linked
into the one above it before its own slots are filled, so what has been made is always one tree:
if the arena is full half-way, it is freed as one, at once, since nobody has seen it.

Locks: both trees', the one whose block comes first before the other: nowhere else are two held
(lock.py). Nodes are reserved while they are held, as by a bulk build: the arena's lock is held
for a moment at a time and by nobody who waits, and if readers hold what is wanted the answer is
BACKLOG, and nothing has changed. Writers of the source wait meanwhile; its readers go on.

    depth + 0  .. 15   word index of the node         depth + 16 .. 31   of its copy
    depth + 32 .. 47   slot to copy next
"""

import numpy as np

from stressd_kernels.arena import arena_is_ready, inner_take, leaf_take, ref_make
from stressd_kernels.checks import is_freed
from stressd_kernels.door import CHECKING, kernel, load_relaxed, prefetch
from stressd_kernels.lanes import lanes_fill, lanes_move
from stressd_kernels.layout import (
    RESULT_VALUE,
    RESULT_VERSION,
    SLOT_READY,
    SLOT_SCRATCH,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    TREE_VERSION,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.limbo import READY_COUNT, limbo_count
from stressd_kernels.lock import OK
from stressd_kernels.maple.node import GAP_FIRST, HEIGHT_MAX, PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.maple.publish import publish
from stressd_kernels.refs import LEAF_BIT, NO_REF, NODE_MASK, SUBTREE_BIT
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call

EXISTS = np.uint64(Status.EXISTS)
RESERVE = int(Verb.RESERVE)
COLLECT = int(Verb.COLLECT)

NODES = SLOT_SCRATCH + 512
COPIES = NODES + 16
PLACES = NODES + 32
MADE = SLOT_SCRATCH + 8  # nodes
PIVOTS = 15

assert HEIGHT_MAX <= 16, "a path has room for 16 levels"


@kernel
def copy_locked(words, source, tree, slot):
    """Make the empty tree `tree` what `source` is; the caller holds both locks, unpinned.

    words   uint64[::1]; source, tree, slot: word indexes of their blocks
    return  OK; EXISTS if it is not empty; ARENA_FULL or BACKLOG: it stays empty
    """
    if load_relaxed(words, tree + TREE_ROOT) != NO_REF:
        return EXISTS
    words[slot + RESULT_VALUE] = load_relaxed(words, source + TREE_VERSION)
    root = load_relaxed(words, source + TREE_ROOT)
    if root == NO_REF:
        words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
        return OK
    words[slot + MADE] = U0
    status, copy = node_copy(words, tree, slot, root)
    if status == OK and root & LEAF_BIT == U0:
        status = subtree_copy(words, tree, slot, root, copy)
    if status != OK:
        copy_abandon(words, tree, slot, copy)
        return status
    for word in (TREE_COUNT, TREE_HEIGHT, TREE_LEAVES, TREE_INNERS):
        words[tree + word] = words[source + word]
    publish(words, tree, slot, 0, copy, U0)
    return OK


@kernel
def subtree_copy(words, tree, slot, ref, copy):
    """Copy all that is below the inner node of `ref` to below `copy`; OK or why not."""
    words[slot + NODES] = ref & NODE_MASK
    words[slot + COPIES] = copy & NODE_MASK
    words[slot + PLACES] = U0
    depth = 0
    while depth >= 0:
        node = np.int64(words[slot + NODES + depth])
        place = np.int64(words[slot + PLACES + depth])
        child = load_relaxed(words, node + SLOT_FIRST + place) if place < SLOTS else NO_REF
        if child == NO_REF:  # unused slots come last
            depth -= 1
            continue
        words[slot + PLACES + depth] = np.uint64(place + 1)
        if place + 1 < SLOTS:
            node_prefetch(words, load_relaxed(words, node + SLOT_FIRST + place + 1))
        status, fresh = node_copy(words, tree, slot, child)
        if status != OK:
            return status
        words[np.int64(words[slot + COPIES + depth]) + SLOT_FIRST + place] = fresh
        if child & LEAF_BIT == U0:
            depth += 1
            words[slot + NODES + depth] = child & NODE_MASK
            words[slot + COPIES + depth] = fresh & NODE_MASK
            words[slot + PLACES + depth] = U0
    return OK


@kernel
def node_prefetch(words, ref):
    """Begin to fetch pivots and slots of a node, if there is one."""
    node = np.int64(ref & NODE_MASK)
    for line in (0, 8, SLOT_FIRST, SLOT_FIRST + 8):
        prefetch(words, node + line)


@kernel
def node_copy(words, tree, slot, ref):
    """Make a private copy of the node of `ref`, an inner one with empty slots for now.

    return  a status, and the copy's reference if that is OK
    """
    if not arena_is_ready(words, slot):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
        if status != OK:
            return status, NO_REF
    if CHECKING:
        is_freed(words, ref)
    node = np.int64(ref & NODE_MASK)
    leaf = ref & LEAF_BIT
    fresh = leaf_take(words, slot) if leaf != U0 else inner_take(words, slot)
    words[slot + MADE] += U1
    lanes_move(words, fresh + PIVOT_FIRST, node + PIVOT_FIRST, PIVOTS, UMAX)
    if leaf != U0:
        lanes_move(words, fresh + SLOT_FIRST, node + SLOT_FIRST, 16, U0)
    else:
        lanes_fill(words, fresh + SLOT_FIRST, U0)
        lanes_move(words, fresh + GAP_FIRST, node + GAP_FIRST, 16, U0)
    return OK, ref_make(words, fresh, leaf)


@kernel
def copy_abandon(words, tree, slot, root):
    """Free every node that was made, which the unpublished `root` leads to (NO_REF: none)."""
    if root == NO_REF:
        return
    limbo_count(words, slot, words[slot + MADE])
    ready = words[slot + READY_COUNT]
    words[slot + SLOT_READY + np.int64(ready)] = root | SUBTREE_BIT
    words[slot + READY_COUNT] = ready + U1
    while words[slot + READY_COUNT] > U0:
        structure_call(words, COLLECT, tree, slot, U0, U0, U0, U0, U0)
