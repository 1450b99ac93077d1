"""mmap: a range becomes a VMA, or part of one.

In this order: an offset off a page EINVAL; empty EINVAL; a length that rounds up to 0 ENOMEM; an
offset that wraps EOVERFLOW; more VMAs than the limit ENOMEM (so one more than the limit can
exist); the address (place.py); MAP_FIXED_NOREPLACE and something there EEXIST; MAP_LOCKED where
nothing may be locked EPERM; more locked memory than allowed EAGAIN; what the file does not permit
(EINVAL, EACCES). Then the range is unmapped and mapped: ENOMEM if RLIMIT_AS or RLIMIT_DATA forbid
it, or if it is more than there is at all.

Shared anonymous memory, and shared /dev/zero, is a file of its own; so are anonymous huge pages.
Huge pages are mapped whole: the length is rounded up to 2 MiB before anything else, and what
rounds up to 2^64 is empty; MAP_HUGETLB with any other file is EINVAL.
What is to be populated or locked is touched at the end.

Source: FEATURES.md 2, do_mmap order; tests/mm/spec/change.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import can_lock, flags_accounted, may_expand, may_lock
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import (
    ANSWER,
    MM_COUNT,
    MM_COUNT_MAX,
    MM_DEF_FLAGS,
    MM_FOUND,
    MM_ID,
    MM_MEMORY,
    MM_MIN_ADDR,
    MM_OFFSET,
    MM_PART,
)
from stressd_kernels.mm.lookup import find_within, vma_next
from stressd_kernels.mm.rules.unmap import isolate
from stressd_kernels.mm.track import track_detach, track_link
from stressd_kernels.mm.validation.compare import pages_within
from stressd_kernels.mm.words import (
    EACCES,
    EAGAIN,
    EEXIST,
    EINVAL,
    ENOMEM,
    EOVERFLOW,
    EPERM,
    FILE_CLOSES,
    FILE_HUGE_ALIGNED,
    FILE_HUGETLB,
    FILE_READABLE,
    FILE_SHMEM,
    FILE_WRITABLE,
    FILE_ZERO,
    MAP_ANONYMOUS,
    MAP_DROPPABLE,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_GROWSDOWN,
    MAP_HUGETLB,
    MAP_LOCKED,
    MAP_NONBLOCK,
    MAP_NORESERVE,
    MAP_POPULATE,
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_SHARED_VALIDATE,
    MAP_STACK,
    MAP_TYPE,
    PAGE_MASK,
    PAGE_SHIFT,
    PMD_MASK,
    PROT_WRITE,
    VM_ACCESS,
    VM_ACCOUNT,
    VM_DONTDUMP,
    VM_DONTEXPAND,
    VM_DROPPABLE,
    VM_GROWSDOWN,
    VM_HUGETLB,
    VM_LOCKED,
    VM_LOCKED_MASK,
    VM_MAY_ACCESS,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_NOHUGEPAGE,
    VM_NORESERVE,
    VM_SHARED,
    VM_SPECIAL,
    VM_WIPEONFORK,
    file_identity,
    huge_up,
    identity,
    page_down,
    page_up,
    vma_pages,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_PGOFF,
    VMA_SEGMENT,
    VMA_START,
    vma_give,
    vma_take,
)

MUNMAP_HELD = int(Call.MUNMAP_HELD)
PLACE_HELD = int(Call.PLACE_HELD)
MERGE_NEW = int(Call.MERGE_NEW)
MMAP_HELD = int(Call.MMAP_HELD)
POPULATE_HELD = int(Call.POPULATE_HELD)
HUGE_ANONYMOUS = MAP_ANONYMOUS | MAP_HUGETLB
FIXED = MAP_FIXED | MAP_FIXED_NOREPLACE
DROPPABLE = VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP  # of such a mapping
POPULATES = MAP_POPULATE | MAP_NONBLOCK
HUGE_PGOFF = PMD_MASK >> PAGE_SHIFT
OPEN = FILE_READABLE | FILE_WRITABLE | FILE_HUGE_ALIGNED  # a file of the kernel's own


@kernel
def flag_if(flags, wanted, flag):
    """Return `flag` if all of `wanted` is among `flags`, else 0."""
    return flag if flags & wanted == wanted else U0


@kernel
def flags_wanted(words, mm, prot, flags):
    """Return the VM_* flags that the caller asks for; MAP_STACK means no huge pages."""
    wanted = prot & VM_ACCESS | VM_MAY_ACCESS | words[mm + MM_DEF_FLAGS]
    wanted |= flag_if(flags, MAP_GROWSDOWN, VM_GROWSDOWN)
    wanted |= flag_if(flags, MAP_LOCKED, VM_LOCKED)
    wanted |= flag_if(flags, MAP_STACK, VM_NOHUGEPAGE)
    wanted |= flag_if(flags, MAP_NORESERVE, VM_NORESERVE)
    return wanted | flag_if(flags, MAP_SHARED, VM_SHARED | VM_MAYSHARE)


@kernel
def type_is_known(flags, file):
    """Say whether a mapping is shared or private; SHARED_VALIDATE needs a file, DROPPABLE none."""
    kind = flags & MAP_TYPE
    if kind == MAP_SHARED_VALIDATE:
        return file != U0
    if kind == MAP_DROPPABLE:
        return file == U0
    return kind in (MAP_SHARED, MAP_PRIVATE)


@kernel
def flags_permitted(vm_flags, prot, flags, file):
    """Return (OK, the VM_* flags that the open file leaves), or (EINVAL or EACCES, anything).

    A shared mapping of a file not open for writing can never be written to, and is not SHARED
    for merging. Only private anonymous memory grows down, and such as cannot be dropped.
    """
    if not type_is_known(flags, file):
        return EINVAL, vm_flags
    if flags & MAP_TYPE == MAP_DROPPABLE:
        if flags & MAP_LOCKED != U0 or vm_flags & VM_GROWSDOWN != U0:
            return EINVAL, vm_flags
        vm_flags |= DROPPABLE
    if file != U0 and file & FILE_HUGETLB == U0:
        if flags & MAP_SHARED != U0 and file & FILE_WRITABLE == U0:
            if prot & PROT_WRITE != U0:
                return EACCES, vm_flags
            vm_flags &= ~(VM_MAYWRITE | VM_SHARED)
        if file & FILE_READABLE == U0:
            return EACCES, vm_flags
    if vm_flags & VM_GROWSDOWN != U0 and (file != U0 or flags & MAP_SHARED != U0):
        return EINVAL, vm_flags
    if file & FILE_HUGETLB != U0:
        vm_flags |= VM_HUGETLB | VM_DONTEXPAND
    return OK, vm_flags


@kernel
def is_too_much(words, mm, slot, part):
    """Say whether the limits forbid a part, for which whatever is in its range goes."""
    flags, pages = words[part + VMA_FLAGS], vma_pages(words, part)
    if may_expand(words, mm, flags, pages):
        return False
    start, end = words[part + VMA_START], words[part + VMA_END]
    return not may_expand(words, mm, flags, pages - pages_within(words, mm, slot, start, end))


@kernel
def is_believed(words, mm, slot, part):
    """Say whether there is as much memory as a part asks for, with what it takes the place of."""
    length = words[part + VMA_END] - words[part + VMA_START]
    if words[part + VMA_FLAGS] & VM_ACCOUNT == U0 or length <= words[mm + MM_MEMORY]:
        return True
    end = words[part + VMA_END]
    vma = find_within(words, mm, slot, words[part + VMA_START], end)
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        if words[vma + VMA_FLAGS] & VM_ACCOUNT != U0:
            length -= words[vma + VMA_END] - words[vma + VMA_START]
        vma = vma_next(words, mm, slot, vma)
    return length <= words[mm + MM_MEMORY]


@kernel
def part_allowed(words, mm, slot, part):
    """Split what reaches into the range of a part, and look whether it may be: OK or an error."""
    too_much = is_too_much(words, mm, slot, part)
    status = isolate(words, mm, slot, words[part + VMA_START], words[part + VMA_END])
    if status != OK:
        return status
    if too_much:
        return ENOMEM
    words[part + VMA_FLAGS] = flags_accounted(U0, words[part + VMA_FLAGS])
    return OK if is_believed(words, mm, slot, part) else ENOMEM


@kernel
def map_region(words, mm, slot, part):
    """Unmap what is in the way of a part, then join it with its neighbours or let it be a VMA.

    OK, ENOMEM or EINVAL; the part is used up. What is special or huge cannot be locked. A file of
    huge pages is mapped from a huge page on: that it is not is seen when the range is unmapped.
    """
    status = part_allowed(words, mm, slot, part)
    if status != OK:
        vma_give(words, slot, part)
        return status
    end = words[part + VMA_END]
    first = find_within(words, mm, slot, words[part + VMA_START], end)
    if first != NO_RECORD:
        track_detach(words, mm, slot, first, words[first + VMA_START], end)
    if words[part + VMA_FILE] & FILE_HUGETLB != U0 and words[part + VMA_PGOFF] & HUGE_PGOFF != U0:
        vma_give(words, slot, part)
        return EINVAL
    words[slot + MM_PART] = np.uint64(part)
    mm_call(words, MERGE_NEW, mm, slot, U0, U0, U0, U0, U0)
    if words[slot + MM_FOUND] == U0:
        if words[part + VMA_FLAGS] & VM_SPECIAL != U0:
            words[part + VMA_FLAGS] &= ~VM_LOCKED_MASK
        words[part + VMA_MM] = words[mm + MM_ID]
        words[part + VMA_ID] = identity(words, mm)
        track_link(words, mm, slot, part)
    return OK


@kernel
def shared_file(words, mm, slot, start, length, flags):
    """Return (OK, a file of its own for shared memory), or ENOMEM if that is more than there is.

    flags  VM_*

    Too late: what was there is gone then.
    """
    if flags & VM_NORESERVE == U0 and length > words[mm + MM_MEMORY]:
        status = mm_call(words, MUNMAP_HELD, mm, slot, start, start + length, U0, U0, U0)
        return (ENOMEM if status == OK else status), U0
    return OK, file_identity(words, mm, OPEN | FILE_SHMEM)


@kernel
def mmap_place(words, mm, slot, request):
    """Find where a request (place.py) goes; return (OK, start) or (an error, anything)."""
    address, length, flags, file, offset = request
    if words[mm + MM_COUNT] > words[mm + MM_COUNT_MAX]:
        return ENOMEM, U0
    if flags & FIXED == U0:
        address = page_down(address)
        if U0 < address < words[mm + MM_MIN_ADDR]:
            address = page_up(words[mm + MM_MIN_ADDR])
    status = mm_call(words, PLACE_HELD, mm, slot, address, length, flags, file, offset)
    start = words[slot + ANSWER]
    alone = status == OK and flags & MAP_FIXED_NOREPLACE != U0
    if alone and find_within(words, mm, slot, start, start + length) != NO_RECORD:
        return EEXIST, U0
    return status, start


@kernel
def mmap_at(words, mm, slot, start, request, how):
    """Map a request at `start`: OK or an error.

    request  (length, prot, MAP_* flags, file)
    how      (pgoff, bytes of the segment that the file is an attachment of)
    """
    length, prot, flags, file = request
    pgoff, segment = how
    vm_flags = flags_wanted(words, mm, prot, flags)
    if flags & MAP_LOCKED != U0 and not can_lock(words, mm):
        return EPERM
    if not may_lock(words, mm, vm_flags, length):
        return EAGAIN
    status, vm_flags = flags_permitted(vm_flags, prot, flags, file)
    if status == OK and flags & MAP_SHARED == U0 and file == U0:
        pgoff = start >> PAGE_SHIFT
    elif status == OK and flags & MAP_SHARED != U0 and (file == U0 or file & FILE_ZERO != U0):
        pgoff = U0 if file == U0 else pgoff
        status, file = shared_file(words, mm, slot, start, length, vm_flags)
    if status != OK:
        return status
    part = vma_take(words, slot)
    words[part + VMA_START] = start
    words[part + VMA_END] = start + length
    words[part + VMA_PGOFF] = pgoff
    words[part + VMA_FLAGS] = vm_flags
    words[part + VMA_FILE] = file
    words[part + VMA_SEGMENT] = segment
    return map_region(words, mm, slot, part)


@kernel
def length_mapped(length, flags, file):
    """Return (OK or an error, bytes of the pages that `length` bytes of a file take)."""
    if length == U0:
        return EINVAL, U0
    if file & FILE_HUGETLB != U0:
        whole = huge_up(length)
        return (EINVAL if whole == U0 else OK), whole
    if flags & MAP_HUGETLB != U0:
        return EINVAL, U0
    whole = page_up(length)
    return (ENOMEM if whole == U0 else OK), whole


@entry
def mmap_held(base, mm, slot, a, b, c, d, e):
    """MMAP_HELD: map b bytes at address a with prot c, MAP_* flags d and file e, and say where.

    MM_OFFSET: offset in pages; MM_PART: bytes of the segment that the file is an attachment of.
    """
    words = words_at(base)
    pgoff, segment = words[slot + MM_OFFSET], words[slot + MM_PART]
    if d & HUGE_ANONYMOUS == HUGE_ANONYMOUS:
        e = file_identity(words, mm, OPEN | FILE_HUGETLB)
    status, length = length_mapped(b, d, e)
    if status != OK:
        return status
    if pgoff + (length >> PAGE_SHIFT) < pgoff:
        return EOVERFLOW
    status, start = mmap_place(words, mm, slot, (a, length, d, e, pgoff << PAGE_SHIFT))
    if status != OK:
        return status
    status = mmap_at(words, mm, slot, start, (length, c, d, e), (pgoff, segment))
    words[slot + ANSWER] = start
    return status


@entry
def mmap(base, mm, slot, a, b, c, d, e):
    """MMAP: as MMAP_HELD, with MM_OFFSET in bytes; what is locked or populated is touched."""
    words = words_at(base)
    offset = words[slot + MM_OFFSET]
    if offset & PAGE_MASK != U0:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    words[slot + MM_OFFSET] = offset >> PAGE_SHIFT
    words[slot + MM_PART] = page_up(b) if e & FILE_CLOSES != U0 else U0
    touched = d & POPULATES == MAP_POPULATE or flags_wanted(words, mm, c, d) & VM_LOCKED != U0
    status = mm_call(words, MMAP_HELD, mm, slot, a, b, c, d, e)
    if touched and status == OK:
        start = words[slot + ANSWER]
        mm_call(words, POPULATE_HELD, mm, slot, start, start + page_up(b), U0, U0, U0)
        words[slot + ANSWER] = start
    return mm_end(words, mm, slot, status)
