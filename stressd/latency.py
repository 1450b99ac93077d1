"""Figures of operations: what the live table, the samples and the summary all say.

Durations come as HDR counts (`stressd_kernels.histogram`); a quantile is the upper end of its
bucket, at most 3.1 % above the truth, and never above the longest duration seen. Where nothing
was timed there is no figure, rather than a zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stressd.evidence import Counts, OpSample, Sample
from stressd_kernels.histogram import quantile


@dataclass(frozen=True)
class Figures:
    """One operation over a stretch of time."""

    count: int
    per_second: float
    p50_ns: int | None
    p99_ns: int | None
    p999_ns: int | None
    max_ns: int | None

    def record(self) -> dict[str, int | float | None]:
        """Return the figures as the summary spells them."""
        return {
            "count": self.count,
            "per_second": round(self.per_second, 3),
            "p50_ns": self.p50_ns,
            "p99_ns": self.p99_ns,
            "p999_ns": self.p999_ns,
            "max_ns": self.max_ns,
        }


def quantile_ns(durations: Counts, q: float, longest: int) -> int | None:
    """Return quantile `q` of what was timed, None if nothing was."""
    return min(int(quantile(durations, q)), longest) if durations.any() else None


def figures(ops: Iterable[OpSample], seconds: float) -> Figures:
    """Return the figures of `ops` taken together, which took `seconds`."""
    ops = tuple(ops)
    count = sum(op.count for op in ops)
    longest = max((op.duration_max_ns for op in ops), default=0)
    durations: Counts = np.sum([op.durations for op in ops], axis=0, dtype=np.uint64)
    rate = count / seconds if seconds > 0 else 0.0
    p50, p99, p999 = (quantile_ns(durations, q, longest) for q in (0.5, 0.99, 0.999))
    return Figures(count, rate, p50, p99, p999, longest if durations.any() else None)


def by_operation(sample: Sample, seconds: float) -> dict[str, Figures]:
    """Return the figures of each operation, over all workloads."""
    names = dict.fromkeys(op.op for op in sample.ops)
    return {name: figures((o for o in sample.ops if o.op == name), seconds) for name in names}


def since(newer: OpSample, older: OpSample | None) -> OpSample:
    """Return what happened between two samples; the longest of an interval is not known."""
    if older is None:
        return newer
    return OpSample(
        workload=newer.workload,
        op=newer.op,
        outcomes={k: v - older.outcomes.get(k, 0) for k, v in newer.outcomes.items()},
        durations=newer.durations - older.durations,
        duration_sum_ns=newer.duration_sum_ns - older.duration_sum_ns,
        duration_max_ns=newer.duration_max_ns,
    )


def interval(newer: Sample, older: Sample | None) -> tuple[tuple[OpSample, ...], float]:
    """Return the operations between two samples, and the seconds between them."""
    if older is None:
        return newer.ops, 0.0
    before = {(op.workload, op.op): op for op in older.ops}
    ops = tuple(since(op, before.get((op.workload, op.op))) for op in newer.ops)
    return ops, (newer.monotonic_ns - older.monotonic_ns) / 1e9


def operations(sample: Sample | None) -> int:
    """Return how many operations ended so far."""
    return sum(op.count for op in sample.ops) if sample else 0
