"""Faults: touching memory, and the hidden state that this leaves.

Whatever is accessible at all can be read, only what is writable be written. The first write to a
private VMA gives it an anon (anon.py); reading does not, unless what is read is a huge page.
An address in no VMA may belong to a stack, which grows then (stack.py).

Populating touches every page of a range as MAP_POPULATE and locking do: writing where memory is
private and writable, but for what is to be locked on a fault only.

Source: FEATURES.md 2, faults; tests/mm/spec/grow.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import ANSWER, HUGE_ALWAYS, HUGE_MADVISE, MM_HUGE_PAGES
from stressd_kernels.mm.lookup import find_within, vma_next
from stressd_kernels.mm.rules.anon import is_anonymous, prepare_anon
from stressd_kernels.mm.rules.stack import stack_reaching
from stressd_kernels.mm.words import (
    PMD,
    PMD_MASK,
    VM_ACCESS,
    VM_HUGEPAGE,
    VM_LOCKONFAULT,
    VM_MAYSHARE,
    VM_NOHUGEPAGE,
    VM_SHARED,
    VM_WRITE,
)
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_START

POPULATE_HELD = int(Call.POPULATE_HELD)
ALWAYS = np.uint64(HUGE_ALWAYS)
MADVISE = np.uint64(HUGE_MADVISE)
WRITES = VM_WRITE | VM_SHARED | VM_MAYSHARE | VM_LOCKONFAULT


@kernel
def is_huge(words, mm, vma, address):
    """Say whether a fault at `address` maps a huge page: anonymous, allowed, and room for it."""
    flags, setting = words[vma + VMA_FLAGS], words[mm + MM_HUGE_PAGES]
    asked = setting == MADVISE and flags & VM_HUGEPAGE != U0
    if not (setting == ALWAYS or asked) or flags & VM_NOHUGEPAGE != U0:
        return False
    block = address & ~PMD_MASK
    if block < words[vma + VMA_START] or block + PMD > words[vma + VMA_END]:
        return False
    return is_anonymous(words, vma)


@kernel
def fault_held(words, mm, slot, address, write):
    """Touch `address`; return 1 if that is allowed, else 0. The lock is held.

    write  1 or 0
    """
    vma = stack_reaching(words, mm, slot, address)
    if vma == NO_RECORD:
        return U0
    flags = words[vma + VMA_FLAGS]
    if flags & (VM_WRITE if write != U0 else VM_ACCESS) == U0:
        return U0
    private = flags & (VM_SHARED | VM_MAYSHARE) == U0
    if private and (write != U0 or is_huge(words, mm, vma, address)):
        prepare_anon(words, mm, slot, vma)
    return U1


@entry
def fault(base, mm, slot, a, b, c, d, e):
    """FAULT: touch address a, writing if b; answers 1, or 0 for a SIGSEGV."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    words[slot + ANSWER] = fault_held(words, mm, slot, a, b)
    return mm_end(words, mm, slot, OK)


@entry
def populate_held(base, mm, slot, a, b, c, d, e):
    """POPULATE_HELD: touch every page of [a, b); changes no range."""
    words = words_at(base)
    vma = find_within(words, mm, slot, a, b)
    while vma != NO_RECORD and words[vma + VMA_START] < b:
        if words[vma + VMA_FLAGS] & WRITES == VM_WRITE:
            prepare_anon(words, mm, slot, vma)
        vma = vma_next(words, mm, slot, vma)
    return OK


@entry
def populate(base, mm, slot, a, b, c, d, e):
    """POPULATE: touch every page of [a, b); holes are passed over."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    mm_call(words, POPULATE_HELD, mm, slot, a, b, U0, U0, U0)
    return mm_end(words, mm, slot, OK)
