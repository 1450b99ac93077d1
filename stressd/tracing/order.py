"""One order for the events of all rings.

Inside one address space the numbers of its events are the order, and an event waits here until
those before it are there. They are in their rings by then (see stressd_kernels.mm.trace), so
whoever has read all rings as far as they were written by now, has them. A *sweep* is that: what
an event still lacks after the first sweep that began behind it was lost, and the next event of its
address space says how many.

Between address spaces there is no order but time: events are put out by their stamps, each not
before those of its own address space, and none that is newer than what was not yet read.

What waits here came in with the last two sweeps, so memory is bounded by what the rings hold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stressd_kernels.mm.trace import (
    COLUMNS,
    EVENT_ACTOR,
    EVENT_EXIT,
    EVENT_FOREIGN,
    EVENT_KINDS,
    EVENT_MORE,
    EVENT_SEARCH,
)

Table = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.bool_]

# Columns of a table of events: the words of a record, its slot, and what was found out about it.
NUMBER, MM, VMA, START, LAST, STAMP, SLOT = range(COLUMNS)
ACTOR = COLUMNS  # MM_ID of who did it
MORE = ACTOR + 1  # from here: the second record of a search
LOST = MORE + COLUMNS - 1  # events of this address space that are missing right before
SWEEPS = LOST + 1  # that ended since it came in
EVENT_COLUMNS = SWEEPS + 1
SWEEPS_WAITED = 3  # the one that it came in with, one that began at that look, and a whole one

FOREVER = (1 << 64) - 1


class Order:
    """Takes records ring by ring, gives events in their order."""

    def __init__(self) -> None:
        self.lost = 0  # events that were found to be missing
        self._next: dict[int, int] = {}  # the number that an address space's next event has
        self._actors: dict[int, int] = {}  # who was named last, by slot
        self._waiting = np.zeros((0, EVENT_COLUMNS), np.uint64)

    def add(self, records: Table) -> None:
        """Take records as trace_take leaves them: those of one ring together, in their order."""
        self._waiting = np.concatenate([self._waiting, self._events(records)])

    def swept(self) -> None:
        """Take note that a sweep is over, and the next begins."""
        self._waiting[:, SWEEPS] += np.uint64(1)

    def ready(self, until: int) -> Table:
        """Return the events that can be put out, none of a later stamp than `until`."""
        table = self._waiting
        table = table[np.lexsort((table[:, NUMBER], table[:, MM]))]
        ready = self._known(table) & (table[:, STAMP] <= np.uint64(until))
        self._waiting = table[~ready]
        chosen = table[ready]
        self._note(chosen)
        return chosen[np.argsort(chosen[:, STAMP], kind="stable")]

    def rest(self) -> Table:
        """Return all that is left: no more will come."""
        self._waiting[:, SWEEPS] = SWEEPS_WAITED
        return self.ready(FOREVER)

    def _events(self, records: Table) -> Table:
        """Return the events of some records, each with its actor."""
        kinds = records[:, START] & EVENT_KINDS
        table = np.zeros((len(records), EVENT_COLUMNS), np.uint64)
        table[:, :COLUMNS] = records
        table[:, ACTOR] = self._who(records, kinds == EVENT_ACTOR)
        searches = np.flatnonzero(kinds == EVENT_SEARCH)
        table[searches, MORE:LOST] = records[searches + 1, : COLUMNS - 1]
        events: Marks = (kinds != EVENT_ACTOR) & (kinds != EVENT_MORE)
        return np.compress(events, table, axis=0)

    def _who(self, records: Table, named: Marks) -> Table:
        """Return who acts in each record: its own address space, or the last that was named."""
        who = records[:, MM].copy()
        foreign = (records[:, START] & EVENT_FOREIGN != 0) & ~named
        if not named.any() and not foreign.any():
            return who
        for slot in np.unique(records[:, SLOT]):
            mine = np.flatnonzero(records[:, SLOT] == slot)
            before = np.array([self._actors.get(int(slot), 0)], np.uint64)
            names = np.concatenate([before, who[mine[named[mine]]]])
            said = np.cumsum(named[mine])
            who[mine] = np.where(foreign[mine], names[said], who[mine])
            self._actors[int(slot)] = int(names[-1])
        return who

    def _known(self, table: Table) -> Marks:
        """Tell which rows, sorted by address space and number, lack none before them.

        Writes LOST, and raises stamps so that they never fall inside an address space.
        """
        if not len(table):
            return np.zeros(0, bool)
        begins = np.flatnonzero(np.diff(table[:, MM], prepend=table[0, MM] + np.uint64(1)))
        sizes = np.diff(begins, append=len(table))
        first = [self._next.get(int(mm), 1) for mm in table[begins, MM]]
        rank = np.arange(len(table)) - np.repeat(begins, sizes)
        missing = (table[:, NUMBER] - np.repeat(np.array(first, np.uint64), sizes)).astype(np.int64)
        missing -= rank
        # Every gap before an event that was there when the last sweep began is a loss.
        old = table[:, SWEEPS] >= SWEEPS_WAITED
        given_up = np.maximum.reduceat(np.where(old, missing, 0), begins)
        known = missing <= np.repeat(given_up, sizes)
        before = np.concatenate([[0], missing[:-1]])
        before[begins] = 0
        table[:, LOST] = np.where(known, missing - before, 0).astype(np.uint64)
        low = table[:, STAMP].min()
        group = np.repeat(np.arange(len(begins), dtype=np.uint64), sizes)
        span = table[:, STAMP].max() - low + np.uint64(1)
        rising = np.maximum.accumulate(table[:, STAMP] - low + group * span)
        table[:, STAMP] = rising - group * span + low
        return known

    def _note(self, chosen: Table) -> None:
        """Remember how far each address space has come; one that has ended is forgotten."""
        if not len(chosen):
            return
        self.lost += int(chosen[:, LOST].sum())
        ends = np.flatnonzero(np.diff(chosen[:, MM], append=chosen[-1, MM] + np.uint64(1)))
        kinds = chosen[ends, START] & EVENT_KINDS
        for mm, number, kind in zip(
            chosen[ends, MM].tolist(), chosen[ends, NUMBER].tolist(), kinds.tolist(), strict=True
        ):
            if kind == EVENT_EXIT:
                self._next.pop(mm, None)
            else:
                self._next[mm] = number + 1
