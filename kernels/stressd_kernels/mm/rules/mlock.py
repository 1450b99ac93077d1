"""mlock, munlock, mlockall: memory that stays in memory.

A range is rounded outwards to pages and must have no hole: ENOMEM at the first one. Special,
huge and droppable memory is passed over. What is locked is touched at once, unless only on a
fault; memory that cannot be accessed is locked, but ENOMEM is answered all the same. More than
RLIMIT_MEMLOCK, what is locked already counted once, is ENOMEM before anything changes; where that
is 0, to lock anything, now or in future, is EPERM.

mlockall sets what is mapped (CURRENT), what will be (FUTURE) or both; without FUTURE nothing that
comes is locked any more. Errors of single VMAs are passed over.

Source: FEATURES.md 2, mprotect and its kin; tests/mm/spec/modify.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import can_lock
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import MM_DEF_FLAGS, MM_LOCKED, MM_LOCKED_MAX, MM_TOTAL
from stressd_kernels.mm.lookup import find_vma, find_within, vma_next
from stressd_kernels.mm.rules.walk import flags_modify, part_at
from stressd_kernels.mm.words import (
    EINVAL,
    ENOMEM,
    EPERM,
    ERRNO,
    PAGE_MASK,
    PAGE_SHIFT,
    VM_ACCESS,
    VM_DROPPABLE,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_LOCKED_MASK,
    VM_LOCKONFAULT,
    VM_NONE,
    VM_PFNMAP,
    VM_SPECIAL,
    page_down,
    page_up,
)
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_START

MCL_CURRENT = np.uint64(1)
MCL_FUTURE = np.uint64(2)
MCL_ONFAULT = np.uint64(4)
MCL_ALL = np.uint64(7)
POPULATE_HELD = int(Call.POPULATE_HELD)


@kernel
def lock_part(words, mm, slot, vma, span, flags):
    """Set the lock flags of a part of a VMA; return (status, up to where that is done)."""
    was = words[vma + VMA_FLAGS]
    if was & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE) != U0:
        return OK, span[1]
    return flags_modify(words, mm, slot, vma, span, was & ~VM_LOCKED_MASK | flags)


@kernel
def lock_range(words, mm, slot, start, end, flags):
    """Set the lock flags of every VMA in a range without holes; EINVAL if it wraps."""
    status = OK if start <= end else EINVAL
    while status == OK and start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD or first > start:
            return ENOMEM
        status, start = lock_part(words, mm, slot, vma, (start, stop), flags)
    return status


@kernel
def locked_bytes(words, mm, slot, start, end):
    """Return how much of a range is locked."""
    total = U0
    while start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma != NO_RECORD and words[vma + VMA_FLAGS] & VM_LOCKED != U0:
            total += stop - first
        start = stop
    return total


@kernel
def exceeds_limit(words, mm, slot, start, size):
    """Say whether locking `size` bytes from `start`, maybe too many, exceeds RLIMIT_MEMLOCK."""
    most, locked = words[mm + MM_LOCKED_MAX], words[mm + MM_LOCKED] << PAGE_SHIFT
    if most == UMAX or (locked <= most and size <= most - locked):
        return False
    end = start + size if size <= UMAX - start else UMAX
    locked -= locked_bytes(words, mm, slot, start, end)
    return locked > most or size > most - locked


@kernel
def touch_locked(words, mm, slot, start, end):
    """Touch every VMA of a range but those locked on a fault; ENOMEM if it cannot be accessed.

    What cannot be locked at all, as huge pages, is touched even if the others wait for a fault.
    """
    vma = find_within(words, mm, slot, start, end)
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        flags = words[vma + VMA_FLAGS]
        if flags & (VM_IO | VM_PFNMAP | VM_LOCKONFAULT) == U0:
            if flags & VM_ACCESS == U0:
                return ENOMEM
            first, stop = words[vma + VMA_START], words[vma + VMA_END]
            mm_call(words, POPULATE_HELD, mm, slot, first, stop, U0, U0, U0)
        vma = vma_next(words, mm, slot, vma)
    return OK


@entry
def mlock(base, mm, slot, a, b, c, d, e):
    """MLOCK: lock b bytes from address a; c: 1 on a fault."""
    words = words_at(base)
    start, size = page_down(a), page_up(b + (a & PAGE_MASK))
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    if not can_lock(words, mm):
        return mm_end(words, mm, slot, EPERM)
    if exceeds_limit(words, mm, slot, start, size):
        return mm_end(words, mm, slot, ENOMEM)
    flags = VM_LOCKED if c == U0 else VM_LOCKED_MASK
    status = lock_range(words, mm, slot, start, start + size, flags)
    if status == OK:
        status = touch_locked(words, mm, slot, start, start + size)
    return mm_end(words, mm, slot, status)


@entry
def munlock(base, mm, slot, a, b, c, d, e):
    """MUNLOCK: unlock b bytes from address a."""
    words = words_at(base)
    start, size = page_down(a), page_up(b + (a & PAGE_MASK))
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    return mm_end(words, mm, slot, lock_range(words, mm, slot, start, start + size, VM_NONE))


@kernel
def lock_all(words, mm, slot, flags):
    """Set the lock flags of every VMA, as far as each can be; stops only if nodes run out."""
    vma = find_vma(words, mm, slot, U0)
    while vma != NO_RECORD:
        span = (words[vma + VMA_START], words[vma + VMA_END])
        status, done = lock_part(words, mm, slot, vma, span, flags)
        if status != OK and status & ERRNO == U0:
            return status
        vma = find_vma(words, mm, slot, done if status == OK else span[1])
    return OK


@entry
def mlockall(base, mm, slot, a, b, c, d, e):
    """MLOCKALL: lock what a (MCL_*) says; 0 is munlockall."""
    words = words_at(base)
    if a & ~MCL_ALL != U0 or a == MCL_ONFAULT:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    if a != U0 and not can_lock(words, mm):
        return mm_end(words, mm, slot, EPERM)
    current, future = a & MCL_CURRENT != U0, a & MCL_FUTURE != U0
    if current and words[mm + MM_TOTAL] > words[mm + MM_LOCKED_MAX] >> PAGE_SHIFT:
        return mm_end(words, mm, slot, ENOMEM)
    wanted = VM_LOCKED if a & MCL_ONFAULT == U0 else VM_LOCKED_MASK
    kept = words[mm + MM_DEF_FLAGS] & ~VM_LOCKED_MASK
    words[mm + MM_DEF_FLAGS] = kept | (wanted if future else VM_NONE)
    if current or not future:
        status = lock_all(words, mm, slot, wanted if current else VM_NONE)
    if status == OK and current:
        mm_call(words, POPULATE_HELD, mm, slot, U0, UMAX, U0, U0, U0)
    return mm_end(words, mm, slot, status)
