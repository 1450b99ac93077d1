"""Every value read names the range it was stored for; a wrong one was never there."""

from __future__ import annotations

from stressd.oracles.grades import grade_counts, opinion_of_grades
from stressd.verdict import Evidence, Opinion, Verdict


def values(evidence: Evidence) -> Opinion:
    """INVALID on one wrong value; UNKNOWN if checks were wanted and no value was seen."""
    opinion = opinion_of_grades(evidence, "values")
    if opinion.verdict is not Verdict.VALID or not evidence.values_checked:
        return opinion
    if not sum(grade_counts(evidence, "values").values()):
        return Opinion("values", Verdict.UNKNOWN, "no value was read, so none was checked")
    return opinion
