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
from stressd_kernels.mm.layout import MM_DETAILS, MM_FINDING


class Finding(IntEnum):
    """What was found; the details (up to MM_DETAILS_WORDS words) are said at each."""

    NONE = 0
    TREE_STORE = 1  # the maple tree refused a store: Status, first, last
    FIND_VMA = 2  # structures name different VMAs: address, maple's, rb-tree's or the cache's
    NEIGHBOUR = 3  # list and maple tree name different neighbours: VMA, maple's, list's
    OVERLAP = 4  # a new VMA where one is already: the new record, the old one, its start


TREE_STORE = np.uint64(Finding.TREE_STORE)
FIND_VMA = np.uint64(Finding.FIND_VMA)
NEIGHBOUR = np.uint64(Finding.NEIGHBOUR)
OVERLAP = np.uint64(Finding.OVERLAP)


@kernel
def finding_note(words, mm, code, details):
    """Write down a finding, if it is the first of this mm; the lock is held.

    code     uint64 of a Finding
    details  a tuple of three uint64
    """
    if words[mm + MM_FINDING] != U0:
        return
    words[mm + MM_FINDING] = code
    words[mm + MM_DETAILS] = details[0]
    words[mm + MM_DETAILS + 1] = details[1]
    words[mm + MM_DETAILS + 2] = details[2]
