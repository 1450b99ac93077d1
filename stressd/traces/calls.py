"""What a log of system calls says about memory, one record a call: the words it is read into.

Each record of a call ends with `returned`: what it returned, and where that stands in the log.
A call that failed changed nothing, unless its record says otherwise. A record stands where the
call returned, which is not always the order in which the kernel worked: with several threads
in one address space that order is not in the log.

Lengths are as the caller gave them, not rounded to pages. Numbers are those of x86-64.

    Clone     a new thread or process; it precedes all records of that thread
    Ended     a thread is gone; the last one of a process takes the address space with it
    Other     a call that changes an address space in a way that no record here tells
    Lost      a line that cannot be read: the memory of that thread is not known from here on
    Foreign   that thread runs on another kind of processor: none of its calls is told
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

KEY_MAX = (1 << 64) - 1
PAGE_SHIFT = 12
TASK_SIZE = (1 << 47) - (1 << PAGE_SHIFT)  # x86-64 user space ends here, one page below 2^47

PROTECTIONS = {
    "PROT_NONE": 0,
    "PROT_READ": 1,
    "PROT_WRITE": 2,
    "PROT_EXEC": 4,
    "PROT_SEM": 8,
    "PROT_GROWSDOWN": 0x01000000,
    "PROT_GROWSUP": 0x02000000,
}
MAP_FLAGS = {
    "MAP_FILE": 0,
    "MAP_SHARED": 1,
    "MAP_PRIVATE": 2,
    "MAP_SHARED_VALIDATE": 3,
    "MAP_DROPPABLE": 8,
    "MAP_FIXED": 0x10,
    "MAP_ANONYMOUS": 0x20,
    "MAP_ANON": 0x20,
    "MAP_32BIT": 0x40,
    "MAP_ABOVE4G": 0x80,
    "MAP_GROWSDOWN": 0x100,
    "MAP_DENYWRITE": 0x800,
    "MAP_EXECUTABLE": 0x1000,
    "MAP_LOCKED": 0x2000,
    "MAP_NORESERVE": 0x4000,
    "MAP_POPULATE": 0x8000,
    "MAP_NONBLOCK": 0x10000,
    "MAP_STACK": 0x20000,
    "MAP_HUGETLB": 0x40000,
    "MAP_SYNC": 0x80000,
    "MAP_FIXED_NOREPLACE": 0x100000,
    "MAP_UNINITIALIZED": 0x4000000,
    "MAP_HUGE_SHIFT": 26,
    "MAP_HUGE_2MB": 21 << 26,
    "MAP_HUGE_1GB": 30 << 26,
}
REMAP_FLAGS = {"MREMAP_MAYMOVE": 1, "MREMAP_FIXED": 2, "MREMAP_DONTUNMAP": 4}
LOCK_FLAGS = {"MCL_CURRENT": 1, "MCL_FUTURE": 2, "MCL_ONFAULT": 4, "MLOCK_ONFAULT": 1}
SHM_FLAGS = {"SHM_RDONLY": 0o10000, "SHM_RND": 0o20000, "SHM_REMAP": 0o40000, "SHM_EXEC": 0o100000}
CLONE_VM, CLONE_VFORK, CLONE_THREAD = 0x100, 0x4000, 0x10000
ADVICE = {
    "MADV_NORMAL": 0,
    "MADV_RANDOM": 1,
    "MADV_SEQUENTIAL": 2,
    "MADV_WILLNEED": 3,
    "MADV_DONTNEED": 4,
    "MADV_FREE": 8,
    "MADV_REMOVE": 9,
    "MADV_DONTFORK": 10,
    "MADV_DOFORK": 11,
    "MADV_MERGEABLE": 12,
    "MADV_UNMERGEABLE": 13,
    "MADV_HUGEPAGE": 14,
    "MADV_NOHUGEPAGE": 15,
    "MADV_DONTDUMP": 16,
    "MADV_DODUMP": 17,
    "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19,
    "MADV_COLD": 20,
    "MADV_PAGEOUT": 21,
    "MADV_POPULATE_READ": 22,
    "MADV_POPULATE_WRITE": 23,
    "MADV_DONTNEED_LOCKED": 24,
    "MADV_COLLAPSE": 25,
    "MADV_HWPOISON": 100,
    "MADV_SOFT_OFFLINE": 101,
    "MADV_GUARD_INSTALL": 102,
    "MADV_GUARD_REMOVE": 103,
}


class Returned(NamedTuple):
    """How a call ended."""

    result: int | None  # None: the log does not tell, as of a process that ended inside the call
    error: str  # ENOMEM, ...; empty if it succeeded
    tid: int  # the thread; 0 if the log never numbers it
    line: int  # where it returned
    began: int  # where it was called: less than `line` if other lines stand between

    @property
    def succeeded(self) -> bool:
        """Whether the call did what it was asked."""
        return self.result is not None and not self.error


class Descriptor(NamedTuple):
    """An open file, as an argument or a result."""

    number: int  # -1: none
    path: str | None  # what strace -y tells of it


class Mmap(NamedTuple):
    """A mapping was wanted."""

    address: int
    length: int
    prot: int
    flags: int
    file: Descriptor
    offset: int
    returned: Returned


class Munmap(NamedTuple):
    """A range was to be unmapped."""

    address: int
    length: int
    returned: Returned


class Mprotect(NamedTuple):
    """The protection of a range was to change; if it failed, a part may have changed."""

    address: int
    length: int
    prot: int
    returned: Returned


class PkeyMprotect(NamedTuple):
    """The protection of a range, and its key, were to change."""

    address: int
    length: int
    prot: int
    key: int
    returned: Returned


class Madvise(NamedTuple):
    """The kernel was told how a range will be used; a part may be done although it failed."""

    address: int
    length: int
    advice: int
    returned: Returned


class Mremap(NamedTuple):
    """A mapping was to grow, shrink or move."""

    address: int
    length: int
    new_length: int
    flags: int
    new_address: int  # 0 if not given
    returned: Returned


class Brk(NamedTuple):
    """The heap was to end elsewhere; the result is where it ends now, even if that failed."""

    address: int
    returned: Returned


class Mlock(NamedTuple):
    """A range was to be locked in memory; a part may be done although it failed."""

    address: int
    length: int
    flags: int
    returned: Returned


class Munlock(NamedTuple):
    """A range was to be unlocked."""

    address: int
    length: int
    returned: Returned


class Mlockall(NamedTuple):
    """All mappings, or all that will be, were to be locked."""

    flags: int
    returned: Returned


class Munlockall(NamedTuple):
    """All mappings were to be unlocked."""

    returned: Returned


class Mbind(NamedTuple):
    """The memory policy of a range was to change, which parts it from its neighbours."""

    address: int
    length: int
    returned: Returned


class Shmget(NamedTuple):
    """A shared segment of some length was asked for; the result names it."""

    length: int
    returned: Returned


class Shmat(NamedTuple):
    """A shared segment was to be mapped."""

    segment: int
    address: int
    flags: int
    returned: Returned


class Shmdt(NamedTuple):
    """The shared segment at an address was to be unmapped."""

    address: int
    returned: Returned


class RemapFilePages(NamedTuple):
    """A range of a shared file mapping was to show other pages of the file."""

    address: int
    length: int
    offset_pages: int
    returned: Returned


class Named(NamedTuple):
    """Anonymous memory of a range was to be named (PR_SET_VMA_ANON_NAME)."""

    address: int
    length: int
    name: str | None
    returned: Returned


class Open(NamedTuple):
    """A file was opened; the result is its descriptor."""

    path: str
    writable: bool
    returned: Returned


class Close(NamedTuple):
    """A descriptor was closed."""

    number: int
    returned: Returned


class Dup(NamedTuple):
    """The result is another descriptor of the same open file."""

    number: int
    returned: Returned


class Rlimit(NamedTuple):
    """A limit of this process was set (STACK, AS, DATA or MEMLOCK), to the soft value here."""

    resource: str
    soft: int
    returned: Returned


class Personality(NamedTuple):
    """Flags that decide the layout at the next exec; 0xffffffff only asks."""

    flags: int
    returned: Returned


class Clone(NamedTuple):
    """A thread or process was made; `returned.result` is its number."""

    flags: int  # CLONE_VM: it shares the address space; CLONE_THREAD: it is a thread
    returned: Returned


class Exec(NamedTuple):
    """A new program; on success the old address space is gone, and so are other threads."""

    path: str
    returned: Returned


class Exit(NamedTuple):
    """The thread ends."""

    returned: Returned


class ExitGroup(NamedTuple):
    """All threads of the process end."""

    returned: Returned


class Other(NamedTuple):
    """A call of this name changed an address space, and nothing more is known of how."""

    name: str
    returned: Returned


class Signal(NamedTuple):
    """A signal reached the thread."""

    name: str
    tid: int
    line: int


class Ended(NamedTuple):
    """The thread is gone, by itself or by a signal."""

    signal: str  # empty: it exited
    tid: int
    line: int


class Lost(NamedTuple):
    """A line of this thread announces a call and does not parse."""

    tid: int
    line: int


class Foreign(NamedTuple):
    """From here on the thread is passed over: its calls are not those of x86-64."""

    reason: str
    tid: int
    line: int


MemoryCall = (
    Mmap | Munmap | Mprotect | PkeyMprotect | Madvise | Mremap | Brk | Mlock | Munlock | Mlockall
    | Munlockall | Mbind | Shmget | Shmat | Shmdt | RemapFilePages | Named | Other
)  # fmt: skip
ProcessCall = Clone | Exec | Exit | ExitGroup | Rlimit | Personality | Open | Close | Dup
Call = MemoryCall | ProcessCall
Record = Call | Signal | Ended | Lost | Foreign


@runtime_checkable
class CallLog(Protocol):
    """One log of system calls, read once from front to back; the counts are final at the end."""

    path: str
    format: str
    unread: int  # lines that announce a call and do not parse; each is also a Lost
    odd: int  # lines that are none of strace's, or stand where they cannot be understood
    unfinished: int  # calls of which the log does not show the end
    foreign: int  # calls of other processors, passed over
    problems: list[str]  # the first of all these, as file:line: problem (got ...)

    def __iter__(self) -> Iterator[Record]:
        """Yield the records, each where its call returned."""
        ...

    def inside(self, tid: int) -> bool:
        """Tell whether the thread is in a call about memory that has not returned as yet."""
        ...
