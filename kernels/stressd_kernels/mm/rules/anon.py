"""Anons: the identity that a private VMA gets with its first written page (anon_vma).

It never shows in a list of mappings, but decides which of them merge later. A VMA without one takes
that of a neighbour with which it might be one VMA if their access were the same: of the next
VMA first, then of the previous one. The neighbour's chain must be its own anon alone: what was
inherited by fork is not shared further. Else the anon is a new one.

Source: FEATURES.md 2, faults; tests/mm/spec/grow.py.
"""

from stressd_kernels.door import kernel, store_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.lookup import vma_next, vma_prev
from stressd_kernels.mm.words import FILE_ZERO, VM_ACCESS, VM_SHARED, identity, vma_pages
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_PGOFF,
    VMA_POLICY,
    VMA_START,
)


@kernel
def is_anonymous(words, vma):
    """Say whether the pages of a VMA come from no file (private /dev/zero included)."""
    file = words[vma + VMA_FILE]
    return file == U0 or (file & FILE_ZERO != U0 and words[vma + VMA_FLAGS] & VM_SHARED == U0)


@kernel
def could_be_one(words, low, high):
    """Say whether two VMAs, neither NO_RECORD, might be one if their access were the same."""
    if words[low + VMA_END] != words[high + VMA_START]:
        return False
    if words[low + VMA_POLICY] != words[high + VMA_POLICY]:
        return False
    if words[low + VMA_FILE] != words[high + VMA_FILE]:
        return False
    if (words[low + VMA_FLAGS] ^ words[high + VMA_FLAGS]) & ~VM_ACCESS != U0:
        return False
    return words[low + VMA_PGOFF] + vma_pages(words, low) == words[high + VMA_PGOFF]


@kernel
def anon_near(words, mm, slot, vma):
    """Return the anon that `vma` may share with a neighbour, or 0."""
    above = vma_next(words, mm, slot, vma)
    if above != NO_RECORD and words[above + VMA_CHAIN] == U1 and could_be_one(words, vma, above):
        return words[above + VMA_ANON]
    below = vma_prev(words, mm, slot, vma)
    if below != NO_RECORD and words[below + VMA_CHAIN] == U1 and could_be_one(words, below, vma):
        return words[below + VMA_ANON]
    return U0


@kernel
def prepare_anon(words, mm, slot, vma):
    """Give a VMA an anon, if it has none; the lock is held.

    Two words, changed one after the other: a reader may see the chain before the anon.
    """
    if words[vma + VMA_ANON] != U0:
        return
    anon = anon_near(words, mm, slot, vma)
    if anon == U0:
        anon = identity(words, mm)
    store_relaxed(words, vma + VMA_CHAIN, U1)
    store_relaxed(words, vma + VMA_ANON, anon)
