"""Without a time stamp that can be trusted: the monotonic clock, and figures that are sane."""

from __future__ import annotations

import time

import pytest

from stressd.latency import figures
from stressd_kernels import clock
from tests.engine.build import READS, SYNTHETIC, WRITES, loaded, work

SLICES = 3
MORE = "tree: {arena: 64MiB}\nrun: {slice: 20ms}"


@pytest.mark.parametrize("forced", [True, False], ids=["monotonic", "as the machine says"])
def test_a_run_counts_time_with_either_clock(monkeypatch: pytest.MonkeyPatch, forced: bool) -> None:
    """Durations are nanoseconds: none is 0 on average, their sum is less than the time passed."""
    if forced:
        monkeypatch.setenv(clock.FORCED, "monotonic")
    trusted = clock.stamp_is_trusted()
    begun = time.monotonic_ns()
    with loaded(SYNTHETIC, READS % 1, WRITES % 1, more=MORE) as engine:
        work(engine, SLICES)
        sample = engine.sample()
    passed = time.monotonic_ns() - begun
    assert trusted is (not forced and clock.stamp_is_trusted())
    assert sample.clock == clock.NAMES[clock.CLOCK_STAMP if trusted else clock.CLOCK_MONOTONIC]
    for op in sample.ops:
        timed = int(op.durations.sum())
        assert timed > 0
        assert timed < op.duration_sum_ns < passed
        assert op.duration_sum_ns <= op.duration_max_ns * timed
        row = figures([op], 1.0)
        assert 0 < row.p50_ns <= row.p99_ns <= row.max_ns < passed


def test_the_variable_distrusts_the_stamp_and_does_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name of a stamp leaves the decision to what the kernel says of the machine."""
    monkeypatch.delenv(clock.FORCED, raising=False)
    as_it_is = clock.stamp_is_trusted()
    monkeypatch.setenv(clock.FORCED, "tsc")
    assert clock.stamp_is_trusted() is as_it_is
    monkeypatch.setenv(clock.FORCED, "monotonic")
    assert clock.calibrate() == (clock.CLOCK_MONOTONIC, clock.MONOTONIC_SCALE)


def test_a_clock_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name would otherwise choose the other clock without a word."""
    monkeypatch.setenv(clock.FORCED, "monotnic")
    with pytest.raises(ValueError, match="STRESSD_CLOCK must be monotonic, or not set"):
        clock.calibrate()
