"""What a replay found, one record a recording: the object that `stressd replay --json` prints.

file, format        what was read, under the name that the user gave
stage, validate     with which structures; calls between two validations, 0 for none
stores, erases      events applied
spaces              address spaces that began
gap_searches        asked; agreed with the recorded answer; answered by two structures
validations         times that the structures of a space were compared as a whole
operations          stores, erases, searches and ends; and the seconds that reading and playing
                    the recording took, without starting up
snapshots           final mappings compared with the tree of their process; equal
findings            what is wrong (forbidden) and what one should know (interesting)
trace               null, or what was written as --trace asks: path, events, ...
verdict             VALID    nothing wrong, and all was seen
                    UNKNOWN  nothing wrong, but events or answers are missing
                    INVALID  a wrong answer, another final map, or a broken tree
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from stressd.evidence import Finding, TraceSample
from stressd.replay.how import How
from stressd.replay.player import Counts
from stressd.verdict import Verdict

FINDINGS_KEPT = 50  # of one recording; one wrong store can make thousands of answers wrong


@dataclass(frozen=True)
class Report:
    """One recording, replayed."""

    file: str
    format: str | None  # None: it could not be read
    how: How
    counts: Counts
    compared: int
    equal: int
    seconds: float  # reading and playing, without starting up
    findings: tuple[Finding, ...]
    verdict: Verdict
    trace: TraceSample | None = None  # what was written

    @property
    def rate(self) -> int:
        """Operations a second."""
        return int(self.counts.operations / self.seconds) if self.seconds else 0

    def as_json(self) -> dict[str, Any]:
        """Return the report in the form that scripts read."""
        return {
            "file": self.file,
            "format": self.format,
            "stage": self.how.stage,
            "validate": self.how.validate,
            **self.counts.as_json(),
            "seconds": round(self.seconds, 6),
            "operations_per_second": self.rate,
            "snapshots": {"compared": self.compared, "equal": self.equal},
            "findings": [finding.as_json() for finding in self.findings],
            "trace": asdict(self.trace) if self.trace else None,
            "verdict": self.verdict.name,
        }


class Findings:
    """The first findings of a recording, and the verdict over all of them."""

    def __init__(self) -> None:
        self.verdict = Verdict.VALID
        self._kept: list[Finding] = []
        self._more = 0

    def wrong(self, oracle: str, message: str, **details: object) -> None:
        """Add something that must not be."""
        self.verdict = Verdict.INVALID
        self._add(Finding(oracle, "forbidden", message, details))

    def doubt(self, oracle: str, message: str, **details: object) -> None:
        """Add a reason for not being sure."""
        self.verdict = max(self.verdict, Verdict.UNKNOWN)
        self._add(Finding(oracle, "interesting", message, details))

    def note(self, oracle: str, message: str, **details: object) -> None:
        """Add something worth knowing that changes no verdict."""
        self._add(Finding(oracle, "interesting", message, details))

    def _add(self, finding: Finding) -> None:
        if len(self._kept) < FINDINGS_KEPT:
            self._kept.append(finding)
        else:
            self._more += 1

    def result(self) -> tuple[Finding, ...]:
        """Return the findings kept, and how many there were besides."""
        if not self._more:
            return tuple(self._kept)
        grade: Literal["interesting", "forbidden"] = (
            "forbidden" if self.verdict is Verdict.INVALID else "interesting"
        )
        rest = Finding(
            "replay", grade, f"further findings, not kept: {self._more}", {"more": self._more}
        )
        return (*self._kept, rest)
