"""What a section is, and how its loops are timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from stressd.bench.figure import Figure, WrongAnswer
from stressd_kernels.bench.field import Field


@dataclass(frozen=True)
class Effort:
    """How much to measure: the share of the full number of operations, and how often."""

    reps: int = 5
    share: float = 1.0  # less only to warm up and in tests: figures of short loops are rough
    mixed_s: float = 0.3  # of each repetition with several threads
    churn_s: float = 60.0  # of random stores and erases before a tree counts as old

    def operations(self, count: int, step: int = 1) -> int:
        """Return how many operations a full loop of `count` takes now, a multiple of `step`."""
        return max(1, int(count * self.share) // step) * step


@dataclass(frozen=True)
class Theirs:
    """Where a reference has the figures of a section."""

    letter: str  # its own section
    names: Mapping[str, str]  # metric -> its name there; {readers} is filled in


@dataclass(frozen=True)
class Section:
    """Some figures that are taken together, on one field of their own."""

    name: str
    measure: Callable[[Field, Effort], Iterator[Figure]]
    references: Mapping[str, Theirs] = dataclass_field(default_factory=dict)  # by their role
    by_default: bool = True  # no: only when it is named


@dataclass(frozen=True)
class Apart:
    """Some figures that need no field: they do not depend on how many entries a tree has."""

    name: str
    measure: Callable[[Effort], Iterator[Figure]]
    by_default: bool = False


@contextmanager
def no_collections() -> Iterator[None]:
    """Keep Python's garbage collector out of what is timed."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def timed(loop: Callable[..., Any], *arguments: Any) -> tuple[int, int]:
    """Return the nanoseconds of this thread's CPU time that a loop took, and its answer."""
    begin = time.thread_time_ns()
    answer = loop(*arguments)
    return time.thread_time_ns() - begin, int(answer)


def prove(right: bool, what: str) -> None:
    """Raise WrongAnswer unless `right`."""
    if not right:
        raise WrongAnswer(f"{what}: wrong answers while it was measured; the tree is broken")
