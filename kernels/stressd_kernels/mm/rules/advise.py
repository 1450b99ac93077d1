"""madvise: advice on a range, some of which are flags of the VMA.

Holes are skipped, and told with ENOMEM at the end. MADV_POPULATE_WRITE writes to the range instead;
whatever else is about pages alone changes nothing here.

    EINVAL    unknown advice; off a page; a range that wraps; WIPEONFORK on files and shared
              memory, DOFORK on device memory, DODUMP on special memory, DODUMP and KEEPONFORK
              on droppable memory; what drops pages of locked or device memory
    EPERM     what would discard pages that are sealed and cannot be written to
    ENOMEM    a hole; too many VMAs

Source: FEATURES.md 2, mprotect and its kin; tests/mm/spec/modify.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.lookup import find_within, vma_next
from stressd_kernels.mm.rules.anon import is_anonymous, prepare_anon
from stressd_kernels.mm.rules.walk import flags_modify, part_at
from stressd_kernels.mm.words import (
    EINVAL,
    ENOMEM,
    EPERM,
    FILE_SPECIAL,
    PAGE_MASK,
    PMD_MASK,
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_DROPPABLE,
    VM_HUGEPAGE,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_MAYSHARE,
    VM_NOHUGEPAGE,
    VM_NONE,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_SEALED,
    VM_SEQ_READ,
    VM_SHARED,
    VM_SPECIAL,
    VM_WIPEONFORK,
    VM_WRITE,
    page_up,
)
from stressd_kernels.records import NO_RECORD, VMA_FILE, VMA_FLAGS, VMA_START

DONTNEED = np.uint64(4)
FREE = np.uint64(8)
DONTFORK = np.uint64(10)
DOFORK = np.uint64(11)
DODUMP = np.uint64(17)
WIPEONFORK = np.uint64(18)
KEEPONFORK = np.uint64(19)
POPULATE_WRITE = np.uint64(23)
DONTNEED_LOCKED = np.uint64(24)
READING = VM_SEQ_READ | VM_RAND_READ

# advice, flags that it clears, flags that it sets
ADVICE = (
    (np.uint64(0), READING, VM_NONE),  # NORMAL
    (np.uint64(1), READING, VM_RAND_READ),  # RANDOM
    (np.uint64(2), READING, VM_SEQ_READ),  # SEQUENTIAL
    (DONTFORK, VM_NONE, VM_DONTCOPY),
    (DOFORK, VM_DONTCOPY, VM_NONE),
    (np.uint64(14), VM_NOHUGEPAGE, VM_HUGEPAGE),  # HUGEPAGE
    (np.uint64(15), VM_HUGEPAGE, VM_NOHUGEPAGE),  # NOHUGEPAGE
    (np.uint64(16), VM_NONE, VM_DONTDUMP),  # DONTDUMP
    (DODUMP, VM_DONTDUMP, VM_NONE),
    (WIPEONFORK, VM_NONE, VM_WIPEONFORK),
    (KEEPONFORK, VM_WIPEONFORK, VM_NONE),
)
# WILLNEED, DONTNEED, FREE, REMOVE, COLD, PAGEOUT, POPULATE_READ, POPULATE_WRITE, ... : pages alone
OTHERS = tuple(np.uint64(n) for n in (3, 4, 8, 9, 20, 21, 22, 23, 24, 25, 100, 101, 102, 103))
# advice about pages alone, and flags of VMAs that do not take it
REFUSED_BY = (
    (DONTNEED, VM_LOCKED | VM_PFNMAP),
    (FREE, VM_LOCKED | VM_PFNMAP),
    (np.uint64(20), VM_LOCKED | VM_PFNMAP | VM_HUGETLB),  # COLD
    (np.uint64(21), VM_LOCKED | VM_PFNMAP | VM_HUGETLB),  # PAGEOUT
    (DONTNEED_LOCKED, VM_PFNMAP),
)
# those that discard pages: DONTNEED, FREE, REMOVE, DONTNEED_LOCKED, GUARD_INSTALL
DISCARDS = (*(np.uint64(n) for n in (4, 8, 9, 24, 102)), DONTFORK, WIPEONFORK)


@kernel
def advice_flags(advice):
    """Return what advice means for flags: (whether it means anything, cleared, set)."""
    for known, cleared, added in ADVICE:
        if advice == known:
            return True, cleared, added
    return False, VM_NONE, VM_NONE


@kernel
def refused_by(advice):
    """Return (whether VMAs are asked for such advice about pages alone, flags that refuse it)."""
    for known, flags in REFUSED_BY:
        if advice == known:
            return True, flags
    return False, VM_NONE


@kernel
def is_advice(advice):
    """Say whether there is such advice."""
    for known in OTHERS:
        if advice == known:
            return True
    return advice_flags(advice)[0]


@kernel
def discards(advice):
    """Say whether advice throws pages away, here or in a child."""
    return advice in DISCARDS


@kernel
def keeps_pages(words, vma):
    """Say whether a VMA is sealed against discarding: anonymous, and not to be written to."""
    flags = words[vma + VMA_FLAGS]
    return flags & VM_SEALED != U0 and flags & VM_WRITE == U0 and is_anonymous(words, vma)


@kernel
def pages_kept(words, mm, slot, start, end):
    """Say whether any VMA of a range is sealed against discarding."""
    vma = find_within(words, mm, slot, start, end)
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        if keeps_pages(words, vma):
            return True
        vma = vma_next(words, mm, slot, vma)
    return False


@kernel
def is_forbidden(words, vma, advice):
    """Say whether a VMA must not be given this advice."""
    flags, file = words[vma + VMA_FLAGS], words[vma + VMA_FILE]
    if advice == FREE and not is_anonymous(words, vma):
        return True
    if flags & refused_by(advice)[1] != U0:
        return True
    if advice == DOFORK:
        return flags & VM_IO != U0
    if advice == DODUMP and flags & VM_SPECIAL != U0 and flags & VM_HUGETLB == U0:
        return True
    if advice in (DODUMP, KEEPONFORK):
        return flags & VM_DROPPABLE != U0
    if advice == WIPEONFORK:
        return (file != U0 and file & FILE_SPECIAL == U0) or flags & VM_SHARED != U0
    return False


@kernel
def cuts_huge(words, vma, start, advice):
    """Say whether pages are to be dropped from inside a huge one on."""
    huge = words[vma + VMA_FLAGS] & VM_HUGETLB != U0
    return huge and start & PMD_MASK != U0 and advice in (DONTNEED, DONTNEED_LOCKED)


@kernel
def advise_range(words, mm, slot, start, end, advice):
    """Change the flags of every VMA in a range, as advice says."""
    hole = False
    _, cleared, added = advice_flags(advice)
    while start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD:
            return ENOMEM
        if discards(advice) and keeps_pages(words, vma):
            return EPERM
        if is_forbidden(words, vma, advice) or cuts_huge(words, vma, first, advice):
            return EINVAL
        hole = hole or first > start
        flags = words[vma + VMA_FLAGS] & ~cleared | added
        status, start = flags_modify(words, mm, slot, vma, (first, stop), flags)
        if status != OK:
            return status
    return ENOMEM if hole else OK


@kernel
def write_range(words, mm, slot, start, end):
    """Write to a range; stops at a hole with ENOMEM, at what is not writable with EINVAL."""
    while start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD or first > start:
            return ENOMEM
        flags = words[vma + VMA_FLAGS]
        if flags & VM_WRITE == U0 or flags & (VM_IO | VM_PFNMAP) != U0:
            return EINVAL
        if flags & VM_MAYSHARE == U0:
            prepare_anon(words, mm, slot, vma)
        start = stop
    return OK


@entry
def madvise(base, mm, slot, a, b, c, d, e):
    """MADVISE: give advice c on b bytes from address a, rounded up to pages."""
    words = words_at(base)
    end = a + page_up(b)
    if not is_advice(c) or a & PAGE_MASK != U0 or end < a or (b != U0 and end == a):
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    if c == POPULATE_WRITE:
        status = write_range(words, mm, slot, a, end)
    elif advice_flags(c)[0] or refused_by(c)[0]:
        status = advise_range(words, mm, slot, a, end, c)
    elif discards(c) and pages_kept(words, mm, slot, a, end):
        status = EPERM
    return mm_end(words, mm, slot, status)
