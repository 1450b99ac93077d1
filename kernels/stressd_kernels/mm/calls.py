"""What can be asked of an address space, and how.

Each call is an entry whose address stands in the arena's header, so kernels reach it without
compiling it again. `a` .. `e` are uint64; a sixth argument stands in words[slot + MM_OFFSET].

    call            arguments                                        answer (RESULT_FIRST)
    MMAP            address, length, prot, MAP_*, file; offset       address
    MUNMAP          address, length
    MPROTECT        address, length, prot
    MADVISE         address, length, advice
    MLOCK           address, length, 1: on fault
    MUNLOCK         address, length
    MLOCKALL        MCL_* flags (0: munlockall)
    BIND            address, length, identity of the policy
    NAME            address, length, identity of the name
    MREMAP          address, length, new length, MREMAP_*, new address    address
    BRK             address                                          address
    FAULT           address, 1: write                                1 allowed, 0 SIGSEGV
    POPULATE        start, end: touch every page
    SHMAT           length, address, SHM_* flags                     address
    SHMDT           address
    REMAP_PAGES     address, length, pgoff
    SPECIAL         address, length, VM_* flags, file                address
    PLACE           start, end, VM_* flags, file, pgoff: a VMA there, come what may (a snapshot)
    FORK            word index of the child's block
    EXEC            bytes of arguments: a new program's address space begins
    MOVE_STACK      new end
    EXIT            -
    RECORD_STORE    first, last, identity, VM_* flags: as a recording says
    RECORD_ERASE    first, last
    RECORD_BEGIN    -: an empty address space begins, for what is recorded
    SEARCH          length, low, high (exclusive), mask, offset; MM_OFFSET: 1 top-down     address
    VALIDATE        -
    MSEAL           address, length, flags (0)
    FIND_VMA        address                                          value of the VMA, or 0
    FIND_PREV       address                                          the same of the VMA before it
    FIND_WITHIN     start, end (exclusive): find_vma_intersection    "
    LOOKUP          address: vma_lookup                              "
    FIND_EXACT      start, end                                       "
    COUNT_PAGES     start, end                                       pages
    LOOK            length, low, high, mask, offset; MM_OFFSET       address; lock-free SEARCH

Calls from FIND_VMA on read: from any thread, pinned, without the lock. All others take the lock,
and are not pinned. Those from MUNMAP_HELD on are steps of others: the lock is held.

Return value: Status.OK; ERRNO | number of the kernel's error; ARENA_FULL, BACKLOG, STOPPED:
nothing was changed, or as much as the documentation of the call says; BROKEN: something was
found wrong, now or before (finding.py), and nothing changes any more.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from stressd_kernels.door import entry_call, kernel_inline
from stressd_kernels.layout import LINE_WORDS, MM_ENTRIES_AT
from stressd_kernels.status import Status

UNSUPPORTED = np.uint64(Status.UNSUPPORTED)


class Call(IntEnum):
    """What can be asked of an address space; the place of its address in the header."""

    MMAP = 0
    MUNMAP = 1
    MPROTECT = 2
    MADVISE = 3
    MLOCK = 4
    MUNLOCK = 5
    MLOCKALL = 6
    BIND = 7
    NAME = 8
    MREMAP = 9
    BRK = 10
    FAULT = 11
    POPULATE = 12
    SHMAT = 13
    SHMDT = 14
    REMAP_PAGES = 15
    SPECIAL = 16
    PLACE = 17
    FORK = 18
    EXEC = 19
    MOVE_STACK = 20
    EXIT = 21
    RECORD_STORE = 22
    RECORD_ERASE = 23
    SEARCH = 24
    VALIDATE = 25
    RECORD_BEGIN = 26
    MSEAL = 27
    FIND_VMA = 32
    FIND_PREV = 33
    FIND_WITHIN = 34
    LOOKUP = 35
    FIND_EXACT = 36
    COUNT_PAGES = 37
    LOOK = 38
    # steps of other calls: the lock is held, nodes are reserved
    RESERVE = 64
    LINK = 65  # record
    DETACH = 66  # first record, start, end
    RESIZE = 67  # record, start, end, pgoff, 1: covered; MM_FOUND is the new one
    SWALLOW = 68  # record
    VALIDATE_HELD = 69
    SEARCH_HELD = 70  # as SEARCH
    PLACE_HELD = 71  # address, length, MAP_*, file, offset: get_unmapped_area; answer: address
    MUNMAP_HELD = 72  # start, end
    MERGE_NEW = 73  # 1: left only; MM_PART: join a free range with its neighbours; MM_FOUND
    MODIFY = 74  # record, start, end; MM_PART: change a part of it; MM_FOUND
    MMAP_HELD = 75  # as MMAP; MM_OFFSET in pages, MM_PART: bytes of the file's SysV segment, or 0
    SPLIT = 76  # record, address: the lower part; MM_FOUND the upper one
    GROW = 77  # record, address: a stack grows; MM_FOUND
    POPULATE_HELD = 78  # start, end
    MOVE = 79  # record, address, length, new length, new address; MM_OFFSET: MREMAP_*

    @property
    def reads(self) -> bool:
        """Whether the caller must be pinned (and must not be, otherwise)."""
        return Call.FIND_VMA <= self <= Call.LOOK

    @property
    def is_step(self) -> bool:
        """Whether it is a step of other calls."""
        return self >= Call.RESERVE


assert max(Call) < 8 * LINE_WORDS, "the header has eight lines for addresses"


@kernel_inline
def mm_call(
    words: Any, call: Any, mm: Any, slot: Any, a: Any, b: Any, c: Any, d: Any, e: Any
) -> Any:
    """Make a call on `mm`; UNSUPPORTED if its entry was not made ready.

    words  uint64[::1]; mm, slot: word indexes of their blocks; a .. e: uint64
    """
    address = words[MM_ENTRIES_AT + call]
    if address == np.uint64(0):
        return UNSUPPORTED
    return entry_call(words, address, mm, slot, a, b, c, d, e)
