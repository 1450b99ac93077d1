"""mseal: a range that can never be unmapped, moved, replaced, or given other access.

Whoever tries is told EPERM: munmap and what replaces a mapping (unmap.py), mprotect, mremap, and
advice that would discard pages that cannot be written to (advise.py). All else goes on: faults,
growth of a stack, locking, names and policies. It is a flag like others, so it parts neighbours.

    EINVAL    any flag, off a page, or a range that wraps
    ENOMEM    a hole, before anything changes; too many VMAs

Source: tests/mm/spec/modify.py; mm/mseal.c of Linux.
"""

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.rules.walk import flags_modify, part_at
from stressd_kernels.mm.validation.compare import pages_within
from stressd_kernels.mm.words import EINVAL, ENOMEM, PAGE_MASK, PAGE_SHIFT, VM_SEALED, page_up
from stressd_kernels.records import VMA_FLAGS


@kernel
def seal_range(words, mm, slot, start, end):
    """Seal every VMA in a range without holes."""
    if pages_within(words, mm, slot, start, end) != end - start >> PAGE_SHIFT:
        return ENOMEM
    status = OK
    while status == OK and start < end:
        vma, _, stop = part_at(words, mm, slot, start, end)
        flags = words[vma + VMA_FLAGS] | VM_SEALED
        status, start = flags_modify(words, mm, slot, vma, (start, stop), flags)
    return status


@entry
def mseal(base, mm, slot, a, b, c, d, e):
    """MSEAL: seal b bytes from address a, rounded up to pages; c must be 0."""
    words = words_at(base)
    end = a + page_up(b)
    if c != U0 or a & PAGE_MASK != U0 or end < a or (b != U0 and end == a):
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    return mm_end(words, mm, slot, seal_range(words, mm, slot, a, end))
