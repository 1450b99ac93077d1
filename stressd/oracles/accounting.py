"""Every node is somewhere, exactly once: in a tree, waiting for readers, cached, or free.

    live + limbo + cached + free = carved

While workers run, the parts are read one after the other and need not add up. Once the run is
quiescent they must, to the node.
"""

from __future__ import annotations

from stressd.oracles.grades import opinion_of_grades
from stressd.verdict import Evidence, Opinion, Verdict


def accounting(evidence: Evidence) -> Opinion:
    """INVALID if nodes are missing or doubled; UNKNOWN if the run never became quiescent."""
    opinion = opinion_of_grades(evidence, "accounting")
    if opinion.verdict is not Verdict.VALID:
        return opinion
    if not evidence.quiescent or evidence.sample is None:
        return Opinion("accounting", Verdict.UNKNOWN, "the final count was not taken")
    arena = evidence.sample.arena
    found = arena.live + arena.limbo + arena.cached + arena.free
    if found != arena.carved:
        message = f"{found:,} nodes found of {arena.carved:,}: {arena.carved - found:+,} missing"
        return Opinion("accounting", Verdict.INVALID, message)
    return Opinion("accounting", Verdict.VALID, f"all {arena.carved:,} nodes accounted for")
