"""Each oracle, for each way in which it can be unhappy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stressd.evidence import OpSample
from stressd.oracles import ORACLES
from stressd.verdict import Cause, Ending, Evidence, Verdict, judge
from tests.session.fakes import fake_arena, fake_op
from tests.verdict.evidence import (
    ARENA,
    HEALTHY,
    SPACES,
    TREE,
    evidence,
    finding,
    judged,
    sample,
)

VALID, UNKNOWN, INVALID = Verdict.VALID, Verdict.UNKNOWN, Verdict.INVALID


def test_a_healthy_run_is_valid_to_all() -> None:
    """No oracle has a doubt, and none has a note."""
    verdict, opinions = judge(ORACLES, HEALTHY)
    assert verdict is VALID
    assert [opinion for opinion in opinions if opinion.verdict or opinion.notes] == []


def test_every_oracle_answers_under_its_own_name() -> None:
    """The list and the opinions speak of the same things."""
    _, opinions = judge(ORACLES, HEALTHY)
    assert [opinion.oracle for opinion in opinions] == list(ORACLES)


def ended(cause: Cause) -> Ending:
    """Return an ending."""
    return Ending(cause, "it ended")


def counted(op: str, **outcomes: int) -> OpSample:
    """Return an operation that ended so often in each way."""
    return replace(fake_op("change", op, 0), outcomes=outcomes)


NO_HITS = replace(fake_op("read", "load", 100), outcomes={"ok": 0, "miss": 100})
NOT_STORED = sample(ops=(fake_op("read", "load", 9), fake_op("write", "store", 0)))

DAMAGED = {
    "a forbidden value": (evidence(findings=(finding("values"),)), "values", INVALID),
    "a forbidden value, counted only": (
        evidence(sample=sample(grades=(judged("values", 99, forbidden=1),))),
        "values",
        INVALID,
    ),
    "an interesting value": (
        evidence(findings=(finding("values", "interesting"),)),
        "values",
        VALID,
    ),
    "no value checked": (evidence(sample=sample(grades=())), "values", UNKNOWN),
    "no value wanted": (
        evidence(sample=sample(grades=()), values_checked=False),
        "values",
        VALID,
    ),
    "entries out of order": (evidence(findings=(finding("order"),)), "order", INVALID),
    "a wrong gap": (
        evidence(sample=sample(grades=(judged("values", 9), judged("gaps", forbidden=2)))),
        "gaps",
        INVALID,
    ),
    "a recording that differs": (evidence(findings=(finding("replay"),)), "replay", INVALID),
    "a broken invariant": (evidence(findings=(finding("structure"),)), "structure", INVALID),
    "never checked": (evidence(structure_checks=0), "structure", UNKNOWN),
    "a node too few": (
        evidence(sample=sample(arena=fake_arena(1000, free=68))),
        "accounting",
        INVALID,
    ),
    "a node too many": (
        evidence(sample=sample(arena=fake_arena(1000, free=70))),
        "accounting",
        INVALID,
    ),
    "nodes in flight": (
        evidence(sample=sample(arena=fake_arena(1000, free=68)), quiescent=False),
        "accounting",
        UNKNOWN,
    ),
    "never quiescent": (evidence(quiescent=False), "accounting", UNKNOWN),
    "a leak found by the engine": (
        evidence(findings=(finding("accounting"),)),
        "accounting",
        INVALID,
    ),
    "an operation that never ran": (evidence(sample=NOT_STORED), "vacuity", UNKNOWN),
    "an operation that is not even listed": (
        evidence(mixes={"read": ("load", "find"), "write": ("store",)}),
        "vacuity",
        UNKNOWN,
    ),
    "workers that never began": (evidence(sample=None), "vacuity", UNKNOWN),
    "loads that find nothing": (
        evidence(mixes={"read": ("load",)}, sample=sample(ops=(NO_HITS,))),
        "vacuity",
        UNKNOWN,
    ),
    "structures that differ": (
        evidence(findings=(finding("address-spaces"),), sample=sample(spaces=SPACES)),
        "address-spaces",
        INVALID,
    ),
    "address spaces that nobody compared": (
        evidence(sample=sample(spaces=replace(SPACES, validations=0))),
        "address-spaces",
        UNKNOWN,
    ),
    "address spaces that nobody should compare": (
        evidence(sample=sample(spaces=replace(SPACES, validations=0, validation="off"))),
        "address-spaces",
        VALID,
    ),
    "a stall": (evidence(ending=ended(Cause.STALLED)), "stall", UNKNOWN),
    "a full arena": (evidence(ending=ended(Cause.ARENA_FULL)), "completion", UNKNOWN),
    "a second signal": (evidence(ending=ended(Cause.ABORTED)), "completion", UNKNOWN),
    "a crash": (evidence(ending=ended(Cause.CRASHED)), "completion", UNKNOWN),
    "a full disk": (evidence(ending=ended(Cause.DISK)), "completion", UNKNOWN),
    "one signal": (evidence(ending=ended(Cause.SIGNAL)), "completion", VALID),
    "a finding of nobody": (evidence(findings=(finding("ghosts"),)), "strays", INVALID),
    "a count of nobody": (
        evidence(sample=sample(grades=(judged("values", 9), judged("ghosts", forbidden=1)))),
        "strays",
        INVALID,
    ),
    "an interesting stall": (
        evidence(findings=(finding("stall", "interesting"),)),
        "strays",
        VALID,
    ),
}


@pytest.mark.parametrize(("facts", "oracle", "expected"), DAMAGED.values(), ids=DAMAGED)
def test_one_damaged_fact(facts: Evidence, oracle: str, expected: Verdict) -> None:
    """The oracle in charge says so, and the verdict is at least as bad."""
    assert ORACLES[oracle](facts).verdict is expected
    assert judge(ORACLES, facts)[0] >= expected


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (
            evidence(
                sample=sample(
                    ops=(
                        replace(fake_op("read", "load", 9), outcomes={"ok": 9, "miss": 0}),
                        fake_op("write", "store", 9),
                    )
                )
            ),
            "no load of an empty place",
        ),
        (evidence(sample=sample(tree=replace(TREE, restructures={"split": 1}))), "no merge"),
        (evidence(sample=sample(tree=replace(TREE, restructures={"merge": 1}))), "no split"),
        (
            evidence(sample=sample(spaces=replace(SPACES, merges=(1, 0, 1, 1, 0, 1, 1, 1)))),
            "merging was not seen in case 2, 5",
        ),
        (evidence(sample=sample(spaces=replace(SPACES, splits=0))), "no mapping was seen"),
        (evidence(sample=sample(spaces=replace(SPACES, alive=0))), "no address space was left"),
        (
            evidence(
                sample=sample(ops=(counted("fork", ok=9), counted("mmap", miss=9)), spaces=SPACES),
                mixes={"change": ("fork", "mmap")},
            ),
            "no fork was seen to be refused",
        ),
        (
            evidence(
                sample=sample(ops=(counted("fork", ok=9), counted("mmap", miss=9)), spaces=SPACES),
                mixes={"change": ("fork", "mmap")},
            ),
            "no mmap was seen to succeed",
        ),
        (evidence(sample=sample(arena=replace(ARENA, retired_total=0))), "no node was retired"),
        (evidence(sample=sample(arena=replace(ARENA, freed_total=0))), "no node was reclaimed"),
    ],
)
def test_what_was_not_seen_is_a_note(facts: Evidence, note: str) -> None:
    """A small workload is no worse for having split nothing; but one may want to know."""
    opinion = ORACLES["vacuity"](facts)
    assert opinion.verdict is VALID
    assert any(note in text for text in opinion.notes)


def test_a_workload_without_writers_needs_no_restructures() -> None:
    """Nobody expects splits of readers."""
    facts = evidence(
        mixes={"read": ("load",)},
        sample=sample(
            ops=(fake_op("read", "load", 100),),
            tree=replace(TREE, restructures={}),
            arena=fake_arena(0, free=69),
        ),
    )
    assert ORACLES["vacuity"](facts).notes == ("nothing was written: readers met no change",)


def test_address_spaces_that_were_compared_are_said_to_be() -> None:
    """How often, in how many calls; off is a note, and a run without any has nothing to say."""
    said = ORACLES["address-spaces"](evidence(sample=sample(spaces=SPACES))).message
    assert "2,000 times in 1,000 calls" in said
    assert "300 gap searches" in said
    off = ORACLES["address-spaces"](
        evidence(sample=sample(spaces=replace(SPACES, validation="off")))
    )
    assert off.notes == ("address spaces were not validated: source.validation is off",)
    assert ORACLES["address-spaces"](HEALTHY).message == ""


def test_two_workloads_are_asked_one_by_one() -> None:
    """That one workload stored does not mean that the other did."""
    facts = evidence(mixes={"read": ("load", "store"), "write": ("store",)})
    assert "read/store" in ORACLES["vacuity"](facts).message
