"""brk: the heap, which ends where the program says.

Below start_brk nothing happens; within the same page only the number changes; down is a munmap, if
the heap is still there. Up needs room: the next VMA, with its guard gap, must leave one page
free; what is added joins only the heap below it, never what ends where the heap begins. A heap that
cannot be moved stays where it is, and the answer is always where it ends.

Source: FEATURES.md 2, brk; tests/mm/spec/grow.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import enough_memory, may_expand, may_lock
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import (
    ANSWER,
    MM_BRK,
    MM_COUNT,
    MM_COUNT_MAX,
    MM_DATA_MAX,
    MM_DEF_FLAGS,
    MM_FOUND,
    MM_ID,
    MM_PART,
    MM_START_BRK,
)
from stressd_kernels.mm.lookup import find_vma
from stressd_kernels.mm.track import track_link
from stressd_kernels.mm.words import (
    ENOMEM,
    HEAP_FLAGS,
    PAGE,
    PAGE_SHIFT,
    TASK_SIZE,
    VM_LOCKED,
    identity,
    page_up,
)
from stressd_kernels.rbtree import start_gap
from stressd_kernels.records import (
    NO_RECORD,
    VMA_END,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_PGOFF,
    VMA_START,
    vma_take,
)

MUNMAP_HELD = int(Call.MUNMAP_HELD)
MERGE_NEW = int(Call.MERGE_NEW)
POPULATE_HELD = int(Call.POPULATE_HELD)


@kernel
def heap_has_room(words, mm, slot, old, new):
    """Say whether [old, new) is free, with one page and the guard gap of what is above."""
    if new > TASK_SIZE:
        return False
    above = find_vma(words, mm, slot, old)
    return above == NO_RECORD or start_gap(words, above) >= new + PAGE


@kernel
def heap_is_allowed(words, mm, flags, length):
    """Say whether the limits let the heap grow by `length` bytes."""
    if words[mm + MM_COUNT] > words[mm + MM_COUNT_MAX] or not may_lock(words, mm, flags, length):
        return False
    pages = length >> PAGE_SHIFT
    return may_expand(words, mm, flags, pages) and enough_memory(words, mm, flags, length)


@kernel
def heap_grow(words, mm, slot, old, new):
    """Add [old, new) to the heap: OK or ENOMEM."""
    flags = HEAP_FLAGS | words[mm + MM_DEF_FLAGS]
    if not heap_has_room(words, mm, slot, old, new):
        return ENOMEM
    if not heap_is_allowed(words, mm, flags, new - old):
        return ENOMEM
    part = vma_take(words, slot)
    words[part + VMA_START] = old
    words[part + VMA_END] = new
    words[part + VMA_PGOFF] = old >> PAGE_SHIFT
    words[part + VMA_FLAGS] = flags
    words[slot + MM_PART] = np.uint64(part)
    words[slot + MM_FOUND] = U0
    if old > words[mm + MM_START_BRK]:
        mm_call(words, MERGE_NEW, mm, slot, U1, U0, U0, U0, U0)
    if words[slot + MM_FOUND] == U0:
        words[part + VMA_MM] = words[mm + MM_ID]
        words[part + VMA_ID] = identity(words, mm)
        track_link(words, mm, slot, part)
    if flags & VM_LOCKED != U0:
        mm_call(words, POPULATE_HELD, mm, slot, old, new, U0, U0, U0)
    return OK


@kernel
def heap_shrink(words, mm, slot, old, new):
    """Unmap [new, old), if there is a heap still: OK or an error."""
    heap = find_vma(words, mm, slot, new)
    if heap == NO_RECORD or words[heap + VMA_START] >= old:
        return ENOMEM
    return mm_call(words, MUNMAP_HELD, mm, slot, new, old, U0, U0, U0)


@kernel
def heap_move(words, mm, slot, address):
    """Let the heap end at `address`, if that can be; return where it ends."""
    begins, ends = words[mm + MM_START_BRK], words[mm + MM_BRK]
    if address < begins or address > TASK_SIZE or address - begins > words[mm + MM_DATA_MAX]:
        return ends
    old, new = page_up(ends), page_up(address)
    status = OK
    if new < old:
        status = heap_shrink(words, mm, slot, old, new)
    elif new > old:
        status = heap_grow(words, mm, slot, old, new)
    if status != OK:
        return ends
    words[mm + MM_BRK] = address
    return address


@entry
def brk(base, mm, slot, a, b, c, d, e):
    """BRK: let the heap end at address a; answers where it ends."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    words[slot + ANSWER] = heap_move(words, mm, slot, a)
    return mm_end(words, mm, slot, OK)
