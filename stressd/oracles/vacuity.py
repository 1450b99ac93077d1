"""A run in which nothing happened proves nothing.

What was asked for must have run: each operation of each mix at least once, and loads must have
found something. What *may* follow from it (a miss, a split, a retirement) is a note when it is
missing: small or read-only workloads have none, and are no worse for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from stressd.evidence import OpSample, Sample, SpacesSample
from stressd.verdict import Evidence, Opinion, Verdict
from stressd_kernels.ops.catalog import OPS, SPACES

WRITES = frozenset(op.name for op in OPS if not op.reads)


def never_ran(evidence: Evidence) -> list[str]:
    """Return the operations that were asked for and never came to their end."""
    ops = evidence.sample.ops if evidence.sample else ()
    ran = {(op.workload, op.op) for op in ops if op.count}
    wanted = [(workload, op) for workload, mix in evidence.mixes.items() for op in mix]
    return [f"{workload}/{op}" for workload, op in wanted if (workload, op) not in ran]


def outcome(ops: tuple[OpSample, ...], name: str, outcome: str) -> int:
    """Return how often operation `name` ended so, over all workloads."""
    return sum(op.outcomes.get(outcome, 0) for op in ops if op.op == name)


def not_seen(sample: Sample) -> Iterator[str]:
    """Yield what a lively run shows and this one did not."""
    names = {op.op for op in sample.ops if op.count}
    if "load" in names and not outcome(sample.ops, "load", "miss"):
        yield "no load of an empty place was seen"
    if not names & WRITES:
        yield "nothing was written: readers met no change"
        return
    if sample.spaces and not sample.spaces.recorded:
        yield from not_seen_of_spaces(sample, sample.spaces)
    for kind in ("split", "merge"):
        if not any(tree.restructures.get(kind, 0) for tree in sample.trees):
            yield f"no {kind} was seen"
    if not sample.arena.retired_total:
        yield "no node was retired"
    elif not sample.arena.freed_total:
        yield "no node was reclaimed"


def not_seen_of_spaces(sample: Sample, spaces: SpacesSample) -> Iterator[str]:
    """Yield what lively address spaces show and these did not."""
    for op in OPS:
        counted = [one for one in sample.ops if one.op == op.name and one.count]
        if op.sources == SPACES and not op.reads and counted:
            for name, said in (("ok", "succeed"), ("miss", "be refused")):
                if not sum(one.outcomes.get(name, 0) for one in counted):
                    yield f"no {op.name} was seen to {said}"
    missing = [str(case) for case, count in enumerate(spaces.merges, 1) if not count]
    if missing:
        yield f"merging was not seen in case {', '.join(missing)}"
    if not spaces.splits:
        yield "no mapping was seen to be split"
    if not spaces.alive:
        yield "no address space was left at the end"


def vacuity(evidence: Evidence) -> Opinion:
    """UNKNOWN if an operation of the mix never ran, or loads never found anything."""
    missing = never_ran(evidence)
    if evidence.sample is None or not any(op.count for op in evidence.sample.ops):
        return Opinion("vacuity", Verdict.UNKNOWN, "no operation ran")
    if missing:
        return Opinion("vacuity", Verdict.UNKNOWN, f"never ran: {', '.join(missing)}")
    loads = [op for op in evidence.sample.ops if op.op == "load"]
    if loads and not outcome(evidence.sample.ops, "load", "ok"):
        return Opinion("vacuity", Verdict.UNKNOWN, "no load ever found anything")
    total = sum(op.count for op in evidence.sample.ops)
    notes = tuple(not_seen(evidence.sample))
    return Opinion("vacuity", Verdict.VALID, f"each operation ran, {total:,} in all", notes)
