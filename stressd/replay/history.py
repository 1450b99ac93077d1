"""What stands where after each row of a recording, in plain Python.

Recordings are read before anything is compiled, and their searches need trees to be resolved
in. This is one: three sorted lists. It is slow for large trees and exact for all, and it says of
each store when the last of it was gone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from stressd.replay.program import Kind

Entry = tuple[int, int, int]  # first, last, value; all inclusive


class PlainTree:
    """A map from disjoint ranges to values, as a replay wants it."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._values: list[int] = []

    def store(self, first: int, last: int, value: int | None) -> tuple[list[int], list[int]]:
        """Map [first, last] to value; return (values cut or covered, values that left pieces)."""
        begin = bisect_left(self._lasts, first)
        end = begin
        while end < len(self._firsts) and self._firsts[end] <= last:
            end += 1
        met = self._values[begin:end]
        pieces: list[Entry] = []
        if met and self._firsts[begin] < first:
            pieces.append((self._firsts[begin], first - 1, met[0]))
        left = [piece[2] for piece in pieces]
        if value is not None:
            pieces.append((first, last, value))
        if met and self._lasts[end - 1] > last:
            pieces.append((last + 1, self._lasts[end - 1], met[-1]))
            left.append(met[-1])
        self._firsts[begin:end] = [piece[0] for piece in pieces]
        self._lasts[begin:end] = [piece[1] for piece in pieces]
        self._values[begin:end] = [piece[2] for piece in pieces]
        return met, left

    def find(self, index: int) -> Entry | None:
        """Return the first entry that ends at or after index."""
        at = bisect_left(self._lasts, index)
        if at == len(self._lasts):
            return None
        return self._firsts[at], self._lasts[at], self._values[at]

    def items(self) -> Iterable[Entry]:
        """Yield all entries, ascending."""
        return zip(self._firsts, self._lasts, self._values, strict=True)

    def empty_area(self, low: int, high: int, size: int) -> int | None:
        """Return the lowest start of `size` free keys inside [low, high]."""
        at = bisect_left(self._lasts, low)
        while low + size - 1 <= high:
            if at == len(self._firsts) or self._firsts[at] > low + size - 1:
                return low
            low = self._lasts[at] + 1
            at += 1
        return None

    def empty_area_rev(self, low: int, high: int, size: int) -> int | None:
        """Return the highest start of `size` free keys inside [low, high]."""
        at = bisect_left(self._firsts, high + 1) - 1
        while high + 1 - size >= low:
            if at < 0 or self._lasts[at] < high + 1 - size:
                return high + 1 - size
            high = self._firsts[at] - 1
            at -= 1
        return None

    def clear(self) -> None:
        """Erase everything."""
        self.__init__()  # type: ignore[misc]

    def check(self) -> None:
        """Sorted lists have nothing to check."""


def gone_after(rows: npt.NDArray[np.uint64], trees: int) -> npt.NDArray[np.uint64]:
    """Return, for each row that stores, the row after which nothing of it is left.

    rows  as in stressd.replay.program; it ends with all trees empty. 0 for rows of other kinds.
    """
    gone = np.zeros(len(rows), np.uint64)
    spaces = [PlainTree() for _ in range(trees)]
    pieces: Counter[int] = Counter()
    for number, cut in _cuts(rows.tolist(), spaces):
        pieces.update(cut[1])
        pieces.subtract(cut[0])
        for store in set(cut[0]):
            if not pieces[store]:
                gone[store] = number
                del pieces[store]
        if rows[number, 0] == Kind.STORE:
            pieces[number] += 1
    return gone


def _cuts(
    rows: list[list[int]], spaces: list[PlainTree]
) -> Iterator[tuple[int, tuple[list[int], list[int]]]]:
    """Apply each row, with its own number as its value; yield what `store` returned."""
    for number, (kind, tree, first, last, *_) in enumerate(rows):
        if kind == Kind.STORE:
            yield number, spaces[tree].store(first, last, number)
        elif kind == Kind.ERASE:
            yield number, spaces[tree].store(first, last, None)
        elif kind == Kind.DESTROY:
            yield number, spaces[tree].store(0, (1 << 64) - 1, None)
