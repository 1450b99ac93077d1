"""Nodes of the tree: links and colours, rotations, lookups, and who is next to whom.

`side` is RB_LEFT or RB_RIGHT, the offset of the link; the other one is SIDES - side. A node is
the word index of its record, NO_RECORD where there is none. `root_at` is the word of the root.
"""

import numpy as np

from stressd_kernels.door import kernel, kernel_inline
from stressd_kernels.layout import U0
from stressd_kernels.records import (
    NO_RECORD,
    RB_BLACK,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_PARENT,
    RB_RIGHT,
    VMA_END,
)
from stressd_kernels.refs import NODE_MASK

SIDES = RB_LEFT + RB_RIGHT


@kernel_inline
def rb_parent(words, node):
    """Return the parent of `node`, or NO_RECORD."""
    return np.int64(words[node + RB_PARENT] & NODE_MASK)


@kernel_inline
def rb_child(words, node, side):
    """Return the child of `node` on one side, or NO_RECORD."""
    return np.int64(words[node + side])


@kernel_inline
def rb_side(words, parent, node):
    """Return the side of `parent` on which its child `node` hangs."""
    return RB_LEFT if words[parent + RB_LEFT] == np.uint64(node) else RB_RIGHT


@kernel_inline
def rb_is_red(words, node):
    """Say whether `node` is red; a missing one is black."""
    return node != NO_RECORD and words[node + RB_PARENT] & RB_BLACK == U0


@kernel_inline
def rb_blacken(words, node):
    """Make `node` black."""
    words[node + RB_PARENT] |= RB_BLACK


@kernel_inline
def rb_redden(words, node):
    """Make `node` red."""
    words[node + RB_PARENT] &= ~RB_BLACK


@kernel_inline
def rb_adopt(words, parent, side, node):
    """Hang `node`, which may be none, below `parent`; its colour stays."""
    words[parent + side] = np.uint64(node)
    if node != NO_RECORD:
        words[node + RB_PARENT] = np.uint64(parent) | (words[node + RB_PARENT] & RB_BLACK)


@kernel
def rb_supplant(words, root_at, old, new):
    """Hang `new`, which may be none, where `old` hangs; its colour stays."""
    parent = rb_parent(words, old)
    if parent != NO_RECORD:
        rb_adopt(words, parent, rb_side(words, parent, old), new)
        return
    words[root_at] = np.uint64(new)
    if new != NO_RECORD:
        words[new + RB_PARENT] &= RB_BLACK


@kernel_inline
def rb_largest(words, node):
    """Return the largest gap of a subtree from its root's own and those of both children."""
    largest = words[node + RB_OWN]
    left = rb_child(words, node, RB_LEFT)
    if left != NO_RECORD:
        largest = max(largest, words[left + RB_GAP])
    right = rb_child(words, node, RB_RIGHT)
    if right != NO_RECORD:
        largest = max(largest, words[right + RB_GAP])
    return largest


@kernel
def rb_rotate(words, root_at, node, side):
    """Move `node` down to `side`; its child on the other side takes its place.

    The subtree keeps its order and its largest gap; colours stay.
    """
    other = SIDES - side
    risen = rb_child(words, node, other)
    rb_adopt(words, node, other, rb_child(words, risen, side))
    rb_supplant(words, root_at, node, risen)
    rb_adopt(words, risen, side, node)
    words[risen + RB_GAP] = words[node + RB_GAP]
    words[node + RB_GAP] = rb_largest(words, node)


@kernel_inline
def rb_outermost(words, node, side):
    """Return the last node of a subtree on one side; NO_RECORD of none."""
    if node == NO_RECORD:
        return node
    following = rb_child(words, node, side)
    while following != NO_RECORD:
        node = following
        following = rb_child(words, node, side)
    return node


@kernel_inline
def rb_climb(words, node, side):
    """Return the nearest node above that has `node` in its subtree of `side`, or NO_RECORD."""
    parent = rb_parent(words, node)
    while parent != NO_RECORD and words[parent + side] != np.uint64(node):
        node = parent
        parent = rb_parent(words, node)
    return parent


@kernel
def rb_first(words, root):
    """Return the lowest VMA below `root`, or NO_RECORD."""
    return rb_outermost(words, root, RB_LEFT)


@kernel
def rb_last(words, root):
    """Return the highest VMA below `root`, or NO_RECORD."""
    return rb_outermost(words, root, RB_RIGHT)


@kernel
def rb_next(words, node):
    """Return the VMA above `node`, or NO_RECORD."""
    right = rb_child(words, node, RB_RIGHT)
    if right != NO_RECORD:
        return rb_outermost(words, right, RB_LEFT)
    return rb_climb(words, node, RB_LEFT)


@kernel
def rb_prev(words, node):
    """Return the VMA below `node`, or NO_RECORD."""
    left = rb_child(words, node, RB_LEFT)
    if left != NO_RECORD:
        return rb_outermost(words, left, RB_RIGHT)
    return rb_climb(words, node, RB_RIGHT)


@kernel
def rb_find(words, root, address):
    """Return the first VMA that ends above `address`, or NO_RECORD; it may begin above it, too."""
    found = NO_RECORD
    node = root
    while node != NO_RECORD:
        if words[node + VMA_END] > address:
            found = node
            node = rb_child(words, node, RB_LEFT)
        else:
            node = rb_child(words, node, RB_RIGHT)
    return found
