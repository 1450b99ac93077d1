"""What stands where after a trace, in the plainest way there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stressd.traces.events import Destroy, Erase, Event, Lost, Search, Store

Range = tuple[int, int, int]  # first, last, vma


@dataclass
class Maps:
    """The address spaces of a trace, by the address of their trees."""

    live: dict[int, list[Range]] = field(default_factory=dict)
    ended: list[tuple[int, list[Range]]] = field(default_factory=list)
    searches: int = 0

    def apply(self, events: Iterable[Event]) -> Maps:
        """Apply all events of a trace that lacks none."""
        for event in events:
            assert not isinstance(event, Lost), event
            if isinstance(event, Search):
                self.searches += 1
            elif isinstance(event, Destroy):
                self.ended.append((event.mm, self.live.pop(event.mm, [])))
            else:
                self.live[event.mm] = changed(self.live.get(event.mm, []), event)
        return self


def changed(ranges: list[Range], event: Store | Erase) -> list[Range]:
    """Return the ranges after one event: what it covers is gone, what it stores is there."""
    first, last = event.first, event.last
    left = []
    for low, high, vma in ranges:
        if low < first:
            left.append((low, min(high, first - 1), vma))
        if high > last:
            left.append((max(low, last + 1), high, vma))
    if isinstance(event, Store):
        left.append((first, last, event.vma))
    return sorted(left)
