"""Whose space is it? Fork fills the tree of the child in the name of the parent, so the first
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
from typing import Generic, TypeVar

from stressd.traces.events import HIDDEN


@dataclass(eq=False)
class Home:
    """What is known of one address space beside its tree."""

    mm: int  # the pointer that names it
    maker: int | None  # the process that touched it first
    exact: bool  # every change since its beginning was seen
    residents: set[int] = field(default_factory=set)  # processes that live here


H = TypeVar("H", bound=Home)


class Residents(Generic[H]):
    """Which process lives in which space, as far as a recording shows."""

    def __init__(self) -> None:
        self._homes: dict[int, H] = {}
        self._waiting: set[H] = set()  # made by fork, and no child has touched them yet

    def parents(self, pid: int | None) -> list[H]:
        """Return the spaces of which one that process `pid` begins now may be a copy."""
        if pid is None:
            return []
        home = self._homes.get(pid)
        return [home] if home else list(self._waiting)

    def begun(self, space: H, parents: list[H]) -> None:
        """Take note of a new space: a copy of one of `parents`, if there are any."""
        if parents:
            self._waiting.add(space)
        elif space.maker is not None:
            self._move(space.maker, space)

    def touched(self, space: H, pid: int | None) -> None:
        """Take note that process `pid` does something in `space`, which had begun before."""
        if pid is not None and pid != space.maker:
            self._waiting.discard(space)
            if pid not in self._homes:
                self._move(pid, space)

    def executed(self, space: H) -> None:
        """Take note that a space begins as exec fills it: its maker lives in it now."""
        space.exact = space.mm != HIDDEN
        self._waiting.discard(space)
        if space.maker is not None:
            self._move(space.maker, space)

    def left(self, space: H) -> None:
        """Take note that a space has ended, and with it whoever lived there."""
        self._waiting.discard(space)
        for pid in space.residents:
            del self._homes[pid]

    def _move(self, pid: int, space: H) -> None:
        """Let process `pid` live in `space`."""
        if pid in self._homes:
            self._homes[pid].residents.discard(pid)
        self._homes[pid] = space
        space.residents.add(pid)
