"""What a recording says, one record a line: the words that every format is read into.

    Store     [first, last] of tree `mm` now belongs to mapping `vma`
    Erase     [first, last] of tree `mm` now belongs to nobody
    Destroy   tree `mm` is gone; the same `mm` later on is a new tree
    Search    a range was looked for in tree `mm`, and `address` or `error` was the answer
    Lost      some events never reached the file: no tree is known exactly from here on

Ranges are inclusive at both ends, as in the trees, so the last key (2^64 - 1) needs no special
case. A window of a search ends before `high`, as the kernel prints it.

`mm` and `vma` are pointers as printed, often hashed: they can be told apart, no more. Some
kernels print a placeholder for all of them, which is HIDDEN here. `pid` is the process (thread
group) that made the change, as far as the line tells; the thread where it tells only that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

KEY_MAX = (1 << 64) - 1
HIDDEN = -1  # a pointer printed as (____ptrval____)


class Store(NamedTuple):
    """One mapping now covers [first, last], whatever stood there before."""

    mm: int
    vma: int
    first: int
    last: int
    pid: int | None
    line: int
    grows: bool | None = None  # whether it grows down; None: the log does not say


class Erase(NamedTuple):
    """Nothing covers [first, last] any more."""

    mm: int
    first: int
    last: int
    pid: int | None
    line: int


class Destroy(NamedTuple):
    """The tree is emptied and given up."""

    mm: int
    pid: int | None
    line: int


class Search(NamedTuple):
    """A free range of `length` was wanted inside [low, high), its start = offset mod (mask + 1)."""

    mm: int
    low: int
    high: int
    length: int
    mask: int
    offset: int
    topdown: bool
    address: int  # the answer, if error is 0
    error: int  # 0, or a negative error number: nothing was found
    pid: int | None
    line: int

    @property
    def expected(self) -> int | None:
        """The recorded answer: where the range was found, or None."""
        return None if self.error else self.address


class Lost(NamedTuple):
    """So many events are missing before this line."""

    missing: int
    line: int


Event = Store | Erase | Destroy | Search | Lost


class EventLog(Protocol):
    """One recording, read once from front to back; the counts are final at the end."""

    path: str
    format: str
    unread: int  # lines that announce an event and do not parse; each is also a Lost
    odd: int  # events that mean nothing, as an erase from 7 to 3
    unattributed: int  # searches that do not name their tree
    problems: list[str]  # the first unread or odd lines, as file:line: problem (got ...)

    def __iter__(self) -> Iterator[Event]:
        """Yield the events in the order of the file."""
        ...
