"""SysV shared memory: segments attached and detached; and remap_file_pages.

Each attachment is an open file of its own, which wants to be told when a VMA of it goes
(FILE_CLOSES); VMA_SEGMENT is how many bytes the segment has.

    shmat               an address is rounded down with SHM_RND. EINVAL off a page, or if something
                        is there, unless SHM_REMAP says so, which needs an address
    shmdt               unmaps what is left of the attachment at an address: its first VMA need not
                        begin there, but must show the page that belongs where it begins. Of
                        what follows, as far as the segment reaches, all that does so too goes;
                        what is sealed stays, and nobody is told.
                        EINVAL if nothing is
    remap_file_pages    maps a range of a shared mapping again, from another page of the file on.
                        EINVAL if the range is empty, not shared, or reaches over a hole or into
                        another kind of mapping

Source: tests/mm/spec/shm.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_again, mm_begin, mm_end
from stressd_kernels.mm.layout import MM_OFFSET, MM_PART
from stressd_kernels.mm.lookup import find_vma, find_within, vma_lookup, vma_next
from stressd_kernels.mm.words import (
    EINVAL,
    FILE_CLOSES,
    FILE_HUGE_ALIGNED,
    FILE_READABLE,
    FILE_SHMEM,
    FILE_WRITABLE,
    MAP_FIXED,
    MAP_LOCKED,
    MAP_SHARED,
    PAGE_MASK,
    PAGE_SHIFT,
    TASK_SIZE,
    VM_ACCESS,
    VM_LOCKED,
    VM_SHARED,
    file_identity,
    page_down,
    page_up,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_PGOFF,
    VMA_SEGMENT,
    VMA_START,
)

SHM_RDONLY = np.uint64(0o10000)
SHM_RND = np.uint64(0o20000)
SHM_REMAP = np.uint64(0o40000)
SHM_EXEC = np.uint64(0o100000)
PROT_READ = np.uint64(1)
PROT_READ_WRITE = np.uint64(3)
PROT_EXEC = np.uint64(4)
SEGMENT_FILE = FILE_READABLE | FILE_HUGE_ALIGNED | FILE_SHMEM | FILE_CLOSES
MMAP_HELD = int(Call.MMAP_HELD)
MUNMAP_HELD = int(Call.MUNMAP_HELD)


# -- shmat -------------------------------------------------------------------------------------


@kernel
def attach_at(address, flags):
    """Return (OK or EINVAL, the address as it is meant)."""
    if flags & SHM_RND != U0:
        address = page_down(address)
    no_address = flags & SHM_REMAP != U0 and address == U0
    return EINVAL if no_address or address & PAGE_MASK != U0 else OK, address


@kernel
def attach(words, mm, slot, length, address, flags):
    """Map a segment at an address that is checked, 0 for anywhere: OK with ANSWER, or an error."""
    end = address + min(length, TASK_SIZE)
    there = find_within(words, mm, slot, address, end)
    if address != U0 and flags & SHM_REMAP == U0 and there != NO_RECORD:
        return EINVAL
    prot = PROT_READ if flags & SHM_RDONLY != U0 else PROT_READ_WRITE
    kind = SEGMENT_FILE if flags & SHM_RDONLY != U0 else SEGMENT_FILE | FILE_WRITABLE
    if flags & SHM_EXEC != U0:
        prot |= PROT_EXEC
    how = MAP_SHARED if address == U0 else MAP_SHARED | MAP_FIXED
    words[slot + MM_OFFSET] = U0
    words[slot + MM_PART] = page_up(length)
    file = file_identity(words, mm, kind)
    return mm_call(words, MMAP_HELD, mm, slot, address, length, prot, how, file)


@entry
def shmat(base, mm, slot, a, b, c, d, e):
    """SHMAT: attach a segment of a bytes at address b, with SHM_* flags c; answers where."""
    words = words_at(base)
    status, address = attach_at(b, c)
    if status != OK:
        return status
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    status = attach(words, mm, slot, a, address, c)
    return mm_end(words, mm, slot, status)


# -- shmdt -------------------------------------------------------------------------------------


@kernel
def is_in_place(words, vma, address):
    """Say whether a VMA shows that page of a segment attached at `address` which belongs there."""
    page = words[vma + VMA_START] - address >> PAGE_SHIFT
    return words[vma + VMA_FILE] & FILE_CLOSES != U0 and page == words[vma + VMA_PGOFF]


@kernel
def attachment_at(words, mm, slot, address):
    """Return the first VMA that is left of the attachment at `address`, or NO_RECORD."""
    vma = find_vma(words, mm, slot, address)
    while vma != NO_RECORD:
        if words[vma + VMA_START] >= address and is_in_place(words, vma, address):
            return vma
        vma = vma_next(words, mm, slot, vma)
    return vma


@kernel
def is_rest(words, vma, address, of):
    """Say whether a VMA is a part of the attachment at `address`.

    of  (file, where the segment ends)
    """
    file, stop = of
    same = words[vma + VMA_FILE] == file and words[vma + VMA_END] <= stop
    return same and is_in_place(words, vma, address)


@kernel
def rest_from(words, mm, slot, start, address, of):
    """Return the first VMA from `start` on that is a part of the attachment, or NO_RECORD."""
    vma = find_vma(words, mm, slot, start)
    while vma != NO_RECORD and words[vma + VMA_START] < of[1]:
        if is_rest(words, vma, address, of):
            return vma
        vma = vma_next(words, mm, slot, vma)
    return NO_RECORD


@kernel
def detach_from(words, mm, slot, vma, address):
    """Unmap `vma`, and what follows of the attachment at `address`: OK or an error."""
    of = (words[vma + VMA_FILE], address + words[vma + VMA_SEGMENT])
    status = OK
    while status == OK and vma != NO_RECORD:
        start, end = words[vma + VMA_START], words[vma + VMA_END]
        mm_call(words, MUNMAP_HELD, mm, slot, start, end, U0, U0, U0)
        vma = rest_from(words, mm, slot, end, address, of)
        if vma != NO_RECORD:
            status = mm_again(words, mm, slot)
    return status


@entry
def shmdt(base, mm, slot, a, b, c, d, e):
    """SHMDT: unmap what is left of the attachment at address a."""
    words = words_at(base)
    if a & PAGE_MASK != U0:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    first = attachment_at(words, mm, slot, a)
    status = EINVAL if first == NO_RECORD else detach_from(words, mm, slot, first, a)
    return mm_end(words, mm, slot, status)


# -- remap_file_pages --------------------------------------------------------------------------


@kernel
def is_of_one_kind(words, mm, slot, vma, end):
    """Say whether all from a shared VMA up to `end` is the same file with the same flags."""
    file, flags = words[vma + VMA_FILE], words[vma + VMA_FLAGS]
    if flags & VM_SHARED == U0:
        return False
    while words[vma + VMA_END] < end:
        following = vma_lookup(words, mm, slot, words[vma + VMA_END])
        if following == NO_RECORD:
            return False
        if words[following + VMA_FILE] != file or words[following + VMA_FLAGS] != flags:
            return False
        vma = following
    return True


@kernel
def remap_pages(words, mm, slot, start, end, pgoff):
    """Map [start, end) again, from page `pgoff` of its file on: OK or an error."""
    vma = vma_lookup(words, mm, slot, start)
    if end <= start or vma == NO_RECORD or not is_of_one_kind(words, mm, slot, vma, end):
        return EINVAL
    flags, file = words[vma + VMA_FLAGS], words[vma + VMA_FILE]
    how = MAP_SHARED | MAP_FIXED
    if flags & VM_LOCKED != U0:
        how |= MAP_LOCKED
    words[slot + MM_OFFSET] = pgoff
    words[slot + MM_PART] = words[vma + VMA_SEGMENT]
    return mm_call(words, MMAP_HELD, mm, slot, start, end - start, flags & VM_ACCESS, how, file)


@entry
def remap_file_pages(base, mm, slot, a, b, c, d, e):
    """REMAP_PAGES: show the file's pages from c on in b bytes from address a, both rounded down."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    start = page_down(a)
    status = remap_pages(words, mm, slot, start, start + page_down(b), c)
    return mm_end(words, mm, slot, status)
