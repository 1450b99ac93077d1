"""What can be wrong with an entry of an address space's tree: it names the record of a VMA.

A reader looks at the record while it is still pinned, so nobody has freed it since it was found,
unless something is wrong:

    RESERVED  the entry is no record at all
    FREED     the record's generation is another one than the entry names
    RANGE     the record's range does not hold what was read, or is no range of pages
    TREE      it is a VMA of another address space than lived in that block during the read

The last by identities, which only grow: that of the block before the read, and now. A fork fills
the child's tree before anybody can know of it, and an exit empties it before the next begins.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import U0
from stressd_kernels.mm.layout import MM_ID
from stressd_kernels.mm.words import PAGE_MASK
from stressd_kernels.records import VMA_END, VMA_MM, VMA_START, vma_is_live, vma_of
from stressd_kernels.status import RESERVED_BIT
from stressd_kernels.traffic.layout import CHOSEN_MM, ID_BEFORE
from stressd_kernels.traffic.pick import is_record
from stressd_kernels.values import FAULT_FREED, FAULT_RANGE, FAULT_RESERVED, FAULT_TREE

RESERVED = np.uint64(RESERVED_BIT)


@kernel
def space_choose(words, slot, mm):
    """Remember that `mm` is about to be read, and who lives there: before anything else is."""
    store_relaxed(words, slot + CHOSEN_MM, np.uint64(mm))
    store_relaxed(words, slot + ID_BEFORE, load_relaxed(words, mm + MM_ID))


@kernel
def vma_fault(words, slot, first, last, value):
    """Return what is wrong with an entry: 0, or a FAULT_* of values.py. Pinned.

    first, last  what was read, or the entry's range; in the tree of CHOSEN_MM
    """
    if value & RESERVED != U0 or not is_record(words, value):
        return FAULT_RESERVED
    if not vma_is_live(words, value):
        return FAULT_FREED
    record = vma_of(value)
    start = load_relaxed(words, record + VMA_START)
    end = load_relaxed(words, record + VMA_END)
    if start >= end or (start | end) & PAGE_MASK != U0:
        return FAULT_RANGE
    if first < start or last >= end:
        return FAULT_RANGE
    owner = load_relaxed(words, record + VMA_MM)
    mm = np.int64(load_relaxed(words, slot + CHOSEN_MM))
    if owner < load_relaxed(words, slot + ID_BEFORE) or owner > load_relaxed(words, mm + MM_ID):
        return FAULT_TREE
    return U0
