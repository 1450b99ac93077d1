"""Insertion: a red leaf where the order puts it, then colours and rotations upwards."""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import U0
from stressd_kernels.rbtree.gaps import rb_gap_changed
from stressd_kernels.rbtree.links import (
    SIDES,
    rb_adopt,
    rb_blacken,
    rb_child,
    rb_is_red,
    rb_parent,
    rb_redden,
    rb_rotate,
    rb_side,
)
from stressd_kernels.records import (
    NO_RECORD,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_PARENT,
    RB_RIGHT,
    VMA_START,
)


@kernel
def rb_insert(words, root_at, node):
    """Add the VMA `node`, which is in no tree and overlaps none of this one.

    Its RB_OWN has been written. That of the VMA above it becomes another by this: the caller
    writes it and calls rb_gap_changed.
    """
    parent = NO_RECORD
    side = RB_LEFT
    at = np.int64(words[root_at])
    while at != NO_RECORD:
        parent = at
        below = words[node + VMA_START] < words[at + VMA_START]
        side = RB_LEFT if below else RB_RIGHT
        at = rb_child(words, at, side)
    words[node + RB_PARENT] = U0
    words[node + RB_LEFT] = U0
    words[node + RB_RIGHT] = U0
    words[node + RB_GAP] = words[node + RB_OWN]
    if parent == NO_RECORD:
        words[root_at] = np.uint64(node)
    else:
        rb_adopt(words, parent, side, node)
        rb_gap_changed(words, parent)
    rb_part_reds(words, root_at, node)


@kernel
def rb_part_reds(words, root_at, node):
    """Restore B2 where the red `node` may be the root or have a red parent, and nothing else is.

    A red uncle passes the question two levels up; a black one ends it with at most two rotations.
    """
    while True:
        parent = rb_parent(words, node)
        if parent == NO_RECORD:
            rb_blacken(words, node)
            return
        if not rb_is_red(words, parent):
            return
        above = rb_parent(words, parent)  # exists: the root is black
        side = rb_side(words, above, parent)
        uncle = rb_child(words, above, SIDES - side)
        rb_redden(words, above)
        if rb_is_red(words, uncle):
            rb_blacken(words, parent)
            rb_blacken(words, uncle)
            node = above
        else:
            if rb_child(words, parent, side) != node:
                rb_rotate(words, root_at, parent, side)
                parent = node
            rb_blacken(words, parent)
            rb_rotate(words, root_at, above, SIDES - side)
            return
