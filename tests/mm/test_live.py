"""The model against the kernel that runs here: random calls, and rules worth a name.

Nothing is mapped that would need much memory, so this is safe to run anywhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mm.build import FIXED, PRIVATE_ANON, RW, R, at
from tests.mm.caller import Caller
from tests.mm.huge import HugeCaller
from tests.mm.live import Live, build, huge_file, opened
from tests.mm.spec.change import Map
from tests.mm.spec.remap import DONTUNMAP, MAYMOVE
from tests.mm.spec.words import INFINITY, PAGE, PMD, STACK_GUARD_GAP, Vm

STEPS = 120
GUARD = STACK_GUARD_GAP // PAGE
HERE = PRIVATE_ANON | FIXED
HUGEPAGE, NOHUGEPAGE = 14, 15


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    return build(tmp_path_factory.mktemp("executor"))


@pytest.fixture
def live(program: Path, tmp_path: Path) -> Iterator[Live]:
    """A process and its model."""
    both = Live(program, opened(tmp_path))
    yield both
    both.close()


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
    live = Live(program, opened(tmp_path), topdown=False)
    caller = Caller(live, seed)
    for _ in range(STEPS):
        caller.call()
    live.close()


@pytest.mark.parametrize("topdown", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_random_calls_on_huge_pages_agree(program: Path, seed: int, topdown: bool) -> None:
    """What is rounded up to huge pages and what is refused off them, after each call."""
    if not topdown and shutil.which("setarch") is None:
        pytest.skip("no setarch here")
    live = Live(program, huge_file(), topdown=topdown)
    caller = HugeCaller(live, seed)
    for _ in range(STEPS):
        caller.call()
    live.close()


def test_huge_pages_are_for_files_of_huge_pages(live: Live) -> None:
    """MAP_HUGETLB with any other file is refused, before its length or its place is looked at."""
    for number in live.files:
        for flags in (Map.PRIVATE | Map.HUGETLB, Map.SHARED | Map.HUGETLB | Map.FIXED):
            assert live.mmap(at(0), PMD, R, flags, number) == "EINVAL"
            assert live.mmap(at(0) + 1, INFINITY, R, flags, number) == "EINVAL"


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


def test_sealed_memory(live: Live) -> None:
    """What may still be done with it, and what is kept before an error."""
    live.mmap(at(0), 8 * PAGE, RW, HERE)
    assert live.mseal(at(2), 2 * PAGE, 1) == live.mseal(at(2) + 1, PAGE) == "EINVAL"
    assert live.mseal(at(7), 2 * PAGE) == "ENOMEM"
    assert live.mseal(at(2), 2 * PAGE) == 0
    assert live.munmap(at(3), PAGE) == live.munmap(at(1), 4 * PAGE) == "EPERM"
    assert live.mmap(at(3), 3 * PAGE, RW, HERE) == "EPERM"
    assert live.mprotect(at(2), PAGE, RW) == live.mprotect(at(0), 6 * PAGE, R) == "EPERM"
    assert live.mremap(at(2), 2 * PAGE, 2 * PAGE, 0) == "EPERM"
    assert live.mremap(at(0), 2 * PAGE, 4 * PAGE, MAYMOVE) != "EPERM"
    assert live.mremap(at(4), PAGE, PAGE, 3, at(3)) == "EPERM"
    assert live.mlock(at(2), PAGE, on_fault=True) == live.munlock(at(2), PAGE) == 0
    for advice in (4, 10, 11, 16, 18, 19):
        assert live.madvise(at(2), 2 * PAGE, advice) == 0
    live.mmap(at(20), 4 * PAGE, R, HERE)
    assert live.mseal(at(20), 4 * PAGE) == 0
    for advice in (4, 8, 10, 18, 24):
        assert live.madvise(at(21), PAGE, advice) == "EPERM"
    live.madvise(at(21), PAGE, 1)
    live.fork()
    assert live.munmap(at(2), PAGE) == "EPERM"


@pytest.mark.parametrize("flags", [0, 1, 5])
def test_locking_everything_writes_to_droppable_memory(live: Live, flags: int) -> None:
    """Which cannot be locked, so ONFAULT is no reason to wait: two of them never merge then."""
    droppable = int(Map.ANONYMOUS | Map.DROPPABLE | Map.FIXED)
    live.mmap(at(0), 2 * PAGE, RW, droppable)
    live.mmap(at(10), 2 * PAGE, RW, droppable)
    live.mlockall(flags)
    live.mlockall(0)
    live.mremap(at(10), 2 * PAGE, 2 * PAGE, 3, at(2))
    assert len([v for v in live.mm.vmas if at(0) <= v.start < at(4)]) == (2 if flags else 1)


def test_droppable_memory(live: Live) -> None:
    """It merges with its like, and cannot be locked, dumped or inherited."""
    droppable = int(Map.ANONYMOUS | Map.DROPPABLE | Map.FIXED)
    assert live.mmap(at(0), 4 * PAGE, RW, droppable) == at(0)
    live.touch(at(1), write=True)
    assert live.mmap(at(4), 4 * PAGE, RW, droppable) == at(4)
    assert live.mmap(at(9), PAGE, RW, droppable | Map.LOCKED) == "EINVAL"
    assert live.mmap(at(9), PAGE, RW, droppable | Map.GROWSDOWN) == "EINVAL"
    assert live.mmap(at(9), PAGE, R, droppable & ~0x20, next(iter(live.files))) == "EINVAL"
    assert live.madvise(at(1), PAGE, 17) == live.madvise(at(1), PAGE, 19) == "EINVAL"
    assert live.mlock(at(1), PAGE, on_fault=True) == 0
    live.mprotect(at(2), PAGE, R)
    live.mprotect(at(2), PAGE, RW)
    live.fork()
    live.touch(at(1), write=True)
