"""Threads that do whatever can be done to address spaces, while all of it is traced."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable

from stressd_kernels.address_space import AddressSpace, Vma
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_ID
from stressd_kernels.mm.words import VM_MAY_ACCESS, VM_READ, VM_WRITE
from stressd_kernels.spaces import Settings

PAGE = 4096
PAGES = 1 << 12  # of the part of an address space that the random calls are about
LOWEST = 16
STACK_END = 0x7FFD_0000_0000
MMAP_BASE = 0x7F00_0000_0000
MAP_FLAGS = 0x22  # private, anonymous
MAP_FIXED = 0x10
MAP_GROWSDOWN = 0x100
MREMAP_FLAGS = (0, 1, 5)  # MAYMOVE, DONTUNMAP
SPACES_MAX = 12
PLAIN = int(VM_READ | VM_WRITE | VM_MAY_ACCESS)

Step = Callable[[random.Random, AddressSpace], object]


class Crowd:
    """Address spaces of one arena, and threads that change, fork and end them."""

    def __init__(self, stage: str = "all", validate: int = 0) -> None:
        self.arena = Arena(256 << 20)
        self.settings = Settings(stage=stage, validate=validate, mmap_base=MMAP_BASE)
        self.spaces: list[AddressSpace] = []
        self.ended = 0
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []

    def begin(self, count: int) -> None:
        """Let so many programs begin."""
        for _ in range(count):
            self.spaces.append(self._program())

    def run(self, threads: int, calls: int, seed: int) -> None:
        """Let threads make so many random calls each."""
        workers = [
            threading.Thread(target=self._work, args=(calls, random.Random(f"{seed} {number}")))
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert self._errors == []

    def maps(self) -> dict[int, list[Vma]]:
        """Return the VMAs of every address space that lives, by its MM_ID."""
        return {int(mm.words[mm.mm + MM_ID]): mm.maps() for mm in self.spaces}

    # -- what they do ------------------------------------------------------------------------

    def _program(self) -> AddressSpace:
        """Return the address space of a new program."""
        mm = AddressSpace(self.settings, arena=self.arena, alive=False)
        mm.execute()
        mm.move_stack(STACK_END)
        return mm

    def _work(self, calls: int, chance: random.Random) -> None:
        try:
            for _ in range(calls):
                step = chance.choices(self._steps, self._weights)[0]
                with contextlib.suppress(OSError):  # as the kernel would refuse it
                    step(chance, self._some(chance))
        except BaseException as error:
            self._errors.append(error)

    def _some(self, chance: random.Random) -> AddressSpace:
        with self._lock:
            return chance.choice(self.spaces)

    def _fork(self, chance: random.Random, mm: AddressSpace) -> None:
        with self._lock:
            room = len(self.spaces) < SPACES_MAX
        if room:
            child = mm.fork()
            with self._lock:
                self.spaces.append(child)

    def _exit(self, chance: random.Random, mm: AddressSpace) -> None:
        with self._lock:
            if len(self.spaces) < 3 or mm not in self.spaces:
                return
            self.spaces.remove(mm)
            self.ended += 1
        mm.exit()

    def _exec(self, chance: random.Random, mm: AddressSpace) -> None:
        with self._lock:
            room = len(self.spaces) < SPACES_MAX
        if room:
            fresh = self._program()
            with self._lock:
                self.spaces.append(fresh)

    @property
    def _steps(self) -> list[Step]:
        known = {Call.FORK: self._fork, Call.EXIT: self._exit, Call.EXEC: self._exec}
        return [*known.values(), *(step for call, (step, _) in STEPS.items() if call in CALLS)]

    @property
    def _weights(self) -> list[float]:
        return [1, 1, 0.5, *(weight for call, (_, weight) in STEPS.items() if call in CALLS)]


def _range(chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(LOWEST, PAGES)
    return start * PAGE, chance.choice((1, 1, 2, 5, 40, 400)) * PAGE


def _place(chance: random.Random, mm: AddressSpace) -> None:
    start, length = _range(chance)
    mm.place(start, start + length, PLAIN)


def _mmap(chance: random.Random, mm: AddressSpace) -> None:
    start, length = _range(chance)
    fixed = chance.random() < 0.3
    flags = MAP_FLAGS | MAP_FIXED * fixed | MAP_GROWSDOWN * (chance.random() < 0.1)
    mm.mmap(start if fixed else 0, length, chance.choice((1, 3)), flags)


def _shm(chance: random.Random, mm: AddressSpace) -> None:
    start = mm.shmat(chance.choice((1, 7)) * PAGE, 0, 0)
    if chance.random() < 0.5:
        mm.shmdt(start)


def _near(chance: random.Random, mm: AddressSpace) -> tuple[int, int]:
    """Return a range that begins in some VMA, or anywhere."""
    start, length = _range(chance)
    vma = mm.find_vma(start) if chance.random() < 0.5 else mm.find_vma(MMAP_BASE >> 1)
    if vma is None:
        return start, length
    return vma.start + chance.randrange(vma.end - vma.start >> 12) * PAGE, length


def _mremap(chance: random.Random, mm: AddressSpace) -> None:
    start, length = _near(chance, mm)
    flags = chance.choice(MREMAP_FLAGS)
    mm.mremap(start, length, length if flags == 5 else chance.choice((1, 3, 50)) * PAGE, flags)


def _mprotect(chance: random.Random, mm: AddressSpace) -> None:
    mm.mprotect(*_near(chance, mm), chance.choice((0, 1, 3)))


def _madvise(chance: random.Random, mm: AddressSpace) -> None:
    mm.madvise(*_near(chance, mm), chance.choice((10, 11, 14)))  # DONTFORK, DOFORK, HUGEPAGE


STEPS: dict[Call, tuple[Step, float]] = {
    Call.PLACE: (_place, 4),
    Call.MMAP: (_mmap, 20),
    Call.MUNMAP: (lambda chance, mm: mm.munmap(*_near(chance, mm)), 8),
    Call.MPROTECT: (_mprotect, 10),
    Call.MADVISE: (_madvise, 4),
    Call.MLOCK: (lambda chance, mm: mm.mlock(*_near(chance, mm)), 3),
    Call.MUNLOCK: (lambda chance, mm: mm.munlock(*_near(chance, mm)), 3),
    Call.FAULT: (lambda chance, mm: mm.fault(_near(chance, mm)[0], write=True), 8),
    Call.MREMAP: (_mremap, 6),
    Call.SHMAT: (_shm, 2),
    Call.BRK: (lambda chance, mm: mm.brk(chance.randrange(PAGES) * PAGE), 4),
}
