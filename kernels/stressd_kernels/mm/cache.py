"""The lookup cache: the last VMAs that a thread found, so that it need not look again.

Four VMAs of one mm, chosen by their address, in the slot of the thread. They are void as soon
as a record has left the mm (MM_SEQUENCE); the lock is held, so it does not change meanwhile.
Stage `no-cache` leaves them alone.

Source: the per-thread cache that Linux had until VMAs were tracked in a maple tree (vmacache).
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import SLOT_MM, U0, U1
from stressd_kernels.mm.layout import MM_SEQUENCE
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_START

CACHE_MM = SLOT_MM + 8  # the mm that these VMAs are of
CACHE_SEQUENCE = SLOT_MM + 9
CACHE_VMAS = SLOT_MM + 10
CACHE_HITS = SLOT_MM + 14
CACHE_MISSES = SLOT_MM + 15
CACHE_SHIFT = np.uint64(21)  # neighbouring addresses share a place
CACHE_MASK = np.uint64(3)


@kernel
def cache_is_current(words, mm, slot):
    """Say whether what this slot keeps are VMAs of `mm`, and none has left it since."""
    same = words[slot + CACHE_MM] == np.uint64(mm)
    return same and words[slot + CACHE_SEQUENCE] == words[mm + MM_SEQUENCE]


@kernel
def cache_find(words, mm, slot, address):
    """Return the cached record that holds `address`, or NO_RECORD."""
    if cache_is_current(words, mm, slot):
        at = slot + CACHE_VMAS + np.int64(address >> CACHE_SHIFT & CACHE_MASK)
        vma = np.int64(words[at])
        if vma != NO_RECORD and words[vma + VMA_START] <= address < words[vma + VMA_END]:
            words[slot + CACHE_HITS] += U1
            return vma
    words[slot + CACHE_MISSES] += U1
    return NO_RECORD


@kernel
def cache_keep(words, mm, slot, address, vma):
    """Remember that `vma` was found for `address`; what is void is forgotten first."""
    if not cache_is_current(words, mm, slot):
        words[slot + CACHE_MM] = np.uint64(mm)
        words[slot + CACHE_SEQUENCE] = words[mm + MM_SEQUENCE]
        for place in range(4):
            words[slot + CACHE_VMAS + place] = U0
    at = slot + CACHE_VMAS + np.int64(address >> CACHE_SHIFT & CACHE_MASK)
    words[at] = np.uint64(vma)
