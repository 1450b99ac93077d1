"""Findings: what was wrong with an address space, the first time that anything was.

A kernel that finds two answers that differ writes down which, in the block of the mm, and goes
on to the end of its call; the frame (frame.py) then marks the lock BROKEN, so that the state in
which it was found stays for the report, and every later call answers BROKEN.

Only whoever holds the lock writes here; Python reads it once the lock is BROKEN.
"""

from enum import IntEnum

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import U0
from stressd_kernels.mm.layout import MM_DETAILS, MM_DETAILS_WORDS, MM_FINDING


class Finding(IntEnum):
    """What was found; the details (up to MM_DETAILS_WORDS words) are said at each.

    A VMA is the word index of its record, 0 if there is none.
    """

    NONE = 0
    TREE_STORE = 1  # the maple tree refused a store: Status, first, last
    FIND_VMA = 2  # structures name different VMAs: address, maple's, rb-tree's or the cache's
    NEIGHBOUR = 3  # list and maple tree name different neighbours: VMA, maple's, list's
    OVERLAP = 4  # a new VMA where one is already: the new record, the old one, its start
    TREE_BROKEN = 5  # the maple tree's structure: Invariant of maple/check.py, key, node
    RBTREE_BROKEN = 6  # the rb-tree's structure: Broken of rbtree/check.py, record
    ENTRY_STALE = 7  # an entry names what is no record any more: value, word 0 there; its range
    ENTRY_RANGE = 8  # an entry and its record disagree: record, its start, its end; the entry's
    VMA_OWNER = 9  # a record of another address space: record, MM_ID, VMA_MM
    VMA_RANGE = 10  # no range of pages: record, start, end
    VMA_STATE = 11  # flags, anon and chain that contradict each other: record, flags, chain
    LIST_DIFFERS = 12  # what follows in the list: VMA (0: the beginning), maple's, list's
    LIST_BACK = 13  # the same downwards (0: the end)
    RBTREE_DIFFERS = 14  # what follows in the rb-tree: VMA (0: the beginning), maple's, rb-tree's
    RBTREE_BACK = 15  # the same downwards (0: the end)
    TREE_BACK = 16  # entries of the maple tree: upwards, downwards
    COUNT = 17  # VMAs: in the maple tree, MM_COUNT
    TOTAL = 18  # pages: of the VMAs in the maple tree, MM_TOTAL
    DATA = 19  # pages of data: the same, MM_DATA
    LOCKED = 20  # locked pages: the same, MM_LOCKED
    CACHE = 21  # the lookup cache remembers what is not so: address, maple's, the cache's
    GAP = 22  # addresses of a gap search: maple's, rb-tree's (2**64 - 1: none), 1: top-down,
    #           window low and high, length, mask, offset
    PAGES = 23  # pages of a range, counted twice: maple's, the other, its start, its end


TREE_STORE = np.uint64(Finding.TREE_STORE)
FIND_VMA = np.uint64(Finding.FIND_VMA)
NEIGHBOUR = np.uint64(Finding.NEIGHBOUR)
OVERLAP = np.uint64(Finding.OVERLAP)
TREE_BROKEN = np.uint64(Finding.TREE_BROKEN)
RBTREE_BROKEN = np.uint64(Finding.RBTREE_BROKEN)
ENTRY_STALE = np.uint64(Finding.ENTRY_STALE)
ENTRY_RANGE = np.uint64(Finding.ENTRY_RANGE)
VMA_OWNER = np.uint64(Finding.VMA_OWNER)
VMA_RANGE = np.uint64(Finding.VMA_RANGE)
VMA_STATE = np.uint64(Finding.VMA_STATE)
LIST_DIFFERS = np.uint64(Finding.LIST_DIFFERS)
LIST_BACK = np.uint64(Finding.LIST_BACK)
RBTREE_DIFFERS = np.uint64(Finding.RBTREE_DIFFERS)
RBTREE_BACK = np.uint64(Finding.RBTREE_BACK)
TREE_BACK = np.uint64(Finding.TREE_BACK)
COUNT = np.uint64(Finding.COUNT)
TOTAL = np.uint64(Finding.TOTAL)
DATA = np.uint64(Finding.DATA)
LOCKED = np.uint64(Finding.LOCKED)
CACHE = np.uint64(Finding.CACHE)
GAP = np.uint64(Finding.GAP)
PAGES = np.uint64(Finding.PAGES)


@kernel
def finding_note(words, mm, code, details):
    """Write down a finding, if it is the first of this mm; the lock is held.

    code     uint64 of a Finding
    details  a tuple of three uint64
    """
    if words[mm + MM_FINDING] != U0:
        return
    for word in range(3, MM_DETAILS_WORDS):
        words[mm + MM_DETAILS + word] = U0
    words[mm + MM_FINDING] = code
    words[mm + MM_DETAILS] = details[0]
    words[mm + MM_DETAILS + 1] = details[1]
    words[mm + MM_DETAILS + 2] = details[2]


@kernel
def finding_more(words, mm, code, details, more):
    """Write down a finding with more than three details, if it is the first of this mm.

    details  a tuple of three uint64; more: a tuple of five
    """
    if words[mm + MM_FINDING] != U0:
        return
    finding_note(words, mm, code, details)
    words[mm + MM_DETAILS + 3] = more[0]
    words[mm + MM_DETAILS + 4] = more[1]
    words[mm + MM_DETAILS + 5] = more[2]
    words[mm + MM_DETAILS + 6] = more[3]
    words[mm + MM_DETAILS + 7] = more[4]
