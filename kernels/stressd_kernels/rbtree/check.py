"""The structural check: B1 .. B5, in one walk around the tree, under the lock.

The walk keeps no stack: it comes back by the parent links, each of which it has compared with
the way it went down. It counts the black nodes above it as it goes, and every missing child must
be below equally many.
"""

from enum import IntEnum

import numpy as np

from stressd_kernels.door import kernel, kernel_inline
from stressd_kernels.layout import (
    HEADER_POOL_END,
    POOL,
    RESULT_FIRST,
    RESULT_LAST,
    U0,
    U1,
)
from stressd_kernels.rbtree.guard import gap_between
from stressd_kernels.rbtree.links import rb_child, rb_is_red, rb_largest, rb_parent
from stressd_kernels.records import (
    NO_RECORD,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_RIGHT,
    VMA_END,
    VMA_START,
)
from stressd_kernels.refs import NODE_MASK


class Broken(IntEnum):
    """What a check can find; NOTHING is 0."""

    NOTHING = 0
    ORDER = 1  # B1: a VMA begins at or before the one before it
    OVERLAP = 2  # B1: a VMA begins before the one before it ends
    ROOT = 3  # B2, B3: the root is red, or has a parent
    RED = 4  # B2: a red node has a red child
    BLACK = 5  # B2: paths with different numbers of black nodes
    LINK = 6  # B3: a link leads to no record, or to one with another parent
    OWN = 7  # B4: RB_OWN is not the gap below the VMA
    GAP = 8  # B5: RB_GAP is not the largest gap of the subtree


NOTHING = np.uint64(Broken.NOTHING)
ORDER = np.uint64(Broken.ORDER)
OVERLAP = np.uint64(Broken.OVERLAP)
ROOT = np.uint64(Broken.ROOT)
RED = np.uint64(Broken.RED)
BLACK = np.uint64(Broken.BLACK)
LINK = np.uint64(Broken.LINK)
OWN = np.uint64(Broken.OWN)
GAP = np.uint64(Broken.GAP)

DOWN, ACROSS, UP = 0, 1, 2  # of a node: before its left child, between the two, after the right


@kernel
def rb_check(words, root_at, slot):
    """Return the first broken invariant, a Broken, or NOTHING; the caller holds the lock.

    RESULT_FIRST: how many nodes were seen; RESULT_LAST: the record at fault
    """
    words[slot + RESULT_FIRST] = U0
    words[slot + RESULT_LAST] = words[root_at]
    if words[root_at] == U0:
        return NOTHING
    if not rb_is_record(words, words[root_at]):
        return LINK
    node = np.int64(words[root_at])
    if rb_is_red(words, node) or rb_parent(words, node) != NO_RECORD:
        return ROOT
    return rb_check_walk(words, node, slot)


@kernel
def rb_check_walk(words, node, slot):
    """Walk around the tree whose root is `node`, as rb_check."""
    blacks = 1
    height = 0
    before = NO_RECORD
    step = DOWN
    while node != NO_RECORD:
        words[slot + RESULT_LAST] = np.uint64(node)
        broken = NOTHING
        if step == DOWN:
            broken = rb_check_node(words, node)
        elif step == ACROSS:
            broken = rb_check_vma(words, before, node)
            before = node
            words[slot + RESULT_FIRST] += U1
        if broken != NOTHING:
            return broken
        child = NO_RECORD
        if step != UP:
            child = rb_child(words, node, RB_LEFT if step == DOWN else RB_RIGHT)
        if child != NO_RECORD:
            node = child
            step = DOWN
            blacks += 0 if rb_is_red(words, node) else 1
        elif step != UP:
            height = blacks if height == 0 else height
            if blacks != height:
                return BLACK
            step += 1
        else:
            blacks -= 0 if rb_is_red(words, node) else 1
            parent = rb_parent(words, node)
            step = rb_step(words, parent, node)
            node = parent
    return NOTHING


@kernel_inline
def rb_step(words, parent, node):
    """Return which step at `parent` follows the walk around its child `node`."""
    if parent == NO_RECORD:
        return UP
    return ACROSS if words[parent + RB_LEFT] == np.uint64(node) else UP


@kernel_inline
def rb_is_record(words, link):
    """Say whether a link leads to where records are."""
    return link & ~NODE_MASK == U0 and np.uint64(POOL) <= link < words[HEADER_POOL_END]


@kernel
def rb_check_node(words, node):
    """Check the links, the colours and the largest gap of one node."""
    for side in (RB_LEFT, RB_RIGHT):
        link = words[node + side]
        if link == U0:
            continue
        if not rb_is_record(words, link) or rb_parent(words, np.int64(link)) != node:
            return LINK
        if rb_is_red(words, node) and rb_is_red(words, np.int64(link)):
            return RED
    return NOTHING if words[node + RB_GAP] == rb_largest(words, node) else GAP


@kernel
def rb_check_vma(words, before, vma):
    """Check one VMA against the one before it, or none: order, and its own gap."""
    if before != NO_RECORD:
        if words[before + VMA_START] >= words[vma + VMA_START]:
            return ORDER
        if words[before + VMA_END] > words[vma + VMA_START]:
            return OVERLAP
    return NOTHING if words[vma + RB_OWN] == gap_between(words, before, vma) else OWN
