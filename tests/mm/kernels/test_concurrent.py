"""Readers of address spaces that change, fork and end under them."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from stressd_kernels import Arena
from stressd_kernels.address_space import AddressSpace
from stressd_kernels.mm.words import TASK_SIZE, VM_READ
from stressd_kernels.spaces import Settings
from tests.mm.spec.words import PAGE

PAGES = 600
ROUNDS = 30
READ = int(VM_READ)


def writer(spaces: list[AddressSpace], seed: int) -> None:
    """Change the first, fork it into the others, and end those, over and over."""
    rng = random.Random(seed)
    parent, children = spaces[0], spaces[1:]
    for _ in range(ROUNDS):
        for _ in range(10):
            start = rng.randrange(1, PAGES) * PAGE
            length = rng.randrange(1, 30) * PAGE
            if rng.random() < 0.7:
                parent.place(start, start + length, READ, pgoff=start // PAGE)
            else:
                parent.munmap(start, length)
        child = rng.choice(children)
        try:
            parent.fork_into(child)
        except BlockingIOError:
            child.exit()


def reader(spaces: list[AddressSpace], seed: int, done: threading.Event) -> list[str]:
    """Look up addresses anywhere until `done`; return what cannot have been right."""
    rng = random.Random(seed)
    wrong = []
    while not done.is_set():
        mm = rng.choice(spaces)
        address = rng.randrange(PAGES) * PAGE
        vma = mm.find_vma(address)
        if vma is None:
            continue
        whole = address < vma.end <= TASK_SIZE and vma.start < vma.end
        if not whole or (vma.start | vma.end) % PAGE or vma.flags != READ:
            wrong.append(f"{address:#x}: {vma}")
        if vma.pgoff != vma.start // PAGE:
            wrong.append(f"the pgoff of another range: {vma}")
    return wrong


@pytest.fixture(autouse=True)
def turns() -> Iterator[None]:
    """Let threads of Python take turns often: a writer would wait 15 ms for three readers."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("stage", ["all", "no-cache"])
def test_readers_find_whole_mappings_of_spaces_that_come_and_go(stage: str) -> None:
    """Whatever a reader finds is a VMA of one moment: aligned, whole, its pgoff its own."""
    arena = Arena(128 << 20)
    spaces = [AddressSpace(Settings(stage=stage), arena=arena)]
    settings = Settings(stage=stage)
    spaces += [AddressSpace(settings, arena=arena, alive=False) for _ in range(3)]
    done = threading.Event()
    results: list[list[str]] = []
    failures: list[BaseException] = []

    def run(task: Callable[[], list[str]]) -> None:
        try:
            results.append(task())
        except BaseException as failure:
            failures.append(failure)

    def read(seed: int) -> None:
        run(lambda: reader(spaces, seed, done))

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in readers:
        thread.start()
    try:
        writer(spaces, 7)
    finally:
        done.set()
        for thread in readers:
            thread.join()
    assert failures == []
    assert results == [[], [], []]
    for mm in filter(lambda mm: mm.alive, spaces):
        mm.validate()
    assert arena.drain()
    nodes = arena.accounting()
    assert nodes.carved == nodes.live + nodes.cached + nodes.free
    assert nodes.live > 0
