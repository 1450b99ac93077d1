"""Random calls on whatever has an address space: the kernel that runs here, or the kernels here.

Mostly where something is mapped, and never of much memory, so it is safe to run anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from tests.mm.build import FIXED, PRIVATE_ANON, RW, RX, R, at
from tests.mm.spec.change import Map
from tests.mm.spec.remap import MAYMOVE
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import PAGE, PMD, STACK_GUARD_GAP, Vm

GUARD = STACK_GUARD_GAP // PAGE
HERE = PRIVATE_ANON | FIXED
DATA_BYTES = 16 << 20  # of the files that are mapped
LENGTHS = (1, 1, 2, 3, 5, 8)
WHOLE = (1, 2, 3, 511, 512, 513, 1024)  # pages of mappings without an address
POPULATE_WRITE = 23
ATTACH = (0, 0, 0, 0o10000, 0o20000, 0o40000, 0o100000)  # SHM_RDONLY, RND, REMAP, EXEC
ADVICE = (0, 1, 2, 4, 8, 20, 21, 24, 10, 11, 14, 15, 16, 17, 18, 19, 23)


class World(Protocol):
    """An address space, its model, and files by number."""

    mm: AddressSpace
    files: dict[int, File]

    def mmap(
        self, address: int, length: int, prot: int, flags: int, number: int = -1, offset: int = 0
    ) -> object: ...
    def munmap(self, address: int, length: int) -> object: ...
    def mprotect(self, address: int, length: int, prot: int) -> object: ...
    def madvise(self, address: int, length: int, advice: int) -> object: ...
    def mlock(self, address: int, length: int, *, on_fault: bool) -> object: ...
    def munlock(self, address: int, length: int) -> object: ...
    def mremap(self, address: int, old: int, new: int, flags: int, to: int = 0) -> object: ...
    def brk(self, address: int) -> object: ...
    def shmat(self, pages: int, address: int, flags: int) -> object: ...
    def shmdt(self, address: int) -> object: ...
    def remap_file_pages(self, address: int, length: int, pgoff: int) -> object: ...
    def touch(self, address: int, *, write: bool) -> object: ...
    def fork(self) -> None: ...
    def exit(self) -> bool: ...


class Caller:
    """Makes random calls, mostly where something is mapped."""

    def __init__(self, live: World, seed: int) -> None:
        self.live = live
        self.dice = random.Random(seed)
        self.bases = [at(0)]

    def kinds(self) -> dict[Callable[[], None], int]:
        """Return what can be done, and how often."""
        return {
            self.map_here: 8, self.map_anywhere: 5, self.map_file: 5, self.grow: 2,
            self.unmap: 5, self.protect: 10, self.advise: 5, self.lock: 2,
            self.remap: 6, self.move: 5, self.heap: 2, self.touch: 12, self.fork: 1,
            self.attach: 1, self.detach: 1, self.reorder: 1,
        }  # fmt: skip

    def call(self) -> None:
        """Make one call."""
        kinds = self.kinds()
        (kind,) = self.dice.choices(list(kinds), list(kinds.values()))
        kind()

    def address(self) -> int:
        """Return a page in one of the places in use."""
        return self.dice.choice(self.bases) + self.dice.randrange(24) * PAGE

    def length(self) -> int:
        """Return the length of a few pages, rarely not whole."""
        return self.dice.choice(LENGTHS) * PAGE - self.dice.choice((0, 0, 0, 0, 0, 1))

    def flags(self) -> int:
        """Return flags of a mapping, rarely unusual ones."""
        flags = int(Map.ANONYMOUS | self.dice.choice((Map.PRIVATE,) * 5 + (Map.SHARED,)))
        for unusual in (Map.NORESERVE, Map.STACK, Map.LOCKED, Map.POPULATE):
            flags |= unusual if self.dice.random() < 0.06 else 0
        return flags

    def prot(self) -> int:
        """Return a protection."""
        return self.dice.choice((0, R, RW, RW, RW, 7, RX))

    def placed(self, found: object) -> None:
        """Remember where the kernel put something."""
        if isinstance(found, int) and found > at(0):
            self.bases = [at(0), *self.bases[1:], found][-6:]
            self.bases[0] = at(0)

    def map_here(self) -> None:
        fixed = self.dice.choice((FIXED, FIXED, FIXED, 0, int(Map.FIXED_NOREPLACE)))
        flags = self.flags() | fixed
        self.placed(self.live.mmap(self.address(), self.length(), self.prot(), flags))

    def map_anywhere(self) -> None:
        length = self.dice.choice(WHOLE) * PAGE
        self.placed(self.live.mmap(0, length, self.prot(), self.flags()))

    def map_file(self) -> None:
        number = self.dice.choice(list(self.live.files))
        offset = self.dice.choice((0, 1, 2, 3, 511, 512)) * PAGE
        flags = self.flags() & ~(Map.ANONYMOUS | Map.LOCKED | Map.POPULATE)
        address, length = self.address(), self.length()
        if self.dice.random() < 0.4:
            address, length = 0, self.dice.choice(WHOLE) * PAGE
        else:
            flags |= self.dice.choice((0, FIXED))
        self.placed(self.live.mmap(address, length, self.prot(), flags, number, offset))

    def grow(self) -> None:
        growing = [v for v in self.live.mm.vmas if v.flags & Vm.GROWSDOWN][:-1]
        if not growing or self.dice.random() < 0.4:
            flags = HERE | Map.GROWSDOWN
            self.live.mmap(self.address() + PMD, self.length(), RW, flags)
            return
        below = self.dice.choice((1, 2, GUARD - 1, GUARD, GUARD + 1, 300)) * PAGE
        self.touch_at(self.dice.choice(growing).start - below, write=True)

    def unmap(self) -> None:
        self.live.munmap(self.address(), self.length())

    def protect(self) -> None:
        self.live.mprotect(self.address(), self.length(), self.prot())

    def advise(self) -> None:
        address, length, advice = self.address(), self.length(), self.dice.choice(ADVICE)
        files = any(
            v.file and v.end > address for v in self.live.mm.vmas if v.start < address + length
        )
        if advice != POPULATE_WRITE or not files:  # lengths of files are not modelled
            self.live.madvise(address, length, advice)

    def lock(self) -> None:
        if self.dice.random() < 0.4:
            self.live.munlock(self.address(), self.length())
        else:
            self.live.mlock(self.address(), self.length(), on_fault=True)

    def remap(self) -> None:
        address, old = self.address(), self.length()
        mapped = [v for v in self.live.mm.vmas if v.start >= at(0)][:-1]
        if self.dice.random() < 0.4 and mapped:
            vma = self.dice.choice(mapped)
            address, old = vma.start, vma.end - vma.start
        new = max(PAGE, old + self.dice.choice((-1, 0, 1, 2, 3)) * PAGE)
        self.placed(self.live.mremap(address, old, new, self.dice.choice((0, MAYMOVE, MAYMOVE))))

    def move(self) -> None:
        old = self.length()
        new = self.dice.choice((old, old, PAGE, 4 * PAGE))
        flags = self.dice.choice((3, 3, 3, 5, 7, 2))
        self.placed(self.live.mremap(self.address(), old, new, flags, self.address()))

    def attach(self) -> None:
        address = self.dice.choice((0, self.address()))
        self.placed(self.live.shmat(self.dice.randrange(1, 9), address, self.dice.choice(ATTACH)))

    def detach(self) -> None:
        attached = [v for v in self.live.mm.vmas if v.file and v.file.closes]
        vma = self.dice.choice(attached) if attached else None
        self.live.shmdt(vma.start - vma.pgoff * PAGE if vma else self.address())

    def reorder(self) -> None:
        """Not of segments: they are removed already, and gone with their last page."""
        shared = [v for v in self.live.mm.vmas if v.flags & Vm.SHARED and v.file]
        starts = [v.start for v in shared if not v.file.closes]
        if starts:
            address, pgoff = self.dice.choice(starts), self.dice.randrange(16)
            self.live.remap_file_pages(address, self.length(), pgoff)

    def heap(self) -> None:
        self.live.brk(self.live.mm.brk + self.dice.choice((-3, -1, 1, 1, 2)) * PAGE)

    def touch(self) -> None:
        self.touch_at(self.address(), write=self.dice.random() < 0.7)

    def touch_at(self, address: int, *, write: bool) -> None:
        """Touch an address, unless that is behind the end of a file: lengths are not modelled."""
        vma = next((v for v in self.live.mm.vmas if v.start <= address < v.end), None)
        if vma is not None and vma.file is not None and not vma.file.zero:
            end = 0 if vma.file.path in ("/dev/zero", "/SYSV") else DATA_BYTES // PAGE
            if vma.pgoff_at(address) >= end:
                return
        self.live.touch(address, write=write)

    def fork(self) -> None:
        if self.dice.random() < 0.5 or not self.live.exit():
            self.live.fork()
