"""Compiled writers and readers on one small hot tree: every answer certifies itself.

Small, because nodes then come back within microseconds: what a reader holds too long is reused
under its eyes. The canary shows that such a mistake would be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import SLOT_PRNG, SLOT_STOP
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.prng import prng_state
from stressd_kernels.verbs import Verb
from tests.tree.churn import VALUE_BIT, move_hole, read_cells, seek_hole, write_cells

READERS = 3
READS = (Verb.LOAD, Verb.FIND, Verb.NEXT, Verb.PREV, Verb.SCAN)
GAPS = (Verb.GAP_UP, Verb.GAP_DOWN)
ROUND = 500_000  # stores of one writer
CANARY_ROUNDS = 100  # it usually sings in the first


class Ground:
    """One small tree in its own poisoned arena, with seats for writers and readers."""

    def __init__(self, cells: int, writers: int) -> None:
        self.arena = Arena(64 << 20, poison=True)
        self.tree = MapleTree(arena=self.arena)
        self.block = self.tree._block
        self.cells = np.uint64(cells)
        self.seats = [self.arena.seat() for _ in range(writers + READERS)]
        self.writers, self.readers = self.seats[:writers], self.seats[writers:]
        for number, seat in enumerate(self.seats):
            self.arena.words[seat + SLOT_PRNG : seat + SLOT_PRNG + 4] = prng_state(1, number)
        self.arena.offer(self.block, STRUCTURE, (*READS, *GAPS, Verb.STORE))
        self.store = np.uint64(STRUCTURE.entries[Verb.STORE].address)
        self.stop = self.readers[0] + SLOT_STOP

    def fill(self, cells: Iterable[int]) -> None:
        """Store a value that certifies itself on each of these cells."""
        for cell in cells:
            self.tree.store(cell * 16, cell * 16 + 15, int(VALUE_BIT) | cell << 24 | cell)

    def write(self, kernel: Any, seat: int, count: int) -> int:
        """Run a writer kernel for `count` rounds; return how many stores were refused."""
        return int(kernel(self.arena.words, self.block, seat, self.store, self.cells, count))

    def read(self, kernel: Any, seat: int, verbs: Sequence[Verb], *more: Any) -> tuple[int, int]:
        """Run a reader kernel until told to stop; return (answers, wrong answers)."""
        addresses = np.array([STRUCTURE.entries[verb].address for verb in verbs], np.uint64)
        words = self.arena.words
        seen, wrong = kernel(words, self.block, seat, addresses, self.cells, self.stop, *more)
        return int(seen), int(wrong)

    @contextmanager
    def reading(self, *arguments: Any) -> Iterator[list[Future[tuple[int, int]]]]:
        """Read in the background for the length of the block; the results are there after it."""
        kernel, *more = arguments
        self.arena.words[self.stop] = 0
        with ThreadPoolExecutor(READERS) as pool:
            results = [pool.submit(self.read, kernel, seat, *more) for seat in self.readers]
            try:
                yield results
            finally:
                self.arena.words[self.stop] = 1

    def accounted(self) -> bool:
        """Tell whether every node is in one place, and none is left in limbo."""
        count = self.arena.accounting() if self.arena.drain() else None
        return (
            count is not None
            and count.live == self.tree.nodes
            and count.live + count.cached + count.free == count.carved
        )


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile once, before threads race to do it."""
    ground = Ground(10, 1)
    ground.write(write_cells, ground.writers[0], 1)
    ground.write(move_hole, ground.writers[0], 1)
    ground.arena.words[ground.stop] = 1
    ground.read(read_cells, ground.readers[0], READS, True)
    ground.read(seek_hole, ground.readers[0], GAPS)


@pytest.mark.parametrize("writers", [1, 2])
@pytest.mark.parametrize("cells", [60, 1000])
def test_no_reader_meets_a_wrong_answer(cells: int, writers: int) -> None:
    """Reads of every kind beside full-rate writers; at the end every node is accounted for."""
    ground = Ground(cells, writers)
    with ground.reading(read_cells, READS, True) as results, ThreadPoolExecutor(writers) as pool:
        for _ in range(3):
            rounds = [pool.submit(ground.write, write_cells, s, ROUND) for s in ground.writers]
            assert [done.result() for done in rounds] == [0] * writers
            assert ground.tree.check() is None
    for result in results:
        reads, wrong = result.result()
        assert reads > 0
        assert wrong == 0
    assert ground.accounted()
    assert ground.arena.accounting().freed_total > ROUND


@pytest.mark.parametrize("cells", [40, 1000, 5000])
def test_a_hole_that_moves_is_always_found(cells: int) -> None:
    """A gap search answers from one state: mixed from two, it could miss the hole."""
    ground = Ground(cells, 1)
    ground.fill(range(1, cells))
    with ground.reading(seek_hole, GAPS) as results:
        assert ground.write(move_hole, ground.writers[0], ROUND) == 0
    for result in results:
        answers, wrong = result.result()
        assert answers > 0
        assert wrong == 0
    assert ground.tree.check() is None
    assert len(ground.tree) == cells - 1
    assert ground.accounted()


def test_a_reader_without_a_pin_is_caught() -> None:
    """The canary: the same readers, unpinned, meet poison or entries from elsewhere."""
    ground = Ground(1000, 1)
    for _ in range(CANARY_ROUNDS):
        with ground.reading(read_cells, READS, False) as results:
            ground.write(write_cells, ground.writers[0], ROUND)
        if sum(result.result()[1] for result in results):
            return
    pytest.fail("nothing was seen")
