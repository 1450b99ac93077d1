"""A call over a range takes its VMAs one by one, from below: each is one step.

Between two steps nodes are reserved anew, which may fail; what was changed before an error stays
changed, as in the kernel.

    part_at         the next VMA of the range, and what of it lies inside: the caller decides about
                    holes
    flags_modify    change the flags of such a part; what joins with a neighbour may end above it

Source: vma_modify of Linux; tests/mm/spec/modify.py.
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_again
from stressd_kernels.mm.layout import MM_FOUND, MM_PART
from stressd_kernels.mm.lookup import find_within
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_START, vma_copy

MODIFY = int(Call.MODIFY)


@kernel
def part_at(words, mm, slot, start, end):
    """Return the first VMA that has an address in [start, end), and the part of it inside.

    return  (record, first, stop): NO_RECORD with the range as it is, if there is none
    """
    vma = find_within(words, mm, slot, start, end)
    if vma == NO_RECORD:
        return vma, start, end
    return vma, max(start, words[vma + VMA_START]), min(end, words[vma + VMA_END])


@kernel
def word_modify(words, mm, slot, vma, span, change):
    """Change one word of what decides merging, for a part of `vma`.

    span    (start, end) inside `vma`, uint64
    change  (VMA_FLAGS, VMA_POLICY or VMA_NAME; what that is to be), (int, uint64)
    return  (status, up to where that is done: at least `end`, if OK)
    """
    start, end = span
    status = mm_again(words, mm, slot)
    if status != OK:
        return status, start
    word, value = change
    part = vma_copy(words, slot, vma)
    words[part + word] = value
    words[slot + MM_PART] = np.uint64(part)
    status = mm_call(words, MODIFY, mm, slot, np.uint64(vma), start, end, U0, U0)
    if status != OK:
        return status, start
    return status, words[np.int64(words[slot + MM_FOUND]) + VMA_END]


@kernel
def flags_modify(words, mm, slot, vma, span, flags):
    """Change the flags of a part of `vma`, if they are others; return as word_modify."""
    if words[vma + VMA_FLAGS] == flags:
        return OK, span[1]
    return word_modify(words, mm, slot, vma, span, (VMA_FLAGS, flags))
