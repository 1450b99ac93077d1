"""What a replay asks of a tree. Any class with these methods can be replayed into."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

Entry = tuple[int, int, int]  # first, last, value; all inclusive


class RangeTree(Protocol):
    """A map from disjoint ranges of keys 0 .. 2^64 - 1 to values 1 .. 2^63 - 1."""

    def store(self, first: int, last: int, value: int | None) -> object:
        """Map [first, last] to value, over whatever stands there; None erases."""
        ...

    def find(self, index: int) -> Entry | None:
        """Return the first entry that ends at or after index."""
        ...

    def items(self) -> Iterable[Entry]:
        """Yield all entries, ascending."""
        ...

    def empty_area(self, low: int, high: int, size: int) -> int | None:
        """Return the lowest start of `size` free keys inside [low, high]."""
        ...

    def empty_area_rev(self, low: int, high: int, size: int) -> int | None:
        """Return the highest start of `size` free keys inside [low, high]."""
        ...

    def clear(self) -> object:
        """Erase everything."""
        ...

    def check(self) -> object | None:
        """Return the first broken invariant of the structure, or None."""
        ...


MakeTree = Callable[[], RangeTree]


def maple_tree() -> RangeTree:
    """Return an empty maple tree that knows its gaps."""
    from stressd_kernels import MapleTree  # here, because it brings the compiler with it

    tree: RangeTree = MapleTree(gaps=True)
    return tree
