"""Gaps: the largest one of each subtree, and the search for the lowest or highest that fits.

A gap is named by the VMA that ends it; the one above all VMAs, which no node has, by NO_RECORD.
Cut to the window [low, high) it must hold `size` bytes. A search goes down where RB_GAP promises
enough and the window can be met, and climbs where it was disappointed, so it looks at few nodes
more than one path: those at the edges of the window alone can disappoint.

The order of gaps is that of their VMAs; where a gap ends is not, because a guard gap may reach
below the VMA before. So what bounds a search is where VMAs begin and end, not their gaps.

Source: the search of Linux 5.12 for unmapped areas (mm/mmap.c), but for that last point.
"""

from stressd_kernels.door import kernel, kernel_inline
from stressd_kernels.rbtree.guard import start_gap
from stressd_kernels.rbtree.links import rb_child, rb_climb, rb_largest, rb_last, rb_parent
from stressd_kernels.records import (
    NO_RECORD,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_RIGHT,
    VMA_END,
    VMA_START,
)

NO_GAP = -1


@kernel
def rb_gap_changed(words, node):
    """Bring RB_GAP up to date from `node` upwards, as far as it changes; `node` may be none.

    Called after RB_OWN or a child of `node` became another.
    """
    while node != NO_RECORD:
        largest = rb_largest(words, node)
        if words[node + RB_GAP] == largest:
            return
        words[node + RB_GAP] = largest
        node = rb_parent(words, node)


@kernel_inline
def rb_promises(words, node, size):
    """Say whether there is such a subtree, and it has a gap of `size` bytes."""
    return node != NO_RECORD and words[node + RB_GAP] >= size


@kernel_inline
def rb_gap_fits(words, node, low, high, size):
    """Say whether the gap below `node`, cut to [low, high), holds `size` bytes."""
    if words[node + RB_OWN] < size:
        return False
    end = start_gap(words, node)
    start = max(end - words[node + RB_OWN], low)
    end = min(end, high)
    return end > start and end - start >= size


@kernel_inline
def rb_gap_above(words, root, low, high, size):
    """Return NO_RECORD if the gap above all VMAs, cut to [low, high), fits, or NO_GAP."""
    last = rb_last(words, root)
    start = low if last == NO_RECORD else max(low, words[last + VMA_END])
    return NO_RECORD if high > start and high - start >= size else NO_GAP


@kernel
def rb_gap_up(words, root, low, high, size):
    """Return the VMA that ends the lowest gap of `size` >= 1 bytes in [low, high).

    return  a record, NO_RECORD for the gap above all VMAs, or NO_GAP
    """
    if high < low or high - low < size:
        return NO_GAP
    node = root if rb_promises(words, root, size) else NO_RECORD
    down = True
    while node != NO_RECORD:
        if down:
            left = rb_child(words, node, RB_LEFT)
            while rb_promises(words, left, size) and words[node + VMA_START] >= low + size:
                node = left
                left = rb_child(words, node, RB_LEFT)
        if rb_gap_fits(words, node, low, high, size):
            return node
        if words[node + VMA_END] > high - size:
            return NO_GAP
        right = rb_child(words, node, RB_RIGHT)
        down = rb_promises(words, right, size)
        node = right if down else rb_climb(words, node, RB_LEFT)
    return rb_gap_above(words, root, low, high, size)


@kernel
def rb_gap_down(words, root, low, high, size):
    """Return the VMA that ends the highest gap of `size` >= 1 bytes in [low, high).

    return  a record, NO_RECORD for the gap above all VMAs, or NO_GAP
    """
    if high < low or high - low < size:
        return NO_GAP
    if rb_gap_above(words, root, low, high, size) == NO_RECORD:
        return NO_RECORD
    node = root if rb_promises(words, root, size) else NO_RECORD
    down = True
    while node != NO_RECORD:
        if down:
            right = rb_child(words, node, RB_RIGHT)
            while rb_promises(words, right, size) and words[node + VMA_END] <= high - size:
                node = right
                right = rb_child(words, node, RB_RIGHT)
        if rb_gap_fits(words, node, low, high, size):
            return node
        if words[node + VMA_START] < low + size:
            return NO_GAP
        left = rb_child(words, node, RB_LEFT)
        down = rb_promises(words, left, size)
        node = left if down else rb_climb(words, node, RB_RIGHT)
    return NO_GAP
