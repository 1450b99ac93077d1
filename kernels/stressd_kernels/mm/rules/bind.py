"""mbind: the NUMA policy of a range, which parts neighbours of another policy.

    EINVAL    off a page, or a range that wraps
    EFAULT    a hole before the end; what was changed before stays
    ENOMEM    too many VMAs

Source: tests/mm/spec/modify.py.
"""

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.rules.walk import part_at, word_modify
from stressd_kernels.mm.words import EFAULT, EINVAL, PAGE_MASK, page_up
from stressd_kernels.records import NO_RECORD, VMA_POLICY


@kernel
def bind_range(words, mm, slot, start, end, policy):
    """Set the policy of every VMA in a range without holes."""
    status = OK
    while status == OK and start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD or first > start:
            return EFAULT
        if words[vma + VMA_POLICY] == policy:
            start = stop
        else:
            change = (VMA_POLICY, policy)
            status, start = word_modify(words, mm, slot, vma, (start, stop), change)
    return status


@entry
def bind(base, mm, slot, a, b, c, d, e):
    """BIND: set the policy of b bytes from address a, rounded up to pages, to identity c."""
    words = words_at(base)
    end = a + page_up(b)
    if a & PAGE_MASK != U0 or end < a:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    return mm_end(words, mm, slot, bind_range(words, mm, slot, a, end, c))
