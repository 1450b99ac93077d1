"""mremap: a mapping shrinks, grows in place, moves, or moves and stays.

    without a target     shrinks: the tail is unmapped, whatever it is. Grows in place if the range
                         ends where its VMA does and there is room, else moves if it may. An old
                         length of 0 duplicates a shared mapping
    MREMAP_FIXED         what is at the target is unmapped first, then a tail, then it moves. Of
                         equal length all VMAs of the range move, with the holes between them
    MREMAP_DONTUNMAP     the source stays (move.py); without FIXED the target is a hint

A *request* is (address, length, new length, MREMAP_* flags, new address), the lengths at pages.

    EINVAL    unknown flags; off a page; an empty or too large new length; a target beyond user
              space, without MAYMOVE, or over the old range; DONTUNMAP with another length or of
              device memory; a copy of private memory
    EFAULT    a hole; what is kept reaches over the end of its VMA; what must not grow; one of
              several VMAs that has a place of its own
    ENOMEM    limits; no room; too few VMAs left
    EAGAIN    more locked memory than allowed
    EPERM     what is sealed

What was unmapped or moved before an error stays so.

Source: FEATURES.md 2, mremap; tests/mm/spec/remap.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.limbo import BACKLOG
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import enough_memory, may_expand, may_lock
from stressd_kernels.mm.frame import mm_again, mm_begin, mm_end
from stressd_kernels.mm.layout import (
    ANSWER,
    MM_COUNT,
    MM_COUNT_MAX,
    MM_FOUND,
    MM_OFFSET,
    MM_PART,
)
from stressd_kernels.mm.lookup import find_within, vma_lookup
from stressd_kernels.mm.rules.move import MOVE_VMAS, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE
from stressd_kernels.mm.words import (
    EAGAIN,
    EFAULT,
    EINVAL,
    ENOMEM,
    EPERM,
    FILE_CLOSES,
    FILE_ZERO,
    MAP_FIXED,
    MAP_SHARED,
    PAGE_MASK,
    PAGE_SHIFT,
    PMD_MASK,
    TASK_SIZE,
    VM_DONTEXPAND,
    VM_HUGETLB,
    VM_MAYSHARE,
    VM_PFNMAP,
    VM_SEALED,
    VM_SHARED,
    huge_up,
    page_up,
    pgoff_at,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_PGOFF,
    VMA_START,
    vma_copy,
    vma_give,
)

TARGET = MREMAP_FIXED | MREMAP_DONTUNMAP
MREMAP_ALL = MREMAP_MAYMOVE | TARGET
TARGET_VMAS = MOVE_VMAS + np.uint64(2)  # and to unmap what is at the target may cut one, too
UNMOVABLE = VM_DONTEXPAND | VM_PFNMAP
MOVE = int(Call.MOVE)
MERGE_NEW = int(Call.MERGE_NEW)
MUNMAP_HELD = int(Call.MUNMAP_HELD)
PLACE_HELD = int(Call.PLACE_HELD)


# -- what may be asked: nothing is changed -----------------------------------------------------


@kernel
def overlaps(request):
    """Say whether the target meets the old range."""
    address, length, new_length, _, new = request
    return address < new + new_length and (new < address or new - address < length)


@kernel
def target_allowed(words, mm, request):
    """Say whether there may be such a target: OK or an error."""
    _, length, new_length, flags, new = request
    if new & PAGE_MASK != U0 or new > TASK_SIZE - new_length or flags & MREMAP_MAYMOVE == U0:
        return EINVAL
    if flags & MREMAP_DONTUNMAP != U0 and length != new_length:
        return EINVAL
    if overlaps(request):
        return EINVAL
    return ENOMEM if words[mm + MM_COUNT] + TARGET_VMAS >= words[mm + MM_COUNT_MAX] else OK


@kernel
def request_allowed(words, mm, request):
    """Refuse what needs no look at the mappings: OK or an error."""
    address, _, new_length, flags, _ = request
    if flags & ~MREMAP_ALL != U0 or address & PAGE_MASK != U0:
        return EINVAL
    if new_length == U0 or new_length > TASK_SIZE:
        return EINVAL
    return OK if flags & TARGET == U0 else target_allowed(words, mm, request)


@kernel
def rounded_to_huge(request):
    """Return (OK or EINVAL, the request with its lengths rounded up to huge pages).

    Both addresses must be those of huge pages, even where the new one means nothing; none grows.
    """
    address, length, new_length, flags, new = request
    length, new_length = huge_up(length), huge_up(new_length)
    refused = (address | new) & PMD_MASK != U0 or new_length > length
    status = EINVAL if refused else OK
    return status, (address, length, new_length, flags, new)


@kernel
def may_become(words, mm, vma, more):
    """Say whether a VMA may grow by `more` bytes: OK or an error."""
    flags = words[vma + VMA_FLAGS]
    if flags & UNMOVABLE != U0:
        return EFAULT
    if not may_lock(words, mm, flags, more):
        return EAGAIN
    if not may_expand(words, mm, flags, more >> PAGE_SHIFT):
        return ENOMEM
    return OK if enough_memory(words, mm, flags, more) else ENOMEM


@kernel
def vma_allowed(words, mm, vma, request):
    """Say whether the VMA at the old address may do what is asked: OK or an error."""
    address, length, new_length, flags, _ = request
    own = words[vma + VMA_FLAGS]
    if length == U0 and own & (VM_SHARED | VM_MAYSHARE) == U0:
        return EINVAL
    if flags & MREMAP_DONTUNMAP != U0 and own & UNMOVABLE != U0:
        return EINVAL
    if new_length <= length and flags & TARGET == U0:
        return OK
    if min(length, new_length) > words[vma + VMA_END] - address:
        return EFAULT
    return OK if new_length <= length else may_become(words, mm, vma, new_length - length)


@kernel
def vma_asked(words, mm, slot, request):
    """Return (OK or an error, VMA at the old address, request as it is meant for it)."""
    vma = vma_lookup(words, mm, slot, request[0])
    if vma == NO_RECORD:
        return EFAULT, vma, request
    if words[vma + VMA_FLAGS] & VM_SEALED != U0:
        return EPERM, vma, request
    status = OK
    if words[vma + VMA_FLAGS] & VM_HUGETLB != U0:
        status, request = rounded_to_huge(request)
    if status == OK:
        status = vma_allowed(words, mm, vma, request)
    return status, vma, request


# -- what is done ------------------------------------------------------------------------------


@kernel
def unmap_bytes(words, mm, slot, start, length):
    """Unmap `length` bytes, more than 0 and at pages: OK or an error."""
    if start > TASK_SIZE or length > TASK_SIZE - start:
        return EINVAL
    return mm_call(words, MUNMAP_HELD, mm, slot, start, start + length, U0, U0, U0)


@kernel
def move_to_place(words, mm, slot, vma, request, hint):
    """Find a place, as a new mapping of the same file would, and move there: OK or an error."""
    address, length, new_length, flags, _ = request
    how = MAP_FIXED if flags & MREMAP_FIXED != U0 else U0
    if words[vma + VMA_FLAGS] & VM_MAYSHARE != U0:
        how |= MAP_SHARED
    offset = pgoff_at(words, vma, address) << PAGE_SHIFT
    file = words[vma + VMA_FILE]
    status = mm_call(words, PLACE_HELD, mm, slot, hint, new_length, how, file, offset)
    if status != OK:
        return status
    new = words[slot + ANSWER]
    words[slot + MM_OFFSET] = flags
    status = mm_call(words, MOVE, mm, slot, np.uint64(vma), address, length, new_length, new)
    words[slot + ANSWER] = new
    return status


@kernel
def move_to_target(words, mm, slot, request):
    """Move to where the caller says: the target is unmapped first, then the tail, if it shrinks."""
    address, length, new_length, flags, new = request
    status = OK
    if flags & MREMAP_FIXED != U0:
        status = unmap_bytes(words, mm, slot, new, new_length)
    if status == OK and new_length < length:
        status = unmap_bytes(words, mm, slot, address + new_length, length - new_length)
        length = new_length
    if status == OK:
        status = mm_again(words, mm, slot)
    if status != OK:
        return status
    vma = vma_lookup(words, mm, slot, address)
    if vma == NO_RECORD:
        return EFAULT
    pages = length >> PAGE_SHIFT
    keeps = flags & MREMAP_DONTUNMAP != U0
    if keeps and not may_expand(words, mm, words[vma + VMA_FLAGS], pages):
        return ENOMEM
    request = (address, length, new_length, flags, new)
    return move_to_place(words, mm, slot, vma, request, new)


@kernel
def has_room(words, mm, slot, vma, request):
    """Say whether the range ends where its VMA does, and can grow there."""
    address, length, new_length, _, _ = request
    end = words[vma + VMA_END]
    if address + length != end or new_length - length > TASK_SIZE - end:
        return False
    return find_within(words, mm, slot, end, address + new_length) == NO_RECORD


@kernel
def grow_in_place(words, mm, slot, vma, end):
    """Let a VMA reach up to `end`, where nothing is: OK, or ENOMEM if it is never merged.

    It may join the next VMA, and then it does not matter whether it was written to before a
    fork: nobody is asked for what has no chain.
    """
    part = vma_copy(words, slot, vma)
    words[part + VMA_START] = words[vma + VMA_END]
    words[part + VMA_END] = end
    words[part + VMA_PGOFF] = pgoff_at(words, vma, words[vma + VMA_END])
    words[part + VMA_CHAIN] = U0
    words[slot + MM_PART] = np.uint64(part)
    mm_call(words, MERGE_NEW, mm, slot, U0, U0, U0, U0, U0)
    if words[slot + MM_FOUND] != U0:
        return OK
    vma_give(words, slot, part)
    return ENOMEM


@kernel
def resize_here(words, mm, slot, vma, request):
    """Shrink or grow where it is: OK or an error."""
    address, length, new_length, _, _ = request
    if new_length > length:
        return grow_in_place(words, mm, slot, vma, address + new_length)
    if new_length < length:
        return unmap_bytes(words, mm, slot, address + new_length, length - new_length)
    return OK


@kernel
def resize(words, mm, slot, request):
    """Do what may need no target: OK with the ANSWER, or an error."""
    status, vma, request = vma_asked(words, mm, slot, request)
    address, length, new_length, flags, _ = request
    if status == OK and flags & TARGET != U0:
        return move_to_target(words, mm, slot, request)
    if status == OK and new_length > length and not has_room(words, mm, slot, vma, request):
        if flags & MREMAP_MAYMOVE == U0:
            return ENOMEM
        return move_to_place(words, mm, slot, vma, request, U0)
    if status == OK:
        status = resize_here(words, mm, slot, vma, request)
    words[slot + ANSWER] = address
    return status


@kernel
def may_go_along(words, vma):
    """Say whether a VMA can be one of several that move: not if it has a place of its own."""
    return words[vma + VMA_FILE] & (FILE_ZERO | FILE_CLOSES) == U0


@kernel
def move_one(words, mm, slot, request):
    """Move what is in one VMA to its place: OK or an error."""
    status, _, request = vma_asked(words, mm, slot, request)
    return move_to_target(words, mm, slot, request) if status == OK else status


@kernel
def move_all(words, mm, slot, request):
    """Move every VMA of a range to a fixed place, with the holes between them: OK or an error.

    EFAULT if the range begins in a hole, or if one of several has a place of its own.
    """
    address, length, _, flags, new = request
    at, end = address, address + length
    while at < end:
        vma = find_within(words, mm, slot, at, end)
        if vma == NO_RECORD:
            break
        first, stop = max(at, words[vma + VMA_START]), min(end, words[vma + VMA_END])
        if at == address and (first > at or (stop < end and not may_go_along(words, vma))):
            return EFAULT
        if at > address and not may_go_along(words, vma):
            return EFAULT
        status = mm_again(words, mm, slot)
        if status == OK:
            size = stop - first
            part = (first, size, size, flags, new + (first - address))
            status = move_one(words, mm, slot, part)
        if status != OK:
            return ENOMEM if status == BACKLOG and at > address else status
        at = stop
    return EFAULT if at == address else OK


@entry
def mremap(base, mm, slot, a, b, c, d, e):
    """MREMAP: b bytes at address a are to be c bytes, by MREMAP_* flags d, at e if they say so."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    request = (a, page_up(b), page_up(c), d, e)
    status = request_allowed(words, mm, request)
    if status == OK and d & MREMAP_FIXED != U0 and request[1] == request[2]:
        status = move_all(words, mm, slot, request)
        words[slot + ANSWER] = e
    elif status == OK:
        status = resize(words, mm, slot, request)
    return mm_end(words, mm, slot, status)
