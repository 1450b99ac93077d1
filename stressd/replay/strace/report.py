"""What following a log of calls found: the object that `stressd replay --json` prints.

file, format        what was read, under the name that the user gave
stage, validate     with which structures the models track; calls between two validations
calls               about memory; processes: that made them
predicted           answers that the models gave as the kernel did; `threads` of them in an address
                    space of several threads
wrong               answers that they gave otherwise
unknown             answers that cannot be known, by reason (see answers.py)
kinds               the same three for each kind of call
snapshots           final mappings compared with the models of their process; equal; unknown, by
                    reason
findings, verdict   VALID    nothing wrong, and the history of every process is in the log
                    UNKNOWN  nothing wrong, but something could not be read or followed
                    INVALID  a wrong answer, or another final map
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from stressd.evidence import Finding
from stressd.replay.how import How
from stressd.replay.report import Findings
from stressd.replay.strace.answers import NATURAL, REASONS, Answers
from stressd.replay.strace.ends import Ends
from stressd.replay.strace.follower import Follower
from stressd.replay.strace.model import Defect, MakeModel
from stressd.replay.strace.starts import Snapshots
from stressd.traces.calls import CallLog
from stressd.verdict import Verdict


@dataclass(frozen=True)
class CallReport:
    """One log of calls, followed."""

    file: str
    format: str
    how: How
    calls: int
    processes: int
    answers: Answers
    ends: Ends
    seconds: float
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def right(self) -> int:
        """How many answers were predicted."""
        return self.answers.right.total()

    @property
    def wrong(self) -> int:
        """How many answers were predicted otherwise."""
        return self.answers.wrong.total()

    @property
    def rate(self) -> int:
        """Calls a second."""
        return int(self.calls / self.seconds) if self.seconds else 0

    def as_json(self) -> dict[str, Any]:
        """Return the report in the form that scripts read."""
        answers, ends = self.answers, self.ends
        return {
            "file": self.file,
            "format": self.format,
            "stage": self.how.stage,
            "validate": self.how.validate,
            "calls": self.calls,
            "processes": self.processes,
            "predicted": {"right": self.right, "threads": answers.threaded.total()},
            "wrong": self.wrong,
            "unknown": dict(answers.reasons),
            "kinds": answers.kinds(),
            "seconds": round(self.seconds, 6),
            "calls_per_second": self.rate,
            "snapshots": {
                "compared": ends.compared,
                "equal": ends.equal,
                "unknown": ends.unknown,
            },
            "findings": [finding.as_json() for finding in self.findings],
            "verdict": self.verdict.name,
        }


def follow(log: CallLog, how: How, make: MakeModel, maps: str | None) -> CallReport:
    """Follow a log to its end and report; `maps` is the file of its lists of mappings."""
    began = time.perf_counter()
    follower = Follower(log, Snapshots(maps), make)
    findings = Findings()
    try:
        follower.run()
    except Defect as found:
        where = f"{log.path}:{follower.line}"
        findings.wrong("structure", f"{where}: the model's structures differ:\n{found}")
    answers, ends = follower.answers, follower.ends
    _judge_answers(log.path, answers, findings)
    _judge_ends(log.path, ends, findings)
    _note_the_log(log, follower, findings)
    return CallReport(
        log.path, log.format, how, follower.calls, follower.processes, answers, ends,
        time.perf_counter() - began, findings.result(), findings.verdict,
    )  # fmt: skip


def _judge_answers(path: str, answers: Answers, findings: Findings) -> None:
    """Report wrong answers, and those that are not known though they might be."""
    for miss in answers.misses:
        findings.wrong(
            "prediction",
            f"{path}:{miss.line}: {miss}",
            line=miss.line,
            pid=miss.pid,
            call=miss.call,
            predicted=miss.predicted,
            kernel=miss.kernel,
        )
    if (more := answers.wrong.total() - len(answers.misses)) > 0:
        findings.wrong("prediction", f"{path}: further wrong answers: {more:,}", more=more)
    for reason, count in sorted(answers.reasons.items()):
        report = findings.note if reason in NATURAL else findings.doubt
        message = f"{path}: answers not known: {count:,} ({reason}: {REASONS[reason]})"
        report("prediction", message, reason=reason, count=count)


def _judge_ends(path: str, ends: Ends, findings: Findings) -> None:
    """Report final maps that differ, or cannot be compared."""
    for difference in ends.differences:
        findings.wrong(
            "final_maps",
            f"{path}:{difference.line}: {difference}",
            pid=difference.pid,
            only_in_mappings=difference.only_there,
            only_in_model=difference.only_here,
        )
    for reason, count in sorted(ends.unknown.items()):
        report = findings.note if reason in NATURAL else findings.doubt
        message = f"{path}: final maps not known: {count:,} ({reason}: {REASONS[reason]})"
        report("final_maps", message, reason=reason, count=count)
    if ends.snapshots.unclaimed:
        where, count = ends.snapshots.path, ends.snapshots.unclaimed
        findings.note("final_maps", f"{where}: of processes that do not end in the log: {count:,}")


def _note_the_log(log: CallLog, follower: Follower, findings: Findings) -> None:
    """Report what the reader of the file could not use."""
    for problem in log.problems:
        findings.note("recording", problem)
    counted = {
        "calls that could not be read": log.unread,
        "calls of another architecture, passed over": log.foreign,
    }
    for what, count in counted.items():
        if count:
            findings.doubt("recording", f"{log.path}: {what}: {count:,}", count=count)
    if log.odd:
        findings.note("recording", f"{log.path}: lines that are none of strace's: {log.odd:,}")
    if not follower.calls:
        findings.doubt("recording", f"{log.path}: no call about memory: nothing to judge")
