"""The tree that is obviously right: sorted lists of entries, and a loop for everything else.

It has the methods of `MapleTree`, so whatever holds for one must hold for the other; tests run
both side by side. It never imports kernel code. Searches walk over every gap, so a tree of a
few thousand entries is as large as it should get.

A reserved entry is one whose value is 0: it is in the way, and no look-up sees it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import index as integer

import numpy as np
import numpy.typing as npt

KEY_MAX = (1 << 64) - 1
VALUE_MAX = (1 << 63) - 1
RESERVED = 0

Entry = tuple[int, int, int]  # first, last, value; all inclusive


class NaiveTree:
    """Disjoint entries, ascending. Adjacent entries stay separate even if their values agree."""

    def __init__(self, gaps: bool = True) -> None:
        self.gaps = gaps
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._values: list[int] = []

    # -- changes -----------------------------------------------------------------------------

    def store(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to value over whatever is there; None erases the range."""
        self._put(*_range(first, last), None if value is None else _value(value))

    def reserve(self, first: int, last: int) -> None:
        """Hold [first, last] with an entry that no look-up sees, over whatever is there."""
        self._put(*_range(first, last), RESERVED)

    def _put(self, first: int, last: int, value: int | None) -> None:
        low, high = self._overlapping(first, last)
        kept: list[Entry] = []
        if low < high:
            if self._firsts[low] < first:
                kept.append((self._firsts[low], first - 1, self._values[low]))
            if value is not None:
                kept.append((first, last, value))
            if self._lasts[high - 1] > last:
                kept.append((last + 1, self._lasts[high - 1], self._values[high - 1]))
        elif value is not None:
            kept.append((first, last, value))
        self._firsts[low:high] = [entry[0] for entry in kept]
        self._lasts[low:high] = [entry[1] for entry in kept]
        self._values[low:high] = [entry[2] for entry in kept]

    def insert(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to value (None: reserve it) where nothing is; else FileExistsError."""
        first, last = _range(first, last)
        low, high = self._overlapping(first, last)
        if low < high:
            raise FileExistsError(f"[{first}, {last}] is not free")
        self._put(first, last, _content(value))

    def erase(self, index: int) -> int | None:
        """Remove the whole entry that holds index and return its value, or None.

        A reserved one is removed and has no value.
        """
        at = self._holding(_key("index", index))
        if at is None:
            return None
        del self._firsts[at], self._lasts[at]
        return self._values.pop(at) or None

    def clear(self) -> None:
        """Remove everything."""
        self._firsts.clear()
        self._lasts.clear()
        self._values.clear()

    def allocate(
        self,
        low: int,
        high: int,
        size: int,
        value: int | None,
        from_top: bool = False,
        *,
        align_mask: int = 0,
        align_offset: int = 0,
    ) -> int | None:
        """Find `size` free keys inside [low, high], map them to value, return their start."""
        search = self.empty_area_rev if from_top else self.empty_area
        start = search(low, high, size, align_mask, align_offset)
        if start is not None:
            self._put(start, start + size - 1, _content(value))
        return start

    def cyclic(self, low: int = 0, high: int = KEY_MAX) -> NaiveCyclic:
        """Return an allocator that goes on from where it stopped, around [low, high]."""
        return NaiveCyclic(self, low, high)

    def build(self, entries: Iterable[Entry]) -> None:
        """Fill an empty tree with ascending, disjoint entries."""
        if len(self):
            raise FileExistsError("the tree is not empty")
        for first, last, value in entries:
            self.insert(first, last, value)

    # -- lookups -----------------------------------------------------------------------------

    def load(self, index: int) -> int | None:
        """Return the value at index, or None."""
        at = self._holding(_key("index", index))
        return None if at is None else self._values[at] or None

    def load_many(self, indexes: Iterable[int]) -> npt.NDArray[np.uint64]:
        """Return the value at each index, 0 where there is none."""
        return np.array([self.load(int(i)) or 0 for i in indexes], dtype=np.uint64)

    def find(self, index: int, last: int = KEY_MAX) -> Entry | None:
        """Return the first entry that holds index or begins after it, not beyond last."""
        index, last = _range(index, last, "index")
        entry = self._seen(range(bisect_left(self._lasts, index), len(self)))
        return entry if entry and entry[0] <= last else None

    def find_rev(self, index: int, first: int = 0) -> Entry | None:
        """Return the last entry that holds index or begins before it, not beyond first."""
        first, index = _range(first, index)
        entry = self._seen(range(bisect_right(self._firsts, index) - 1, -1, -1))
        return entry if entry and entry[1] >= first else None

    def next(self, index: int) -> Entry | None:
        """Return the first entry that begins after index."""
        return self._seen(range(bisect_right(self._firsts, _key("index", index)), len(self)))

    def prev(self, index: int) -> Entry | None:
        """Return the last entry that ends before index."""
        return self._seen(range(bisect_left(self._lasts, _key("index", index)) - 1, -1, -1))

    def items(self, first: int = 0, last: int = KEY_MAX) -> Iterator[Entry]:
        """Yield the entries that overlap [first, last], whole, ascending."""
        yield from [entry for entry in self.ranges(first, last) if entry[2] != RESERVED]

    def ranges(self, first: int = 0, last: int = KEY_MAX) -> list[Entry]:
        """Return what overlaps [first, last], reserved entries too, ascending."""
        return [self._entry(at) for at in range(*self._overlapping(*_range(first, last)))]

    # -- gaps --------------------------------------------------------------------------------

    def holes(self, low: int = 0, high: int = KEY_MAX) -> list[tuple[int, int]]:
        """Return the free ranges inside [low, high], ascending."""
        found = []
        begin = low
        at, end = self._overlapping(low, high)
        for first, last in zip(self._firsts[at:end], self._lasts[at:end], strict=True):
            if begin < first:
                found.append((begin, first - 1))
            begin = last + 1
        if begin <= high:
            found.append((begin, high))
        return found

    def empty_area(
        self, low: int, high: int, size: int, align_mask: int = 0, align_offset: int = 0
    ) -> int | None:
        """Return the lowest aligned start of `size` free keys inside [low, high], or None."""
        for begin, end in self.holes(*_window(low, high, size, align_mask)):
            start = begin + ((align_offset - begin) & align_mask)
            if start + size - 1 <= end:
                return start
        return None

    def empty_area_rev(
        self, low: int, high: int, size: int, align_mask: int = 0, align_offset: int = 0
    ) -> int | None:
        """Return the highest aligned start of `size` free keys inside [low, high], or None."""
        for begin, end in reversed(self.holes(*_window(low, high, size, align_mask))):
            start = end - size + 1
            start -= (start - align_offset) & align_mask
            if start >= begin:
                return start
        return None

    # -- the whole ---------------------------------------------------------------------------

    def copy(self) -> NaiveTree:
        """Return another tree with the same entries."""
        twin = NaiveTree(self.gaps)
        twin._firsts, twin._lasts = self._firsts.copy(), self._lasts.copy()
        twin._values = self._values.copy()
        return twin

    def check(self) -> str | None:
        """Return what is wrong with the lists, or None."""
        previous = -1
        for first, last, value in self.ranges():
            if not previous < first <= last <= KEY_MAX or not RESERVED <= value <= VALUE_MAX:
                return f"entry [{first}, {last}] -> {value} after {previous}"
            previous = last
        return None

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[Entry]:
        return self.items()

    def _entry(self, at: int) -> Entry:
        return self._firsts[at], self._lasts[at], self._values[at]

    def _seen(self, places: range) -> Entry | None:
        """Return the first entry at `places` that is not reserved, or None."""
        return next((self._entry(at) for at in places if self._values[at] != RESERVED), None)

    def _overlapping(self, first: int, last: int) -> tuple[int, int]:
        """Return the positions [low, high) of the entries that overlap [first, last]."""
        return bisect_left(self._lasts, first), bisect_right(self._firsts, last)

    def _holding(self, index: int) -> int | None:
        """Return the position of the entry that holds index."""
        low, high = self._overlapping(index, index)
        return low if low < high else None


class NaiveCyclic:
    """Tries every start from where it stopped upward, then every start of its window."""

    def __init__(self, tree: NaiveTree, low: int, high: int) -> None:
        self.tree = tree
        self.low = self.next = low
        self.high = high
        self.again = False

    def allocate(self, size: int, value: int | None) -> tuple[int, bool] | None:
        """Map the next `size` free keys; return the start, and whether the search started over."""
        wrapped = self.again
        start = self.tree.allocate(self.next, self.high, size, value)
        if start is None:
            wrapped = wrapped or self.next > self.low
            start = self.tree.allocate(self.low, self.high, size, value)
        if start is None:
            return None
        self.again = start + size - 1 == self.high
        self.next = self.low if self.again else start + size
        return start, wrapped


def _key(name: str, key: int) -> int:
    """Return a key, or raise the error that names the argument."""
    key = _integer(name, key)
    if not 0 <= key <= KEY_MAX:
        raise ValueError(f"{name} must be 0 .. 2**64 - 1 (got {key})")
    return key


def _integer(name: str, number: int) -> int:
    """Return an integer, or raise the error that names the argument."""
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name} must be an integer (got {number!r})")
    return integer(number)


def _range(first: int, last: int, name: str = "first") -> tuple[int, int]:
    """Return both ends of a range, or raise the error that names the argument."""
    first, last = _key(name, first), _key("last", last)
    if first > last:
        raise ValueError(f"{name} must not be above last (got {first} and {last})")
    return first, last


def _content(value: int | None) -> int:
    """Return what stands for a value, or for a reservation."""
    return RESERVED if value is None else _value(value)


def _value(value: int) -> int:
    """Return a value, or raise the error that names the argument."""
    value = _integer("value", value)
    if not 1 <= value <= VALUE_MAX:
        raise ValueError(f"value must be 1 .. 2**63 - 1 (got {value})")
    return value


def _window(low: int, high: int, size: int, align_mask: int) -> tuple[int, int]:
    """Return the window of a search, or raise the error that names the argument."""
    low, high = _key("low", low), _key("high", high)
    if low > high:
        raise ValueError(f"low must not be above high (got {low} and {high})")
    if _key("size", size) == 0:
        raise ValueError("size must be 1 or more (got 0)")
    if align_mask & (align_mask + 1):
        raise ValueError(f"align_mask must be a power of two minus 1 (got {align_mask})")
    return low, high
