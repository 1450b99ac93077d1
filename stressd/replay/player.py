"""What plays a recording, and what it tells while it does.

A player applies the events of a recording in order, and stops wherever the judge has to look:

    Missed    a search had another answer than was recorded
    Ending    an address space is about to end; its content can still be asked for
    Late      the end of a space that was never mentioned
    Broken    structures contradict themselves, or each other
    Refused   an event that cannot be applied; its space is not known from there on

There are two. TreePlayer has one tree for each space, any tree, and goes event by event. MmPlayer
(mms.py) has the address spaces of the kernels with all their structures, and goes in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stressd.evidence import TraceSample
from stressd.replay.how import How
from stressd.replay.residents import Home
from stressd.replay.spaces import AddressSpaces, Space
from stressd.replay.trees import MakeTree
from stressd.traces.events import Destroy, Erase, EventLog, Search, Store

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


class TreePlayer:
    """One tree for each address space, and what is concluded of guard gaps beside it."""

    def __init__(self, make_tree: MakeTree) -> None:
        self.how = How(validate=0)
        self.line = 0
        self._spaces = AddressSpaces(make_tree)
        self._asked = 0
        self._missed = 0
        self._ends = 0
        self.traced: TraceSample | None = None

    @property
    def counts(self) -> Counts:
        """How much was played so far."""
        spaces = self._spaces
        return Counts(
            stores=spaces.stores,
            erases=spaces.erases,
            ends=self._ends,
            asked=self._asked,
            agreed=self._asked - self._missed,
            lost=spaces.lost,
            spaces=spaces.begun,
        )

    def play(self, log: EventLog) -> Iterator[Told]:
        """Apply all events, and end what is alive after the last."""
        for event in log:
            self.line = event.line
            if isinstance(event, Store):
                self._spaces.store(event)
            elif isinstance(event, Erase):
                self._spaces.erase(event)
            elif isinstance(event, Search):
                yield from self._search(event)
            elif isinstance(event, Destroy):
                space = self._spaces.destroy(event)
                yield from [Late(event.line)] if space is None else self._end(space)
            else:
                self._spaces.lose(event)
        for space in list(self._spaces.live.values()):
            yield from self._end(space)

    def _search(self, search: Search) -> Iterator[Told]:
        """Ask the tree, and tell if it answers something else than the kernel did."""
        space, answer = self._spaces.search(search)
        self._asked += 1
        if answer.address != search.expected:
            self._missed += 1
            places = [place for place in (search.expected, answer.address) if place is not None]
            found = {entry[:2] for place in places if (entry := space.tree.find(place))}
            yield Missed(space, search, answer.address, sorted(found))

    def _end(self, space: Space) -> Iterator[Told]:
        """Check the tree of a space that ends, and give it back."""
        self._ends += 1
        broken = space.tree.check()
        if broken is not None:
            yield Broken(self.line, f"the tree of an address space is broken: {broken}")
        yield Ending(space, self.line, space.ranges)
        self._spaces.recycle(space)
