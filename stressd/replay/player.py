"""What plays a recording, and what it tells while it does.

A player applies the events of a recording in order, and stops wherever the judge has to look:

    Missed    a search had another answer than was recorded
    Ending    an address space is about to end; its content can still be asked for
    Late      the end of a space that was never mentioned
    Broken    structures contradict themselves, or each other
    Refused   an event that cannot be applied; its space is not known from there on

MmPlayer (mms.py) has the address spaces of the kernels with all their structures, and goes in
batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stressd.evidence import TraceSample
from stressd.replay.how import How
from stressd.replay.residents import Home
from stressd.traces.events import EventLog, Search

Range = tuple[int, int]  # both inclusive


@dataclass(frozen=True)
class Missed:
    """A search in `space` found `found` and not what was recorded."""

    space: Home
    search: Search
    found: int | None
    around: Sequence[Range]  # mappings at or after both answers


@dataclass(frozen=True)
class Ending:
    """`space` ends after `line`."""

    space: Home
    line: int
    ranges: Callable[[], list[Range]]  # what is mapped; until the player goes on


@dataclass(frozen=True)
class Late:
    """A space ended that was never mentioned before."""

    line: int


@dataclass(frozen=True)
class Broken:
    """What must be equal is not. `text` may have several lines."""

    line: int
    text: str
    is_last: bool = False  # nothing is played any more


@dataclass(frozen=True)
class Refused:
    """An event that no address space can hold."""

    line: int
    why: str


Told = Missed | Ending | Late | Broken | Refused


@dataclass
class Counts:
    """How much was played."""

    stores: int = 0
    erases: int = 0
    ends: int = 0
    asked: int = 0
    agreed: int = 0
    lost: int = 0
    spaces: int = 0
    validated: int = 0  # times that structures were compared
    compared: int = 0  # searches that two structures answered

    @property
    def operations(self) -> int:
        """Everything that was applied or asked."""
        return self.stores + self.erases + self.ends + self.asked

    def as_json(self) -> dict[str, object]:
        """Return the counts in the form that scripts read."""
        return {
            "stores": self.stores,
            "erases": self.erases,
            "spaces": self.spaces,
            "gap_searches": {
                "asked": self.asked,
                "agreed": self.agreed,
                "of_two_structures": self.compared,
            },
            "validations": self.validated,
            "operations": self.operations,
        }


class Player(Protocol):
    """Whatever plays recordings; good for one."""

    how: How

    line: int  # of the event that was taken last

    @property
    def traced(self) -> TraceSample | None:
        """What was written of it, if a trace was asked for."""
        ...

    @property
    def counts(self) -> Counts:
        """How much was played so far."""
        ...

    def play(self, log: EventLog) -> Iterator[Told]:
        """Apply all events, and end what is alive after the last."""
        ...
