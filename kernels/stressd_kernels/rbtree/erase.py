"""Deletion, and replacement of one record by another in the same place.

A node with two children gives its place to the next in order, which has no left child; so what
is taken out always has one child at most. If it was black and its child is not red, a black node
is missing on that path: `rb_repay` finds one.
"""

from stressd_kernels.door import kernel
from stressd_kernels.layout import U0
from stressd_kernels.rbtree.gaps import rb_gap_changed
from stressd_kernels.rbtree.links import (
    SIDES,
    rb_adopt,
    rb_blacken,
    rb_child,
    rb_is_red,
    rb_outermost,
    rb_parent,
    rb_redden,
    rb_rotate,
    rb_side,
    rb_supplant,
)
from stressd_kernels.records import NO_RECORD, RB_BLACK, RB_GAP, RB_LEFT, RB_PARENT, RB_RIGHT


@kernel
def rb_erase(words, root_at, node):
    """Take the VMA `node` out; its words RB_* are rubbish from then on.

    RB_OWN of the VMA above it becomes another by this: the caller writes it and calls
    rb_gap_changed.
    """
    if words[node + RB_LEFT] != U0 and words[node + RB_RIGHT] != U0:
        heir = rb_outermost(words, rb_child(words, node, RB_RIGHT), RB_LEFT)
        colour = words[heir + RB_PARENT]
        child = rb_child(words, heir, RB_RIGHT)
        parent, side = rb_inherit(words, root_at, node, heir)
    else:
        colour = words[node + RB_PARENT]
        child = rb_child(words, node, RB_LEFT)
        if child == NO_RECORD:
            child = rb_child(words, node, RB_RIGHT)
        parent = rb_parent(words, node)
        side = RB_LEFT if parent == NO_RECORD else rb_side(words, parent, node)
        rb_supplant(words, root_at, node, child)
        rb_gap_changed(words, parent)
    if colour & RB_BLACK == U0:
        return
    if rb_is_red(words, child):
        rb_blacken(words, child)
    else:
        rb_repay(words, root_at, parent, side)


@kernel
def rb_inherit(words, root_at, node, heir):
    """Put `heir`, the next after `node`, in its place; return where its own place was.

    return  the node under which it was, and on which side
    """
    parent = rb_parent(words, heir)
    side = RB_LEFT
    if parent == node:
        parent = heir
        side = RB_RIGHT
    else:
        rb_adopt(words, parent, RB_LEFT, rb_child(words, heir, RB_RIGHT))
        rb_adopt(words, heir, RB_RIGHT, rb_child(words, node, RB_RIGHT))
    rb_adopt(words, heir, RB_LEFT, rb_child(words, node, RB_LEFT))
    rb_supplant(words, root_at, node, heir)
    words[heir + RB_PARENT] = words[node + RB_PARENT]
    words[heir + RB_GAP] = words[node + RB_GAP]
    rb_gap_changed(words, parent)
    rb_gap_changed(words, heir)
    return parent, side


@kernel
def rb_repay(words, root_at, parent, side):
    """Restore B2 where paths through `side` of `parent` have one black node too few.

    Either a red node nearby is made black, with at most three rotations, or the sibling is made
    red and the whole subtree of `parent` has one too few.
    """
    while parent != NO_RECORD:
        other = SIDES - side
        sibling = rb_child(words, parent, other)
        if rb_is_red(words, sibling):
            rb_blacken(words, sibling)
            rb_redden(words, parent)
            rb_rotate(words, root_at, parent, side)
            sibling = rb_child(words, parent, other)
        near = rb_child(words, sibling, side)
        far = rb_child(words, sibling, other)
        if rb_is_red(words, near) or rb_is_red(words, far):
            rb_lend(words, root_at, parent, side)
            return
        rb_redden(words, sibling)
        if rb_is_red(words, parent):
            rb_blacken(words, parent)
            return
        node = parent
        parent = rb_parent(words, node)
        if parent != NO_RECORD:
            side = rb_side(words, parent, node)


@kernel
def rb_lend(words, root_at, parent, side):
    """Give `side` of `parent` a black node from the other side, whose root has a red child."""
    other = SIDES - side
    sibling = rb_child(words, parent, other)
    far = rb_child(words, sibling, other)
    if not rb_is_red(words, far):
        near = rb_child(words, sibling, side)
        rb_rotate(words, root_at, sibling, other)
        far = sibling
        sibling = near
    words[sibling + RB_PARENT] &= ~RB_BLACK
    words[sibling + RB_PARENT] |= words[parent + RB_PARENT] & RB_BLACK
    rb_blacken(words, parent)
    rb_blacken(words, far)
    rb_rotate(words, root_at, parent, side)


@kernel
def rb_replace(words, root_at, old, new):
    """Put `new` in the place of `old`: a VMA that got a new range and keeps the order.

    RB_OWN of `new` has been written; it may differ.
    """
    rb_supplant(words, root_at, old, new)
    words[new + RB_PARENT] = words[old + RB_PARENT]
    rb_adopt(words, new, RB_LEFT, rb_child(words, old, RB_LEFT))
    rb_adopt(words, new, RB_RIGHT, rb_child(words, old, RB_RIGHT))
    words[new + RB_GAP] = words[old + RB_GAP]
    rb_gap_changed(words, new)
