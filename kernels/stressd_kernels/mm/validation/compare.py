"""Two answers to one question: gap searches, and pages of a range, by two structures.

The maple tree's answer is what callers go on with; here it is held against that of the structure
which it replaces. Two that differ are a finding. Not asked while validation is off, nor of what
the stage of the mm does not have. The lock is held.
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.finding import GAP, PAGES, finding_more
from stressd_kernels.mm.layout import MM_COMPARED, MM_LIST_FIRST, MM_VALIDATE
from stressd_kernels.mm.lookup import WITH_LIST, WITH_RBTREE, has, maple_find, root_of
from stressd_kernels.mm.odd import ODD_3, odd_is
from stressd_kernels.mm.words import PAGE_SHIFT
from stressd_kernels.rbtree import rb_find, rb_next, rb_unmapped_down, rb_unmapped_up
from stressd_kernels.records import LIST_NEXT, NO_RECORD, VMA_END, VMA_START


@kernel
def compare_search(words, mm, ask, topdown, found):
    """Hold what a gap search of the maple tree found against the rb-tree's.

    ask      (low, high, length, mask, offset): uint64, in bytes, high exclusive; low is
             already no less than the lowest address allowed
    topdown  uint64 1 or 0
    found    the address, or NOWHERE
    """
    if words[mm + MM_VALIDATE] == U0 or not has(words, mm, WITH_RBTREE):
        return
    low, high, length, mask, offset = ask
    root = root_of(words, mm)
    if topdown == U1:
        other = rb_unmapped_down(words, root, (low, high), length, (mask, offset))
    else:
        other = rb_unmapped_up(words, root, (low, high), length, (mask, offset))
    words[mm + MM_COMPARED] += U1
    if other != found:
        finding_more(words, mm, GAP, (found, other, topdown), ask)


@kernel
def pages_within(words, mm, slot, start, end):
    """Return how many pages of [start, end) are mapped; parts of VMAs count as parts."""
    size = U0
    vma = maple_find(words, mm, slot, start)
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        first = (
            words[vma + VMA_START] if odd_is(words, ODD_3) else max(start, words[vma + VMA_START])
        )
        size += min(end, words[vma + VMA_END]) - first
        vma = maple_find(words, mm, slot, words[vma + VMA_END])
    pages = size >> PAGE_SHIFT
    if words[mm + MM_VALIDATE] != U0:
        compare_pages(words, mm, start, end, pages)
    return pages


@kernel
def compare_pages(words, mm, start, end, pages):
    """Count the pages of [start, end) again, in the rb-tree or the list, and compare."""
    with_rbtree = has(words, mm, WITH_RBTREE)
    if with_rbtree:
        vma = rb_find(words, root_of(words, mm), start)
    elif has(words, mm, WITH_LIST):
        vma = np.int64(words[mm + MM_LIST_FIRST])
    else:
        return
    size = U0
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        if words[vma + VMA_END] > start:
            size += min(end, words[vma + VMA_END]) - max(start, words[vma + VMA_START])
        vma = rb_next(words, vma) if with_rbtree else np.int64(words[vma + LIST_NEXT])
    other = size >> PAGE_SHIFT
    if other != pages:
        finding_more(words, mm, PAGES, (pages, other, start), (end, U0, U0, U0, U0))
