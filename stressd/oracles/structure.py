"""Every invariant of every tree holds, looked at while it changes and once more at the end."""

from __future__ import annotations

from stressd.oracles.grades import opinion_of_grades
from stressd.verdict import Evidence, Opinion, Verdict


def structure(evidence: Evidence) -> Opinion:
    """INVALID on a broken invariant; UNKNOWN if no walk came to its end."""
    opinion = opinion_of_grades(evidence, "structure")
    if opinion.verdict is not Verdict.VALID:
        return opinion
    if not evidence.structure_checks:
        return Opinion("structure", Verdict.UNKNOWN, "no structural check came to its end")
    walks = evidence.structure_checks
    times = f"{walks:,} times" if walks > 1 else "once"
    return Opinion("structure", Verdict.VALID, f"all trees {times}, no invariant broken")
