"""Where a new mapping goes, from the rb-tree alone: the address that the maple tree must give too.

The maple tree knows free ranges; guard gaps are seen when one has been found, and the search is
repeated further away. Here guard gaps are inside the gaps, so the rule (Linux 6.18) reads

    length + mask bytes must fit, though less may do for an alignment
    top-down    the highest gap, at its top, aligned down; if the VMA below grows up into what
                was found: again, below that VMA
    bottom-up   the lowest gap, at its bottom, aligned up; if the VMA above grows down and
                length + mask - 1 bytes from there reach its guard gap: again, above that VMA.
                If the VMA below grows up beyond where that begins: again, from its guard gap on

with one difference top-down: where another VMA lies inside the guard gap of a stack, and the free
range between the two is large enough, the maple tree's search goes on below the guard gap, and
passes over a free range below that other VMA. `rb_shadow` does the same here.
"""

from stressd_kernels.door import kernel, kernel_inline
from stressd_kernels.layout import U1, UMAX
from stressd_kernels.rbtree.gaps import NO_GAP, rb_gap_down, rb_gap_up
from stressd_kernels.rbtree.guard import STACK_GUARD_GAP, end_gap, grows_down, start_gap
from stressd_kernels.rbtree.links import rb_last, rb_next, rb_prev
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_START

NOWHERE = UMAX  # no address


@kernel_inline
def rb_gap_below(words, root, above):
    """Return the VMA below the gap that `above` ends (NO_RECORD: the gap above all), if any."""
    return rb_last(words, root) if above == NO_RECORD else rb_prev(words, above)


@kernel
def rb_unmapped_down(words, root, window, length, align):
    """Return the highest place for `length` bytes, or NOWHERE.

    window   (low, high): no byte below low, none at high or above
    align    (mask, offset): where it begins is `offset` modulo mask + 1, a power of two
    """
    low, high = window
    mask, offset = align
    size = length + mask
    while size >= length:
        above = rb_gap_down(words, root, low, high, size)
        if above == NO_GAP:
            return NOWHERE
        end = high if above == NO_RECORD else min(high, start_gap(words, above))
        lowered = rb_shadow(words, above, end, (low, high), size)
        if lowered < end:
            high = lowered
            continue
        found = end - length
        found -= (found - offset) & mask
        below = rb_gap_below(words, root, above)
        if below == NO_RECORD or grows_down(words, above) or end_gap(words, below) <= found:
            return found
        high = words[below + VMA_START]
    return NOWHERE


@kernel
def rb_unmapped_up(words, root, window, length, align):
    """Return the lowest place for `length` bytes, or NOWHERE; window, align: as top-down."""
    low, high = window
    mask, offset = align
    size = length + mask
    while size >= length:
        above = rb_gap_up(words, root, low, high, size)
        if above == NO_GAP:
            return NOWHERE
        below = rb_gap_below(words, root, above)
        found = low if below == NO_RECORD else max(low, words[below + VMA_END])
        found += (offset - found) & mask
        if grows_down(words, above):
            if start_gap(words, above) >= found + (size - U1):
                return found
            low = words[above + VMA_END]
        elif below != NO_RECORD and end_gap(words, below) > found:
            low = end_gap(words, below)
        else:
            return found
    return NOWHERE


@kernel
def rb_shadow(words, above, end, window, size):
    """Return how far down a top-down search has come before it may look at the gap below `above`.

    end      where that gap ends
    window   (low, high) of the search
    return   `high`, or lower: the guard gap of a stack whose free range would be large enough

    Upwards first: which stacks matter to this gap, or to a stack that does. Then downwards, as
    the search comes: each that it stops at moves its end.
    """
    low, high = window
    if above == NO_RECORD:
        return high
    top = above
    below = above
    vma = rb_next(words, above)
    while vma != NO_RECORD and words[below + VMA_END] < high:
        if words[vma + VMA_START] >= end and words[vma + VMA_START] - end >= STACK_GUARD_GAP:
            break
        if grows_down(words, vma):
            top = vma
            end = words[vma + VMA_START]
        below = vma
        vma = rb_next(words, vma)
    while top != above:
        below = rb_prev(words, top)
        start = max(low, words[below + VMA_END])
        stop = min(high, words[top + VMA_START])
        if grows_down(words, top) and stop > start and stop - start >= size:
            high = min(high, start_gap(words, top))
        top = below
    return high
