"""The run came to its end: its time was up, or somebody asked it to stop and it drained.

A forbidden finding also ends a run, and so does a tree marked broken; the oracle that saw it
says INVALID, so nothing is added here.
"""

from __future__ import annotations

from stressd import builds
from stressd.verdict import Cause, Evidence, Opinion, Verdict

CUT_SHORT = frozenset(
    {
        Cause.UNSTARTED,
        Cause.ABORTED,
        Cause.ARENA_FULL,
        Cause.DISK,
        Cause.CRASHED,
        Cause.BROKEN,
    }
)


def completion(evidence: Evidence) -> Opinion:
    """UNKNOWN if the run was cut short; a note if its build makes its latencies no measure."""
    verdict = Verdict.UNKNOWN if evidence.ending.cause in CUT_SHORT else Verdict.VALID
    notes = tuple(filter(None, [builds.warning(evidence.build)]))
    return Opinion("completion", verdict, evidence.ending.message, notes)
