"""How full the nodes of a tree are, and writes that change it.

A *spacer* is a page of its own at the end of an entry's cell, in the gap. Spacers that are
stored and erased again leave all entries as they were, and nodes that have split.
"""

import numpy as np

from stressd_kernels.bench.workload import CELL_LAST, PAGE_MASK, first_of
from stressd_kernels.bench.writes import erase_one
from stressd_kernels.door import borrowed, driver
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.maple.entries import store_one
from stressd_kernels.maple.search import NO_LEAF, leaf_of


@driver
def leaves_by_fill(words, tree, slot, used):
    """Count the leaves by how many of their slots are in use, into uint64[SLOTS + 1]."""
    words = borrowed(words)
    key = U0
    high = U0
    while high != UMAX:
        epoch_pin(words, slot)
        leaf, _, high = leaf_of(words, tree, key)
        if leaf != NO_LEAF:
            used[lanes_below(words, leaf, high) + 1] += U1
        epoch_unpin(words, slot)
        key = high + U1


@driver
def spacers(words, tree, slot, entries, stored):
    """Store the spacers of entries, uint32[:], or erase them; OK, or the first other status."""
    words = borrowed(words)
    for place in range(len(entries)):
        last = first_of(np.uint64(entries[place])) + CELL_LAST
        first = last - PAGE_MASK
        if stored:
            status = store_one(words, tree, slot, (first, last, U1))
        else:
            status = erase_one(words, tree, slot, first)
        if status != OK:
            return status
    return OK
