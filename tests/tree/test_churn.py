"""Compiled writers and readers on one small hot tree: every answer certifies itself.

Small, because nodes then come back within microseconds: what a reader holds too long is reused
under its eyes. The canary shows that such a mistake would be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import SLOT_PRNG, SLOT_STOP
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.prng import prng_state
from stressd_kernels.structures import Verb
from tests.tree.churn import STILL, VALUE_BIT, read_cells, write_cells

READERS = 3
ROUND = 200_000  # stores of one writer
CANARY_ROUNDS = 100  # it usually sings in the first


class Ground:
    """One small tree in its own poisoned arena, with seats for writers and readers."""

    def __init__(self, cells: int, writers: int) -> None:
        self.arena = Arena(64 << 20, poison=True)
        self.tree = MapleTree(arena=self.arena)
        self.block = self.tree._tree
        self.cells = np.uint64(cells)
        self.seats = [self.arena.seat() for _ in range(writers + READERS)]
        self.writers, self.readers = self.seats[:writers], self.seats[writers:]
        for number, seat in enumerate(self.seats):
            self.arena.words[seat + SLOT_PRNG : seat + SLOT_PRNG + 4] = prng_state(1, number)
        for cell in range(cells, cells + STILL, 2):
            value = int(VALUE_BIT) | cell << 24 | cell
            self.tree.store(cell * 16, cell * 16 + 15, value)
        verbs = (Verb.LOAD, Verb.FIND, Verb.NEXT, Verb.PREV, Verb.SCAN, Verb.GAP_UP, Verb.GAP_DOWN)
        self.arena.offer(self.block, STRUCTURE, (*verbs, Verb.STORE))
        self.verbs = np.array([STRUCTURE.entries[verb].address for verb in verbs], np.uint64)
        self.store = np.uint64(STRUCTURE.entries[Verb.STORE].address)

    def write(self, seat: int, count: int) -> int:
        """Store `count` times; return how many were refused."""
        return int(write_cells(self.arena.words, self.block, seat, self.store, self.cells, count))

    @contextmanager
    def reading(self, pinned: bool = True) -> Iterator[list[Future[tuple[int, int]]]]:
        """Read in the background for the length of the block; the results are there after it."""
        words, stop = self.arena.words, self.readers[0] + SLOT_STOP
        words[stop] = 0
        with ThreadPoolExecutor(READERS) as pool:
            arguments = (self.verbs, self.cells, stop, pinned)
            results = [
                pool.submit(read_cells, words, self.block, seat, *arguments)
                for seat in self.readers
            ]
            try:
                yield results
            finally:
                words[stop] = 1


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile once, before threads race to do it."""
    ground = Ground(10, 1)
    ground.write(ground.writers[0], 1)
    words, stop = ground.arena.words, ground.readers[0] + SLOT_STOP
    words[stop] = 1
    read_cells(words, ground.block, ground.readers[0], ground.verbs, ground.cells, stop, True)


@pytest.mark.parametrize("writers", [1, 2])
@pytest.mark.parametrize("cells", [60, 1000])
def test_no_reader_meets_a_wrong_answer(cells: int, writers: int) -> None:
    """Reads of every kind beside full-rate writers; at the end every node is accounted for."""
    ground = Ground(cells, writers)
    with ground.reading() as results, ThreadPoolExecutor(writers) as pool:
        for _ in range(3):
            refused = list(pool.map(lambda seat: ground.write(seat, ROUND), ground.writers))
            assert refused == [0] * writers
            assert ground.tree.check() is None
    for result in results:
        reads, wrong = result.result()
        assert reads > 0
        assert wrong == 0
    assert ground.arena.drain()
    count = ground.arena.accounting()
    assert count.live == ground.tree.nodes
    assert count.live + count.cached + count.free == count.carved
    assert count.freed_total > ROUND


def test_a_reader_without_a_pin_is_caught() -> None:
    """The canary: the same readers, unpinned, meet poison or entries from elsewhere."""
    ground = Ground(1000, 1)
    for _ in range(CANARY_ROUNDS):
        with ground.reading(pinned=False) as results:
            ground.write(ground.writers[0], ROUND)
        if sum(result.result()[1] for result in results):
            return
    pytest.fail("nothing was seen")
