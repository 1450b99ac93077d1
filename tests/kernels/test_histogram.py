"""Histograms: every uint64 has a bucket, a bucket is narrow, quantiles are HdrHistogram's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels.histogram import (
    BUCKETS,
    histogram_bucket,
    histogram_record,
    lower_bounds,
    merge,
    quantile,
    upper_bounds,
)

LARGEST = (1 << 64) - 1
VALUES = st.integers(0, 64).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))


def counted(values: list[int]) -> np.ndarray:
    """Return the histogram of `values`."""
    counts = np.zeros(BUCKETS, np.uint64)
    for value in values:
        histogram_record(counts, 0, np.uint64(value))
    return counts


def test_buckets_cover_all_values_without_a_gap() -> None:
    """The first begins at 0, the last ends at the largest word, each begins after the last."""
    lower, upper = lower_bounds(), upper_bounds()
    assert lower[0] == 0
    assert upper[-1] == LARGEST
    assert np.array_equal(lower[1:], upper[:-1] + np.uint64(1))


def test_a_bucket_is_at_most_one_32nd_of_its_values_wide() -> None:
    """That is the error of everything read from a histogram: 3.1 %."""
    lower, upper = lower_bounds(), upper_bounds()
    width = upper - lower
    assert all(width[:64] == 0)
    assert np.all(width[64:] <= lower[64:] // np.uint64(32))


@given(VALUES | st.just(LARGEST))
def test_a_value_is_counted_in_the_bucket_that_holds_it(value: int) -> None:
    """The compiled index agrees with the bounds, for any uint64."""
    bucket = int(histogram_bucket(np.uint64(value)))
    assert int(lower_bounds()[bucket]) <= value <= int(upper_bounds()[bucket])


@given(st.lists(VALUES, min_size=1), st.floats(0, 1))
def test_a_quantile_is_the_bound_above_the_value_of_that_rank(values: list[int], q: float) -> None:
    """Against the sorted values themselves."""
    rank = max(1, int(np.ceil(q * len(values))))
    exact = sorted(values)[min(rank, len(values)) - 1]
    assert quantile(counted(values), q) == int(upper_bounds()[histogram_bucket(np.uint64(exact))])


def test_quantiles_agree_with_another_implementation() -> None:
    """HdrHistogram with two significant digits is finer: both are within their errors."""
    hdrh = pytest.importorskip("hdrh.histogram")
    other = hdrh.HdrHistogram(1, 10**10, 2)
    values = [int(v) for v in np.random.default_rng(5).lognormal(6, 2, 20_000)]
    for value in values:
        other.record_value(value)
    counts = counted(values)
    for q in (0.5, 0.9, 0.99, 0.999, 1.0):
        assert quantile(counts, q) == pytest.approx(
            other.get_value_at_percentile(100 * q), rel=0.04, abs=1
        )


def test_an_empty_histogram_has_quantile_0() -> None:
    """Nothing was counted, and nothing is divided by it."""
    assert quantile(np.zeros(BUCKETS, np.uint64), 0.99) == 0


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_a_quantile_out_of_range_is_refused(q: float) -> None:
    """A percentage passed for a share would silently give the maximum."""
    with pytest.raises(ValueError, match=r"q must be within 0 \.\. 1"):
        quantile(np.zeros(BUCKETS, np.uint64), q)


def test_merging_adds_up() -> None:
    """The merged histogram is that of all values together, and merging nothing is empty."""
    parts = counted([1, 5, 900]), counted([5, 10**9])
    assert np.array_equal(merge(parts), counted([1, 5, 5, 900, 10**9]))
    assert merge([]).sum() == 0
