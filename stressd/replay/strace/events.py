"""A log of calls as events: what the calls do to the trees of address spaces, as a kernel tells.

The log is followed as in a replay, with one model for each address space, in which nothing is
written to; what it does is taken from the rings of trace events after each call. So whatever
reads recordings (a source, a table) reads a log of calls, too. Which answers the models give does
not matter here: where they differ from the log they are made to agree with it.

Address spaces, mappings and processes have numbers of their own; the line of an event is that of
the call that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.replay.finals import maps_beside
from stressd.replay.how import How
from stressd.replay.strace.follower import Follower
from stressd.replay.strace.kernels import KernelModels
from stressd.replay.strace.starts import Snapshots
from stressd.traces.calls import CallLog
from stressd.traces.events import Destroy, Erase, Event, Search, Store
from stressd.tracing.order import ACTOR, LAST, LOST, MM, MORE, START, VMA, Order
from stressd_kernels.layout import SLOTS_MAX
from stressd_kernels.mm.drain import EventRings
from stressd_kernels.mm.trace import (
    COLUMNS,
    EVENT_FLAGS_AT,
    EVENT_GROWS,
    EVENT_KINDS,
    EVENT_SEARCH,
    EVENT_STORE,
    EVENT_SZERO,
)
from stressd_kernels.mm.words import PAGE_MASK

ROWS = 1 << 14  # records taken at a time
ADDRESS = ~int(PAGE_MASK) & (1 << 64) - 1


class CallEvents:
    """The events of one log of calls, see EventLog."""

    def __init__(self, log: CallLog) -> None:
        self.path = log.path
        self.format = log.format
        self.unread = 0
        self.odd = 0
        self.unattributed = 0
        self.problems = log.problems
        self._log = log

    def __iter__(self) -> Iterator[Event]:
        """Yield what each call does."""
        models = KernelModels(How(validate=0))
        rings = _Rings(models)
        snapshots = Snapshots(maps_beside(self.path))
        follower = Follower(self._log, snapshots, models, twins=False)
        for _ in follower.steps():
            yield from rings.events(follower.line)
        self.unread, self.odd = self._log.unread, self._log.odd


class _Rings:
    """What the models do, one event after the other."""

    def __init__(self, models: KernelModels) -> None:
        self._rings = EventRings(models.arena.words)
        self._rings.switch_on()
        self._order = Order()
        self._marks = np.zeros((2, SLOTS_MAX), np.uint64)
        self._out = np.zeros((ROWS, COLUMNS), np.uint64)

    def events(self, line: int) -> Iterator[Event]:
        """Yield what was done since the last time, because of one line."""
        while rows := self._rings.take(self._marks, self._out):
            self._order.add(self._out[:rows])
            for row in self._order.rest().tolist():
                yield _event(row, line)


def _event(row: list[int], line: int) -> Event:
    """Return an event of a row as stressd.tracing.order has it."""
    mm, start, last, actor = row[MM], row[START] & ADDRESS, row[LAST], row[ACTOR]
    kind = row[START] & EVENT_KINDS
    if kind == EVENT_STORE:
        return Store(mm, row[VMA], start, last, actor, line, bool(row[START] & EVENT_GROWS))
    if kind == EVENT_SZERO:
        return Erase(mm, start, last, actor, line)
    if kind == EVENT_SEARCH:
        low, high, mask, _, offset, error = row[MORE:LOST]
        topdown = bool(row[START] >> EVENT_FLAGS_AT & 1)
        address = row[VMA]
        return Search(mm, low, high, last, mask, offset, topdown, address, -error, actor, line)
    return Destroy(mm, actor, line)
