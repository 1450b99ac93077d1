"""From the kernels' fine histograms to what Prometheus can carry.

The kernels count durations in 1920 log-linear buckets of nanoseconds (32 to an octave, so a
bucket is at most 3.1 % wide). A scrape carries 40 of them, five to a decade from 100 ns to 4 s
and +Inf, in the R5 series of ISO 3, whose numbers people can read:

    1  1.6  2.5  4  6.3   times  100 ns, 1 us, 10 us, ... 1 s

A fine bucket counts towards the first coarse one that holds all of it, so a coarse bucket never
claims an operation to be faster than it was. Quantiles are taken from the fine histogram.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from stressd.evidence import Counts

NANOSECONDS = 1e9
R5 = (10, 16, 25, 40, 63)
LONGEST_NS = 4_000_000_000
BOUNDS_NS = tuple(
    bound
    for power in range(1, 9)
    for mantissa in R5
    if (bound := mantissa * 10**power) <= LONGEST_NS
)
LABELS = (*(repr(bound / NANOSECONDS) for bound in BOUNDS_NS), "+Inf")

DELAY_BOUNDS = tuple(bound / NANOSECONDS for bound in BOUNDS_NS if bound >= 100_000)

Bucket = tuple[str, int]


@cache
def fine_buckets_below() -> npt.NDArray[np.intp]:
    """For each bound, how many fine buckets lie wholly at or below it."""
    # Imported late: whoever starts the process chooses the build before kernels are imported.
    from stressd_kernels.histogram import upper_bounds

    return np.searchsorted(upper_bounds(), np.array(BOUNDS_NS, dtype=np.uint64), side="right")


def coarse(counts: Counts) -> list[Bucket]:
    """Return the cumulative buckets of one Prometheus histogram, +Inf last."""
    running = np.concatenate(([0], np.cumsum(counts)))
    totals = [*running[fine_buckets_below()].tolist(), int(running[-1])]
    return list(zip(LABELS, map(int, totals), strict=True))


def quantile_seconds(counts: Counts, q: float, longest_ns: int) -> float:
    """Return quantile `q`, 0.0 when nothing was timed; never above the longest one seen."""
    from stressd_kernels.histogram import quantile

    if not counts.any():
        return 0.0
    return min(float(quantile(counts, q)), float(longest_ns)) / NANOSECONDS
