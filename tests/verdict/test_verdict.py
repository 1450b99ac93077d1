"""Verdicts compose by severity; endings with an exit code of their own keep it."""

from __future__ import annotations

import pytest

from stressd.oracles import ORACLES
from stressd.verdict import EXIT_MEANINGS, Cause, Evidence, Exit, Opinion, Verdict, exit_code, judge
from tests.verdict.evidence import HEALTHY


def test_verdicts_are_ordered_by_severity() -> None:
    """So that max composes them."""
    assert Verdict.VALID < Verdict.UNKNOWN < Verdict.INVALID


def says(verdict: Verdict) -> object:
    """Return an oracle that always says the same."""
    return lambda evidence: Opinion("it", verdict, "")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], Verdict.UNKNOWN),
        ([Verdict.VALID], Verdict.VALID),
        ([Verdict.VALID, Verdict.UNKNOWN], Verdict.UNKNOWN),
        ([Verdict.INVALID, Verdict.UNKNOWN, Verdict.VALID], Verdict.INVALID),
    ],
)
def test_the_worst_opinion_is_the_verdict(said: list[Verdict], expected: Verdict) -> None:
    """And nobody's opinion at all is no proof."""
    oracles = {str(number): says(verdict) for number, verdict in enumerate(said)}
    assert judge(oracles, HEALTHY)[0] is expected  # type: ignore[arg-type]


def test_an_oracle_that_crashes_has_proved_nothing() -> None:
    """UNKNOWN under its own name, and the others are still asked."""

    def crashes(evidence: Evidence) -> Opinion:
        raise ZeroDivisionError("oops")

    verdict, opinions = judge({"a": crashes, "b": ORACLES["stall"]}, HEALTHY)
    assert verdict is Verdict.UNKNOWN
    assert [(opinion.oracle, opinion.verdict) for opinion in opinions] == [
        ("a", Verdict.UNKNOWN),
        ("stall", Verdict.VALID),
    ]
    assert "oops" in opinions[0].message


def test_a_crash_of_an_oracle_does_not_hide_what_another_saw() -> None:
    """INVALID outranks UNKNOWN."""

    def crashes(evidence: Evidence) -> Opinion:
        raise ZeroDivisionError

    verdict, _ = judge({"a": crashes, "b": says(Verdict.INVALID)}, HEALTHY)  # type: ignore[dict-item]
    assert verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("verdict", "cause", "expected"),
    [
        (Verdict.VALID, Cause.DEADLINE, Exit.VALID),
        (Verdict.VALID, Cause.SIGNAL, Exit.VALID),
        (Verdict.UNKNOWN, Cause.DEADLINE, Exit.UNKNOWN),
        (Verdict.UNKNOWN, Cause.ABORTED, Exit.UNKNOWN),
        (Verdict.UNKNOWN, Cause.ARENA_FULL, Exit.UNKNOWN),
        (Verdict.UNKNOWN, Cause.STALLED, Exit.STALLED),
        (Verdict.UNKNOWN, Cause.DISK, Exit.USAGE),
        (Verdict.UNKNOWN, Cause.CRASHED, Exit.CRASHED),
        (Verdict.INVALID, Cause.FORBIDDEN, Exit.INVALID),
        (Verdict.INVALID, Cause.BROKEN, Exit.INVALID),
        (Verdict.INVALID, Cause.STALLED, Exit.INVALID),
        (Verdict.INVALID, Cause.DISK, Exit.INVALID),
        (Verdict.INVALID, Cause.CRASHED, Exit.CRASHED),
    ],
)
def test_exit_codes(verdict: Verdict, cause: Cause, expected: Exit) -> None:
    """One number for each combination that can be."""
    assert exit_code(verdict, cause) is expected


def test_exit_codes_of_the_interface() -> None:
    """Scripts and service managers rely on the numbers."""
    numbers = {code.name: int(code) for code in Exit}
    assert numbers == {
        "VALID": 0,
        "INVALID": 1,
        "USAGE": 2,
        "THRESHOLD": 3,
        "STALLED": 4,
        "UNKNOWN": 5,
        "CRASHED": 6,
        "LOCKED": 75,
        "CONFIG": 78,
    }


def test_whatever_a_run_can_end_with_is_explained() -> None:
    """The summary says what the number means."""
    possible = {exit_code(verdict, cause) for verdict in Verdict for cause in Cause}
    assert possible <= EXIT_MEANINGS.keys()


def test_user_errors_use_the_same_numbers() -> None:
    """stressd.errors writes them out, to be light; they must agree."""
    from stressd.errors import BadConfig, RunFolderLocked, UsageError

    assert UsageError.exit_code == Exit.USAGE
    assert RunFolderLocked.exit_code == Exit.LOCKED
    assert BadConfig.exit_code == Exit.CONFIG
