"""Evidence of a healthy run, to be damaged one fact at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stressd.evidence import (
    ArenaSample,
    EpochSample,
    Finding,
    JudgedSample,
    OpSample,
    Sample,
    SpacesSample,
    TreeSample,
)
from stressd.verdict import Cause, Ending, Evidence
from tests.session.fakes import fake_arena, fake_op

OVER = Ending(Cause.DEADLINE, "all of it")
ARENA = fake_arena(retired=1000, free=69)
TREE = TreeSample("maple", 1, 100, 3, 2000, 10, 1, {"split": 5, "merge": 4})


SPACES = SpacesSample(
    alive=3,
    at_most=4,
    vmas=250,
    mapped_bytes=1 << 30,
    locked_bytes=1 << 20,
    calls=1000,
    validations=2000,
    comparisons=300,
    splits=50,
    merges=(1, 2, 3, 4, 5, 6, 7, 8),
    grown=9,
)


def judged(oracle: str, ok: int = 0, forbidden: int = 0) -> JudgedSample:
    """Return the grades of one oracle."""
    return JudgedSample(oracle, {"ok": ok, "interesting": 0, "forbidden": forbidden})


def sample(
    ops: tuple[OpSample, ...] = (fake_op("read", "load", 100), fake_op("write", "store", 50)),
    grades: tuple[JudgedSample, ...] = (judged("values", ok=100), judged("gaps", ok=10)),
    arena: ArenaSample = ARENA,
    tree: TreeSample = TREE,
    spaces: SpacesSample | None = None,
) -> Sample:
    """Return the last sample of a run with one reader and one writer."""
    epoch = EpochSample(9, 1, 0, 0)
    return Sample(0, 0.0, ops, (tree,), arena, epoch, (), grades, spaces=spaces)


HEALTHY = Evidence(
    mixes={"read": ("load",), "write": ("store",)},
    ending=OVER,
    sample=sample(),
    findings=(),
    structure_checks=3,
    values_checked=True,
    quiescent=True,
)


def evidence(**changes: Any) -> Evidence:
    """Return healthy evidence with some facts changed."""
    return replace(HEALTHY, **changes)


def finding(oracle: str, grade: Any = "forbidden") -> Finding:
    """Return a finding."""
    return Finding(oracle, grade, "it was wrong")
