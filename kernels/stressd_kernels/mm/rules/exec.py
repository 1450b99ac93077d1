"""exec: a new program's address space begins.

    EXEC         in a free block: one VMA that grows down, with the arguments, at the end of user
                 space; it has been written to
    MOVE_STACK   the arguments move to where the stack is to end, and it reaches STACK_GROWTH (or
                 RLIMIT_STACK) below them

What the tree shows of the second: the stack enlarged over both places, all that is above its new
end erased to the end of the key space, the stack as it remains.

Source: bprm_mm_init, setup_arg_pages; FEATURES.md 2, exec.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end, mm_enter
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_COUNT,
    MM_ID,
    MM_NONE,
    MM_STACK_MAX,
    MM_STATE,
)
from stressd_kernels.mm.lookup import vma_first
from stressd_kernels.mm.trace import trace_actor
from stressd_kernels.mm.track import track_link, track_resize, tree_erase
from stressd_kernels.mm.words import (
    EAGAIN,
    EINVAL,
    PAGE_MASK,
    PAGE_SHIFT,
    STACK_FLAGS,
    TASK_SIZE,
    identity,
    identity_begin,
    page_down,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_PGOFF,
    VMA_START,
    vma_take,
)

STACK_GROWTH = np.uint64(128 << 10)  # bytes below the arguments
ALIVE = np.uint64(MM_ALIVE)
NONE = np.uint64(MM_NONE)


@kernel
def stack_first(words, mm, slot, size):
    """Return a private record: the stack of a new program, with `size` bytes of arguments."""
    vma = vma_take(words, slot)
    words[vma + VMA_START] = TASK_SIZE - size
    words[vma + VMA_END] = TASK_SIZE
    words[vma + VMA_PGOFF] = (TASK_SIZE - size) >> PAGE_SHIFT
    words[vma + VMA_FLAGS] = STACK_FLAGS
    words[vma + VMA_MM] = words[mm + MM_ID]
    words[vma + VMA_ID] = identity(words, mm)
    words[vma + VMA_ANON] = identity(words, mm)
    words[vma + VMA_CHAIN] = U1
    return vma


@entry
def execute(base, mm, slot, a, b, c, d, e):
    """EXEC: a program with a bytes of arguments begins in `mm`, in which nothing lives."""
    words = words_at(base)
    if a & PAGE_MASK != U0 or a == U0 or a > TASK_SIZE:
        return EINVAL
    status = mm_enter(words, mm, slot, NONE, EAGAIN)
    if status != OK:
        return status
    identity_begin(words, mm)
    trace_actor(words, mm, slot)
    track_link(words, mm, slot, stack_first(words, mm, slot, a))
    store_relaxed(words, mm + MM_STATE, ALIVE)
    return mm_end(words, mm, slot, OK)


@kernel
def stack_move(words, mm, slot, stack, end):
    """Move the only VMA down to `end`, and let it grow."""
    start, old_end = words[stack + VMA_START], words[stack + VMA_END]
    pgoff = words[stack + VMA_PGOFF]
    new_start = end - (old_end - start)
    growth = min(STACK_GROWTH, words[mm + MM_STACK_MAX])
    bottom = page_down(new_start - growth)
    both = (new_start, old_end, pgoff - (start - new_start >> PAGE_SHIFT))
    stack = track_resize(words, mm, slot, stack, both, 0)
    tree_erase(words, mm, slot, end, U0)  # to 2**64: whatever may be there
    place = (bottom, end, pgoff - (start - bottom >> PAGE_SHIFT))
    track_resize(words, mm, slot, stack, place, 1)


@entry
def move_stack(base, mm, slot, a, b, c, d, e):
    """MOVE_STACK: the stack of a new program ends at a; EINVAL if anything else is mapped."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    stack = vma_first(words, mm, slot)
    if stack == NO_RECORD or words[mm + MM_COUNT] != U1:
        return mm_end(words, mm, slot, EINVAL)
    if a & PAGE_MASK != U0 or a > words[stack + VMA_END]:
        return mm_end(words, mm, slot, EINVAL)
    if a <= words[stack + VMA_END] - words[stack + VMA_START] + STACK_GROWTH:
        return mm_end(words, mm, slot, EINVAL)
    stack_move(words, mm, slot, stack, a)
    return mm_end(words, mm, slot, OK)
