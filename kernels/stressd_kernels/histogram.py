"""Histograms of durations: HDR, log-linear, 32 buckets an octave, an error of at most 3.1 %.

A value below 64 has its own bucket; above, an octave [2**n, 2**(n+1)) is cut into 32 equal
buckets, so a bucket is never wider than 1/32 of the values in it:

    bucket = (shift << 5) + (value >> shift)       shift = max(0, bits of value - 6)

1920 buckets hold every uint64. They are plain words with one writer; the supervisor reads
them at any time and sees each count whole, and takes differences: nothing is ever reset.

Source: G. Tene, HdrHistogram (public domain), with its lowest unit 1 and 32 sub-buckets.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import kernel, kernel_inline, leading_zeros, load_relaxed, store_relaxed
from stressd_kernels.layout import U1

SUB_BITS = 5
SUB_BUCKETS = 1 << SUB_BITS
BUCKETS = (64 - SUB_BITS) * SUB_BUCKETS + SUB_BUCKETS

Counts = npt.NDArray[np.uint64]

assert BUCKETS == 1920


@kernel_inline
def histogram_bucket(value):
    """Return the bucket, 0 .. BUCKETS - 1, of any uint64 `value`."""
    shift = np.int64(63 - SUB_BITS) - leading_zeros(value | U1)
    if shift < 0:
        shift = np.int64(0)
    return (shift << np.int64(SUB_BITS)) + np.int64(value >> np.uint64(shift))


@kernel
def histogram_record(words, histogram, value):
    """Count `value` once in the histogram of BUCKETS words at `histogram`; one writer."""
    at = histogram + histogram_bucket(value)
    store_relaxed(words, at, load_relaxed(words, at) + U1)


# -- in Python ---------------------------------------------------------------------------


def lower_bounds() -> Counts:
    """Return the smallest value of each bucket."""
    buckets = np.arange(BUCKETS, dtype=np.uint64)
    sub_bits = np.uint64(SUB_BITS)
    one = np.uint64(1)
    shift = np.maximum(buckets >> sub_bits, one) - one
    return (buckets - (shift << sub_bits)) << shift


def upper_bounds() -> Counts:
    """Return the largest value of each bucket."""
    return np.append(lower_bounds()[1:], np.uint64(0)) - np.uint64(1)


def quantile(counts: Counts, q: float) -> int:
    """Return the largest value of the bucket below which a share `q` of the values lies.

    As HdrHistogram does it: of the values in order, the one at rank ceil(q * total), at least
    the first. 0 if nothing was counted.
    """
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"q must be within 0 .. 1 (got {q})")
    running = np.cumsum(counts, dtype=np.uint64)
    total = int(running[-1])
    if total == 0:
        return 0
    rank = max(1, int(np.ceil(q * total)))
    return int(upper_bounds()[np.searchsorted(running, np.uint64(min(rank, total)))])


def merge(histograms: Iterable[Counts]) -> Counts:
    """Return the sum of histograms; all zeros if there is none."""
    total = np.zeros(BUCKETS, np.uint64)
    for counts in histograms:
        total += counts
    return total
