"""What is asked of an address space: the calls of Linux, and a few words about how it begins.

A model answers each call as the kernel does and raises OSError where the kernel fails. Addresses
and lengths are bytes, as in the calls; ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stressd.traces.calls import TASK_SIZE
from stressd.traces.textfile import TraceError

PAGE = 4096
PMD = 2 << 20  # what one huge page maps
GUARD_GAP = 256 * PAGE  # below a stack


class Defect(Exception):
    """A model found its own structures at odds; the text is its report."""


class TooMany(TraceError):
    """There is no room for one more model; whoever follows the log says in which line."""


@dataclass(frozen=True, eq=False)
class File:
    """One open file. Opened twice it is two of these, and their mappings never merge."""

    path: str = ""
    writable: bool = True
    huge_aligned: bool = True  # its file system places it as huge pages would like (ext4, xfs)
    shmem: bool = False
    zero: bool = False  # /dev/zero: a private mapping of it is anonymous memory
    hugetlb: bool = False
    special: bool = False  # vdso and its kin: no file in truth, and never split


class Held(NamedTuple):
    """A mapping that is there from the beginning, or that is there now."""

    start: int
    end: int
    prot: int = 0
    shared: bool = False
    grows: bool = False  # a stack
    file: File | None = None
    offset: int = 0  # bytes into the file


@dataclass(frozen=True)
class Start:
    """How an address space begins."""

    mappings: tuple[Held, ...] = ()
    mmap_base: int = TASK_SIZE  # top-down searches end here
    legacy_base: int = TASK_SIZE // 3 & -PAGE  # bottom-up searches begin here
    topdown: bool = True
    start_brk: int = 0
    brk: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)  # STACK, AS, DATA, MEMLOCK: bytes


class Model(Protocol):
    """One address space."""

    def mmap(
        self, address: int, length: int, prot: int, flags: int, file: File | None, offset: int
    ) -> int:
        """Map a range and return where."""
        ...

    def munmap(self, address: int, length: int) -> object:
        """Unmap a range."""
        ...

    def mprotect(self, address: int, length: int, prot: int) -> object:
        """Change the protection of a range."""
        ...

    def madvise(self, address: int, length: int, advice: int) -> object:
        """Tell how a range will be used."""
        ...

    def mlock(self, address: int, length: int, *, on_fault: bool = False) -> object:
        """Lock a range in memory."""
        ...

    def munlock(self, address: int, length: int) -> object:
        """Unlock a range."""
        ...

    def mlockall(self, flags: int) -> object:
        """Lock what is mapped, or will be; 0 unlocks all."""
        ...

    def mremap(
        self, address: int, length: int, new_length: int, flags: int, new_address: int
    ) -> int:
        """Change the size of a mapping or its place, and return that."""
        ...

    def brk(self, address: int) -> int:
        """Move the end of the heap and return where it is."""
        ...

    def shmat(self, length: int, address: int, flags: int) -> int:
        """Attach a segment of `length` bytes and return where."""
        ...

    def shmdt(self, address: int) -> object:
        """Detach the segment at an address."""
        ...

    def remap_file_pages(self, address: int, length: int, page: int) -> object:
        """Show the file from another page on."""
        ...

    def bind(self, address: int, length: int, policy: int) -> object:
        """Give a range a memory policy; equal numbers are the same policy."""
        ...

    def name(self, address: int, length: int, name: str | None) -> object:
        """Name anonymous memory."""
        ...

    def populate(self, start: int, end: int) -> object:
        """Write to all private writable memory of a range."""
        ...

    def layout(self, base: int, *, topdown: bool) -> object:
        """Say where searches begin, now that it is known."""
        ...

    def limit(self, resource: str, soft: int) -> object:
        """Set STACK, AS, DATA or MEMLOCK, in bytes."""
        ...

    def fork(self) -> Model:
        """Return a copy, as fork makes it."""
        ...

    def held(self) -> Iterable[Held]:
        """Yield all mappings, ascending."""
        ...

    def close(self) -> object:
        """Give everything back; nothing is asked afterwards."""
        ...


MakeModel = Callable[[Start], Model]
