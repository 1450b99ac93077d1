"""Forbidden is forbidden: the rule that all oracles over graded answers share.

A worker grades each answer that it checks: ok, interesting (a near miss) or forbidden. Counts
travel in samples and never overflow; findings carry the details and are bounded. So both are
asked, and one forbidden grade in either is enough.
"""

from __future__ import annotations

from collections.abc import Collection

from stressd.verdict import Evidence, Opinion, Oracle, Verdict


def grade_counts(evidence: Evidence, oracle: str) -> dict[str, int]:
    """Return how often `oracle` gave each grade, over the whole run."""
    total: dict[str, int] = {}
    for judged in evidence.sample.judged if evidence.sample else ():
        if judged.oracle == oracle:
            for grade, count in judged.grades.items():
                total[grade] = total.get(grade, 0) + count
    return total


def forbidden(evidence: Evidence, oracle: str) -> tuple[int, str]:
    """Return how many forbidden things `oracle` saw, and the first one in words."""
    mine = [f for f in evidence.findings if f.oracle == oracle and f.grade == "forbidden"]
    counted = grade_counts(evidence, oracle).get("forbidden", 0)
    return max(len(mine), counted), mine[0].message if mine else ""


def opinion_of_grades(evidence: Evidence, oracle: str) -> Opinion:
    """INVALID if anything forbidden was seen under that name, else VALID."""
    count, first = forbidden(evidence, oracle)
    if count:
        example = f"the first: {first}" if first else "none was recorded, others came first"
        return Opinion(oracle, Verdict.INVALID, f"{count:,} forbidden; {example}")
    judged = sum(grade_counts(evidence, oracle).values())
    return Opinion(oracle, Verdict.VALID, f"{judged:,} judged, none forbidden")


def graded(name: str) -> Oracle:
    """Return the oracle that asks for nothing but grades and findings under `name`."""
    return lambda evidence: opinion_of_grades(evidence, name)


def strays_beside(owned: Collection[str]) -> Oracle:
    """Return the oracle for findings under names that nobody owns: they count all the same."""

    def strays(evidence: Evidence) -> Opinion:
        judged = evidence.sample.judged if evidence.sample else ()
        names = {f.oracle for f in evidence.findings} | {j.oracle for j in judged}
        for name in sorted(names - set(owned)):
            count, first = forbidden(evidence, name)
            if count:
                return Opinion("strays", Verdict.INVALID, f"{name}: {count:,} forbidden; {first}")
        return Opinion("strays", Verdict.VALID, "no finding without an owner")

    return strays
