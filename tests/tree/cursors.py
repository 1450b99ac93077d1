"""The cursor that is obviously right: two keys, and a walk over all entries for every step."""

from __future__ import annotations

from stressd_kernels import ZERO
from tests.naive import RESERVED, Entry, NaiveTree


class NaiveCursor:
    """What `Cursor` does, in the words of its table, over a `NaiveTree`."""

    def __init__(self, tree: NaiveTree, index: int, last: int) -> None:
        self.tree = tree
        self.window = (index, last)
        self.status, self.first, self.last = "START", index, index
        self.value: int | None = None

    @property
    def state(self) -> tuple[str, int, int, int | None]:
        """All that a test compares."""
        return self.status, self.first, self.last, self.value

    def _stand(self, status: str, first: int, last: int, value: int | None = None) -> Entry | None:
        value = ZERO if value == RESERVED else value
        self.status, self.first, self.last, self.value = status, first, last, value
        return None if value is None else (first, last, value)

    def find(self, last: int | None = None) -> Entry | None:
        """Move up: the first entry with a key at or after where to look from."""
        limit = self.window[1] if last is None else last
        begin = self.first if self.status in ("START", "UNDERFLOW") else self.last + 1
        for entry in self.tree.ranges():
            if entry[1] >= begin and entry[0] <= limit and begin <= limit:
                return self._stand("ACTIVE", *entry)
        end = max(limit, begin - 1)
        return self._stand("OVERFLOW", end, end)

    def find_rev(self, first: int | None = None) -> Entry | None:
        """Move down: the last entry with a key at or before where to look from."""
        limit = self.window[0] if first is None else first
        begin = self.last if self.status in ("START", "OVERFLOW") else self.first - 1
        for entry in reversed(self.tree.ranges()):
            if entry[0] <= begin and entry[1] >= limit and begin >= limit:
                return self._stand("ACTIVE", *entry)
        end = min(limit, begin + 1)
        return self._stand("UNDERFLOW", end, end)

    def next(self) -> Entry | None:
        """From START, step over what holds the key."""
        if self.status == "START":
            self.walk()
        return self.find()

    def prev(self) -> Entry | None:
        """From START, step over what holds the key."""
        if self.status == "START":
            self.walk()
        return self.find_rev()

    def walk(self, index: int | None = None) -> Entry | None:
        """The entry that holds the key, or the hole that does."""
        key = self.first if index is None else index
        for entry in self.tree.ranges(key, key):
            return self._stand("ACTIVE", *entry)
        (hole,) = [hole for hole in self.tree.holes() if hole[0] <= key <= hole[1]]
        return self._stand("NONE", *hole)

    def set(self, index: int) -> None:
        """Go somewhere."""
        self._stand("START", index, index)

    def reset(self) -> None:
        """Go to where the window begins."""
        self.set(self.window[0])

    def pause(self) -> None:
        """Forget what is here."""
        if self.status in ("ACTIVE", "NONE"):
            self._stand("PAUSED", self.first, self.last)

    def store(self, value: int | None, first: int | None = None, last: int | None = None) -> None:
        """Write here, or there."""
        if self.status in ("OVERFLOW", "UNDERFLOW") and (first is None or last is None):
            raise RuntimeError(f"the cursor stands on no range: {self.status}")
        first = self.first if first is None else first
        last = self.last if last is None else last
        if value == ZERO:
            self.tree.reserve(first, last)
        else:
            self.tree.store(first, last, value)
        self._stand("NONE" if value is None else "ACTIVE", first, last, value)

    def erase(self) -> None:
        """Write nothing here."""
        self.store(None)
