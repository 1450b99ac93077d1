"""A VMA where a snapshot of an address space says that one is.

Used to begin in the middle: with the mappings of /proc/PID/maps, or with those that the kernel
made on its own when a program began. Whatever is in the way goes; nothing is merged.
"""

from stressd_kernels.door import entry, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import MM_ID
from stressd_kernels.mm.track import track_link
from stressd_kernels.mm.words import EINVAL, PAGE_MASK, TASK_SIZE, identity
from stressd_kernels.records import (
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_PGOFF,
    VMA_START,
    vma_take,
)

MUNMAP_HELD = int(Call.MUNMAP_HELD)


@entry
def place(base, mm, slot, a, b, c, d, e):
    """PLACE: let [a, b) be a VMA with flags c, file d and pgoff e."""
    words = words_at(base)
    if (a | b) & PAGE_MASK != U0 or a >= b or b > TASK_SIZE:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    status = mm_call(words, MUNMAP_HELD, mm, slot, a, b, U0, U0, U0)
    if status == OK:
        vma = vma_take(words, slot)
        words[vma + VMA_START] = a
        words[vma + VMA_END] = b
        words[vma + VMA_FLAGS] = c
        words[vma + VMA_FILE] = d
        words[vma + VMA_PGOFF] = e
        words[vma + VMA_MM] = words[mm + MM_ID]
        words[vma + VMA_ID] = identity(words, mm)
        track_link(words, mm, slot, vma)
    return mm_end(words, mm, slot, status)
