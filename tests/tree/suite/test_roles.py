"""Real threads that know what they may see: many readers, several writers, nodes recycled fast."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import SLOT_PRNG, SLOT_STOP
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.prng import prng_state
from stressd_kernels.verbs import Verb
from tests.tree.keys import MAX
from tests.tree.nodes import branches, leaves
from tests.tree.suite import roles
from tests.tree.suite.roles import LENGTH, STRIDE, VALUE_BIT

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
TENS = 100
READERS = 200 if THOROUGH else 10  # more than processors, so that they lose theirs while pinned
WRITES = 1_000_000 if THOROUGH else 20_000  # of all writers in one round
ROUNDS_MAX = 200
ROUNDS = 200 if THOROUGH else 8  # of the tests whose rounds are one write each
GROWN = 1_000_000 if THOROUGH else 10_000  # answers that must have seen an entry grown


def addresses(*verbs: Verb) -> Any:
    """Return the addresses of entry points, as uint64."""
    return np.array([STRUCTURE.entries[verb].address for verb in verbs], np.uint64)


class Stage:
    """A poisoned arena with one tree, and seats for all that work on it."""

    def __init__(self, seats: int) -> None:
        self.arena = Arena(64 << 20, poison=True)
        self.words = self.arena.words
        self.seats = [self.arena.seat() for _ in range(seats)]
        for number, seat in enumerate(self.seats):
            self.words[seat + SLOT_PRNG : seat + SLOT_PRNG + 4] = prng_state(7, number)
        self.stop = self.seats[0] + SLOT_STOP
        self.tree = self.fresh()

    def fresh(self, entries: int = 10 * TENS, adjacent: bool = False) -> MapleTree:
        """Return a tree of entries nobody has written again, and make it the one worked on."""
        self.tree = MapleTree(arena=self.arena)
        length = STRIDE if adjacent else LENGTH
        rows = [(i * STRIDE, i * STRIDE + length - 1, VALUE_BIT | i << 32) for i in range(entries)]
        self.tree.build(rows)
        self.arena.offer(self.tree._block, STRUCTURE, roles.WRITE_VERBS)
        return self.tree

    @contextmanager
    def reading(self, work: Callable[[int], Any], readers: int) -> Iterator[None]:
        """Let `work(number)` run in so many threads until the block ends."""
        self.words[self.stop] = 0
        with ThreadPoolExecutor(readers) as pool:
            done = [pool.submit(work, number) for number in range(readers)]
            try:
                yield
            finally:
                self.words[self.stop] = 1
            for result in done:
                result.result()


@pytest.mark.parametrize(
    ("writers", "slow"),
    [(1, 0), (3, 0), (2, 5)],
    ids=["one writer", "three writers", "slow readers"],
)
def test_every_role_is_seen_as_it_must_be(writers: int, slow: int) -> None:
    """Forward and reverse walks of the changing, vanishing, flipping and still: none is wrong."""
    stage = Stage(READERS + writers)
    block, words = stage.tree._block, stage.words
    counts = np.zeros((READERS, roles.COUNTS), np.int64)
    seen = np.zeros((READERS, 10 * TENS), np.int64)
    written = np.zeros(10 * TENS, np.int64)
    reads, writes = addresses(*roles.READ_VERBS), addresses(*roles.WRITE_VERBS)

    def read(number: int) -> None:
        shape = np.array([TENS, stage.stop, number % 2, slow], np.int64)
        seat = stage.seats[number]
        roles.read_roles(words, block, seat, reads, shape, seen[number], counts[number])

    def write(number: int) -> int:
        share = np.array([number, writers], np.int64)
        seat = stage.seats[READERS + number]
        return int(roles.write_roles(words, block, seat, writes, share, written, WRITES // writers))

    with stage.reading(read, READERS), ThreadPoolExecutor(writers) as pool:
        for _ in range(ROUNDS_MAX):
            assert list(pool.map(write, range(writers))) == [0] * writers
            if counts[:, : roles.WRONG].sum(axis=0).min() > 0 and counts[:, roles.WALKS].min() > 0:
                break
    assert counts[:, roles.WRONG].tolist() == [0] * READERS
    assert counts[:, : roles.WRONG].sum(axis=0).min() > 0
    assert counts[:, roles.WALKS].min() > 0
    assert stage.tree.check() is None
    still = [entry for entry in stage.tree.items() if entry[0] % STRIDE == 0]
    gone = sum(times & 1 for times in written[roles.DEL :: 10].tolist())
    assert len(still) == 10 * TENS - gone
    assert stage.arena.drain()
    count = stage.arena.accounting()
    assert count.live == stage.tree.nodes
    assert count.live + count.cached + count.free == count.carved
    assert count.freed_total > WRITES


def ranges(tree: MapleTree) -> dict[str, tuple[int, int]]:
    """Return ranges that lie in one leaf, in two, and in leaves of two parents."""
    leaf = leaves(tree)[20]
    parent = branches(tree)[1]
    return {
        "one leaf": (leaf.low + 2 * STRIDE + 30, leaf.low + 9 * STRIDE + 20),
        "two leaves": (leaf.high - 250, leaf.high + 330),
        "two parents": (parent.high - 1020, parent.high + 40),
    }


@pytest.mark.parametrize("where", ["one leaf", "two leaves", "two parents"])
@pytest.mark.parametrize("step_by_step", [False, True], ids=["one store", "key by key"])
def test_a_range_changes_at_once_or_key_by_key(where: str, step_by_step: bool) -> None:
    """One store over several entries is seen whole; many stores are seen in their order."""
    readers = 4
    stage = Stage(readers)
    load = addresses(Verb.LOAD)[0]
    for number in range(ROUNDS):
        tree = stage.fresh(adjacent=True)
        first, last = ranges(tree)[where]
        fresh = VALUE_BIT | 1 << 60 | number
        shape = np.array([first, last, fresh, stage.stop, step_by_step], np.int64)
        counts = np.zeros((readers, 3), np.int64)

        def work(reader: int, tree=tree, shape=shape, counts=counts) -> None:
            seat = stage.seats[reader]
            roles.watch(stage.words, tree._block, seat, load, shape, counts[reader])

        with stage.reading(work, readers):
            while counts[:, 1].min() == 0:  # until all have seen the old values
                time.sleep(0)
            if step_by_step:
                for key in range(first, last + 1):
                    tree.store(key, key, fresh)
            else:
                tree.store(first, last, fresh)
            while counts[:, 2].min() == 0:  # and the new ones
                time.sleep(0)
        assert counts[:, 0].sum() == 0
        assert tree.check() is None
        tree.close()


def test_an_entry_grows_at_both_ends_or_not_at_all() -> None:
    """Stores that move two borders: no reader ever sees one moved and the other not."""
    readers, entries = 4, 200
    stage = Stage(readers + 1)
    find = addresses(Verb.FIND)[0]
    counts = np.zeros((readers, 3), np.int64)
    for _ in range(ROUNDS_MAX):
        tree = stage.fresh(entries, adjacent=False)
        tree.store(entries * STRIDE, MAX, VALUE_BIT)
        for number in range(0, entries, 2):  # what lies between is cut from both sides
            begin = max(number * STRIDE - LENGTH, 0)
            tree.store(begin, number * STRIDE + STRIDE - 1, VALUE_BIT | number << 32)
        shape = np.array([entries, stage.stop], np.int64)

        def work(reader: int, tree=tree, shape=shape) -> None:
            seat = stage.seats[reader]
            roles.watch_growth(stage.words, tree._block, seat, find, shape, counts[reader])

        with stage.reading(work, readers):
            writes = addresses(*roles.WRITE_VERBS)
            words, seat = stage.words, stage.seats[readers]
            assert roles.grow(words, tree._block, seat, writes, entries, LENGTH - 2) == 0
        assert tree.check() is None
        tree.close()
        assert counts[:, 0].tolist() == [0] * readers
        if counts[:, 2].sum() > GROWN:
            break
    assert counts[:, 2].sum() > GROWN
