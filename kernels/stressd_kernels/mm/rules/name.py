"""PR_SET_VMA_ANON_NAME: the name of anonymous memory, which parts neighbours of another name.

Holes are skipped, and told with ENOMEM at the end. Files have names of their own: EBADF.

    EINVAL    off a page, or a range that wraps

Source: tests/mm/spec/modify.py.
"""

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.rules.walk import part_at, word_modify
from stressd_kernels.mm.words import EBADF, EINVAL, ENOMEM, FILE_SPECIAL, PAGE_MASK, page_up
from stressd_kernels.records import NO_RECORD, VMA_FILE, VMA_NAME


@kernel
def name_part(words, mm, slot, vma, span, name):
    """Name a part of a VMA; return (status, up to where that is done)."""
    file = words[vma + VMA_FILE]
    if file != U0 and file & FILE_SPECIAL == U0:
        return EBADF, span[0]
    if words[vma + VMA_NAME] == name:
        return OK, span[1]
    return word_modify(words, mm, slot, vma, span, (VMA_NAME, name))


@kernel
def name_parts(words, mm, slot, start, end, name):
    """Name every VMA in a range."""
    hole = False
    while start < end:
        vma, first, stop = part_at(words, mm, slot, start, end)
        if vma == NO_RECORD:
            return ENOMEM
        hole = hole or first > start
        status, start = name_part(words, mm, slot, vma, (first, stop), name)
        if status != OK:
            return status
    return ENOMEM if hole else OK


@entry
def name_range(base, mm, slot, a, b, c, d, e):
    """NAME: name b bytes from address a, rounded up to pages, with identity c; 0: no name."""
    words = words_at(base)
    end = a + page_up(b)
    if a & PAGE_MASK != U0 or end < a or (b != U0 and end == a):
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    return mm_end(words, mm, slot, name_parts(words, mm, slot, a, end, c))
