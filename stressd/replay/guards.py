"""Guard gaps: which mappings grow downwards, inferred from what a recording shows.

Below a mapping that grows down (a stack) the kernel leaves 256 pages free: a search that would
end inside them tries again further away. A recording names mappings by pointer and never says
which grow, so that has to be concluded:

    told      The log says so: CERTAIN, or not at all
    exec      The first change of a new address space stores one page, and the second stores the
              same mapping further down to the same end: the stack of a new program. CERTAIN
    fork      A process fills the tree of its child. A store with the very range of a growing
              mapping of that process is its copy, and as certain as the original. (If it is
              not known where that process lives, of any process that it may be.)
    fault     A mapping reaches further down over free keys, to the same end, and the last search
              in this tree did not return these keys: nothing but a fault below a stack does
              that by itself. But a mapping put there by an address of the caller's choice, and
              merged upwards, looks the same. POSSIBLE
    split     A store inside a growing mapping may be a part of it. POSSIBLE

The next search whose answer depends on a POSSIBLE mapping settles it: if the recorded address
is right with the gap only, it is CERTAIN from then on; if right without it only, it is NEVER;
if neither, the search disagrees. So one search at most is spent on each such mapping.

A mapping stays what it is while its ranges overlap from store to store. Once erased or covered
entirely it is forgotten: its pointer may then name another one.

Not inferred: a mapping made to grow (MAP_GROWSDOWN) that has never grown. A search that comes
near it disagrees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from stressd.replay.trees import RangeTree
from stressd.traces.events import Search

PAGE = 4096
GUARD_GAP = 256 * PAGE  # stack_guard_gap; an x86-64 kernel unless its command line says otherwise


class Growth(Enum):
    """Whether a mapping grows down."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    NEVER = "never"  # a search has shown it


@dataclass
class Grower:
    """One mapping that grows down, or once seemed to."""

    first: int
    last: int
    growth: Growth


class Guards:
    """The growing mappings of one address space; told of each change before the tree is."""

    def __init__(self, parents: Iterable[Guards]) -> None:
        self.begins_as_exec = False
        self._growers: dict[int, Grower] = {}
        self._ranges: dict[int, tuple[int, int]] = {}  # as last stored, by value
        self._returned = range(0)  # by the search before this change
        self._arguments: int | None = None  # the value of a first store of one page
        self.settled: list[tuple[int, Growth]] = []  # values, by searches; for whoever empties it
        grown = [grower for parent in parents for grower in parent._growers.values()]
        self._inherited = {(g.first, g.last): g.growth for g in grown}

    def searched(self, search: Search) -> None:
        """Remember which keys a search returned: the mapping that follows is put there."""
        size = search.length + search.mask
        self._returned = range(0) if search.error else range(search.address, search.address + size)

    def erased(self, first: int, last: int) -> None:
        """Take note that nothing covers [first, last] any more."""
        self._cut(first, last)

    def stored(self, value: int, first: int, last: int, tree: RangeTree, filling: bool) -> None:
        """Take note that `value` is about to cover [first, last] of `tree`.

        `filling`: by the process that made this address space, so perhaps a copy of its own.
        """
        before = self._ranges.get(value)
        known = self._growers.pop(value, None)
        inside = any(g.first <= first and last <= g.last for g in self._growers.values())
        self._cut(first, last)
        growth: Growth | None
        if known and known.first <= last and first <= known.last:
            growth = known.growth
        elif before and last == before[1] and first < before[0]:
            growth = self._grown(value, first, before, tree)
        elif filling and (first, last) in self._inherited:
            growth = self._inherited[first, last]
        else:
            growth = Growth.POSSIBLE if inside else None
        if growth is not None:
            self._growers[value] = Grower(first, last, growth)
        if not self._ranges and last - first == PAGE - 1:
            self._arguments = value
        else:
            self._arguments = None
        self._ranges[value] = (first, last)
        self._returned = range(0)

    def told(self, value: int, first: int, last: int, grows: bool) -> None:
        """Take note of what the log says of `value`, which has just been stored."""
        if grows:
            self._growers[value] = Grower(first, last, Growth.CERTAIN)
        else:
            self._growers.pop(value, None)

    def _grown(
        self, value: int, first: int, before: tuple[int, int], tree: RangeTree
    ) -> Growth | None:
        """Judge a mapping that reaches further down than before, to the same end."""
        if value == self._arguments:
            self.begins_as_exec = True
            return Growth.CERTAIN
        if first in self._returned or tree.find(first) != (*before, value):
            return None
        return Growth.POSSIBLE

    def _cut(self, first: int, last: int) -> None:
        """Take [first, last] away from every growing mapping."""
        for value, grower in list(self._growers.items()):
            if first <= grower.first and grower.last <= last:
                del self._growers[value]
            elif first <= grower.first <= last:
                grower.first = last + 1
            elif first <= grower.last <= last:
                grower.last = first - 1

    @property
    def undecided(self) -> bool:
        """Whether there are mappings of which it is only possible that they grow."""
        return any(g.growth is Growth.POSSIBLE for g in self._growers.values())

    def certain(self, value: int) -> bool:
        """Tell whether mapping `value` grows down for certain."""
        grower = self._growers.get(value)
        return grower is not None and grower.growth is Growth.CERTAIN

    def likely(self, value: int) -> bool:
        """Tell whether mapping `value` grows down, or possibly does."""
        grower = self._growers.get(value)
        return grower is not None and grower.growth is not Growth.NEVER

    def settle(self, value: int, growth: Growth) -> None:
        """Take note of what a search has shown of a mapping."""
        self._growers[value].growth = growth
        self.settled.append((value, growth))
