"""An engine without trees: its slices count, and do one thing wrong if told to.

trouble        what happens
hang           the slice of worker 0 never returns (till the test releases it)
arena_full     worker 0 reports a full arena in its third slice
broken         worker 0 reports a broken lock in its third slice
crash          worker 0 raises in its third slice
forbidden      a wrong value is found in the third slice
leak           a node is missing from the final count
sample_crash   the second sample raises
slow_compile   compiling takes until the test releases it
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stressd.config.model import Config
from stressd.evidence import (
    ArenaSample,
    Compiled,
    EpochSample,
    Finding,
    JudgedSample,
    OpSample,
    Sample,
    TreeSample,
    WorkerSample,
)
from stressd_kernels.histogram import BUCKETS
from stressd_kernels.status import Status

OPS_PER_SLICE = 1000
TROUBLED_SLICE = 3
NANOSECONDS = 200


class EngineError(Exception):
    """What the real one raises when a configuration does not fit this machine."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.message, self.path = message, path


@dataclass(frozen=True)
class Seat:
    """One worker."""

    index: int
    workload: str


class FakeEngine:
    """Does what a session asks, at once, and remembers the order of it."""

    def __init__(self, config: Config, trouble: str = "", slice_s: float = 0.002) -> None:
        self.config, self.trouble, self.slice_s = config, trouble, slice_s
        self.calls: list[str] = []
        self.at_work: Callable[[], None] = lambda: None  # called when worker 0 is busy
        self.release = threading.Event()
        self.slices: dict[int, int] = {}
        self.samples = 0
        self.found: list[Finding] = []
        names = [w.name for w in config.workers for _ in range(w.threads)]
        self.workers = [Seat(index, name) for index, name in enumerate(names)]

    @property
    def source_line(self) -> str:
        return "made up"

    def kernels(self) -> Sequence[str]:
        return ["load", "store"]

    def compile(self, progress: Callable[[Compiled], None]) -> None:
        self.calls.append("compile")
        for number, name in enumerate(self.kernels()):
            if self.trouble == "slow_compile":
                self.release.wait()
            progress(Compiled(name, 1.5, cached=number > 0))

    def load(self) -> None:
        self.calls.append("load")

    def run_slice(self, worker: int) -> Status:
        if self.trouble == "hang" and worker == 0:
            self.at_work()
            self.release.wait()
        time.sleep(self.slice_s)
        self.slices[worker] = self.slices.get(worker, 0) + 1
        if worker == 0 and self.slices[worker] == TROUBLED_SLICE:
            self.at_work()
            return self.be_in_trouble()
        return Status.OK

    def be_in_trouble(self) -> Status:
        if self.trouble == "crash":
            raise RuntimeError("a slice went wrong")
        if self.trouble == "forbidden":
            self.found.append(Finding("values", "forbidden", "key 5 holds 7", {"key": 5}))
        return {"arena_full": Status.ARENA_FULL, "broken": Status.BROKEN}.get(
            self.trouble, Status.OK
        )

    def stop(self) -> None:
        self.calls.append("stop")

    def sample(self) -> Sample:
        self.samples += 1
        if self.trouble == "sample_crash" and self.samples > 1:
            raise RuntimeError("a sample went wrong")
        done = {seat.index: self.slices.get(seat.index, 0) * OPS_PER_SLICE for seat in self.workers}
        return fake_sample(self.config, self.workers, done, missing=self.trouble == "leak")

    def check(self) -> Sequence[Finding]:
        self.calls.append("check")
        return []

    def finish(self) -> Sequence[Finding]:
        self.calls.append("finish")
        return []

    def findings(self) -> Sequence[Finding]:
        fresh, self.found = self.found, []
        return fresh

    def end_trace(self) -> None:
        """Write nothing."""

    def close(self) -> None:
        self.calls.append("close")


def fake_sample(
    config: Config, seats: Sequence[Seat], done: dict[int, int], missing: bool = False
) -> Sample:
    """Return a sample in which each worker divided its operations evenly over its mix."""
    ops = []
    for workload in config.workers:
        total = sum(done[seat.index] for seat in seats if seat.workload == workload.name)
        ops += [fake_op(workload.name, op, total // len(workload.mix)) for op in workload.mix]
    total = sum(done.values())
    now = time.time()
    return Sample(
        monotonic_ns=time.monotonic_ns(),
        unix_time=now,
        ops=tuple(ops),
        trees=(TreeSample("maple", 1, 100, 2, total, 10, 1, {"split": total, "merge": total}),),
        arena=ArenaSample(
            4 << 30, 1 << 20, 100, 11, 0, 20, 68 if missing else 69, 0, total, total, 0
        ),
        epoch=EpochSample(total, 1, 1, 0),
        workers=tuple(
            WorkerSample(seat.index, seat.workload, "running", done[seat.index], now)
            for seat in seats
        ),
        judged=(JudgedSample("values", {"ok": total, "interesting": 0, "forbidden": 0}),),
    )


def fake_arena(retired: int, free: int) -> ArenaSample:
    """Return an arena of 100 nodes that are all accounted for if 69 are free."""
    return ArenaSample(
        capacity_bytes=4 << 30,
        used_bytes=1 << 20,
        carved=100,
        live=11,
        limbo=0,
        cached=20,
        free=free,
        allocated_total=retired + 11,
        retired_total=retired,
        freed_total=retired,
        limbo_bytes=0,
    )


def fake_op(workload: str, op: str, count: int) -> OpSample:
    """Return `count` operations, one in ten of which missed, all as long."""
    durations = np.zeros(BUCKETS, np.uint64)
    durations[120] = count
    return OpSample(
        workload=workload,
        op=op,
        outcomes={"ok": count - count // 10, "miss": count // 10, "conflict": 0, "error": 0},
        durations=durations,
        duration_sum_ns=count * NANOSECONDS,
        duration_max_ns=NANOSECONDS if count else 0,
    )
