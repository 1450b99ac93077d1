"""Moving the border between two leaves: what a rebuild would do, for two frequent cases.

Where a node begins is not stored in it: it follows from the pivots above. So if a leaf begins
with NULL, that slot grows and shrinks with the pivot before it, in the parent.

    border_lower   the end of a leaf is erased: it must not end with NULL (N2), so the leaf after
                   it takes that in. About one erasure in six is of this kind
    border_raise   a value is stored into the NULL with which a full leaf begins: the leaf before
                   it takes the value, and the NULL in front of that

The leaf before and the parent are copied, and the copy of the parent is published with one
store. Nothing can fail once it has begun to write.

The leaf after stays in its place when the border is lowered. A reader that has come to it
through the old parent, and asks for what comes at or after a key in it, is answered as through
the new one: nothing but NULL was added before it. What lies before it, readers look up in
another leaf, and then compare versions (V1, V2) or answer from the leaf that was replaced.
When the border is raised it is copied: an entry has gone in before it, so no value in it may
change any more for those who have not seen that entry (L2).

    BORDER_PIVOT   last key of the leaf before
    BORDER_REFS    references of the leaf before and of the leaf after      BORDER_GAPS   gaps
"""

import numpy as np

from stressd_kernels.arena import inner_take, leaf_take, ref_make
from stressd_kernels.checks import is_freed
from stressd_kernels.door import CHECKING, bits_set, kernel, load_relaxed
from stressd_kernels.lanes import (
    lanes_below,
    lanes_largest,
    lanes_move,
    lanes_null_gap_but,
    lanes_zero,
)
from stressd_kernels.layout import SLOT_SCRATCH, TREE_COUNT, U0, U1, UMAX
from stressd_kernels.limbo import limbo_retire
from stressd_kernels.maple.node import (
    ALL_SLOTS,
    FILL_MIN,
    GAP_FIRST,
    NULL,
    PIVOT_FIRST,
    SLOT_FIRST,
    SLOTS,
    slot_high,
)
from stressd_kernels.maple.publish import publish
from stressd_kernels.maple.walk import LEFT, PATH_HIGH, PATH_LOW, PATH_PLACE
from stressd_kernels.refs import LEAF_BIT, NODE_MASK

BORDER_PIVOT = SLOT_SCRATCH
BORDER_REFS = SLOT_SCRATCH + 1
BORDER_GAPS = SLOT_SCRATCH + 3


@kernel
def border_lower(words, tree, slot, depth, kept, first):
    """Erase from `first` to the end of the leaf at `depth` of the left path, if it is simple.

    kept    slots that the leaf keeps; the last of them, not NULL, is to end before `first`
    return  False: nothing is done, because the leaf would have too few slots, or because there
            is no right sibling, or none that begins with NULL
    """
    path = slot + LEFT + depth
    above = path - 1
    if kept < FILL_MIN or depth == 0 or words[path + PATH_HIGH] == words[above + PATH_HIGH]:
        return False
    parent = np.int64(words[above])
    place = np.int64(words[above + PATH_PLACE])
    ref = load_relaxed(words, parent + SLOT_FIRST + place + 1)
    if CHECKING:
        is_freed(words, ref)
    right = np.int64(ref & NODE_MASK)
    if words[right + SLOT_FIRST] != NULL:
        return False
    leaf = np.int64(words[path])
    gone = ALL_SLOTS & ~((U1 << np.uint64(kept)) - U1)
    words[tree + TREE_COUNT] -= np.uint64(bits_set(~lanes_zero(words, leaf + SLOT_FIRST) & gone))
    end = slot_high(words, right, 0, slot_high(words, parent, place + 1, words[above + PATH_HIGH]))
    gap = lanes_null_gap_but(words, leaf, words[path + PATH_LOW], words[path + PATH_HIGH], gone)
    words[slot + BORDER_GAPS] = gap
    words[slot + BORDER_GAPS + 1] = max(words[parent + GAP_FIRST + place + 1], end - first + U1)
    words[slot + BORDER_PIVOT] = first - U1
    words[slot + BORDER_REFS] = ref_make(words, leaf_start(words, slot, leaf, kept), LEAF_BIT)
    words[slot + BORDER_REFS + 1] = ref
    border_publish(words, tree, slot, depth, place)
    return True


@kernel
def border_raise(words, tree, slot, depth, plan):
    """Store into slot 0 of the leaf at `depth`, which is NULL and reaches beyond the new range.

    plan    first, last, value
    return  False: nothing is done, because there is no left sibling, or it has no room
    """
    path = slot + LEFT + depth
    above = path - 1
    if depth == 0 or words[above + PATH_PLACE] == U0:
        return False
    parent = np.int64(words[above])
    place = np.int64(words[above + PATH_PLACE]) - 1
    leaf = np.int64(load_relaxed(words, parent + SLOT_FIRST + place) & NODE_MASK)
    right = np.int64(words[path])
    low = words[path + PATH_LOW]
    first, last, value = plan
    used = lanes_below(words, leaf, low - U1) + 1
    at = used + np.int64(low < first)
    if at >= SLOTS:
        return False
    words[tree + TREE_COUNT] += U1
    rest = slot_high(words, right, 0, words[path + PATH_HIGH]) - last
    gap = lanes_null_gap_but(words, right, low, words[path + PATH_HIGH], U1)
    words[slot + BORDER_GAPS] = max(words[parent + GAP_FIRST + place], first - low)
    words[slot + BORDER_GAPS + 1] = max(gap, rest)
    words[slot + BORDER_PIVOT] = last
    fresh = leaf_start(words, slot, leaf, used)
    words[fresh + PIVOT_FIRST + used - 1] = low - U1
    words[fresh + PIVOT_FIRST + at - 1] = first - U1
    words[fresh + SLOT_FIRST + at] = value
    words[slot + BORDER_REFS] = ref_make(words, fresh, LEAF_BIT)
    words[slot + BORDER_REFS + 1] = ref_make(words, leaf_start(words, slot, right, SLOTS), LEAF_BIT)
    border_publish(words, tree, slot, depth, place)
    return True


@kernel
def leaf_start(words, slot, leaf, kept):
    """Return a private copy of a leaf with its first `kept` slots, the last without a pivot."""
    fresh = leaf_take(words, slot)
    lanes_move(words, fresh + PIVOT_FIRST, leaf + PIVOT_FIRST, kept - 1, UMAX)
    lanes_move(words, fresh + SLOT_FIRST, leaf + SLOT_FIRST, kept, U0)
    return fresh


@kernel
def border_publish(words, tree, slot, depth, place):
    """Publish a copy of the parent of the leaves at `depth`, with BORDER_* from slot `place` on.

    The parent is that on the left path; it and the leaves that it replaces are retired.
    """
    parent = np.int64(words[slot + LEFT + depth - 1])
    fresh = inner_take(words, slot)
    generation = words[fresh]
    lanes_move(words, fresh, parent, SLOTS, U0)
    lanes_move(words, fresh + SLOT_FIRST, parent + SLOT_FIRST, SLOTS, U0)
    lanes_move(words, fresh + GAP_FIRST, parent + GAP_FIRST, SLOTS, U0)
    words[fresh] = generation
    words[fresh + PIVOT_FIRST + place] = words[slot + BORDER_PIVOT]
    for side in range(2):
        words[fresh + SLOT_FIRST + place + side] = words[slot + BORDER_REFS + side]
        words[fresh + GAP_FIRST + place + side] = words[slot + BORDER_GAPS + side]
    gap = lanes_largest(words, fresh + GAP_FIRST)
    publish(words, tree, slot, depth - 1, ref_make(words, fresh, U0), gap)
    for side in range(2):
        old = load_relaxed(words, parent + SLOT_FIRST + place + side)
        if old != words[slot + BORDER_REFS + side]:
            limbo_retire(words, slot, old)
    limbo_retire(words, slot, ref_make(words, parent, U0))
