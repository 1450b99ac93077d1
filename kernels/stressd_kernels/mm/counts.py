"""What an address space counts: VMAs, pages, pages of data, locked pages.

Kept up by track.py and by `flags_set`; limits are held against them. The lock is held.

Source: total_vm, data_vm and locked_vm of Linux's mm_struct; data is what is private, writable
and no stack, and counts against RLIMIT_DATA.
"""

from stressd_kernels.door import kernel, store_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.layout import (
    MM_COUNT,
    MM_DATA,
    MM_DATA_MAX,
    MM_LOCKED,
    MM_LOCKED_MAX,
    MM_MEMORY,
    MM_SPACE_MAX,
    MM_TOTAL,
)
from stressd_kernels.mm.words import (
    PAGE_SHIFT,
    VM_ACCOUNT,
    VM_GROWSDOWN,
    VM_GROWSUP,
    VM_HUGETLB,
    VM_LOCKED,
    VM_LOCKED_MASK,
    VM_NORESERVE,
    VM_SHARED,
    VM_WRITE,
    vma_pages,
)
from stressd_kernels.records import VMA_FLAGS

ACCOUNTED_BY = VM_WRITE | VM_SHARED | VM_NORESERVE | VM_HUGETLB


@kernel
def is_data(flags):
    """Say whether a VMA with these flags counts as data."""
    return flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN | VM_GROWSUP) == VM_WRITE


@kernel
def count_add(words, mm, vma):
    """Count a VMA that has become one of `mm`."""
    pages, flags = vma_pages(words, vma), words[vma + VMA_FLAGS]
    words[mm + MM_COUNT] += U1
    words[mm + MM_TOTAL] += pages
    if is_data(flags):
        words[mm + MM_DATA] += pages
    if flags & VM_LOCKED_MASK != U0:
        words[mm + MM_LOCKED] += pages


@kernel
def count_take(words, mm, vma):
    """Count a VMA that leaves `mm`."""
    pages, flags = vma_pages(words, vma), words[vma + VMA_FLAGS]
    words[mm + MM_COUNT] -= U1
    words[mm + MM_TOTAL] -= pages
    if is_data(flags):
        words[mm + MM_DATA] -= pages
    if flags & VM_LOCKED_MASK != U0:
        words[mm + MM_LOCKED] -= pages


@kernel
def flags_set(words, mm, vma, flags):
    """Change the flags of a VMA in place: one word, so a reader sees the old or the new ones."""
    count_take(words, mm, vma)
    store_relaxed(words, vma + VMA_FLAGS, flags)
    count_add(words, mm, vma)


@kernel
def may_expand(words, mm, flags, pages):
    """Say whether `pages` more of this kind keep to RLIMIT_AS and RLIMIT_DATA."""
    if words[mm + MM_TOTAL] + pages > words[mm + MM_SPACE_MAX] >> PAGE_SHIFT:
        return False
    more = words[mm + MM_DATA] + pages
    return not is_data(flags) or more <= words[mm + MM_DATA_MAX] >> PAGE_SHIFT


@kernel
def flags_accounted(was, flags):
    """Return `flags` with ACCOUNT, if they are private, writable and not NORESERVE or huge.

    was  the flags so far, 0 of what is new: what was writable before stays as it is
    """
    if was & (VM_ACCOUNT | VM_WRITE) != U0 or flags & ACCOUNTED_BY != VM_WRITE:
        return flags
    return flags | VM_ACCOUNT


@kernel
def enough_memory(words, mm, flags, length):
    """Say whether one request for accounted memory (bytes) is no more than there is in all."""
    return flags & VM_ACCOUNT == U0 or length <= words[mm + MM_MEMORY]


@kernel
def can_lock(words, mm):
    """Say whether any memory may be locked (can_do_mlock): RLIMIT_MEMLOCK is not 0."""
    return words[mm + MM_LOCKED_MAX] != U0


@kernel
def may_lock(words, mm, flags, length):
    """Say whether `length` more bytes of this kind keep to RLIMIT_MEMLOCK."""
    if flags & VM_LOCKED == U0:
        return True
    return (words[mm + MM_LOCKED] << PAGE_SHIFT) + length <= words[mm + MM_LOCKED_MAX]
