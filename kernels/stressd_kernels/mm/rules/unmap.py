"""munmap: a range is no longer anybody's.

The VMAs that reach over its ends are split first; then all that lie inside go at once. EINVAL off a
page, beyond user space, or if the range is empty. Nothing there: nothing to do. EPERM if a VMA of
the range is sealed; a first one that is not may have been split before that is seen.

Splits of munmap may exceed the limit of VMAs for a moment, but for one: ENOMEM if one VMA would
become three and the limit is reached. If the second split fails the first one stays.

Source: FEATURES.md 2, munmap; tests/mm/spec/change.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import MM_COUNT, MM_COUNT_MAX, MM_FOUND
from stressd_kernels.mm.lookup import find_within, vma_next
from stressd_kernels.mm.track import track_detach, track_split
from stressd_kernels.mm.words import (
    EINVAL,
    ENOMEM,
    EPERM,
    FILE_HUGETLB,
    FILE_SPECIAL,
    PAGE_MASK,
    PMD_MASK,
    TASK_SIZE,
    VM_SEALED,
    page_up,
)
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FILE, VMA_FLAGS, VMA_START

MUNMAP_HELD = int(Call.MUNMAP_HELD)


@kernel
def may_split(words, vma, address):
    """Say whether a VMA may be cut at `address`: special ones never, huge pages at their ends."""
    file = words[vma + VMA_FILE]
    if file & FILE_SPECIAL != U0:
        return False
    return file & FILE_HUGETLB == U0 or address & PMD_MASK == U0


@kernel
def vma_split(words, mm, slot, vma, address):
    """Cut `vma` at `address`: OK with the lower part returned and MM_FOUND the upper; or EINVAL.

    return  (status, lower part)
    """
    if not may_split(words, vma, address):
        return EINVAL, vma
    return OK, track_split(words, mm, slot, vma, address)


@kernel
def holds_sealed(words, mm, slot, vma, end):
    """Say whether `vma` or one behind it that begins below `end` is sealed."""
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        if words[vma + VMA_FLAGS] & VM_SEALED != U0:
            return True
        vma = vma_next(words, mm, slot, vma) if words[vma + VMA_END] < end else NO_RECORD
    return False


@kernel
def isolate(words, mm, slot, start, end):
    """Split the VMAs that reach over `start` or `end`: OK, ENOMEM, EPERM or EINVAL."""
    vma = find_within(words, mm, slot, start, end)
    if vma == NO_RECORD:
        return OK
    if words[vma + VMA_START] < start:
        if end < words[vma + VMA_END] and words[mm + MM_COUNT] >= words[mm + MM_COUNT_MAX]:
            return ENOMEM
        if words[vma + VMA_FLAGS] & VM_SEALED != U0:
            return EPERM
        status, vma = vma_split(words, mm, slot, vma, start)
        if status != OK:
            return status
        vma = np.int64(words[slot + MM_FOUND])
    if holds_sealed(words, mm, slot, vma, end):
        return EPERM
    last = find_within(words, mm, slot, end - U1, end)
    if last != NO_RECORD and words[last + VMA_END] > end:
        status, last = vma_split(words, mm, slot, last, end)
        return status
    return OK


@entry
def munmap_held(base, mm, slot, a, b, c, d, e):
    """MUNMAP_HELD: unmap [a, b); the lock is held, both are at a page, a < b."""
    words = words_at(base)
    status = isolate(words, mm, slot, a, b)
    first = find_within(words, mm, slot, a, b) if status == OK else NO_RECORD
    if first != NO_RECORD:
        track_detach(words, mm, slot, first, words[first + VMA_START], b)
    return status


@entry
def munmap(base, mm, slot, a, b, c, d, e):
    """MUNMAP: unmap b bytes from address a, rounded up to pages."""
    words = words_at(base)
    if a & PAGE_MASK != U0 or a > TASK_SIZE or b > TASK_SIZE - a or page_up(b) == U0:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    status = mm_call(words, MUNMAP_HELD, mm, slot, a, a + page_up(b), U0, U0, U0)
    return mm_end(words, mm, slot, status)
