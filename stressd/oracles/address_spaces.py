"""Every structure of every address space says the same, around each call or as often as asked.

The kernels compare: maple tree, rb-tree and list, VMA by VMA in both directions, and both answers
to each gap search. What differs stands in the block of the address space, whose lock is BROKEN
from then on; it arrives here as a finding with the dumps of all structures.
"""

from __future__ import annotations

from stressd.oracles.grades import opinion_of_grades
from stressd.verdict import Evidence, Opinion, Verdict

NAME = "address-spaces"


def address_spaces(evidence: Evidence) -> Opinion:
    """INVALID if two structures differed; UNKNOWN if none was compared that should have been."""
    opinion = opinion_of_grades(evidence, NAME)
    spaces = evidence.sample.spaces if evidence.sample else None
    if opinion.verdict is not Verdict.VALID:
        return opinion
    if spaces is None:
        return Opinion(NAME, Verdict.VALID, "")
    if spaces.validation == "off":
        notes = ("address spaces were not validated: source.validation is off",)
        return Opinion(NAME, Verdict.VALID, "", notes)
    if not spaces.validations:
        return Opinion(NAME, Verdict.UNKNOWN, "no address space was validated")
    message = (
        f"address spaces {spaces.validations:,} times in {spaces.calls:,} calls, and"
        f" {spaces.comparisons:,} gap searches asked of both trees: no difference"
    )
    return Opinion(NAME, Verdict.VALID, message)
