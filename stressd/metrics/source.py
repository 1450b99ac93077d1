"""What a scrape shows: a frozen `View`, replaced whole whenever the session has news.

Only the session's thread calls `Source`; a scrape may run in another thread, takes
`source.view` once, and so sees one consistent state without a lock.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from prometheus_client import Histogram

from stressd.evidence import (
    GRADES,
    OUTCOMES,
    ArenaSample,
    Compiled,
    Counts,
    EpochSample,
    Finding,
    JudgedSample,
    OpSample,
    Sample,
)
from stressd.metrics.buckets import DELAY_BOUNDS

STATES = ("starting", "compiling", "warmup", "running", "paused", "draining", "failed")
VERDICTS = ("valid", "unknown", "invalid")

# Errors that have a series from the start, so that the first one shows as an increase.
ERRORS = (
    ("worker", "arena_full"),
    ("worker", "broken"),
    ("worker", "corrupt"),
    ("web", "exception"),
)


@dataclass(frozen=True)
class RunInfo:
    """What is known of a run before it starts."""

    run_id: str
    config: str  # as the user named it
    config_sha256: str
    seed: int
    started: float  # Unix time
    planned_seconds: float
    pairs: tuple[tuple[str, str], ...]  # (workload, op) of the configuration
    oracles: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """Everything one scrape is made of."""

    run: RunInfo
    build: Mapping[str, str]
    sample: Sample
    loop_delay: Histogram  # the one thing in here that changes; it locks for itself
    previous: Sample | None = None  # None: `sample` is the first
    state: str = STATES[0]
    verdict: str = "unknown"
    compiled: tuple[Compiled, ...] = ()
    errors: Mapping[tuple[str, str], int] = field(
        default_factory=lambda: MappingProxyType(dict.fromkeys(ERRORS, 0))
    )
    violations: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    scrape_seconds: float = 0.0

    def interval(self, op: OpSample) -> Counts:
        """Return the durations of `op` since the sample before the newest."""
        before = self._before(op)
        return op.durations - before.durations if before else op.durations

    def rate(self, op: OpSample) -> float:
        """Return operations per second since the sample before the newest."""
        before = self._before(op)
        if before is None or self.previous is None:
            return 0.0
        elapsed = self.sample.monotonic_ns - self.previous.monotonic_ns
        return (op.count - before.count) * 1e9 / elapsed if elapsed else 0.0

    def _before(self, op: OpSample) -> OpSample | None:
        for earlier in self.previous.ops if self.previous else ():
            if (earlier.workload, earlier.op) == (op.workload, op.op):
                return earlier
        return None


class Source:
    """Takes the session's news and keeps `view` up to date."""

    view: View

    def __init__(self, run: RunInfo) -> None:
        delay = Histogram(
            "stressd_supervisor_loop_delay_seconds",
            "How late the supervisor's loop woke up.",
            registry=None,
            buckets=DELAY_BOUNDS,
        )
        self.view = View(run=run, build=build_info(), sample=blank(run), loop_delay=delay)

    def entered(self, state: str) -> None:
        """The run is in `state` now, one of STATES."""
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)} (got {state!r})")
        self.view = replace(self.view, state=state)

    def judged(self, verdict: str) -> None:
        """The verdict so far is `verdict`, one of VERDICTS."""
        if verdict not in VERDICTS:
            raise ValueError(f"verdict must be one of {', '.join(VERDICTS)} (got {verdict!r})")
        self.view = replace(self.view, verdict=verdict)

    def sampled(self, sample: Sample) -> None:
        """Show `sample` from now on; rates and quantiles are since the one before it."""
        before = self.view.sample
        violations = {**self.view.violations, **_new_violations(before, sample)}
        self.view = replace(
            self.view,
            sample=sample,
            previous=before if before.monotonic_ns else None,
            violations=MappingProxyType(violations),
        )

    def compiled(self, record: Compiled) -> None:
        """One more kernel is ready."""
        self.view = replace(self.view, compiled=(*self.view.compiled, record))

    def found(self, finding: Finding) -> None:
        """Note when a forbidden thing was seen."""
        if finding.grade == "forbidden":
            violations = {**self.view.violations, finding.oracle: time.time()}
            self.view = replace(self.view, violations=MappingProxyType(violations))

    def failed(self, component: str, kind: str) -> None:
        """Count an error of stressd itself, or one that ended the work of a worker."""
        errors = dict(self.view.errors)
        errors[component, kind] = errors.get((component, kind), 0) + 1
        self.view = replace(self.view, errors=MappingProxyType(errors))

    def delayed(self, seconds: float) -> None:
        """The supervisor's loop woke up `seconds` late."""
        self.view.loop_delay.observe(max(seconds, 0.0))


def blank(run: RunInfo) -> Sample:
    """Return the sample of a run that has done nothing: every series that we can name, at 0."""
    # Imported late: whoever starts the process chooses the build before kernels are imported.
    from stressd_kernels.histogram import BUCKETS

    none: Counts = np.zeros(BUCKETS, dtype=np.uint64)
    no_outcomes = dict.fromkeys(OUTCOMES, 0)
    return Sample(
        monotonic_ns=0,  # never the time of a real sample
        unix_time=run.started,
        ops=tuple(OpSample(workload, op, no_outcomes, none, 0, 0) for workload, op in run.pairs),
        trees=(),
        arena=ArenaSample(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        epoch=EpochSample(0, 0, 0, 0),
        workers=(),
        judged=tuple(JudgedSample(oracle, dict.fromkeys(GRADES, 0)) for oracle in run.oracles),
    )


def _new_violations(before: Sample, after: Sample) -> dict[str, float]:
    """Return the oracles that saw something forbidden between two samples, with the time."""
    seen = _forbidden(before.judged)
    return {
        oracle: after.unix_time
        for oracle, count in _forbidden(after.judged).items()
        if count > seen.get(oracle, 0)
    }


def _forbidden(judged: Iterable[JudgedSample]) -> dict[str, int]:
    return {one.oracle: one.grades.get("forbidden", 0) for one in judged}


def build_info() -> dict[str, str]:
    """Return what this process is made of."""
    # Imported late: whoever starts the process chooses the build before kernels are imported.
    from stressd_kernels.builds import BUILD

    versions = {name: importlib.metadata.version(name) for name in ("numba", "numpy")}
    return {
        "version": importlib.metadata.version("stressd"),
        "revision": _revision(),
        "build": BUILD,
        "python": platform.python_version(),
        **versions,
    }


def _revision() -> str:
    """Return the commit of the checkout this runs from, "" when it is installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
