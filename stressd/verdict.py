"""What a run proved, and how a process says so.

Every oracle is a function of the evidence and answers with an `Opinion`. Verdicts are ordered by
severity, so `max` composes them: one oracle that saw a forbidden thing makes the run INVALID,
one that could not look makes it UNKNOWN, and only a run on which all agree is VALID.

    evidence --> oracle, oracle, ... --> opinions --> verdict --+--> exit code
                                                     ending ----+

The ending says why the workers stopped. It never makes a run better; two endings have an exit
code of their own (a stall, a crash), because whoever restarts the daemon must tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from stressd.evidence import Finding, Sample


class Verdict(IntEnum):
    """Ordered by severity, so that `max` composes verdicts."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2


class Exit(IntEnum):
    """What the process tells its parent. The numbers are part of the interface."""

    VALID = 0  # every answer was right and every threshold met
    INVALID = 1  # something forbidden was seen
    USAGE = 2  # it cannot be done as asked
    THRESHOLD = 3  # right, but slower than asked for
    STALLED = 4  # a worker stopped making progress
    UNKNOWN = 5  # not enough was seen to tell
    CRASHED = 6  # stressd itself failed
    LOCKED = 75  # another run holds the run folder (EX_TEMPFAIL)
    CONFIG = 78  # the configuration is wrong (EX_CONFIG)


EXIT_MEANINGS: Mapping[Exit, str] = {
    Exit.VALID: "every answer that was checked was right",
    Exit.INVALID: "something forbidden was seen",
    Exit.USAGE: "it could not go on as asked",
    Exit.STALLED: "a worker stopped making progress",
    Exit.UNKNOWN: "not enough was seen to decide",
    Exit.CRASHED: "stressd itself failed",
}


class Cause(StrEnum):
    """Why the workers stopped. The first cause counts; what follows from it is not recorded."""

    DEADLINE = "deadline"  # the planned duration is over, or the planned operations are done
    UNSTARTED = "unstarted"  # asked to stop before the workers began
    SIGNAL = "signal"  # asked to stop, and drained
    ABORTED = "aborted"  # asked twice: nothing was waited for
    ARENA_FULL = "arena_full"  # a worker found no room for a node
    FORBIDDEN = "forbidden"  # an oracle saw what must never be: evidence is kept, not piled up
    BROKEN = "broken"  # the state of a tree is not known any more
    STALLED = "stalled"  # a worker stopped counting
    DISK = "disk"  # the run folder could not be written
    CRASHED = "crashed"  # an exception that nobody expected


@dataclass(frozen=True)
class Ending:
    """How the run came to its end, in words that a person can act on."""

    cause: Cause
    message: str

    @property
    def planned(self) -> bool:
        """Whether workers ended between two slices because time was up or somebody asked."""
        return self.cause in (Cause.DEADLINE, Cause.SIGNAL)


@dataclass(frozen=True)
class Evidence:
    """All that an oracle may look at."""

    mixes: Mapping[str, tuple[str, ...]]  # the operations that each workload was to run
    ending: Ending
    sample: Sample | None  # the last one; None: the workers never started
    findings: tuple[Finding, ...]
    structure_checks: int  # walks over every tree that came to their end
    values_checked: bool  # the configuration asked for it
    quiescent: bool  # the workers are gone and everything was reclaimed: accounting is exact
    build: str = "fast"  # of the kernels


@dataclass(frozen=True)
class Opinion:
    """What one oracle concludes; notes do not touch the verdict."""

    oracle: str
    verdict: Verdict
    message: str
    notes: tuple[str, ...] = ()


Oracle = Callable[[Evidence], Opinion]


def judge(oracles: Mapping[str, Oracle], evidence: Evidence) -> tuple[Verdict, tuple[Opinion, ...]]:
    """Ask every oracle; one that crashes has proved nothing, so it answers UNKNOWN."""
    opinions: list[Opinion] = []
    for name, oracle in oracles.items():
        try:
            opinions.append(oracle(evidence))
        except Exception as failure:
            message = f"this oracle failed: {failure!r}"
            opinions.append(Opinion(name, Verdict.UNKNOWN, message))
    return max((o.verdict for o in opinions), default=Verdict.UNKNOWN), tuple(opinions)


def exit_code(verdict: Verdict, cause: Cause) -> Exit:
    """Return the one number for it; what was proved wrong outranks how the run ended."""
    if cause is Cause.CRASHED:
        return Exit.CRASHED
    if verdict is Verdict.INVALID:
        return Exit.INVALID
    if cause is Cause.STALLED:
        return Exit.STALLED
    if cause is Cause.DISK:
        return Exit.USAGE
    return Exit.UNKNOWN if verdict is Verdict.UNKNOWN else Exit.VALID
