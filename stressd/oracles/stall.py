"""Progress: a worker that stops counting has met a lock or a loop that does not end."""

from __future__ import annotations

from stressd.verdict import Cause, Evidence, Opinion, Verdict


def stall(evidence: Evidence) -> Opinion:
    """UNKNOWN if a worker stalled: what it was about to answer nobody knows."""
    if evidence.ending.cause is Cause.STALLED:
        return Opinion("stall", Verdict.UNKNOWN, evidence.ending.message)
    return Opinion("stall", Verdict.VALID, "every worker made progress")
