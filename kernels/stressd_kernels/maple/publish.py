"""Publication: one store that readers can see, and the version around it.

A write builds private nodes, then links them with a single release store: into a slot of the
parent, or into the root word. Readers that came before see the old nodes for as long as they
stay pinned; readers that come after see the new ones, filled.

The version is odd while a write is visible in parts: from before the publishing store until
the last gap word is right. It is the only clock that orders events of different threads.
Writers hold the lock (W1), so plain increments are enough.

    writer                                  reader of gaps, or of two leaves
    ------                                  --------------------------------
    version + 1 (odd)                       v1 = version               (V1)
    fence                     (P2)          read references, gaps
    publish one reference     (P1)          fence                      (V2)
    publish gap words         (P3)          v2 = version
    version + 2 (even)        (P4)          v1 == v2, even: one state was seen

Ordering                                          pairs with       and forbids
    P1  release, publishing a node or a value     S1, S2           a node before its content
    P2  release fence, after the odd version      V2               missing that a write began
    P3  release, publishing a gap                 V2               "
    P4  release, of the even version              V1               the new version, old words
"""

import numpy as np

from stressd_kernels.door import (
    fence_release,
    kernel,
    load_relaxed,
    store_relaxed,
    store_release,
    unlikely,
)
from stressd_kernels.lanes import lanes_largest_but
from stressd_kernels.layout import (
    FLAG_GAPS,
    RESULT_VERSION,
    TREE_FLAGS,
    TREE_ROOT,
    TREE_VERSION,
    U1,
    U2,
)
from stressd_kernels.maple.node import GAP_FIRST, SLOT_FIRST
from stressd_kernels.maple.shortcut import shortcut_close, shortcut_concerns, shortcut_follow
from stressd_kernels.maple.walk import LEFT, PATH_PLACE

GAPS = np.uint64(FLAG_GAPS)


@kernel
def publish(words, tree, slot, depth, ref, gap):
    """Put `ref` where the left path has its node at `depth`; the caller holds the lock (W1).

    depth  0: the root word; otherwise the slot of the parent on the path
    gap    longest NULL range below `ref`, in keys (ignored at depth 0)
    """
    version = load_relaxed(words, tree + TREE_VERSION)
    store_relaxed(words, tree + TREE_VERSION, version + U1)
    concerned = shortcut_concerns(words, tree, depth)
    if unlikely(concerned):
        shortcut_close(words, tree)
    fence_release("P2")  # pairs with V2 (instant_held)
    if depth == 0:
        store_release(words, tree + TREE_ROOT, ref, "P1")  # pairs with S1, S2 (search)
    else:
        path = slot + LEFT + depth - 1
        at = np.int64(words[path]) + SLOT_FIRST + np.int64(words[path + PATH_PLACE])
        store_release(words, at, ref, "P1")  # pairs with S1, S2 (search)
        if words[tree + TREE_FLAGS] & GAPS == GAPS:
            gaps_propagate(words, slot, depth - 1, gap)
    store_release(words, tree + TREE_VERSION, version + U2, "P4")  # pairs with V1 (instant_begin)
    words[slot + RESULT_VERSION] = version + U2
    if unlikely(concerned):
        shortcut_follow(words, tree, slot, depth, ref)


@kernel
def publish_value(words, tree, slot, at, value):
    """Replace the value at words[at] of a published leaf by another on the same range (L2)."""
    version = load_relaxed(words, tree + TREE_VERSION)
    store_relaxed(words, tree + TREE_VERSION, version + U1)
    fence_release("P2")  # pairs with V2 (instant_held)
    store_release(words, at, value, "P1")  # pairs with S1, S2 (search)
    store_release(words, tree + TREE_VERSION, version + U2, "P4")  # pairs with V1 (instant_begin)
    words[slot + RESULT_VERSION] = version + U2


@kernel
def gaps_propagate(words, slot, depth, gap):
    """Set the gap word of the path at `depth` to `gap`, and those above as far as they change.

    What stands above is the largest of the node, so most changes end here without looking at
    the other slots.
    """
    while True:
        path = slot + LEFT + depth
        node = np.int64(words[path])
        place = np.int64(words[path + PATH_PLACE])
        before = words[node + GAP_FIRST + place]
        if before == gap:
            return
        if depth == 0:
            store_release(
                words, node + GAP_FIRST + place, gap, "P3"
            )  # pairs with V2 (instant_held)
            return
        above = slot + LEFT + depth - 1
        most = words[np.int64(words[above]) + GAP_FIRST + np.int64(words[above + PATH_PLACE])]
        largest = max(most, gap)
        if before == most and gap < most:
            largest = lanes_largest_but(words, node + GAP_FIRST, place, gap)
        store_release(words, node + GAP_FIRST + place, gap, "P3")  # pairs with V2 (instant_held)
        if largest == most:
            return
        gap = largest
        depth -= 1
