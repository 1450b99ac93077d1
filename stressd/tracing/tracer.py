"""Tracing from beginning to end: a thread that moves events from the rings to a file.

    begin     events are written down from here on; before the first address space exists
    (thread)  looks through all rings, puts the events into one order, writes their lines; rests
              when there was little to do
    end       nobody makes events any more: the rest is written, and the file gets its name

A thread of its own rather than a task of the session: calls wait for room in the rings, so it
must not wait for anything that waits for calls.

A trace ends early when its file is as large as it may be, or cannot be written. From then on
events are not written down any more, no call waits, and the run goes on; `report.ended` says
why. What was written until then stays: under its name if it was the limit, as FILE.partial if
the file could not be written.

Losses (see order.py) are marked where they happened; those behind the last event of an address
space at the end of the file.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from stressd.display.units import size as size_text
from stressd.evidence import TraceSample
from stressd.tracing import lines
from stressd.tracing.file import TraceFile, TraceFileError
from stressd.tracing.order import SLOT, STAMP, START, Order, Table
from stressd_kernels.layout import SLOT_WORDS, SLOTS, SLOTS_MAX
from stressd_kernels.mm.drain import EventRings, Words
from stressd_kernels.mm.trace import (
    COLUMNS,
    EVENT_ACTOR,
    EVENT_KINDS,
    EVENT_MORE,
    MARK_HEAD,
    MARK_TAIL,
)

ROWS = 1 << 14  # records taken at a time: 1 MiB, and some 20 ms of work in Python
FEW = ROWS >> 4  # so few do not need the next look at once
REST_S = 0.005
LINES = 1 << 9  # written at a time: the limit of the file is kept to so many
FULL = "# the trace ends here: the file has reached its limit of {limit}\n"


class Tracer:
    """One trace; `with tracer:` is begin and end."""

    def __init__(self, words: Words, file: TraceFile) -> None:
        self._file = file
        self._rings = EventRings(words)
        self._order = Order()
        self._events = 0
        self._behind = 0  # lost behind the last event of their address spaces
        self._path = file.partial
        self._ended = ""
        self._done = threading.Event()  # no more events will come
        self._out = np.zeros((ROWS, COLUMNS), np.uint64)
        self._marks = np.zeros((2, SLOTS_MAX), np.uint64)
        self._sweep = np.zeros(SLOTS_MAX, np.uint64)  # how far the rings were when it began
        self._thread = threading.Thread(target=self._run, name="tracer", daemon=True)

    def __enter__(self) -> Tracer:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Write the head of the file, and let events be written down."""
        self._start = self._rings.now()
        self._file.takes(lines.HEAD)
        self._rings.switch_on()
        self._thread.start()

    def end(self) -> TraceSample:
        """Write what is left and return what was written; nobody may make events any more."""
        self._done.set()
        self._thread.join()
        return self.report

    @property
    def report(self) -> TraceSample:
        """What was written so far; may be asked for at any time, from any thread."""
        return TraceSample(
            str(self._path),
            self._events,
            self._order.lost + self._behind,
            self._rings.waits,
            self._file.size,
            self._ended,
        )

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        """Work until told that no more will come, or until the trace ends early."""
        try:
            whole = self._work()
            self._rings.switch_off()
            if not whole:
                limit = size_text(self._file.limit)
                self._file.add(FULL.format(limit=limit).encode())
                self._ended = f"{self._file.path}: the trace has reached its limit of {limit}"
            self._file.finish()
            self._path = self._file.path
        except TraceFileError as failure:
            self._give_up(str(failure))
        except Exception as failure:
            self._give_up(f"{self._file.path}: {type(failure).__name__}: {failure}")

    def _give_up(self, why: str) -> None:
        """Leave the file as it is."""
        self._rings.switch_off()
        self._ended = why
        self._file.abandon()

    def _work(self) -> bool:
        """Move events until no more will come; False if the file has no room for more."""
        while True:
            last = self._done.is_set()
            now = self._rings.now()
            found = self._take()
            if last and not found:
                break
            if not self._write(self._order.ready(self._until(now[0])), now):
                return False
            if found < FEW and not last:
                self._done.wait(REST_S)
        if not self._write(self._order.rest(), self._rings.now()):
            return False
        self._behind = self._rings.lost - self._order.lost
        return not self._behind or self._file.takes(lines.MISSING % (0, self._behind))

    def _take(self) -> int:
        """Take what the rings hold, a part of it if it is much; return how many records."""
        rows = self._rings.take(self._marks, self._out)
        self._taken = self._out[:rows]
        self._order.add(self._taken)
        if (self._marks[MARK_HEAD] >= self._sweep).all():
            self._order.swept()
            self._sweep = self._marks[MARK_TAIL].copy()
        return rows

    def _until(self, now: int) -> int:
        """Return the stamp up to which all events are known: that of the oldest not yet taken."""
        left = np.flatnonzero(self._marks[MARK_HEAD] != self._marks[MARK_TAIL])
        return min([now, *(self._last_stamp(SLOTS + int(number) * SLOT_WORDS) for number in left)])

    def _last_stamp(self, slot: int) -> int:
        """Return the stamp of the last event that was just taken of a ring."""
        kinds = self._taken[:, START] & EVENT_KINDS
        mine = (self._taken[:, SLOT] == slot) & (kinds != EVENT_ACTOR) & (kinds != EVENT_MORE)
        return int(self._taken[mine, STAMP][-1])

    def _microseconds(self, stamps: Table, now: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Return stamps as times of CLOCK_MONOTONIC: both clocks are known at two moments."""
        ticks, nanoseconds = (later - first for later, first in zip(now, self._start, strict=True))
        since = (stamps - np.uint64(self._start[0])).astype(np.int64) * (nanoseconds / (ticks or 1))
        return ((self._start[1] + since) / 1000).astype(np.int64)

    def _write(self, events: Table, now: tuple[int, int]) -> bool:
        """Write lines; False if the file has no room for more."""
        for begin in range(0, len(events), LINES):
            part = events[begin : begin + LINES]
            texts = lines.lines_of(part, self._microseconds(part[:, STAMP], now))
            if not self._file.takes("".join(texts)):
                return False
            self._events += len(part)
        return True
