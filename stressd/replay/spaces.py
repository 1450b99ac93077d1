"""Address spaces: one tree for each, from the first mention of an `mm` to its DESTROY.

A pointer that comes back after DESTROY is another address space. Trees are emptied and used
again, so there are as many as there were ever spaces alive at a time.

Whose space is it? Fork fills the tree of the child in the name of the parent, so the first
process to touch a tree need not live there. What is known of a process that touches a tree:

    it fills it as exec does (see guards.py)         from now on it lives there
    it lives elsewhere and makes a new one           the new one waits for a forked child
    it lives nowhere, and another process made it    it lives there: the child has arrived
    it lives nowhere and makes a new one             it is a child itself if any space waits, and
                                                     this one is its child's; else it lives there

So a child lives nowhere until it touches its own tree, at the latest to destroy it.

Lost events leave every tree inexact. A space that begins as exec does after the loss is exact
again, and so are its children.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stressd.replay.guards import Guards
from stressd.replay.searches import Answer, settled_answer
from stressd.replay.trees import MakeTree, RangeTree
from stressd.traces.events import HIDDEN, Destroy, Erase, Lost, Search, Store

VALUE_MAX = (1 << 63) - 1  # values of a tree; kernel pointers differ below the top bit


@dataclass(eq=False)
class Space:
    """One address space and its tree."""

    number: int  # of its tree; used again by later spaces
    tree: RangeTree
    maker: int | None  # the process that touched it first
    exact: bool  # every change since its beginning was seen
    guards: Guards
    residents: set[int] = field(default_factory=set)  # processes that live here


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
        self._homes: dict[int, Space] = {}
        self._waiting: set[Space] = set()  # made by fork, and no child has touched them yet

    def store(self, event: Store) -> Space:
        """Apply a store."""
        space = self._touched(event)
        value = event.vma & VALUE_MAX or VALUE_MAX
        known = space.guards.begins_as_exec
        filling = event.pid == space.maker
        space.guards.stored(value, event.first, event.last, space.tree, filling)
        if space.guards.begins_as_exec and not known:
            self._executed(event.mm, space)
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
        self._waiting.discard(space)
        for pid in space.residents:
            del self._homes[pid]
        space.tree.clear()
        self._free.append((space.number, space.tree))

    def _touched(self, event: Store | Erase | Search | Destroy) -> Space:
        """Return the space of an event, begun if need be, and note who lives there."""
        space = self.live.get(event.mm)
        if space is None:
            return self._begin(event.mm, event.pid)
        if event.pid is not None and event.pid != space.maker:
            self._waiting.discard(space)
            if event.pid not in self._homes:
                self._move(event.pid, space)
        return space

    def _begin(self, mm: int, pid: int | None) -> Space:
        """Return a new space, of this process or of a child that it forks."""
        if not self._free:
            self._free.append((self.trees, self._make_tree()))
            self.trees += 1
        number, tree = self._free.pop()
        home = self._homes.get(pid) if pid is not None else None
        parents = [home] if home else list(self._waiting) if pid is not None else []
        exact = all(p.exact for p in parents) if parents else not self.lost
        guards = Guards([parent.guards for parent in parents])
        space = Space(number, tree, pid, exact and mm != HIDDEN, guards)
        self.live[mm] = space
        self.begun += 1
        if parents:
            self._waiting.add(space)
        elif pid is not None:
            self._move(pid, space)
        return space

    def _executed(self, mm: int, space: Space) -> None:
        """Take note that a space begins as exec fills it: its maker lives in it now."""
        space.exact = mm != HIDDEN
        self._waiting.discard(space)
        if space.maker is not None:
            self._move(space.maker, space)

    def _move(self, pid: int, space: Space) -> None:
        """Let process `pid` live in `space`."""
        if pid in self._homes:
            self._homes[pid].residents.discard(pid)
        self._homes[pid] = space
        space.residents.add(pid)
