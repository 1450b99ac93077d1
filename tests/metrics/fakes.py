"""A run that never happened: samples as an engine would take them, one for each second.

Everything cumulative grows in proportion to the second asked for, so every rate is known:
`RATES[op]` operations a second, of which one in 64 was timed.
"""

from __future__ import annotations

import numpy as np

from stressd.evidence import (
    ArenaSample,
    Compiled,
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
from stressd.metrics import RunInfo, Source
from stressd_kernels.histogram import upper_bounds

STARTED = 1_700_000_000.0
SECOND = 1_000_000_000
RATES = {
    ("readers", "load"): 640_000,
    ("readers", "find"): 64_000,
    ("readers", "scan"): 6_400,
    ("readers", "gap_up"): 6_400,
    ("writers", "store"): 64_000,
    ("writers", "erase"): 32_000,
}
MEDIANS_NS = {"load": 180, "find": 220, "scan": 2_500, "gap_up": 900, "store": 650, "erase": 600}
ORACLES = ("values", "structure", "accounting")
RUN = RunInfo(
    run_id="20231114-221320-quickstart",
    config="configs/quickstart.yaml",
    config_sha256="0f" * 32,
    seed=1,
    started=STARTED,
    planned_seconds=25.0,
    pairs=tuple(RATES),
    oracles=ORACLES,
)


def spread(median_ns: float, count: int) -> tuple[Counts, int, int]:
    """Return fine counts, sum and maximum of `count` durations of a log-normal shape."""
    durations = np.random.default_rng(1).lognormal(np.log(median_ns), 0.6, count).astype(np.uint64)
    bounds = upper_bounds()
    counts = np.bincount(np.searchsorted(bounds, durations), minlength=len(bounds))
    return counts.astype(np.uint64), int(durations.sum()), int(durations.max())


def op_sample(workload: str, op: str, second: int) -> OpSample:
    """Return one operation after `second` seconds; one in a hundred misses."""
    count = RATES[workload, op] * second
    counts, total, longest = spread(MEDIANS_NS[op], RATES[workload, op] // 64)
    return OpSample(
        workload=workload,
        op=op,
        outcomes={"ok": count - count // 100, "miss": count // 100, "conflict": 0, "error": 0},
        durations=counts * np.uint64(second),
        duration_sum_ns=total * second,
        duration_max_ns=longest if second else 0,
        retries={"version": second * 3, "gap_fallback": second} if op == "gap_up" else {},
    )


def tree_sample(second: int) -> TreeSample:
    """Return a tree that splits and merges at a known rate."""
    return TreeSample(
        tree="maple",
        trees=1,
        entries=100_000 + second,
        height=5,
        version=192_000 * second,
        leaves=9_000,
        inners=800,
        restructures={"split": 900 * second, "merge": 890 * second, "spanning_store": 40 * second},
    )


def arena_sample(second: int) -> ArenaSample:
    """Return an arena in which a second's nodes wait for readers."""
    retired, freed = 100_000 * second, 99_000 * second
    return ArenaSample(
        capacity_bytes=4 << 30,
        used_bytes=(12_000 + 1_000 * second) * 384,
        carved=12_000 + 1_000 * second,
        live=9_800,
        limbo=retired - freed,
        cached=512,
        free=1_688,
        allocated_total=9_800 + retired,
        retired_total=retired,
        freed_total=freed,
        limbo_bytes=(retired - freed) * 384,
    )


def lock_sample(second: int) -> LockSample:
    """Return a lock with a thousand sampled waits and holds a second."""
    waits, waits_sum, _ = spread(150, 1_000)
    holds, holds_sum, _ = spread(400, 1_000)
    factor = np.uint64(second)
    return LockSample(
        "maple", waits * factor, waits_sum * second, holds * factor, holds_sum * second
    )


def spaces_sample(second: int) -> SpacesSample:
    """Return address spaces that are validated around each of a thousand calls a second."""
    return SpacesSample(
        alive=5,
        at_most=8,
        vmas=900 + second,
        mapped_bytes=1 << 32,
        locked_bytes=1 << 24,
        calls=1_000 * second,
        validations=2_000 * second,
        comparisons=300 * second,
        splits=200 * second,
        merges=tuple(case * second for case in range(1, 9)),
        grown=second,
    )


def fake_sample(second: int) -> Sample:
    """Return the state of the run `second` seconds after its workers started."""
    now = STARTED + second
    workers = tuple(
        WorkerSample(index, workload, "running", 200_000 * second, now)
        for index, workload in enumerate(("readers", "readers", "readers", "writers"))
    )
    grades = {"ok": 10_000 * second, "interesting": 0, "forbidden": 0}
    return Sample(
        monotonic_ns=(1_000 + second) * SECOND,
        unix_time=now,
        ops=tuple(op_sample(workload, op, second) for workload, op in RATES),
        trees=(tree_sample(second),),
        arena=arena_sample(second),
        epoch=EpochSample(epoch=2_000 * second, lag=1, pinned=2, backlog_waits=3 * second),
        workers=workers,
        judged=tuple(JudgedSample(oracle, grades) for oracle in ORACLES),
        locks=(lock_sample(second),),
        spaces=spaces_sample(second),
    )


def fake_source(second: int = 10) -> Source:
    """Return the source of a run that has been working for `second` seconds."""
    source = Source(RUN)
    source.compiled(Compiled("slice_load", 1.5, cached=False))
    source.compiled(Compiled("slice_store", 0.02, cached=True))
    source.entered("running")
    source.judged("valid")
    source.delayed(0.0004)
    source.sampled(fake_sample(second - 1))
    source.sampled(fake_sample(second))
    return source
