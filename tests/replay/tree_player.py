"""A player with one tree for each space, any tree: the events one by one, for comparison.

MmPlayer plays the same events on all structures at once; both must tell the same of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator

from stressd.evidence import TraceSample
from stressd.replay.how import How
from stressd.replay.player import Broken, Counts, Ending, Late, Missed, Told
from stressd.replay.spaces import AddressSpaces, Space
from stressd.replay.trees import MakeTree
from stressd.traces.events import Destroy, Erase, EventLog, Search, Store


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
