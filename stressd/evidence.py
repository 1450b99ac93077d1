"""What a run knows about itself: frozen records, taken at intervals, read by everybody.

The engine takes a `Sample`; metrics, the live table, the verdict and the summary are functions
of samples and never look at shared memory themselves. Counters are cumulative since the start
of the run, so a missed sample loses nothing; a rate is the difference of two samples.

    engine.sample() -> Sample --+--> metrics    (the newest)
                                +--> live table (the newest and the one before)
                                +--> verdict and summary (the last)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint64]

OUTCOMES = ("ok", "miss", "conflict", "error")
GRADES = ("ok", "interesting", "forbidden")


@dataclass(frozen=True)
class OpSample:
    """One operation of one workload, summed over its workers."""

    workload: str
    op: str
    outcomes: Mapping[str, int]  # keys: OUTCOMES; their sum is the number of operations
    durations: Counts  # HDR counts in nanoseconds, see stressd_kernels.histogram
    duration_sum_ns: int  # of the timed operations
    duration_max_ns: int
    retries: Mapping[str, int] = field(default_factory=dict)  # by reason

    @property
    def count(self) -> int:
        """Operations begun and ended, timed or not."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class TreeSample:
    """One tree, or all address spaces of one recording together."""

    tree: str
    trees: int  # how many address spaces this stands for
    entries: int
    height: int  # of the highest
    version: int  # sum
    leaves: int
    inners: int
    restructures: Mapping[str, int]  # by kind: split, merge, spanning_store, ...
    shortcuts: int = 0  # tables made that lead look-ups past the upper levels


@dataclass(frozen=True)
class ArenaSample:
    """Where every node is: live + limbo + cached + free = carved, exact when quiescent."""

    capacity_bytes: int
    used_bytes: int  # carved into nodes
    carved: int  # nodes
    live: int
    limbo: int  # retired, waiting for readers
    cached: int  # in the private caches of slots
    free: int
    allocated_total: int
    retired_total: int
    freed_total: int
    limbo_bytes: int


@dataclass(frozen=True)
class EpochSample:
    """How far readers hold reclamation back."""

    epoch: int
    lag: int  # epoch minus the oldest announced one, 0 when nobody is pinned
    pinned: int  # slots that announce an epoch now
    backlog_waits: int  # times a writer waited for readers to leave


@dataclass(frozen=True)
class WorkerSample:
    """One worker: what it does, and when it last got anywhere."""

    worker: int
    workload: str
    state: Literal["running", "idle", "stalled"]
    operations: int
    last_progress: float  # Unix time


@dataclass(frozen=True)
class JudgedSample:
    """How often one oracle looked, and what it saw."""

    oracle: str
    grades: Mapping[str, int]  # keys: GRADES


@dataclass(frozen=True)
class LockSample:
    """Sampled waits for, and holds of, the writer lock, over all trees of one label."""

    tree: str
    waits: Counts  # HDR counts in nanoseconds
    waits_sum_ns: int
    holds: Counts
    holds_sum_ns: int


@dataclass(frozen=True)
class TraceSample:
    """What has come so far of the trace that a run writes."""

    path: str  # of the file as it is called now
    events: int  # written
    lost: int  # made, and not in the file; it says where
    waits: int  # times a call was told to wait for room
    size_bytes: int
    ended: str = ""  # why it ended early


@dataclass(frozen=True)
class SpacesSample:
    """All address spaces; counts are of those that have ended, too."""

    alive: int
    at_most: int
    vmas: int  # now, as the next two
    mapped_bytes: int
    locked_bytes: int
    calls: int  # that changed one, or might have
    validations: int  # comparisons of all structures of one
    comparisons: int  # of single answers: gap searches asked of two trees
    splits: int  # VMAs cut in two
    merges: tuple[int, ...]  # by the eight cases of stressd_kernels.mm.rules.merge
    grown: int  # stacks that grew
    validation: str = "inline"  # as the configuration asks for it
    recorded: bool = False  # nothing but recordings changes them: no splits, merges or faults


@dataclass(frozen=True)
class Sample:
    """Everything at one instant (each part read by itself: not one atomic snapshot)."""

    monotonic_ns: int
    unix_time: float
    ops: tuple[OpSample, ...]
    trees: tuple[TreeSample, ...]
    arena: ArenaSample
    epoch: EpochSample
    workers: tuple[WorkerSample, ...]
    judged: tuple[JudgedSample, ...]
    locks: tuple[LockSample, ...] = ()
    trace: TraceSample | None = None
    spaces: SpacesSample | None = None  # None: the run has no address spaces
    clock: str = ""  # what durations were taken with: a name of stressd_kernels.clock.NAMES


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, said so that somebody can act on it."""

    oracle: str
    grade: Literal["interesting", "forbidden"]
    message: str
    details: Mapping[str, object] = field(default_factory=dict)  # JSON-ready

    def as_json(self) -> dict[str, object]:
        """Return the finding in the form that scripts read."""
        return {**vars(self), "details": dict(self.details)}


@dataclass(frozen=True)
class Compiled:
    """One kernel made ready: how long it took, and whether it came from the cache."""

    kernel: str
    seconds: float
    cached: bool
