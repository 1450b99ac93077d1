"""Slices: the mix is drawn as weighed, reads are pinned, writes are not, slices end."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels import slice as slices
from stressd_kernels.clock import CLOCK_MONOTONIC, MONOTONIC_SCALE
from stressd_kernels.counters import CONFLICT, ENDS, IDLE, MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.epoch import announce_of
from stressd_kernels.histogram import BUCKETS
from stressd_kernels.holding import LOCK_HELD, hold_begin, hold_end
from stressd_kernels.layout import (
    CONTROL,
    SLOT_BEAT,
    SLOT_PRNG,
    SLOT_STOP,
    TREE_LOCK,
    TREES,
    U0,
    U1,
)
from stressd_kernels.memory import Arena
from stressd_kernels.prng import prng_state
from stressd_kernels.slice import BLOCK, mix_draw, mix_words
from stressd_kernels.status import Status
from stressd_kernels.worker import (
    BLOCK_PINNED,
    HISTOGRAMS,
    LOCK_HOLDS,
    LOCK_WAITS,
    MIX_COLUMNS,
    MIX_THRESHOLDS,
    NOW_OP,
    OP_ADDRESS,
    OP_OUTCOMES,
    OP_PINNED,
    OP_WORDS,
    OPS,
    RING_SEQUENCE,
    TIMING_CLOCK,
    TIMING_EVERY,
    TIMING_SCALE,
)

LONG = 3_600_000_000_000  # an hour of ticks: the slice is to end for another reason
ARENA_FULL = np.uint64(Status.ARENA_FULL)


@entry
def pinned_read(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Answer OK if this slot's epoch is announced, MISS if it is not."""
    words = words_at(base)
    return OK if load_relaxed(words, announce_of(slot)) != U0 else MISS


@entry
def conflict(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Answer CONFLICT."""
    return CONFLICT


@entry
def idle(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Answer that there is nothing left to do."""
    return IDLE


@entry
def locking(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Hold the lock of the tree at TREES for a moment, timed if the slice says so."""
    words = words_at(base)
    status = hold_begin(words, TREES, slot)
    hold_end(words, TREES, slot)
    return OK if status == U0 else ENDS + status


@entry
def full(base, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Answer that the arena is full."""
    return ENDS + ARENA_FULL


class Worker:
    """One slot with a mix of stand-in operations."""

    def __init__(self, *ops: tuple[object, bool, float], every: bool = False) -> None:
        self.arena = Arena(4 << 20)
        self.words = self.arena.words
        self.slot = slot = self.arena.seat()
        self.words[slot + SLOT_PRNG : slot + SLOT_PRNG + 4] = prng_state(1, 0)
        self.words[slot + TIMING_CLOCK] = CLOCK_MONOTONIC
        self.words[slot + TIMING_SCALE] = MONOTONIC_SCALE
        self.words[slot + TIMING_EVERY] = int(every)
        mix = mix_words([weight for _, _, weight in ops])
        self.words[slot + MIX_THRESHOLDS : slot + MIX_THRESHOLDS + len(mix)] = mix
        for number, (op, reads, _) in enumerate(ops):
            line = slot + OPS + number * OP_WORDS
            self.words[line + OP_ADDRESS] = op.address  # type: ignore[attr-defined]
            self.words[line + OP_PINNED] = int(reads)

    def run(self, ticks: int) -> Status:
        """Run one slice."""
        address = np.uint64(slices.run.address)
        numbers = np.uint64(ticks), *[np.uint64(0)] * 4
        return Status(slices.entry_run(self.words, address, 0, self.slot, *numbers))

    def outcomes(self, op: int) -> list[int]:
        """Return the four counters of operation number `op`."""
        at = self.slot + OPS + op * OP_WORDS + OP_OUTCOMES
        return [int(word) for word in self.words[at : at + 4]]

    def block(self) -> None:
        """Run exactly one block."""
        assert int(slices.block_run(self.words, self.slot)) == 0


WEIGHTS = st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=MIX_COLUMNS).filter(
    lambda weights: sum(weights) > 0
)


@given(WEIGHTS)
def test_the_alias_table_has_the_shares_of_the_mix(weights: list[float]) -> None:
    """Added up over all columns, to within the rounding of 2^32."""
    words = mix_words(weights)
    shares = [Fraction(0)] * MIX_COLUMNS
    for column in range(MIX_COLUMNS):
        own = Fraction(int(words[column]), 1 << 32)
        shares[column] += own
        shares[int(words[MIX_COLUMNS + column])] += 1 - own
    total = sum(map(Fraction, weights))
    for share, weight in zip(shares, weights, strict=False):
        assert abs(share / MIX_COLUMNS - Fraction(weight) / total) < Fraction(1, 1 << 31)
    assert not any(shares[len(weights) :])


@given(WEIGHTS)
def test_what_weighs_nothing_is_never_drawn(weights: list[float]) -> None:
    """Not even by rounding: an operation that was not asked for has no code."""
    words = np.zeros(1 << 15, np.uint64)
    words[SLOT_PRNG : SLOT_PRNG + 4] = prng_state(3, 0)
    words[MIX_THRESHOLDS : MIX_THRESHOLDS + 2 * MIX_COLUMNS] = mix_words(weights)
    drawn = {int(mix_draw(words, 0)) for _ in range(200)}
    assert all(weights[op] > 0 for op in drawn)


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [1.0] * (MIX_COLUMNS + 1)])
def test_a_mix_that_is_none_is_refused(weights: list[float]) -> None:
    """Empty, weightless, negative, or more than there are columns."""
    with pytest.raises(ValueError, match="weights must be"):
        mix_words(weights)


def test_reads_run_pinned_and_writes_do_not() -> None:
    """However they follow each other in a block; and the block ends unpinned."""
    worker = Worker((pinned_read, True, 1), (pinned_read, False, 1))
    for _ in range(10):
        worker.block()
    reads, writes = worker.outcomes(0), worker.outcomes(1)
    assert reads[1:] == [0, 0, 0]
    assert reads[0] > 100
    assert [writes[0], *writes[2:]] == [0, 0, 0]
    assert writes[1] > 100
    assert reads[0] + writes[1] == 10 * BLOCK
    assert worker.words[worker.slot + BLOCK_PINNED] == 0
    assert worker.arena.epoch()[2] == 0


def test_a_block_beats_and_leaves_nothing_running() -> None:
    """The heart counts operations begun; between blocks no operation stands in NOW."""
    worker = Worker((pinned_read, True, 1))
    worker.block()
    assert worker.words[worker.slot + SLOT_BEAT] == BLOCK
    assert worker.words[worker.slot + NOW_OP] == 0


def test_one_operation_of_a_block_is_timed() -> None:
    """Into its histogram and into the ring."""
    worker = Worker((pinned_read, True, 1))
    for _ in range(7):
        worker.block()
    at = worker.slot + HISTOGRAMS
    assert worker.words[at : at + 1920].sum() == 7
    assert worker.words[worker.slot + RING_SEQUENCE] == 7


def test_every_operation_is_timed_if_asked() -> None:
    """With `timing: every`."""
    worker = Worker((pinned_read, True, 1), every=True)
    worker.block()
    at = worker.slot + HISTOGRAMS
    assert worker.words[at : at + 1920].sum() == BLOCK


def test_a_conflict_is_counted_and_ends_the_slice() -> None:
    """It says that the slice's time is over: whatever followed would conflict at once."""
    worker = Worker((conflict, False, 1))
    assert worker.run(LONG) is Status.OK
    assert worker.outcomes(0) == [0, 0, 1, 0]


def test_a_slice_ends_with_its_time() -> None:
    """After at least one block."""
    worker = Worker((pinned_read, True, 1))
    assert worker.run(1_000_000) is Status.OK
    assert worker.outcomes(0)[0] >= BLOCK


def stop_one(worker: Worker) -> None:
    """Stop this worker."""
    worker.words[worker.slot + SLOT_STOP] = U1


def stop_all(worker: Worker) -> None:
    """Stop the run."""
    worker.words[CONTROL] = U1


@pytest.mark.parametrize("stop", [stop_one, stop_all])
def test_a_slice_that_is_told_to_stop_does_nothing_more(stop: Callable[[Worker], None]) -> None:
    """Not even a block, and it says so."""
    worker = Worker((pinned_read, True, 1))
    stop(worker)
    assert worker.run(LONG) is Status.STOPPED
    assert worker.outcomes(0) == [0, 0, 0, 0]


def test_a_status_ends_the_slice_and_is_not_counted() -> None:
    """And the pin of the reads before it is over."""
    worker = Worker((full, False, 1), (pinned_read, True, 20))
    assert worker.run(LONG) is Status.ARENA_FULL
    assert worker.outcomes(0) == [0, 0, 0, 0]
    assert worker.arena.epoch()[2] == 0


def test_nothing_left_to_do_ends_the_slice() -> None:
    """So that whoever runs slices can wait instead of asking again at once."""
    worker = Worker((idle, False, 1))
    assert worker.run(LONG) is Status.NOT_FOUND
    assert worker.outcomes(0) == [0, 0, 0, 0]


@pytest.mark.parametrize(("every", "timed"), [(False, 1), (True, BLOCK)])
def test_the_lock_is_timed_when_the_operation_is(every: bool, timed: int) -> None:
    """One wait and one hold for each timed write of a block, and the lock is free again."""
    worker = Worker((locking, False, 1), every=every)
    worker.block()
    for histogram in (LOCK_WAITS, LOCK_HOLDS):
        place = worker.slot + histogram
        assert int(worker.words[place : place + BUCKETS].sum()) == timed
    assert worker.words[worker.slot + LOCK_HELD] == 0
    assert worker.words[TREES + TREE_LOCK] == 0
