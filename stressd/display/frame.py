"""One picture of a run, from its first line to its last: all that a screen may know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from stressd.evidence import Compiled, Sample


@dataclass(frozen=True)
class Frame:
    """The state of a run at one instant; every field is final or grows."""

    title: str  # stressd 0.1.0 · CONFIG · seed N
    source: str = ""  # where the mappings come from, once that is known
    metrics: str = ""  # where to scrape; "" when nothing listens
    phase: str = "starting"
    kernels: int = 0  # how many there are to make ready; 0: not known yet
    compiled: tuple[Compiled, ...] = ()
    prepared_s: float = 0.0  # spent on compiling and loading so far
    elapsed_s: float = 0.0  # since the workers began
    duration_s: float = 0.0
    sample: Sample | None = None
    previous: Sample | None = None  # the one before it, for rates
    history: tuple[float, ...] = field(default=())  # operations per second, oldest first
    checks: int = 0
    findings: int = 0
    notices: tuple[str, ...] = ()  # what happened on the way: signals, faults


class Screen(Protocol):
    """Shows frames. Its methods are called from one thread at a time."""

    interval: float  # seconds between two frames

    def update(self, frame: Frame) -> None:
        """Show the newest state."""

    def close(self) -> None:
        """Leave the terminal as it was found."""
