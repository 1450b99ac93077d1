"""What is known of a run while it lasts. The main thread alone writes here.

Others see frozen copies: the screen a `Frame`, the oracles an `Evidence`, Prometheus the view of
its own source. Everything is bounded, for runs that last days: findings are kept up to a number
and then counted, samples are kept two at a time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from stressd.display.frame import Frame
from stressd.evidence import GRADES, Compiled, Finding, JudgedSample, Sample
from stressd.latency import interval
from stressd.verdict import Cause, Ending, Evidence

FINDINGS_MAX = 100
HISTORY = 60


class Board:
    """The state of one run."""

    def __init__(self, title: str, duration_s: float) -> None:
        self.title = title
        self.duration_s = duration_s
        self.source = ""
        self.metrics = ""
        self.phase = "starting"
        self.kernels = 0
        self.compiled: list[Compiled] = []
        self.born = 0.0  # on trio's clock, as the next two
        self.began: float | None = None
        self.ended: float | None = None
        self.sample: Sample | None = None
        self.previous: Sample | None = None
        self.history: deque[float] = deque(maxlen=HISTORY)
        self.checks: dict[str, Counter[str]] = {"structure": Counter(), "accounting": Counter()}
        self.findings: list[Finding] = []
        self.findings_dropped = 0
        self.notices: list[str] = []
        self.ending: Ending | None = None
        self.at_work: dict[int, str] = {}  # workers that have not ended yet: their workload
        self.counts: dict[int, int] = {}  # operations of each worker that has something to do
        self.idle: set[int] = set()
        self.quiescent = False

    def end(self, cause: Cause, message: str) -> bool:
        """Note why the run ends; the first trouble counts, unless stressd itself fails later."""
        if self.ending and not self.ending.planned and cause is not Cause.CRASHED:
            return False
        self.ending = Ending(cause, message)
        return True

    def counted(self, sample: Sample) -> None:
        """Keep what the watchdog looks at."""
        self.counts = {worker.worker: worker.operations for worker in sample.workers}
        self.idle = {worker.worker for worker in sample.workers if worker.state == "idle"}

    def counts_at_work(self) -> dict[int, int]:
        """Return the newest count of each worker that should be making progress.

        While the run is draining no sample says any more who is idle: whoever is still at work
        then is to come back.
        """
        busy = self.at_work.keys() - (set() if self.phase == "draining" else self.idle)
        return {worker: self.counts.get(worker, 0) for worker in busy}

    def checked(self, oracle: str, findings: Iterable[Finding]) -> None:
        """A check from outside the workers came to its end, and found this."""
        forbidden = sum(finding.oracle == oracle for finding in findings)
        self.checks[oracle]["forbidden"] += forbidden
        self.checks[oracle]["ok"] += not forbidden

    def with_checks(self, sample: Sample) -> Sample:
        """Add what is checked from outside to what the workers judged."""
        judged = (JudgedSample(name, grades(counts)) for name, counts in self.checks.items())
        return replace(sample, judged=(*sample.judged, *judged))

    @property
    def structure_checks(self) -> int:
        """How often every tree was looked at from end to end."""
        return self.checks["structure"].total()

    def sampled(self, sample: Sample) -> None:
        """Keep the newest sample and the one before it."""
        self.previous, self.sample = self.sample, sample
        ops, seconds = interval(sample, self.previous)
        if seconds > 0:
            self.history.append(sum(op.count for op in ops) / seconds)

    def found(self, finding: Finding) -> bool:
        """Keep a finding if there is room; return whether there was."""
        if len(self.findings) >= FINDINGS_MAX:
            self.findings_dropped += 1
            return False
        self.findings.append(finding)
        return True

    def forbidden(self) -> str:
        """Return the first forbidden thing in words, "" while there is none."""
        for finding in self.findings:
            if finding.grade == "forbidden":
                return f"{finding.oracle}: {finding.message}"
        for judged in self.sample.judged if self.sample else ():
            if judged.grades.get("forbidden", 0):
                return f"{judged.oracle}: {judged.grades['forbidden']:,} forbidden"
        return ""

    def worked_s(self, now: float) -> float:
        """Return how long the workers have worked, or did."""
        if self.began is None:
            return 0.0
        return (now if self.ended is None else self.ended) - self.began

    def frame(self, now: float) -> Frame:
        """Return the picture of this instant."""
        return Frame(
            title=self.title,
            source=self.source,
            metrics=self.metrics,
            phase=self.phase,
            kernels=self.kernels,
            compiled=tuple(self.compiled),
            prepared_s=(now if self.began is None else self.began) - self.born,
            elapsed_s=self.worked_s(now),
            duration_s=self.duration_s,
            sample=self.sample,
            previous=self.previous,
            history=tuple(self.history),
            checks=self.structure_checks,
            findings=len(self.findings) + self.findings_dropped,
            notices=tuple(self.notices),
        )

    def evidence(
        self, mixes: Mapping[str, tuple[str, ...]], checks: bool, ending: Ending, build: str
    ) -> Evidence:
        """Return what the oracles may look at."""
        return Evidence(
            mixes=mixes,
            ending=ending,
            sample=self.sample,
            findings=tuple(self.findings),
            structure_checks=self.structure_checks,
            values_checked=checks,
            quiescent=self.quiescent,
            build=build,
        )


def grades(counts: Mapping[str, int]) -> dict[str, int]:
    """Return a count for every grade."""
    return {grade: counts.get(grade, 0) for grade in GRADES}


def stalled_words(late: Mapping[int, float], at_work: Mapping[int, str]) -> str:
    """Return who is silent, and for how long."""
    who = ", ".join(f"{worker} ({at_work.get(worker, '?')})" for worker in sorted(late))
    noun = "worker" if len(late) == 1 else "workers"
    return f"{noun} {who}: no operation ended for {max(late.values()):.0f} s"


def leaves(failure: BaseException) -> Iterable[BaseException]:
    """Yield the exceptions of a group, however deep, or the one that is no group."""
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions:
            yield from leaves(inner)
    else:
        yield failure
