"""What a section is, and how its loops are timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stressd.bench.figure import Figure, WrongAnswer
from stressd_kernels.bench.field import Field


@dataclass(frozen=True)
class Effort:
    """How much to measure: the share of the full number of operations, and how often."""

    reps: int = 5
    share: float = 1.0  # less only to warm up and in tests: figures of short loops are rough
    mixed_s: float = 0.4  # of each repetition with several threads

    def operations(self, count: int, step: int = 1) -> int:
        """Return how many operations a full loop of `count` takes now, a multiple of `step`."""
        return max(1, int(count * self.share) // step) * step


@dataclass(frozen=True)
class Section:
    """Some figures that are taken together, on one field of their own."""

    name: str
    letter: str  # the reference's section that has them
    names: Mapping[str, str]  # metric -> its name there; {readers} is filled in
    measure: Callable[[Field, Effort], Iterator[Figure]]


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
