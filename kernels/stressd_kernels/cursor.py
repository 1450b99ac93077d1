"""Cursors: a place in a tree that is moved from range to range, and may write where it stands.

A cursor holds two keys and what it read between them. Between two steps it holds no pin, no lock
and no node: each step descends again from its keys, so the tree may change at will, by this
cursor's own stores too. It sees reserved entries (ZERO), which no other look-up does.

    cursor = tree.cursor(0x1000, 0x8FFF)
    while cursor.find():
        cursor.store(cursor.value + 1)

What it stands on
    START      a key, [index, index], that was set and not looked at
    ACTIVE     an entry, [first, last] -> value
    NONE       a range where nothing is
    PAUSED     a range of which it does not say what is there
    OVERFLOW   the last key that was looked at upward: no entry up to there was left
    UNDERFLOW  the first key that was looked at downward

    operation           | START       ACTIVE     NONE       PAUSED     OVERFLOW    UNDERFLOW
    --------------------+--------------------------------------------------------------------
    find(limit) from    | index       last + 1   last + 1   last + 1   last + 1    first
    next() from         | after index last + 1   last + 1   last + 1   last + 1    first
      an entry up to limit: ACTIVE, [first, last] is the entry
      none: OVERFLOW, first = last = limit, or the key before where it looks from, if that is above
    find_rev(limit) to  | index       first - 1  first - 1  first - 1  last        first - 1
    prev() to           | before index first - 1 first - 1  first - 1  last        first - 1
      an entry down to limit: ACTIVE, [first, last] is the entry
      none: UNDERFLOW, first = last = limit, or the key after where it looks from, if that is below
    walk(index)         | ACTIVE on the entry that holds index, or NONE on the range that does;
                        | without an index, the range that holds first
    set(index), reset() | START at index; at the first key of the window
    pause()             | START        PAUSED    PAUSED     PAUSED     OVERFLOW    UNDERFLOW
    store(value)        | ACTIVE       ACTIVE    ACTIVE     ACTIVE     refused     refused
    store(None), erase()| NONE         NONE      NONE       NONE       refused     refused

"After index" is after the range that holds it, as for `MapleTree.next`. A store leaves the cursor
on what was stored; find and next go on behind it, find_rev and prev before it, whether that cut
the entry that it stood on, swallowed others, or lay beside it.

Each step is as strict as the look-up that it is made of: find and walk are linearizable, find_rev
and prev where they need not leave one leaf, else unless three writes overtook them; next and prev
from START are a walk and a step. A cursor is for one thread at a time.
"""

from collections.abc import Iterator
from enum import Enum

from stressd_kernels.arguments import Entry, key_of, range_of, word_of
from stressd_kernels.calls import Calls, done, sound
from stressd_kernels.status import ZERO
from stressd_kernels.verbs import Verb


class CursorStatus(Enum):
    """What a cursor stands on; see the table above."""

    START = "start"
    ACTIVE = "active"
    NONE = "none"
    PAUSED = "paused"
    OVERFLOW = "overflow"
    UNDERFLOW = "underflow"


BEYOND = (CursorStatus.OVERFLOW, CursorStatus.UNDERFLOW)


class Cursor:
    """A place in a tree, and a window that steps do not leave; made by `MapleTree.cursor`.

    first, last  the range that it stands on
    value        of the entry there: an int, ZERO if it is reserved; None if nothing is known
    status       a CursorStatus
    window       the keys that `find`, `next`, `find_rev` and `prev` keep to
    """

    def __init__(self, calls: Calls, index: int, last: int) -> None:
        self._calls = calls
        self.window = (index, last)
        self.reset()

    def __repr__(self) -> str:
        value = "ZERO" if self.value == ZERO else self.value
        return f"<Cursor {self.status.value} [{self.first:#x}, {self.last:#x}] {value}>"

    # -- moving ----------------------------------------------------------------------------

    def find(self, last: int | None = None) -> Entry | None:
        """Move up to the next entry that begins at or before `last`; return it, or None."""
        limit = self.window[1] if last is None else key_of("last", last)
        included = self.status in (CursorStatus.START, CursorStatus.UNDERFLOW)
        begin = self.first if included else self.last + 1
        entry = None
        if begin <= limit:
            entry = self._calls.entry(Verb.SEEK, begin, limit)
        if entry:
            return self._stand(CursorStatus.ACTIVE, *entry)
        end = max(limit, begin - 1)
        self._stand(CursorStatus.OVERFLOW, end, end)
        return None

    def find_rev(self, first: int | None = None) -> Entry | None:
        """Move down to the entry before that ends at or after `first`; return it, or None."""
        limit = self.window[0] if first is None else key_of("first", first)
        included = self.status in (CursorStatus.START, CursorStatus.OVERFLOW)
        begin = self.last if included else self.first - 1
        entry = None
        if begin >= limit:
            entry = self._calls.entry(Verb.SEEK_REV, begin, limit)
        if entry:
            return self._stand(CursorStatus.ACTIVE, *entry)
        end = min(limit, begin + 1)
        self._stand(CursorStatus.UNDERFLOW, end, end)
        return None

    def next(self) -> Entry | None:
        """Move up to the next entry in the window; from START, to the one after its key's."""
        if self.status is CursorStatus.START:
            self.walk()
        return self.find()

    def prev(self) -> Entry | None:
        """Move down to the entry before in the window; from START, to the one before its key's."""
        if self.status is CursorStatus.START:
            self.walk()
        return self.find_rev()

    def walk(self, index: int | None = None) -> Entry | None:
        """Stand on the range that holds `index`, or `first`; return the entry there, or None.

        The window does not matter.
        """
        key = self.first if index is None else key_of("index", index)
        entry = self._calls.entry(Verb.WALK, key)
        assert entry is not None
        if entry[2]:
            return self._stand(CursorStatus.ACTIVE, *entry)
        self._stand(CursorStatus.NONE, *entry[:2])
        return None

    def set(self, index: int) -> None:
        """Go to `index`, without looking."""
        key = key_of("index", index)
        self._stand(CursorStatus.START, key, key)

    def reset(self) -> None:
        """Go to the first key of the window, without looking."""
        self.set(self.window[0])

    def pause(self) -> None:
        """Forget what stands here, for a while in which the tree may change; keep the place.

        The next step goes on from there as if the range had just been read. There is nothing to
        let go: a cursor holds nothing between steps.
        """
        if self.status in (CursorStatus.ACTIVE, CursorStatus.NONE):
            self._stand(CursorStatus.PAUSED, self.first, self.last)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries up to the end of the window, reserved ones too."""
        while entry := self.find():
            yield entry

    # -- writing ---------------------------------------------------------------------------

    def store(self, value: int | None, first: int | None = None, last: int | None = None) -> None:
        """Map the current range to `value`: an int, ZERO to reserve it, None to erase it.

        first, last  another range instead: the cursor stands on that afterwards

        RuntimeError at OVERFLOW and UNDERFLOW, where there is no range, unless both are given.
        """
        if self.status in BEYOND and (first is None or last is None):
            raise RuntimeError(f"the cursor stands on no range: {self.status.name}")
        first = self.first if first is None else first
        last = self.last if last is None else last
        first, last = range_of(first, last)
        word = word_of(value)
        done(self._calls.ask(Verb.STORE, first, last, word)[0])
        if word:
            self._stand(CursorStatus.ACTIVE, first, last, word)
        else:
            self._stand(CursorStatus.NONE, first, last)

    def erase(self) -> None:
        """Remove whatever is in the current range; RuntimeError where there is none."""
        self.store(None)

    def _stand(
        self, status: CursorStatus, first: int, last: int, value: int | None = None
    ) -> Entry | None:
        """Change all there is of the cursor; return the entry, if it stands on one."""
        if value is not None and value != ZERO:
            sound(value)
        self.status, self.first, self.last, self.value = status, first, last, value
        return None if value is None else (first, last, value)
