"""mprotect: what may be done with a range.

Stops at the first hole with ENOMEM, at the first VMA that may not have this access with EACCES, and
at the first that is sealed with EPERM.
With PROT_GROWSDOWN it begins where the VMA does, which must grow down; with PROT_GROWSUP it ends
where the VMA does, which must grow up.

Made writable, private memory is accounted for from then on, unless it is already, was writable,
or is NORESERVE or huge. Made unwritable it stays so, but for anonymous memory that was never
written to: whether it was shows in the layout. Locked private memory that becomes writable is
written to at once.

    EINVAL    off a page, both PROT_GROWS*, unknown bits, or a VMA that does not grow that way
    ENOMEM    the range wraps; a hole; more data or memory than there may be; too many VMAs

Source: FEATURES.md 2, mprotect; tests/mm/spec/modify.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import enough_memory, flags_accounted, may_expand
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.lookup import find_within
from stressd_kernels.mm.rules.anon import is_anonymous
from stressd_kernels.mm.rules.walk import flags_modify, part_at
from stressd_kernels.mm.words import (
    EACCES,
    EINVAL,
    ENOMEM,
    EPERM,
    PAGE_MASK,
    PAGE_SHIFT,
    VM_ACCESS,
    VM_ACCOUNT,
    VM_GROWSDOWN,
    VM_GROWSUP,
    VM_LOCKED,
    VM_SEALED,
    VM_SHARED,
    VM_WRITE,
    page_up,
)
from stressd_kernels.records import NO_RECORD, VMA_ANON, VMA_END, VMA_FLAGS, VMA_START

PROT_GROWSDOWN = np.uint64(0x0100_0000)
PROT_GROWSUP = np.uint64(0x0200_0000)
PROT_GROWS = PROT_GROWSDOWN | PROT_GROWSUP
PROT_ALL = np.uint64(0xF)  # R, W, X and SEM
MAY_SHIFT = np.uint64(4)  # VM_READ << 4 is VM_MAYREAD
POPULATE_HELD = int(Call.POPULATE_HELD)


@kernel
def growing_range(words, mm, slot, span, grows):
    """Return where to begin and to end with one of PROT_GROWS*: (status, start, end).

    span  (start, end)
    """
    start, end = span
    vma = find_within(words, mm, slot, start, end)
    if vma == NO_RECORD:
        return ENOMEM, start, end
    flags, first = words[vma + VMA_FLAGS], words[vma + VMA_START]
    if grows == PROT_GROWSDOWN:
        return (OK if flags & VM_GROWSDOWN != U0 else EINVAL), first, end
    if first > start:
        return ENOMEM, start, end
    return (OK if flags & VM_GROWSUP != U0 else EINVAL), start, words[vma + VMA_END]


@kernel
def flags_changed(words, mm, vma, flags, length):
    """Return the flags of a part of `vma` whose access changes, by the rule of accounting.

    flags   as wanted; length: bytes
    return  (status, flags)
    """
    was = words[vma + VMA_FLAGS]
    if flags & VM_WRITE == U0:
        if is_anonymous(words, vma) and words[vma + VMA_ANON] == U0:
            return OK, flags & ~VM_ACCOUNT
        return OK, flags
    pages = length >> PAGE_SHIFT
    if not may_expand(words, mm, flags, pages) and may_expand(words, mm, was, pages):
        return ENOMEM, flags
    accounted = flags_accounted(was, flags)
    believed = accounted == flags or enough_memory(words, mm, accounted, length)
    return (OK if believed else ENOMEM), accounted


@kernel
def protect_part(words, mm, slot, vma, span, access):
    """Change the access of a part of one VMA; return (status, up to where that is done)."""
    start, end = span
    was = words[vma + VMA_FLAGS]
    if access << MAY_SHIFT & ~was != U0:
        return EACCES, start
    if was & VM_SEALED != U0:
        return EPERM, start
    flags = was & ~VM_ACCESS | access
    if flags == was:
        return OK, end
    status, flags = flags_changed(words, mm, vma, flags, end - start)
    if status != OK:
        return status, start
    status, done = flags_modify(words, mm, slot, vma, span, flags)
    locked = was & (VM_WRITE | VM_SHARED | VM_LOCKED) == VM_LOCKED
    if status == OK and locked and flags & VM_WRITE != U0:
        mm_call(words, POPULATE_HELD, mm, slot, start, end, U0, U0, U0)
    return status, done


@kernel
def protect_range(words, mm, slot, span, prot):
    """Change the access of a range, VMA by VMA; return why it ended."""
    status = OK
    start, end = span
    if prot & PROT_GROWS != U0:
        status, start, end = growing_range(words, mm, slot, span, prot & PROT_GROWS)
    while status == OK and start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD or first > start:
            return ENOMEM
        status, start = protect_part(words, mm, slot, vma, (start, stop), prot & VM_ACCESS)
    return status


@entry
def mprotect(base, mm, slot, a, b, c, d, e):
    """MPROTECT: give b bytes from address a, rounded up to pages, the protection c."""
    words = words_at(base)
    if c & PROT_GROWS == PROT_GROWS or a & PAGE_MASK != U0:
        return EINVAL
    if b == U0:
        return OK
    end = a + page_up(b)
    if end <= a:
        return ENOMEM
    if c & ~(PROT_ALL | PROT_GROWS) != U0:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    return mm_end(words, mm, slot, protect_range(words, mm, slot, (a, end), c))
