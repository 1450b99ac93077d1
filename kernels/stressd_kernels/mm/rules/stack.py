"""Stacks: VMAs that grow when memory beside them is touched.

    GROWSDOWN    down to the page touched, any distance; pgoff moves with the start
    GROWSUP      up to the end of the page touched

A stack has an anon before it grows. It stays STACK_GUARD_GAP away from what is accessible and
does not grow the same way; what cannot be accessed, or grows itself, may come as close as it
likes. It keeps to RLIMIT_STACK with its whole size, and to RLIMIT_AS and RLIMIT_MEMLOCK.

    EFAULT    it does not grow that way
    EPERM     it would reach below the lowest address allowed
    ENOMEM    too close, too large, or beyond user space

Source: FEATURES.md 2, stack; tests/mm/spec/grow.py; expand_downwards and expand_upwards of Linux.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import may_expand, may_lock
from stressd_kernels.mm.layout import MM_FOUND, MM_MIN_ADDR, MM_STACK_MAX
from stressd_kernels.mm.lookup import find_vma, find_within, vma_last, vma_prev
from stressd_kernels.mm.rules.anon import prepare_anon
from stressd_kernels.mm.tally import TALLY_GROWN, tally
from stressd_kernels.mm.track import track_resize
from stressd_kernels.mm.words import (
    EFAULT,
    ENOMEM,
    EPERM,
    PAGE,
    PAGE_SHIFT,
    TASK_SIZE,
    VM_ACCESS,
    VM_GROWSDOWN,
    VM_GROWSUP,
    page_down,
)
from stressd_kernels.rbtree.guard import STACK_GUARD_GAP
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_PGOFF, VMA_START

GROW = int(Call.GROW)


@kernel
def is_obstacle(words, vma, growing):
    """Say whether a stack keeps away from `vma`: accessible, and not `growing` the same way."""
    if vma == NO_RECORD:
        return False
    flags = words[vma + VMA_FLAGS]
    return flags & VM_ACCESS != U0 and flags & growing == U0


@kernel
def may_grow(words, mm, vma, length):
    """Say whether the limits let a stack grow by `length` bytes (acct_stack_growth)."""
    flags = words[vma + VMA_FLAGS]
    size = words[vma + VMA_END] - words[vma + VMA_START] + length
    if size > words[mm + MM_STACK_MAX] or not may_expand(words, mm, flags, length >> PAGE_SHIFT):
        return False
    return may_lock(words, mm, flags, length)


@kernel
def grow_down(words, mm, slot, vma, address):
    """Let `vma` reach down to the page of `address`, which is below it and in no other VMA."""
    if words[vma + VMA_FLAGS] & VM_GROWSDOWN == U0:
        return EFAULT
    start = page_down(address)
    if start < words[mm + MM_MIN_ADDR]:
        return EPERM
    below = vma_prev(words, mm, slot, vma)
    near = is_obstacle(words, below, VM_GROWSDOWN)
    if near and start - words[below + VMA_END] < STACK_GUARD_GAP:
        return ENOMEM
    prepare_anon(words, mm, slot, vma)
    length, pgoff = words[vma + VMA_START] - start, words[vma + VMA_PGOFF]
    if length >> PAGE_SHIFT > pgoff or not may_grow(words, mm, vma, length):
        return ENOMEM
    place = (start, words[vma + VMA_END], pgoff - (length >> PAGE_SHIFT))
    track_resize(words, mm, slot, vma, place, 0)
    return OK


@kernel
def grow_up(words, mm, slot, vma, address):
    """Let `vma` reach up to the end of the page of `address`, which is above it."""
    if words[vma + VMA_FLAGS] & VM_GROWSUP == U0:
        return EFAULT
    if page_down(address) >= TASK_SIZE:
        return ENOMEM
    end = page_down(address) + PAGE
    guarded = min(end + STACK_GUARD_GAP, TASK_SIZE)
    above = find_within(words, mm, slot, words[vma + VMA_END], guarded)
    if is_obstacle(words, above, VM_GROWSUP):
        return ENOMEM
    prepare_anon(words, mm, slot, vma)
    if not may_grow(words, mm, vma, end - words[vma + VMA_END]):
        return ENOMEM
    place = (words[vma + VMA_START], end, words[vma + VMA_PGOFF])
    track_resize(words, mm, slot, vma, place, 0)
    return OK


@entry
def grow(base, mm, slot, a, b, c, d, e):
    """GROW: let record a grow until it holds address b, in no VMA; MM_FOUND is its new record."""
    words = words_at(base)
    vma = np.int64(a)
    if b < words[vma + VMA_START]:
        return grow_down(words, mm, slot, vma, b)
    return grow_up(words, mm, slot, vma, b)


@kernel
def grown(words, mm, slot, vma, address):
    """Return the new record of `vma`, grown until it holds `address`; NO_RECORD if it cannot."""
    if vma == NO_RECORD:
        return NO_RECORD
    status = mm_call(words, GROW, mm, slot, np.uint64(vma), address, U0, U0, U0)
    if status != OK:
        return NO_RECORD
    tally(words, slot, TALLY_GROWN)
    return np.int64(words[slot + MM_FOUND])


@kernel
def stack_reaching(words, mm, slot, address):
    """Return the VMA that holds `address`, grown if need be; NO_RECORD if there is none.

    The VMA below the address may grow up to it, else the one above grow down.
    """
    above = find_vma(words, mm, slot, address)
    if above != NO_RECORD and words[above + VMA_START] <= address:
        return above
    if above == NO_RECORD:
        below = vma_last(words, mm, slot)
    else:
        below = vma_prev(words, mm, slot, above)
    found = grown(words, mm, slot, below, address)
    return grown(words, mm, slot, above, address) if found == NO_RECORD else found
