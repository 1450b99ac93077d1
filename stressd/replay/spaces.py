"""Address spaces: one tree for each, from the first mention of an `mm` to its DESTROY.

A pointer that comes back after DESTROY is another address space. Trees are emptied and used
again, so there are as many as there were ever spaces alive at a time. Who lives in which space,
and which are known exactly, is told in residents.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from stressd.replay.guards import Guards
from stressd.replay.residents import Home, Residents
from stressd.replay.searches import Answer, settled_answer
from stressd.replay.trees import MakeTree, RangeTree
from stressd.traces.events import HIDDEN, Destroy, Erase, Lost, Search, Store

VALUE_MAX = (1 << 63) - 1  # values of a tree; kernel pointers differ below the top bit


@dataclass(eq=False, kw_only=True)
class Space(Home):
    """One address space and its tree."""

    number: int  # of its tree; used again by later spaces
    tree: RangeTree
    guards: Guards

    def ranges(self) -> list[tuple[int, int]]:
        """Return what is mapped, ascending."""
        return [(first, last) for first, last, _ in self.tree.items()]


class AddressSpaces:
    """All address spaces of one recording; each event is applied by the method of its name."""

    def __init__(self, make_tree: MakeTree) -> None:
        self.live: dict[int, Space] = {}
        self.trees = 0  # made so far
        self.begun = 0
        self.stores = 0
        self.erases = 0
        self.lost = 0
        self._make_tree = make_tree
        self._free: list[tuple[int, RangeTree]] = []
        self._residents: Residents[Space] = Residents()

    def store(self, event: Store) -> Space:
        """Apply a store."""
        space = self._touched(event)
        value = value_of(event.vma)
        known = space.guards.begins_as_exec
        filling = event.pid == space.maker
        space.guards.stored(value, event.first, event.last, space.tree, filling)
        if event.grows is not None:
            space.guards.told(value, event.first, event.last, event.grows)
        if space.guards.begins_as_exec and not known:
            self._residents.executed(space)
        space.tree.store(event.first, event.last, value)
        self.stores += 1
        return space

    def erase(self, event: Erase) -> Space:
        """Apply an erase."""
        space = self._touched(event)
        space.guards.erased(event.first, event.last)
        space.tree.store(event.first, event.last, None)
        self.erases += 1
        return space

    def search(self, event: Search) -> tuple[Space, Answer]:
        """Ask the tree what the kernel asked."""
        space = self._touched(event)
        found = settled_answer(space.tree, event, space.guards)
        space.guards.searched(event)
        return space, found

    def destroy(self, event: Destroy) -> Space | None:
        """Return the space that ends, its tree still filled; None if it was never mentioned."""
        if event.mm not in self.live:
            return None
        self._touched(event)
        return self.live.pop(event.mm)

    def lose(self, event: Lost) -> None:
        """Take note that events are missing."""
        self.lost += event.missing
        for space in self.live.values():
            space.exact = False

    def recycle(self, space: Space) -> None:
        """Empty the tree of a space that has ended, for the next one."""
        self._residents.left(space)
        space.tree.clear()
        self._free.append((space.number, space.tree))

    def _touched(self, event: Store | Erase | Search | Destroy) -> Space:
        """Return the space of an event, begun if need be, and note who lives there."""
        space = self.live.get(event.mm)
        if space is None:
            return self._begin(event.mm, event.pid)
        self._residents.touched(space, event.pid)
        return space

    def _begin(self, mm: int, pid: int | None) -> Space:
        """Return a new space, of this process or of a child that it forks."""
        if not self._free:
            self._free.append((self.trees, self._make_tree()))
            self.trees += 1
        number, tree = self._free.pop()
        parents = self._residents.parents(pid)
        exact = all(p.exact for p in parents) if parents else not self.lost
        guards = Guards([parent.guards for parent in parents])
        space = Space(
            mm=mm, maker=pid, exact=exact and mm != HIDDEN, number=number, tree=tree, guards=guards
        )
        self.live[mm] = space
        self.begun += 1
        self._residents.begun(space, parents)
        return space


def value_of(vma: int) -> int:
    """Return the value of a tree that stands for a mapping."""
    return vma & VALUE_MAX or VALUE_MAX
