"""A tree and its model side by side, and the entries that tests like to start from."""

from __future__ import annotations

from collections.abc import Iterable

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import Entry


class Pair:
    """A tree and its model, written together and compared after each write.

    bulk  the tree is built at once, and its nodes are full
    """

    def __init__(self, entries: Iterable[Entry] = (), bulk: bool = False) -> None:
        self.tree = MapleTree()
        self.model = NaiveTree()
        for entry in entries:
            self.tree.store(*entry)
            self.model.store(*entry)
        if bulk:
            self.tree = MapleTree()
            self.tree.build(self.model.items())
        self.agree()

    def copy(self) -> Pair:
        """Return another pair with the same entries."""
        twin = Pair()
        twin.tree, twin.model = self.tree.copy(), self.model.copy()
        return twin

    def store(self, first: int, last: int, value: int | None) -> None:
        self.tree.store(first, last, value)
        self.model.store(first, last, value)
        self.agree()

    def erase(self, index: int) -> None:
        assert self.tree.erase(index) == self.model.erase(index)
        self.agree()

    def agree(self) -> None:
        assert self.tree.check() is None
        assert list(self.tree.items()) == list(self.model.items())
        assert len(self.tree) == len(self.model)


def adjacent(count: int, width: int = 10) -> list[Entry]:
    """Return entries that touch each other, from 0."""
    return [(i * width, i * width + width - 1, i + 1) for i in range(count)]


def apart(count: int, stride: int = 10, width: int = 6) -> list[Entry]:
    """Return entries with a hole after each: [stride * i, stride * i + width - 1]."""
    return [(i * stride, i * stride + width - 1, i + 1) for i in range(count)]
