"""AddressSpace: one address space of VMAs, as a process has it, for Python.

    from stressd_kernels import AddressSpace, File

    mm = AddressSpace(mmap_base=0x7f00_0000_0000)
    start = mm.mmap(0, 1 << 20, prot=3, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    mm.mprotect(start, 4096, 1)
    child = mm.fork()
    mm.maps()                      # [Vma(start, end, flags, ...), ...] ascending

Every call goes to the maple tree, the rb-tree and the list alike, which are validated against
each other around it (`validate=1`, the default). Addresses and lengths are bytes, ends are
exclusive. A call that fails as the kernel would raises OSError with its errno; a full arena raises
MemoryError; what was found wrong raises Broken, with a report.

Any number of threads may use one address space: what changes it takes its lock, look-ups do not.
An arena has room for TREES_MAX of them at a time: `close` those that are done with.
"""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stressd_kernels.arguments import key_of
from stressd_kernels.calls import BACKLOG_PAUSE_S, five, invoke
from stressd_kernels.door import borrowed, driver, entry_call, load_relaxed
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    LEAF_WORDS,
    U0,
)
from stressd_kernels.library import default_arena
from stressd_kernels.lock import OK
from stressd_kernels.memory import SLOTS_TAKEN, Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import (
    ANSWER,
    MM_ALIVE,
    MM_OFFSET,
    MM_STATE,
    MM_TREE,
)
from stressd_kernels.mm.validation.report import finding_report
from stressd_kernels.mm.words import (
    CANNOT_KNOW,
    ERRNO,
    FILE_CLOSES,
    FILE_HUGE_ALIGNED,
    FILE_HUGETLB,
    FILE_READABLE,
    FILE_SHIFT,
    FILE_SHMEM,
    FILE_SPECIAL,
    FILE_WRITABLE,
    FILE_ZERO,
)
from stressd_kernels.records import (
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_NAME,
    VMA_PGOFF,
    VMA_POLICY,
    VMA_START,
    vma_of,
)
from stressd_kernels.spaces import Settings, offer_calls, open_mm
from stressd_kernels.status import Status

FILE_NUMBERS = itertools.count(1)


class Broken(RuntimeError):
    """Something was found wrong with an address space, or had been before; it is frozen."""


class CannotKnow(Exception):
    """The kernel draws a random number here (MAP_32BIT): no model can tell its answer."""


class Overtaken(Exception):
    """Changes overtook a search without the lock too often."""


@dataclass(frozen=True, eq=False)
class File:
    """One open file. Opened twice, a file is two of these, and their mappings never merge."""

    path: str = ""
    readable: bool = True
    writable: bool = True
    huge_aligned: bool = True  # its file system places it as huge pages would like (ext4, xfs)
    shmem: bool = False
    zero: bool = False  # /dev/zero: a private mapping of it is anonymous memory
    hugetlb: bool = False
    special: bool = False  # vdso and its kin: no file in truth, and never split
    closes: bool = False  # wants to be told when a VMA of it goes

    def __post_init__(self) -> None:
        kinds = {
            FILE_READABLE: self.readable,
            FILE_WRITABLE: self.writable,
            FILE_HUGE_ALIGNED: self.huge_aligned,
            FILE_SHMEM: self.shmem,
            FILE_ZERO: self.zero,
            FILE_HUGETLB: self.hugetlb,
            FILE_SPECIAL: self.special,
            FILE_CLOSES: self.closes,
        }
        word = next(FILE_NUMBERS) << int(FILE_SHIFT)
        object.__setattr__(self, "word", word | sum(int(k) for k, is_so in kinds.items() if is_so))

    word: int = 0  # what the kernels know of it: identity and kind


class Vma(NamedTuple):
    """One mapping, as its record says; numbers are those of mm/words.py."""

    start: int
    end: int
    flags: int
    file: int
    pgoff: int
    anon: int
    chain: int
    policy: int
    name: int
    identity: int


FIELDS = (
    VMA_START, VMA_END, VMA_FLAGS, VMA_FILE, VMA_PGOFF,
    VMA_ANON, VMA_CHAIN, VMA_POLICY, VMA_NAME, VMA_ID,
)  # fmt: skip


class AddressSpace:
    """One address space; see the module."""

    def __init__(
        self, settings: Settings | None = None, *, arena: Arena | None = None, alive: bool = True
    ) -> None:
        self.arena = arena or default_arena()
        self.settings = settings = settings or Settings()
        self.words = self.arena.words
        self.mm = open_mm(self.arena, settings, alive=alive)

    # -- calls that change it ----------------------------------------------------------------

    def mmap(
        self,
        address: int,
        length: int,
        prot: int,
        flags: int,
        file: File | None = None,
        offset: int = 0,
    ) -> int:
        """Map `length` bytes and return where; flags as MAP_* of Linux on x86-64."""
        word = 0 if file is None else file.word
        return self._call(Call.MMAP, address, length, prot, flags, word, offset=offset)

    def munmap(self, address: int, length: int) -> None:
        """Unmap a range."""
        self._call(Call.MUNMAP, address, length)

    def mprotect(self, address: int, length: int, prot: int) -> None:
        """Change the protection of a range."""
        self._call(Call.MPROTECT, address, length, prot)

    def madvise(self, address: int, length: int, advice: int) -> None:
        """Give advice on a range; some of it are flags of the VMA."""
        self._call(Call.MADVISE, address, length, advice)

    def mlock(self, address: int, length: int, *, on_fault: bool = False) -> None:
        """Lock a range in memory."""
        self._call(Call.MLOCK, address, length, int(on_fault))

    def munlock(self, address: int, length: int) -> None:
        """Unlock a range."""
        self._call(Call.MUNLOCK, address, length)

    def mlockall(self, flags: int) -> None:
        """Lock what is mapped, what will be, or both (MCL_*); 0 is munlockall."""
        self._call(Call.MLOCKALL, flags)

    def bind(self, address: int, length: int, policy: int) -> None:
        """Set the NUMA policy of a range; `policy` is any number that stands for it."""
        self._call(Call.BIND, address, length, policy)

    def name_range(self, address: int, length: int, name: int) -> None:
        """Name anonymous memory; `name` is any number that stands for the name, 0 for none."""
        self._call(Call.NAME, address, length, name)

    def mseal(self, address: int, length: int, flags: int = 0) -> None:
        """Seal a range: it can never be unmapped, moved, replaced, or given other access."""
        self._call(Call.MSEAL, address, length, flags)

    def mremap(
        self, address: int, length: int, new_length: int, flags: int, new_address: int = 0
    ) -> int:
        """Change the size of a mapping or move it; return where it is."""
        return self._call(Call.MREMAP, address, length, new_length, flags, new_address)

    def brk(self, address: int) -> int:
        """Move the end of the heap; return where it is then."""
        return self._call(Call.BRK, address)

    def fault(self, address: int, *, write: bool) -> bool:
        """Touch an address, growing a stack if need be; False would be a SIGSEGV."""
        return bool(self._call(Call.FAULT, address, int(write)))

    def populate(self, start: int, end: int) -> None:
        """Touch every page of a range."""
        self._call(Call.POPULATE, start, end)

    def shmat(self, length: int, address: int, flags: int) -> int:
        """Attach a SysV segment of `length` bytes; return where."""
        return self._call(Call.SHMAT, length, address, flags)

    def shmdt(self, address: int) -> None:
        """Unmap what is left of the attachment at `address`."""
        self._call(Call.SHMDT, address)

    def remap_file_pages(self, address: int, length: int, pgoff: int) -> None:
        """Show other pages of the file in a range of a shared mapping."""
        self._call(Call.REMAP_PAGES, address, length, pgoff)

    def special(self, address: int, length: int, flags: int, file: File) -> int:
        """Install a special mapping, as the vdso is; return where."""
        return self._call(Call.SPECIAL, address, length, flags, file.word)

    def place(self, start: int, end: int, flags: int, file: int = 0, pgoff: int = 0) -> None:
        """Let there be a VMA, whatever is there: as a snapshot of /proc/PID/maps says."""
        self._call(Call.PLACE, start, end, flags, file, pgoff)

    # -- processes ---------------------------------------------------------------------------

    def fork(self) -> AddressSpace:
        """Return a copy, as a child has it."""
        child = AddressSpace(self.settings, arena=self.arena, alive=False)
        try:
            self.fork_into(child)
        except (OSError, MemoryError):
            child.close()
            raise
        return child

    def fork_into(self, child: AddressSpace) -> None:
        """Make `child`, in which nothing lives, a copy; BlockingIOError if something does."""
        try:
            self._call(Call.FORK, child.mm)
        except Broken:
            raise Broken(self.report() or child.report()) from None

    def execute(self, arguments: int = 4096) -> None:
        """Begin a new program, with so many bytes of arguments, where nothing lives."""
        self._call(Call.EXEC, arguments)

    def move_stack(self, end: int) -> None:
        """Move the stack of a new program to where it is to end, and let it grow."""
        self._call(Call.MOVE_STACK, end)

    def exit(self) -> None:
        """Unmap everything: the address space ends. Calls then raise ProcessLookupError."""
        self._call(Call.EXIT)

    def close(self) -> None:
        """End it, if it has not ended, and give its place to another; nobody may ask it again."""
        if self.alive:
            self.exit()
        self.arena.close_tree(int(self.words[self.mm + MM_TREE]))

    @property
    def alive(self) -> bool:
        """Whether a program lives in it: neither waiting for a fork or exec, nor ended."""
        return int(self.words[self.mm + MM_STATE]) == MM_ALIVE

    # -- look-ups: no lock ---------------------------------------------------------------------

    def find_vma(self, address: int) -> Vma | None:
        """Return the first VMA that ends above `address`; it may begin above it, too."""
        return self._vma(Call.FIND_VMA, address)

    def find_vma_prev(self, address: int) -> Vma | None:
        """Return the VMA before find_vma(address); the last of all if that finds none."""
        return self._vma(Call.FIND_PREV, address)

    def find_vma_intersection(self, start: int, end: int) -> Vma | None:
        """Return the first VMA that has an address in [start, end)."""
        return self._vma(Call.FIND_WITHIN, start, end)

    def vma_lookup(self, address: int) -> Vma | None:
        """Return the VMA that holds `address`."""
        return self._vma(Call.LOOKUP, address)

    def find_exact_vma(self, start: int, end: int) -> Vma | None:
        """Return the VMA that is exactly [start, end)."""
        return self._vma(Call.FIND_EXACT, start, end)

    def count_pages(self, start: int, end: int) -> int:
        """Return how many pages of [start, end) are mapped."""
        return self._call(Call.COUNT_PAGES, start, end)

    def unmapped_area(
        self, length: int, low: int, high: int, mask: int = 0, offset: int = 0, *, topdown: bool
    ) -> int:
        """Return where `length` bytes fit in [low, high), clear of guard gaps, or ENOMEM.

        mask, offset   the start is `offset` modulo mask + 1, and mask bytes more must be free

        Without the lock; with it, when changes overtake the search.
        """
        asked = length, low, high, mask, offset
        try:
            return self._call(Call.LOOK, *asked, offset=int(topdown))
        except Overtaken:
            return self._call(Call.SEARCH, *asked, offset=int(topdown))

    def maps(self) -> list[Vma]:
        """Return all VMAs, ascending: each as it was at one moment of the call."""
        found, at = [], 0
        while (vma := self.find_vma(at)) is not None:
            found.append(vma)
            at = vma.end
        return found

    def validate(self) -> None:
        """Compare all structures with each other; Broken if they differ."""
        self._call(Call.VALIDATE)

    # -- how -----------------------------------------------------------------------------------

    def _call(self, call: Call, *arguments: int, offset: int = 0) -> int:
        """Make a call; return its answer. Waits while readers hold what must be freed first."""
        offer_calls(self.arena, (call,))
        words, leave = self.words, self.arena.leave
        numbers = five(*(key_of("an argument", number) for number in arguments))
        while True:
            try:
                for slot in self.arena.seats:
                    try:
                        words[slot + MM_OFFSET] = offset
                        address = CALLS[call].address
                        status = int(invoke(words, address, self.mm, slot, call.reads, *numbers))
                        answer = int(words[slot + ANSWER])
                        break
                    finally:
                        leave(slot)
            except IndexError as error:
                raise RuntimeError(SLOTS_TAKEN) from error
            if status != Status.BACKLOG:
                self._raise(call, status)
                return answer
            time.sleep(BACKLOG_PAUSE_S)

    def _raise(self, call: Call, status: int) -> None:
        """Raise what a status other than OK means."""
        if status == Status.OK:
            return
        if status & int(ERRNO):
            number = status & ~int(ERRNO)
            raise OSError(number, f"{call.name.lower()}: {os.strerror(number)}")
        if status == int(CANNOT_KNOW):
            raise CannotKnow
        if status == Status.ARENA_FULL:
            raise MemoryError("the arena is full")
        if status == Status.RETRY:
            raise Overtaken
        if status == Status.BROKEN:
            raise Broken(self.report())
        raise RuntimeError(f"{call.name.lower()}: {Status(status).name}")

    def report(self) -> str:
        """Return what was found wrong, with both answers and dumps of everything, or nothing."""
        return finding_report(self.words, self.mm)

    def _vma(self, call: Call, a: int, b: int = 0) -> Vma | None:
        """Make a call that answers with a VMA, and copy its record while it is pinned."""
        offer_calls(self.arena, (call,))
        a, b = (key_of("address", number) for number in (a, b))
        fields = np.zeros(LEAF_WORDS, np.uint64)
        question = np.uint64(CALLS[call].address), self.mm
        with self.arena.seated() as slot:
            status = vma_read(self.words, *question, slot, np.uint64(a), np.uint64(b), fields)
        if status == Status.NOT_FOUND:
            return None
        self._raise(call, int(status))
        return Vma(*(int(fields[field]) for field in FIELDS))


@driver
def vma_read(words, address, mm, slot, a, b, fields):  # type: ignore[no-untyped-def]
    """Call a look-up and copy the record that it finds, all within one pin; its Status."""
    words = borrowed(words)
    epoch_pin(words, slot)
    status = entry_call(words, address, mm, slot, a, b, U0, U0, U0)
    if status == OK:
        record = vma_of(words[slot + ANSWER])
        for word in range(LEAF_WORDS):
            fields[word] = load_relaxed(words, record + word)
    epoch_unpin(words, slot)
    return status
