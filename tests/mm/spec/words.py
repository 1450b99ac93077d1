"""Pages, flags of a VMA, limits and errors: the words of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, auto

PAGE = 4096
PMD = 2 << 20  # what one huge page maps
TASK_SIZE = 0x7FFF_FFFF_F000  # user space ends here
STACK_GUARD_GAP = 256 * PAGE
INFINITY = (1 << 64) - 1


class Failed(Exception):
    """A call that failed; `name` is its error, as ENOMEM."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class CannotKnow(Exception):
    """The kernel draws a random number here: no model can tell its answer."""


class Vm(IntFlag):
    """What a VMA is; two neighbours merge only if all of these agree."""

    NONE = 0
    READ = auto()
    WRITE = auto()
    EXEC = auto()
    SHARED = auto()
    MAYREAD = auto()
    MAYWRITE = auto()
    MAYEXEC = auto()
    MAYSHARE = auto()
    GROWSDOWN = auto()
    PFNMAP = auto()
    LOCKED = auto()
    IO = auto()
    SEQ_READ = auto()
    RAND_READ = auto()
    DONTCOPY = auto()
    DONTEXPAND = auto()
    LOCKONFAULT = auto()
    ACCOUNT = auto()
    NORESERVE = auto()
    HUGETLB = auto()
    WIPEONFORK = auto()
    DONTDUMP = auto()
    MIXEDMAP = auto()
    HUGEPAGE = auto()
    NOHUGEPAGE = auto()
    GROWSUP = auto()  # not on x86-64, where no call makes such a stack
    DROPPABLE = auto()
    SEALED = auto()


ACCESS = Vm.READ | Vm.WRITE | Vm.EXEC
MAY_ACCESS = Vm.MAYREAD | Vm.MAYWRITE | Vm.MAYEXEC
LOCKED_MASK = Vm.LOCKED | Vm.LOCKONFAULT
SPECIAL = Vm.IO | Vm.DONTEXPAND | Vm.PFNMAP | Vm.MIXEDMAP  # never merged
HEAP_FLAGS = Vm.READ | Vm.WRITE | MAY_ACCESS | Vm.ACCOUNT
STACK_FLAGS = HEAP_FLAGS | Vm.GROWSDOWN


@dataclass(frozen=True)
class Limits:
    """What a process may have; bytes, but for the count of VMAs."""

    map_count: int = 65530  # vm.max_map_count
    address_space: int = INFINITY  # RLIMIT_AS
    data: int = INFINITY  # RLIMIT_DATA
    stack: int = 8 << 20  # RLIMIT_STACK
    memory: int = INFINITY  # RAM and swap: no single request for more is believed
    min_addr: int = PAGE  # vm.mmap_min_addr: nothing is mapped below
    locked: int = INFINITY  # RLIMIT_MEMLOCK; infinite for whoever has CAP_IPC_LOCK


def page_down(address: int) -> int:
    """Round down to a page."""
    return address & -PAGE


def page_up(length: int) -> int:
    """Round up to a page, in 64 bits: the last, partial page of all rounds up to 0."""
    return (length + PAGE - 1) & INFINITY & -PAGE
