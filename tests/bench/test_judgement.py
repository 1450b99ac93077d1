"""Targets: which figure has one, and when it is met, missed or not to be judged."""

from __future__ import annotations

import math

import pytest

from stressd.bench.figure import NS_PER_OP, OF_ONE, PER_SECOND, SECONDS, Figure, figure
from stressd.bench.judgement import Judged, Row, rows, target_of
from stressd.bench.noise import BUSY
from stressd.bench.results import Results
from stressd.bench.targets import ABSL, ITSELF, KERNEL, TARGETS, Target
from tests.bench.test_sections import METRICS

APART_METRICS = {"start_cold", "start_warm", "compile_everything"}


def looked_up(nanoseconds: float, entries: int = 1000) -> Figure:
    """Return a figure of look-ups."""
    return figure("lookup", entries, NS_PER_OP, [nanoseconds])


def reads(per_second: float, others: float = 0.0) -> Figure:
    """Return a figure of readers beside a writer, taken while others used so many cores."""
    of = figure("mixed_reads_per_second", 100_000, PER_SECOND, [per_second], readers=3)
    return of.beside(others)


def test_every_target_is_of_a_metric_that_is_measured() -> None:
    """A misspelt one would never be judged; and what is striven for is more than what must be."""
    measured = {metric for metrics in METRICS.values() for metric in metrics} | APART_METRICS
    assert {target.metric for target in TARGETS} <= measured
    for target in TARGETS:
        assert target.than in (KERNEL, ABSL, ITSELF)
        assert 0 < target.at_least < (target.reach or math.inf)


@pytest.mark.parametrize(
    ("entries", "at_least"), [(1_000, 6), (1_000_000, 6), (10_000_000, 5), (2_500, None)]
)
def test_a_target_may_be_of_some_sizes_only(entries: int, at_least: float | None) -> None:
    """At a size that nobody set one for there is none."""
    target = target_of(looked_up(1.0, entries))
    assert (target and target.at_least) == at_least


def test_a_target_may_be_of_a_number_of_readers() -> None:
    """The others are shown and not judged; so is a tree in a special state."""
    of = figure("mixed_p999", 100_000, "ns", [1.0], readers=2)
    assert target_of(of) is None
    assert target_of(looked_up(1.0).on("70 % full")) is None


@pytest.mark.parametrize(
    ("ours", "judged"), [(10.0, Judged.MET), (10.1, Judged.MISSED), (9.0, Judged.MET)]
)
def test_times_are_compared_with_the_reference(ours: float, judged: Judged) -> None:
    """So many times better, or more."""
    row = Row(looked_up(ours), {KERNEL: looked_up(60.0)}, target_of(looked_up(1.0)))
    assert row.judged == judged


def test_without_the_reference_a_target_stays_open() -> None:
    """Whatever another reference gave."""
    target = target_of(looked_up(1.0))
    assert Row(looked_up(1.0), {ABSL: looked_up(60.0)}, target).judged == Judged.OPEN
    assert Row(looked_up(1.0), {}, None).judged is None


@pytest.mark.parametrize(
    ("value", "unit", "judged"),
    [
        (0.95, OF_ONE, Judged.MET),
        (0.94, OF_ONE, Judged.MISSED),
        (0.95, SECONDS, Judged.MET),
        (0.96, SECONDS, Judged.MISSED),
    ],
)
def test_a_figure_may_be_judged_by_itself(value: float, unit: str, judged: Judged) -> None:
    """Seconds are at most the bound, all else at least."""
    target = Target("any", 0.95, than=ITSELF)
    assert Row(figure("any", None, unit, [value]), {}, target).judged == judged


def test_several_threads_are_not_judged_on_a_busy_machine() -> None:
    """Neither for better nor for worse; it may have been busy for the reference alone."""
    target = target_of(reads(1.0))
    quiet, busy = reads(9e6), reads(9e6, BUSY + 0.1)
    theirs = reads(2e6)
    assert Row(quiet, {KERNEL: theirs}, target).judged == Judged.MET
    assert Row(busy, {KERNEL: theirs}, target).judged == Judged.NOISY
    assert Row(quiet, {KERNEL: theirs.beside(1.0)}, target).judged == Judged.NOISY
    assert Row(quiet, {KERNEL: theirs.beside(None)}, target).judged == Judged.MET


def test_one_thread_is_judged_on_a_busy_machine() -> None:
    """Its figures are its own CPU time."""
    row = Row(looked_up(1.0).beside(3.0), {KERNEL: looked_up(60.0)}, target_of(looked_up(1.0)))
    assert row.judged == Judged.MET


def test_sizes_of_one_metric_stand_side_by_side() -> None:
    """Although they were measured size by size."""
    results = Results(reps=1)
    results.ours = [
        figure(metric, entries, NS_PER_OP, [1.0])
        for entries in (1000, 100_000)
        for metric in ("lookup", "erase")
    ]
    results.add_peer("linux-maple", [looked_up(7.0, 100_000)], KERNEL)
    found = [(row.ours.metric, row.ours.entries, row.ratio(KERNEL)) for row in rows(results)]
    assert found == [
        ("lookup", 1000, None),
        ("lookup", 100_000, 7.0),
        ("erase", 1000, None),
        ("erase", 100_000, None),
    ]
