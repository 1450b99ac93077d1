"""Every value read names the range it was stored for; a wrong one was never there."""

from __future__ import annotations

from stressd.oracles.grades import grade_counts, opinion_of_grades
from stressd.verdict import Evidence, Opinion, Verdict


def values(evidence: Evidence) -> Opinion:
    """INVALID on one wrong value; UNKNOWN if checks were wanted and no value was seen."""
    opinion = opinion_of_grades(evidence, "values")
    if opinion.verdict is not Verdict.VALID:
        return opinion
    if not evidence.values_checked:
        notes = ("values were not checked: checks.values is false",)
        return Opinion("values", Verdict.VALID, opinion.message, notes)
    if not sum(grade_counts(evidence, "values").values()):
        return Opinion("values", Verdict.UNKNOWN, "no value was read, so none was checked")
    return opinion
