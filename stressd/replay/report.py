"""What a replay found, one record a recording: the object that `stressd replay --json` prints.

file, format        what was read, under the name that the user gave
stores, erases      events applied
spaces              address spaces that began
gap_searches        asked of a tree; agreed with the recorded answer
snapshots           final mappings compared with the tree of their process; equal
findings            what is wrong (forbidden) and what one should know (interesting)
verdict             VALID    nothing wrong, and all was seen
                    UNKNOWN  nothing wrong, but events or answers are missing
                    INVALID  a wrong answer, another final map, or a broken tree
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stressd.evidence import Finding
from stressd.verdict import Verdict

FINDINGS_KEPT = 50  # of one recording; one wrong store can make thousands of answers wrong


@dataclass(frozen=True)
class Report:
    """One recording, replayed."""

    file: str
    format: str
    stores: int
    erases: int
    spaces: int
    asked: int
    agreed: int
    compared: int
    equal: int
    findings: tuple[Finding, ...]
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """Return the report in the form that scripts read."""
        return {
            "file": self.file,
            "format": self.format,
            "stores": self.stores,
            "erases": self.erases,
            "spaces": self.spaces,
            "gap_searches": {"asked": self.asked, "agreed": self.agreed},
            "snapshots": {"compared": self.compared, "equal": self.equal},
            "findings": [
                {
                    "oracle": finding.oracle,
                    "grade": finding.grade,
                    "message": finding.message,
                    "details": dict(finding.details),
                }
                for finding in self.findings
            ],
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
