"""What each call of a log is to a model: how it is done, and how a model that answered otherwise
is made to agree with the kernel.

After a miss nothing is taken back as a whole: what the model mapped elsewhere is moved to where
the kernel has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from stressd.replay.strace.files import Files
from stressd.replay.strace.model import PAGE, PMD, File, Model
from stressd.traces import calls
from stressd.traces.calls import (
    KEY_MAX,
    MAP_FLAGS,
    REMAP_FLAGS,
    SHM_FLAGS,
    TASK_SIZE,
    Call,
    Returned,
)

Range = tuple[int, int]
EVERYTHING: Range = (0, KEY_MAX)

FIXED, NOREPLACE = MAP_FLAGS["MAP_FIXED"], MAP_FLAGS["MAP_FIXED_NOREPLACE"]
BELOW_2G, ANONYMOUS = MAP_FLAGS["MAP_32BIT"], MAP_FLAGS["MAP_ANONYMOUS"]
HUGETLB = MAP_FLAGS["MAP_HUGETLB"]
MOVE = REMAP_FLAGS["MREMAP_MAYMOVE"] | REMAP_FLAGS["MREMAP_FIXED"]
DEFAULT_KEY = -1  # pkey_mprotect without a key is mprotect


def pages(length: int) -> int:
    """Return a length rounded up to pages; beyond user space it does not matter how far."""
    return min(-(-length // PAGE) * PAGE, 2 * TASK_SIZE)


@dataclass(frozen=True)
class Operation(ABC):
    """One call, ready to be done to a model."""

    kind: str  # as it is counted
    returned: Returned

    random = False  # the kernel draws a number for its answer
    tells_place = False  # its answer is an address that the kernel chose

    @abstractmethod
    def do(self, model: Model) -> int:
        """Do it and return the answer; OSError if the model fails."""

    @abstractmethod
    def repair(self, model: Model, answer: int | None) -> None:
        """Make a model as the kernel's is, after it answered something else (None: it failed)."""

    @property
    def retractable(self) -> bool:
        """Whether it only adds a mapping where nothing was, so that it can be taken back."""
        return False

    def retract(self, model: Model, answer: int) -> None:
        """Take it back."""
        raise NotImplementedError

    @property
    def touched(self) -> Range | None:
        """The range in which memory may have become writable."""
        return None

    @property
    def freed(self) -> Range | None:
        """The range that it unmaps."""
        return None


@dataclass(frozen=True)
class Mmap(Operation):
    """A new mapping."""

    call: calls.Mmap
    file: File | None

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Where the search for MAP_32BIT begins is drawn for each call."""
        return bool(self.call.flags & BELOW_2G and not self.call.flags & (FIXED | NOREPLACE))

    @property
    def tells_place(self) -> bool:  # type: ignore[override]
        """Unless it is fixed the kernel chose, if only to take the hint."""
        return not self.call.flags & (FIXED | NOREPLACE)

    @property
    def retractable(self) -> bool:
        """If the kernel found a free range for it."""
        return self.tells_place and not self.random and not self.returned.error

    def retract(self, model: Model, answer: int) -> None:
        """Unmap what was mapped."""
        start, end = self.touched
        model.munmap(answer, min(end - start, TASK_SIZE))

    def do(self, model: Model) -> int:
        """Map as the caller asked."""
        call = self.call
        return model.mmap(call.address, call.length, call.prot, call.flags, self.file, call.offset)

    def repair(self, model: Model, answer: int | None) -> None:
        """Map it where the kernel did."""
        call, start = self.call, self.touched[0]
        if answer is not None:
            self.retract(model, answer)
        flags = (call.flags | FIXED) & ~(NOREPLACE | BELOW_2G)
        model.mmap(start, call.length, call.prot, flags, self.file, call.offset)

    @property
    def touched(self) -> Range:
        """Where it is; huge pages are mapped whole."""
        start = self.returned.result or 0
        huge = self.call.flags & HUGETLB or (self.file is not None and self.file.hugetlb)
        size = PMD if huge else PAGE
        return start, start + -(-self.call.length // size) * size


@dataclass(frozen=True)
class Mremap(Operation):
    """A mapping that grows, shrinks or moves."""

    call: calls.Mremap
    tells_place = True

    def do(self, model: Model) -> int:
        """Resize or move as the caller asked."""
        call = self.call
        return model.mremap(
            call.address, call.length, call.new_length, call.flags, call.new_address
        )

    def repair(self, model: Model, answer: int | None) -> None:
        """Move it to where the kernel did."""
        call, length = self.call, pages(self.call.new_length)
        kernel = self.returned.result or 0
        if answer is None:
            model.mremap(call.address, call.length, length, MOVE, kernel)
        else:
            model.mremap(answer, length, length, MOVE, kernel)

    @property
    def touched(self) -> Range:
        """Where it is."""
        start = self.returned.result or 0
        return start, start + pages(self.call.new_length)


@dataclass(frozen=True)
class Brk(Operation):
    """The end of the heap."""

    address: int

    def do(self, model: Model) -> int:
        """Move it as the caller asked."""
        return model.brk(self.address)

    def repair(self, model: Model, answer: int | None) -> None:
        """Move it to where the kernel has it."""
        kernel = self.returned.result or 0
        if model.brk(kernel) != kernel:
            raise OSError("the heap cannot end there")

    @property
    def touched(self) -> Range:
        """The heap is below its end."""
        return 0, pages(self.returned.result or 0)


@dataclass(frozen=True)
class Shmat(Operation):
    """A segment of shared memory."""

    call: calls.Shmat
    length: int
    tells_place = True

    def do(self, model: Model) -> int:
        """Attach it as the caller asked."""
        return model.shmat(self.length, self.call.address, self.call.flags)

    def repair(self, model: Model, answer: int | None) -> None:
        """Attach it where the kernel did."""
        if answer is not None:
            model.munmap(answer, pages(self.length))
        kernel = self.returned.result or 0
        model.shmat(self.length, kernel, self.call.flags | SHM_FLAGS["SHM_REMAP"])


@dataclass(frozen=True)
class Plain(Operation):
    """A call that answers nothing but whether it failed."""

    done: Callable[[Model], object]
    range: Range | None = None
    unmapped: Range | None = None

    def do(self, model: Model) -> int:
        """Do it; the answer is the kernel's, as there is no other."""
        self.done(model)
        return self.returned.result or 0

    def repair(self, model: Model, answer: int | None) -> None:
        """A model that failed cannot be helped."""
        raise OSError("there is no other way to do this")

    @property
    def touched(self) -> Range | None:
        """Where protection may have changed."""
        return self.range

    @property
    def freed(self) -> Range | None:
        """What munmap unmaps."""
        return self.unmapped


class Operations:
    """Makes operations of calls; knows the segments of shared memory that the log names."""

    def __init__(self) -> None:
        self._segments: dict[int, int] = {}  # lengths, by number
        self._policies = 0

    def of(self, call: Call, files: Files) -> Operation | None:
        """Return what a call does, or None if that cannot be known; see `is_memory`."""
        returned = call.returned
        match call:
            case calls.Mmap():
                file = None if call.flags & ANONYMOUS else files.of(call.file)
                return Mmap(_kind(call), returned, call, file)
            case calls.Mremap():
                return Mremap("mremap", returned, call)
            case calls.Brk(address):
                return Brk("brk", returned, address)
            case calls.Shmget(length):
                self._segments[returned.result or 0] = length
                return Plain("shmget", returned, lambda _: None)
            case calls.Shmat(segment):
                length = self._segments.get(segment, 0)
                return Shmat("shmat", returned, call, length) if length else None
            case calls.Mbind():
                self._policies += 1
                return _plain(call, self._policies)
            case _:
                return _plain(call, 0)


def _kind(call: calls.Mmap) -> str:
    """Return how a mmap is counted."""
    if call.flags & (FIXED | NOREPLACE):
        return "mmap fixed"
    if call.flags & BELOW_2G:
        return "mmap 32bit"
    return "mmap hint" if call.address else "mmap"


def _plain(call: Call, policy: int) -> Operation | None:
    """Return a call that answers with nothing but success."""
    done: Callable[[Model], object]
    touched = freed = None
    match call:
        case calls.Munmap(address, length):
            done = lambda m: m.munmap(address, length)  # noqa: E731
            freed = address, address + pages(length)
        case calls.Mprotect(address, length, prot):
            done = lambda m: m.mprotect(address, length, prot)  # noqa: E731
            touched = address, address + pages(length)
        case calls.PkeyMprotect(address, length, prot, key) if key == DEFAULT_KEY:
            done = lambda m: m.mprotect(address, length, prot)  # noqa: E731
            touched = address, address + pages(length)
        case calls.Madvise(address, length, advice):
            done = lambda m: m.madvise(address, length, advice)  # noqa: E731
        case calls.Mlock(address, length, flags):
            done = lambda m: m.mlock(address, length, on_fault=bool(flags))  # noqa: E731
        case calls.Munlock(address, length):
            done = lambda m: m.munlock(address, length)  # noqa: E731
        case calls.Mlockall(flags):
            done = lambda m: m.mlockall(flags)  # noqa: E731
        case calls.Munlockall():
            done = lambda m: m.mlockall(0)  # noqa: E731
        case calls.Shmdt(address):
            done = lambda m: m.shmdt(address)  # noqa: E731
        case calls.RemapFilePages(address, length, page):
            done = lambda m: m.remap_file_pages(address, length, page)  # noqa: E731
        case calls.Mbind(address, length):
            done = lambda m: m.bind(address, length, policy)  # noqa: E731
        case calls.Named(address, length, name):
            done = lambda m: m.name(address, length, name)  # noqa: E731
        case _:
            return None
    return Plain(type(call).__name__.lower(), call.returned, done, touched, freed)
