"""Samples: the words of all workers, trees and the arena, as they stand while everybody runs.

Each word is whole; together they are no snapshot, and need not be: every counter only grows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stressd.engine.spaces import ORACLE as SPACES
from stressd.engine.spaces import SpacesSampler
from stressd.evidence import (
    GRADES,
    OUTCOMES,
    ArenaSample,
    Counts,
    EpochSample,
    JudgedSample,
    LockSample,
    OpSample,
    Sample,
    SpacesSample,
    TreeSample,
    WorkerSample,
)
from stressd.sources import Seat
from stressd.sources.base import Words
from stressd_kernels.clock import NAMES as CLOCKS
from stressd_kernels.counters import RETRIES, words_copy
from stressd_kernels.histogram import BUCKETS
from stressd_kernels.judge import ORACLES
from stressd_kernels.layout import (
    LEAF_WORDS,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_SHORTCUT_MADE,
    TREE_STATS,
    TREE_VERSION,
    TREE_WORDS,
    WORD_BYTES,
)
from stressd_kernels.memory import Arena
from stressd_kernels.ops import NUMBERS
from stressd_kernels.worker import (
    HISTOGRAMS,
    JUDGED,
    JUDGED_WORDS,
    LOCK_HOLDS,
    LOCK_HOLDS_SUM,
    LOCK_WAITS,
    LOCK_WAITS_SUM,
    OP_OUTCOMES,
    OP_RETRIES,
    OP_TIMED_MAX,
    OP_TIMED_SUM,
    OP_WORDS,
    OPS,
    OPS_MAX,
    TIMING_CLOCK,
)

RESTRUCTURES = ("split", "merge", "spanning_store")  # words from TREE_STATS on
COUNTERS = slice(JUDGED, OPS + OPS_MAX * OP_WORDS)  # of a slot: what one copy takes


@dataclass
class Pulse:
    """When a worker was last seen to have done something."""

    operations: int = 0
    unix_time: float = 0.0
    monotonic: float = 0.0


class Sampler:
    """Takes samples; not for two threads at a time."""

    def __init__(
        self,
        arena: Arena,
        slots: Sequence[int],
        seats: Sequence[Seat],
        trees: Mapping[str, Sequence[int]],
        stall_after: float,
        spaces: SpacesSampler | None = None,
    ) -> None:
        self._arena = arena
        self._slots = slots
        self._seats = seats
        self._trees = trees
        self._stall_after = stall_after
        self._spaces = spaces
        self._counters = np.zeros((len(slots), COUNTERS.stop - COUNTERS.start), np.uint64)
        self._pulses = [Pulse(0, time.time(), time.monotonic()) for _ in slots]

    def sample(self, idle: Sequence[bool]) -> Sample:
        """Read everything; `idle[w]` says whether worker w is outside its slices."""
        for counters, slot in zip(self._counters, self._slots, strict=True):
            words_copy(self._arena.words, slot + COUNTERS.start, counters)
        arena, epoch = self._arena_and_epoch()
        spaces = self._spaces.sample() if self._spaces else None
        return Sample(
            monotonic_ns=time.monotonic_ns(),
            unix_time=time.time(),
            ops=tuple(self._ops()),
            trees=tuple(self._tree(label, trees) for label, trees in self._trees.items()),
            arena=arena,
            epoch=epoch,
            workers=tuple(self._worker(seat, idle[seat.index]) for seat in self._seats),
            judged=(*(self._judged(*one) for one in enumerate(ORACLES)), *_compared(spaces)),
            spaces=spaces,
            locks=(self._locks(),),
            clock=CLOCKS[int(self._arena.words[self._slots[0] + TIMING_CLOCK])],
        )

    def operations(self) -> int:
        """Return all operations of all workers at the last sample."""
        return sum(pulse.operations for pulse in self._pulses)

    def _lines(self, op: int) -> Words:
        """Return the counters of operation number `op`, one row for each worker."""
        at = OPS - COUNTERS.start + op * OP_WORDS
        return self._counters[:, at : at + OP_WORDS]

    def _ops(self) -> list[OpSample]:
        workloads: dict[str, list[Seat]] = {}
        for seat in self._seats:
            workloads.setdefault(seat.workload, []).append(seat)
        return [
            self._op(workload, name, [seat.index for seat in seats])
            for workload, seats in workloads.items()
            for name in seats[0].config.mix
        ]

    def _op(self, workload: str, name: str, workers: list[int]) -> OpSample:
        lines = self._lines(NUMBERS[name])[workers]
        total = lines.sum(axis=0).tolist()
        outcomes = total[OP_OUTCOMES : OP_OUTCOMES + len(OUTCOMES)]
        retries = total[OP_RETRIES : OP_RETRIES + len(RETRIES)]
        return OpSample(
            workload=workload,
            op=name,
            outcomes=dict(zip(OUTCOMES, outcomes, strict=True)),
            durations=self._histogram(HISTOGRAMS + NUMBERS[name] * BUCKETS, workers),
            duration_sum_ns=total[OP_TIMED_SUM],
            duration_max_ns=int(lines[:, OP_TIMED_MAX].max()),
            retries=dict(zip(RETRIES, retries, strict=True)),
        )

    def _locks(self) -> LockSample:
        """Waits for and holds of the writer locks, as the workers timed them, over all trees."""
        words, everybody = self._arena.words, range(len(self._slots))
        return LockSample(
            tree=next(iter(self._trees)) if len(self._trees) == 1 else "all",
            waits=self._histogram(LOCK_WAITS, everybody),
            waits_sum_ns=sum(int(words[slot + LOCK_WAITS_SUM]) for slot in self._slots),
            holds=self._histogram(LOCK_HOLDS, everybody),
            holds_sum_ns=sum(int(words[slot + LOCK_HOLDS_SUM]) for slot in self._slots),
        )

    def _histogram(self, at: int, workers: Iterable[int]) -> Counts:
        """Add up the histograms that begin at word `at` of each worker's slot."""
        total, one = np.zeros(BUCKETS, np.uint64), np.zeros(BUCKETS, np.uint64)
        for worker in workers:
            words_copy(self._arena.words, self._slots[worker] + at, one)
            total += one
        return total

    def _judged(self, number: int, name: str) -> JudgedSample:
        at = JUDGED - COUNTERS.start + number * JUDGED_WORDS
        total = self._counters[:, at : at + len(GRADES)].sum(axis=0).tolist()
        return JudgedSample(name, dict(zip(GRADES, total, strict=True)))

    def _worker(self, seat: Seat, idle: bool) -> WorkerSample:
        start = OPS - COUNTERS.start
        lines = self._counters[seat.index, start:].reshape(OPS_MAX, OP_WORDS)
        done = int(lines[:, OP_OUTCOMES : OP_OUTCOMES + len(OUTCOMES)].sum())
        pulse = self._pulses[seat.index]
        now = time.monotonic()
        if done != pulse.operations or idle:
            pulse.operations, pulse.unix_time, pulse.monotonic = done, time.time(), now
        late = now - pulse.monotonic >= self._stall_after
        state = "idle" if idle else "stalled" if late else "running"
        return WorkerSample(seat.index, seat.workload, state, done, pulse.unix_time)  # type: ignore[arg-type]

    def _tree(self, label: str, trees: Sequence[int]) -> TreeSample:
        blocks = np.zeros((len(trees), TREE_WORDS), np.uint64)
        for block, tree in zip(blocks, trees, strict=True):
            words_copy(self._arena.words, tree, block)
        total = blocks.sum(axis=0).tolist()
        kinds = total[TREE_STATS : TREE_STATS + len(RESTRUCTURES)]
        return TreeSample(
            tree=label,
            trees=len(trees),
            entries=total[TREE_COUNT],
            height=int(blocks[:, TREE_HEIGHT].max()),
            version=total[TREE_VERSION],
            leaves=total[TREE_LEAVES],
            inners=total[TREE_INNERS],
            restructures=dict(zip(RESTRUCTURES, kinds, strict=True)),
            shortcuts=total[TREE_SHORTCUT_MADE],
        )

    def _arena_and_epoch(self) -> tuple[ArenaSample, EpochSample]:
        account = self._arena.accounting()
        epoch, lag, pinned = self._arena.epoch()
        arena = ArenaSample(
            capacity_bytes=self._arena.capacity,
            used_bytes=account.used_bytes,
            carved=account.carved,
            live=account.live,
            limbo=account.limbo,
            cached=account.cached,
            free=account.free,
            allocated_total=account.taken_total,
            retired_total=account.retired_total,
            freed_total=account.freed_total,
            limbo_bytes=account.limbo * LEAF_WORDS * WORD_BYTES,
        )
        return arena, EpochSample(epoch, lag, pinned, account.backlog_waits)


def _compared(spaces: SpacesSample | None) -> Iterator[JudgedSample]:
    """Yield how often address spaces were compared: what differed arrives as a finding."""
    if spaces is not None:
        ok = spaces.validations + spaces.comparisons
        yield JudgedSample(SPACES, dict(zip(GRADES, (ok, 0, 0), strict=True)))
