"""One round: threads read and write one small tree; then every answer is judged.

Small, so that writes meet reads and nodes come back within microseconds. A round ends when one
log is full. What is counted over the rounds says whether anything was tested at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import (
    SHORTCUT_BELOW,
    SLOT_PRNG,
    SLOT_STOP,
    TREE_SHORTCUT_BELOW,
    TREE_SHORTCUT_MADE,
    TREE_SHORTCUT_WAIT,
    TREE_VERSION,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.maple.pack import STAT_MERGE, STAT_SPANNING, STAT_SPLIT
from stressd_kernels.prng import prng_state
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.tree.linearizability import batches, gaps, lookups, scans, states, writes

READERS = 3
WRITES = 12_000  # of all writers in one round
LOG_WORDS = 2_400_000  # of one reader in one round
TOTALS = 3

Log = npt.NDArray[np.int64]


class Kind(NamedTuple):
    """One way to read: who asks, who judges, and what the third total counts."""

    read: Any
    judge: Any
    answers: Callable[[Log, int], Log]  # places in a log where another number would be wrong
    number: int  # which of the ways that the two know
    verbs: tuple[Verb, ...]
    row: int  # words of a row; 0: records have no fixed length
    third: str


def at_keys(number: int, verb: Verb) -> Kind:
    """Return one of the kinds of look-up at random keys."""
    return Kind(lookups.read, lookups.judge, lookups.answers, number, (verb,), lookups.ROW, "loose")


def at_gaps(number: int, *verbs: Verb) -> Kind:
    """Return one of the two directions of gap search."""
    return Kind(gaps.read, gaps.judge, gaps.answers, number, verbs, gaps.ROW, "locked")


KINDS: dict[str, Kind] = {
    "load": at_keys(lookups.LOAD, Verb.LOAD),
    "find": at_keys(lookups.FIND, Verb.FIND),
    "next": at_keys(lookups.NEXT, Verb.NEXT),
    "prev": at_keys(lookups.PREV, Verb.PREV),
    "find_rev": at_keys(lookups.FIND_REV, Verb.FIND_REV),
    "walk": at_keys(lookups.WALK, Verb.WALK),
    "seek": at_keys(lookups.SEEK, Verb.SEEK),
    "seek_rev": at_keys(lookups.SEEK_REV, Verb.SEEK_REV),
    "scan": Kind(scans.read, scans.judge, scans.answers, 0, (Verb.SCAN,), 0, "scans"),
    "gap_up": at_gaps(gaps.UP, Verb.GAP_UP, Verb.GAP_UP_LOCKED),
    "gap_down": at_gaps(gaps.DOWN, Verb.GAP_DOWN, Verb.GAP_DOWN_LOCKED),
    "load_many": Kind(batches.read, batches.judge, batches.answers, 0, (Verb.LOAD,), 0, "batches"),
}


class World(NamedTuple):
    """How large the map of a round is, where it lies, and how many write."""

    cells: int
    wide: int
    writers: int
    at_the_end: bool = False  # of all keys; else at key 0
    reserved: bool = False  # some writes reserve
    shortcut: bool = False  # look-ups begin with a table that names leaves

    @property
    def origin(self) -> int:
        """First key of the map, modulo 2**64, as a signed number."""
        return -self.cells * states.CELL_KEYS if self.at_the_end else 0


class Record(NamedTuple):
    """One round: the states that its writes made, and what each reader was told."""

    world: World
    maps: npt.NDArray[np.int32]
    values: Log
    read: list[Log]


class Wrong(AssertionError):
    """An answer that is right in no state it could have come from."""


class Ground:
    """An arena with poison, one tree, seats, logs, and what was counted in all rounds."""

    def __init__(self, kind: Kind, seed: int, writers_max: int = 2) -> None:
        self.kind = kind
        self.arena = Arena(64 << 20, poison=True)
        self.tree = MapleTree(arena=self.arena)
        self.block = self.tree._block
        seats = [self.arena.seat() for _ in range(READERS + writers_max)]
        for number, seat in enumerate(seats):
            self.arena.words[seat + SLOT_PRNG : seat + SLOT_PRNG + 4] = prng_state(seed, number)
        self.readers, self.writers = seats[:READERS], seats[READERS:]
        self.stop = self.readers[0] + SLOT_STOP
        self.arena.offer(self.block, STRUCTURE, {*kind.verbs, *writes.VERBS, Verb.SHORTCUT})
        self.totals = np.zeros(TOTALS, np.int64)
        self.facts = np.zeros(writes.FACTS, np.int64)
        self._logs = [np.zeros(LOG_WORDS, np.int64) for _ in self.readers]
        self._rows = [np.zeros((WRITES, writes.ROW), np.int64) for _ in self.writers]

    def __str__(self) -> str:
        judged, overlapped, third = self.totals.tolist()
        made, *facts = self.facts.tolist()
        return (
            f"{judged:,} reads judged, {overlapped:,} beside a write, {third:,} {self.kind.third}; "
            f"{made:,} writes, {dict(zip(writes.FACT_NAMES, facts, strict=True))}, "
            f"splits, merges, spanning stores: {self.restructured}; {self.shortcuts:,} shortcuts"
        )

    @property
    def restructured(self) -> tuple[int, int, int]:
        """How often nodes were split, merged, and spanned by a store."""
        words = self.arena.words
        stats = [int(words[self.block + at]) for at in (STAT_SPLIT, STAT_MERGE, STAT_SPANNING)]
        return stats[0], stats[1], stats[2]

    @property
    def shortcuts(self) -> int:
        """How many tables were opened."""
        return int(self.arena.words[self.block + TREE_SHORTCUT_MADE])

    def is_accounted(self) -> bool:
        """Tell whether every node is in one place, and none is left in limbo."""
        count = self.arena.accounting() if self.arena.drain() else None
        return (
            count is not None
            and count.live == self.tree.nodes
            and count.live + count.cached + count.free == count.carved
        )

    def play(self, world: World) -> None:
        """Play one round in an empty tree and judge it; Wrong if anything was."""
        self.judge(self.record(world))
        if (broken := self.tree.check()) is not None:
            raise Wrong(f"{world}: {broken}")

    def record(self, world: World) -> Record:
        """Run all threads until one log is full, and put the writes in order: Wrong if one was."""
        self.tree.clear()
        words = self.arena.words
        words[self.block + TREE_SHORTCUT_BELOW] = 1 if world.shortcut else SHORTCUT_BELOW
        words[self.block + TREE_SHORTCUT_WAIT] = 0
        words[self.stop] = 0
        shape = np.zeros(states.SHAPE_WORDS, np.int64)
        shape[[states.CELLS, states.WIDE]] = world.cells, world.wide
        shape[states.RESERVED] = world.reserved
        shape[[states.ORIGIN, states.STOP]] = world.origin, self.stop
        shape[states.START] = int(words[self.block + TREE_VERSION])
        written, read = self._run(world, shape)
        return Record(world, *self._order(world, np.concatenate(written)), read)

    def judge(self, record: Record) -> None:
        """Judge, beside each other, what each reader was told; Wrong if anything was."""
        with ThreadPoolExecutor(READERS) as pool:
            for totals in pool.map(lambda log: self._judge_one(record, log), record.read):
                self.totals += totals

    def _run(self, world: World, shape: Log) -> tuple[list[Log], list[Log]]:
        """Run all threads until one log is full; return the rows written and those read."""
        threads = world.writers + READERS
        ready = threading.Barrier(threads)

        def guarded(work: Callable[[], Log]) -> Log:
            ready.wait()
            try:
                return work()
            finally:
                self.arena.words[self.stop] = 1

        with ThreadPoolExecutor(threads) as pool:
            writing = [
                pool.submit(guarded, lambda n=number: self._write(world, shape, n))
                for number in range(world.writers)
            ]
            reading = [
                pool.submit(guarded, lambda n=number: self._read(shape, n))
                for number in range(READERS)
            ]
            return [done.result() for done in writing], [done.result() for done in reading]

    def _write(self, world: World, shape: Log, number: int) -> Log:
        shape = shape.copy()
        shape[states.NUMBER] = number
        rows = self._rows[number][: WRITES // world.writers]
        verbs = np.array([STRUCTURE.entries[verb].address for verb in writes.VERBS], np.uint64)
        done = writes.write(self.arena.words, self.block, self.writers[number], verbs, shape, rows)
        return rows[:done]

    def _read(self, shape: Log, number: int) -> Log:
        addresses = [STRUCTURE.entries[verb].address for verb in self.kind.verbs]
        asked: Any = np.array(addresses, np.uint64) if len(addresses) > 1 else None
        if asked is None:
            asked = np.uint64(addresses[0])
        shape = shape.copy()
        shape[states.KIND] = self.kind.number
        log = self._logs[number]
        if self.kind.row:
            log = log[: len(log) // self.kind.row * self.kind.row].reshape(-1, self.kind.row)
        done = self.kind.read(self.arena.words, self.block, self.readers[number], asked, shape, log)
        return log[:done]

    def _order(self, world: World, rows: Log) -> tuple[npt.NDArray[np.int32], Log]:
        """Return the states that these writes made, and the values; judge what they answered."""
        done = rows[:, writes.STATUS] == Status.OK
        refused, rows = rows[~done], rows[done]
        rows = rows[np.argsort(rows[:, writes.VERSION], kind="stable")]
        most = int(rows[-1, writes.VERSION]) // 2 if len(rows) else 0
        maps = np.zeros((most + 1, world.cells), np.int32)
        values = np.zeros(most + 1, np.int64)
        made = int(writes.states_build(rows, maps, values, self.facts))
        if made < 0:
            raise Wrong(f"{world}: write {rows[-1 - made].tolist()}")
        wrong = int(writes.refusals_judge(refused, maps, self.facts))
        if wrong >= 0:
            raise Wrong(f"{world}: refused {refused[wrong].tolist()}")
        return maps, values

    def _judge_one(self, record: Record, log: Log) -> Log:
        """Judge the answers that one reader was given; return the totals."""
        totals = np.zeros(TOTALS, np.int64)
        number = self.kind.number
        wrong = int(self.kind.judge(log, number, record.maps, record.values, totals))
        if wrong >= 0:
            answer = log[wrong].tolist() if self.kind.row else log[wrong : wrong + 30].tolist()
            raise Wrong(f"{record.world}: {answer}")
        return totals
