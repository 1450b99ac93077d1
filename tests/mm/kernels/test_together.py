"""Threads that change one address space together: it stays sound, and no node is lost."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator

import pytest

from stressd_kernels import AddressSpace, Arena
from stressd_kernels.spaces import STAGES, Settings
from tests.mm.build import at
from tests.mm.spec.words import PAGE

CALLERS = 3
CALLS = 250
BESIDE = (0, 0, 1, 1, 2, 3)  # MREMAP_* flags
MAP_HERE = 0x32  # MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED


class Caller:
    """Makes random calls where others make theirs."""

    def __init__(self, mm: AddressSpace, seed: int) -> None:
        self.mm = mm
        self.dice = random.Random(seed)
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        """Make all calls; the errors of the kernel are no failures."""
        try:
            for _ in range(CALLS):
                self.call()
        except BaseException as failure:
            self.failure = failure

    def call(self) -> None:
        """Make one call."""
        mm, dice = self.mm, self.dice
        start, length = at(dice.randrange(60)), dice.randrange(1, 9) * PAGE
        target = at(dice.randrange(60, 200))
        new = dice.randrange(1, 9) * PAGE
        kind = dice.choice((
            lambda: mm.mmap(start, length, dice.choice((1, 3, 3)), MAP_HERE),
            lambda: mm.munmap(start, length),
            lambda: mm.mprotect(start, length, dice.choice((0, 1, 3))),
            lambda: mm.madvise(start, length, dice.choice((0, 1, 10, 11, 14, 15))),
            lambda: mm.mlock(start, length),
            lambda: mm.munlock(start, length),
            lambda: mm.mlockall(dice.choice((0, 1))),
            lambda: mm.bind(start, length, dice.randrange(3)),
            lambda: mm.name_range(start, length, dice.randrange(3)),
            lambda: mm.fault(start, write=True),
            lambda: mm.populate(start, start + length),
            lambda: mm.mremap(start, length, new, dice.choice(BESIDE), target),
            lambda: mm.mremap(start, length, length, 3, target),
            lambda: mm.brk(at(1000 + dice.randrange(9))),
            lambda: mm.shmat(length, start, 0o40000),
            lambda: mm.shmdt(start),
            lambda: mm.remap_file_pages(start, length, 3),
            lambda: mm.munmap(target, 20 * PAGE),
        ))  # fmt: skip
        try:
            kind()
        except OSError:
            return


@pytest.fixture(autouse=True)
def turns() -> Iterator[None]:
    """Let threads of Python take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("stage", STAGES)
def test_calls_of_many_threads(stage: str) -> None:
    """Every call validates all structures; afterwards each node is somewhere."""
    arena = Arena(64 << 20)
    settings = Settings(stage=stage, start_brk=at(1000), brk=at(1000), mmap_base=at(5000))
    mm = AddressSpace(settings, arena=arena)
    callers = [Caller(mm, seed) for seed in range(CALLERS)]
    for caller in callers:
        caller.thread.start()
    for caller in callers:
        caller.thread.join()
    assert [caller.failure for caller in callers] == [None] * CALLERS
    mm.validate()
    assert mm.maps()
    mm.exit()
    assert arena.drain()
    nodes = arena.accounting()
    assert nodes.carved == nodes.live + nodes.cached + nodes.free
