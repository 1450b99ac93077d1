"""Coarse buckets and quantiles agree with the durations that were counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.limits import OP_SERIES
from stressd.metrics.buckets import BOUNDS_NS, LABELS, coarse, quantile_seconds
from stressd_kernels.histogram import BUCKETS, upper_bounds

DURATIONS = st.lists(st.integers(0, 2**40), min_size=1, max_size=200)
FINE_WIDTH = 32


def counted(durations: list[int]) -> np.ndarray:
    """Return the fine counts of `durations`."""
    fine = np.searchsorted(upper_bounds(), np.array(durations, dtype=np.uint64))
    return np.bincount(fine, minlength=BUCKETS).astype(np.uint64)


def test_there_are_forty_buckets_from_100_ns_to_4_s() -> None:
    """Five to a decade, the last one for everything slower."""
    assert len(LABELS) == 40
    assert (BOUNDS_NS[0], BOUNDS_NS[-1]) == (100, 4_000_000_000)
    assert [BOUNDS_NS[i + 5] for i in range(34)] == [10 * bound for bound in BOUNDS_NS[:34]]


def test_the_limit_counts_what_is_exported() -> None:
    """Buckets, sum, count and maximum: the number of series that the limit reckons with."""
    assert len(LABELS) + 3 == OP_SERIES


def test_labels_are_the_bounds_in_seconds() -> None:
    """A label read as a number is its bound."""
    assert [float(label) for label in LABELS[:-1]] == [bound / 1e9 for bound in BOUNDS_NS]
    assert LABELS[-1] == "+Inf"


@given(DURATIONS)
def test_no_operation_is_shown_faster_than_it_was(durations: list[int]) -> None:
    """Each bucket counts at most what is below it, and at least what is below it by 3.1 %."""
    for (_, count), bound in zip(coarse(counted(durations)), BOUNDS_NS, strict=False):
        assert count <= sum(d <= bound for d in durations)
        assert count >= sum(d <= bound - bound / FINE_WIDTH - 1 for d in durations)


@given(DURATIONS)
def test_buckets_rise_to_the_total(durations: list[int]) -> None:
    """Prometheus wants cumulative counts, the last one that of everything."""
    counts = [count for _, count in coarse(counted(durations))]
    assert counts == sorted(counts)
    assert counts[-1] == len(durations)


@given(DURATIONS, st.sampled_from([0.5, 0.99, 0.999, 1.0]))
def test_quantiles_are_exact_to_a_fine_bucket(durations: list[int], q: float) -> None:
    """At the rank of the quantile, within 3.1 %, and never above the longest."""
    ordered = sorted(durations)
    exact = ordered[max(1, int(np.ceil(q * len(ordered)))) - 1]
    shown = round(quantile_seconds(counted(durations), q, ordered[-1]) * 1e9)
    assert exact <= shown <= min(exact + exact // FINE_WIDTH + 1, ordered[-1])


def test_the_quantile_of_nothing_is_zero() -> None:
    """An operation that was not timed in an interval has a series all the same."""
    assert quantile_seconds(np.zeros(BUCKETS, np.uint64), 0.99, 7) == pytest.approx(0.0)
