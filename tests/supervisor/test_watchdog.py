"""The watchdog: who is silent too long, and what does not count as silence."""

from __future__ import annotations

from collections.abc import Mapping

import trio
from trio.testing import MockClock

from stressd.run.board import Board
from stressd.run.watchdog import STEPS_PER_LIMIT, Silence, measure_delay, watch


def steps(silence: Silence, seconds: float) -> list[float]:
    """Return the times of all looks up to `seconds`."""
    return [i * silence.interval for i in range(round(seconds / silence.interval) + 1)]


def test_a_worker_that_counts_is_never_silent() -> None:
    """However long it goes on."""
    silence = Silence(10)
    assert not any(silence.observe(now, {0: int(now * 100)}) for now in steps(silence, 100))


def test_a_worker_that_stands_still_is_silent_after_the_limit() -> None:
    """Not before it, and the others are not blamed."""
    silence = Silence(10)
    reports = {now: silence.observe(now, {0: 5, 1: int(now * 9)}) for now in steps(silence, 12)}
    first = min(now for now, late in reports.items() if late)
    assert 10 <= first <= 10 + 10 / STEPS_PER_LIMIT
    assert reports[first].keys() == {0}


def test_a_worker_that_moves_again_starts_anew() -> None:
    """Two silences of nine seconds each are none of ten."""
    silence = Silence(10)
    counts = {now: 1 if now < 9 else 2 for now in steps(silence, 18)}
    assert not any(silence.observe(now, {0: count}) for now, count in counts.items())


def test_time_in_which_nobody_ran_is_not_silence() -> None:
    """A machine that slept for an hour, or ctrl-Z and fg, stalls no worker."""
    silence = Silence(10)
    silence.observe(0.0, {0: 1})
    assert silence.observe(3600.0, {0: 1}) == {}


def test_a_worker_that_ended_is_forgotten() -> None:
    """Who has nothing to do any more makes no progress, and need not."""
    silence = Silence(10)
    for now in steps(silence, 9):
        silence.observe(now, {0: 1})
    assert silence.observe(9.5, {}) == {}
    assert silence.observe(10.0, {0: 1}) == {}


async def test_the_watchdog_reports_once_and_ends(autojump_clock: MockClock) -> None:
    """What to do about it is for others to decide."""
    reports: list[Mapping[int, float]] = []
    await watch(Silence(10), lambda: {4: 17}, reports.append)
    assert [set(report) for report in reports] == [{4}]


async def test_a_loop_that_is_on_time_has_no_delay(autojump_clock: MockClock) -> None:
    """Ten measurements a second, each of how late the task woke up."""
    delays: list[float] = []
    with trio.move_on_after(1.05):
        await measure_delay(delays.append)
    assert len(delays) == 10
    assert max(delays) < 0.001


def test_nobody_counts_as_idle_while_the_run_drains() -> None:
    """No sample is taken any more then: whoever is still at work has to come back."""
    board = Board.__new__(Board)
    board.at_work, board.idle, board.counts = {0: "read", 1: "write"}, {0}, {0: 5, 1: 7}
    board.phase = "running"
    assert board.counts_at_work() == {1: 7}
    board.phase = "draining"
    assert board.counts_at_work() == {0: 5, 1: 7}
