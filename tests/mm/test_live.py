"""The model against the kernel that runs here: random calls, and rules worth a name.

Nothing is mapped that would need much memory, so this is safe to run anywhere.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mm.build import FIXED, PRIVATE_ANON, RW, RX, R, at
from tests.mm.live import DATA_BYTES, Live, build
from tests.mm.spec.change import Map
from tests.mm.spec.remap import DONTUNMAP, MAYMOVE
from tests.mm.spec.words import PAGE, PMD, STACK_GUARD_GAP, Vm

STEPS = 120
GUARD = STACK_GUARD_GAP // PAGE
HERE = PRIVATE_ANON | FIXED
LENGTHS = (1, 1, 2, 3, 5, 8)
WHOLE = (1, 2, 3, 511, 512, 513, 1024)  # pages of mappings without an address
HUGEPAGE, NOHUGEPAGE, POPULATE_WRITE = 14, 15, 23
ATTACH = (0, 0, 0, 0o10000, 0o20000, 0o40000, 0o100000)  # SHM_RDONLY, RND, REMAP, EXEC
ADVICE = (0, 1, 2, 10, 11, 14, 15, 16, 17, 18, 19, 23)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    return build(tmp_path_factory.mktemp("executor"))


@pytest.fixture
def live(program: Path, tmp_path: Path) -> Iterator[Live]:
    """A process and its model."""
    both = Live(program, tmp_path)
    yield both
    both.close()


class Caller:
    """Makes random calls, mostly where something is mapped."""

    def __init__(self, live: Live, seed: int) -> None:
        self.live = live
        self.dice = random.Random(seed)
        self.bases = [at(0)]

    def call(self) -> None:
        """Make one call."""
        kinds = {
            self.map_here: 8, self.map_anywhere: 5, self.map_file: 5, self.grow: 2,
            self.unmap: 5, self.protect: 10, self.advise: 5, self.lock: 2,
            self.remap: 6, self.move: 5, self.heap: 2, self.touch: 12, self.fork: 1,
            self.attach: 1, self.detach: 1, self.reorder: 1,
        }  # fmt: skip
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

    def placed(self, found: int | str) -> None:
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
        if self.dice.random() < 0.4:
            vma = self.dice.choice([v for v in self.live.mm.vmas if v.start >= at(0)][:-1] or [])
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


@pytest.mark.parametrize("seed", range(12))
def test_random_calls_agree_with_the_kernel(live: Live, seed: int) -> None:
    """Every answer and all mappings with their flags, after each call."""
    caller = Caller(live, seed)
    for _ in range(STEPS):
        caller.call()


@pytest.mark.parametrize("seed", range(4))
def test_random_calls_agree_in_a_bottomup_layout(program: Path, tmp_path: Path, seed: int) -> None:
    """The old layout: everything goes to the lowest place."""
    if shutil.which("setarch") is None:
        pytest.skip("no setarch here")
    live = Live(program, tmp_path, topdown=False)
    caller = Caller(live, seed)
    for _ in range(STEPS):
        caller.call()
    live.close()


def free_top(live: Live) -> int:
    """Fill all that is free right below mmap_base, and return where the filling begins."""
    start = live.mm.mmap_base - 4 * PMD & -PMD
    above = min(v.start for v in live.mm.vmas if v.start > start)
    live.mmap(start, above - start, 0, HERE)
    return start


def test_a_vma_inside_a_guard_gap(live: Live) -> None:
    """The search goes on below the guard gap, not below that VMA."""
    top = free_top(live)
    stack = top - PAGE
    live.mprotect(top, PAGE, R)
    assert live.mmap(stack, PAGE, RW, HERE | Map.GROWSDOWN) == stack
    assert live.mmap(stack - 200 * PAGE, PAGE, R, HERE) == stack - 200 * PAGE
    assert live.mmap(0, PAGE, R, PRIVATE_ANON) == stack - (GUARD + 1) * PAGE


@pytest.mark.parametrize("pages", [0, 1, 100, 511])
def test_thp_rule(live: Live, pages: int) -> None:
    """2 MiB below a top that is aligned, and one that is not."""
    top = free_top(live)
    live.mmap(top - pages * PAGE, (pages or 1) * PAGE, R, HERE)
    found = live.mmap(0, PMD, RW, PRIVATE_ANON)
    assert isinstance(found, int)
    assert found % PMD == 0


def test_account_rule(live: Live) -> None:
    """Whether memory was written to while it was writable shows when it is not any more."""
    for write in (False, True):
        live.mmap(at(0), 4 * PAGE, R, HERE)
        live.mprotect(at(2), 2 * PAGE, RW)
        if write:
            live.touch(at(2), write=True)
        live.mprotect(at(2), 2 * PAGE, R)
        assert len([v for v in live.mm.vmas if at(0) <= v.start < at(4)]) == 1 + write


@pytest.mark.parametrize("advice", [HUGEPAGE, NOHUGEPAGE])
def test_reading_a_huge_page_counts_as_written(live: Live, advice: int) -> None:
    """It has an anon then, and stays accounted for when it is not writable any more."""
    start = at(0) & -PMD
    live.mmap(start, 2 * PMD, RW, HERE)
    live.madvise(start, 2 * PMD, advice)
    live.touch(start + PMD, write=False)
    live.mprotect(start, 2 * PMD, R)
    (vma,) = [v for v in live.mm.vmas if v.start == start]
    assert bool(vma.flags & Vm.ACCOUNT) is (advice == HUGEPAGE and live.mm.huge_pages != "never")


def test_siblings_split_before_a_fork(live: Live) -> None:
    """They merge again in the parent, and never in the child."""
    live.mmap(at(0), 4 * PAGE, RW, HERE)
    live.touch(at(0), write=True)
    live.mprotect(at(2), 2 * PAGE, R)
    live.fork()
    live.mprotect(at(2), 2 * PAGE, RW)
    assert len([v for v in live.mm.vmas if at(0) <= v.start < at(4)]) == 2
    live.exit()
    live.mprotect(at(2), 2 * PAGE, RW)
    assert len([v for v in live.mm.vmas if at(0) <= v.start < at(4)]) == 1


def test_dontunmap_merges_with_itself(live: Live) -> None:
    """Memory never written to, moved to right behind itself."""
    live.mmap(at(0), 2 * PAGE, RW, HERE)
    live.mremap(at(0), 2 * PAGE, 2 * PAGE, MAYMOVE | DONTUNMAP, at(2))
    assert len([v for v in live.mm.vmas if at(0) <= v.start < at(4)]) == 1


def test_the_vdso_is_one_piece(live: Live) -> None:
    """A part of it can be neither unmapped nor moved; the whole can."""
    vdso = next(v for v in live.mm.vmas if v.file and v.file.path == "[vdso]")
    assert live.munmap(vdso.start, PAGE) == "EINVAL"
    assert live.mremap(vdso.start, PAGE, PAGE, 3, at(5)) == "EINVAL"
    assert live.mremap(vdso.start, 2 * PAGE, 2 * PAGE, 3, at(5)) == at(5)
