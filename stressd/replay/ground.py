"""The arena that recordings are played in, and the few things that Python asks of it.

A space has a place: a number of the player's, a block of what is known of it beside its VMAs
(SPACE_WORDS), and an address space of the kernels. Those are used again by later spaces. What is
broken stays as it is and is never used again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from stressd.replay.how import How
from stressd.sources.base import MASK, table_of
from stressd.tracing.file import TraceFile
from stressd.tracing.tracer import Tracer
from stressd_kernels.door import Entry
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    TREES_MAX,
    UMAX,
    WORD_BYTES,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.memory import CAPACITY_MIN, Arena
from stressd_kernels.mm import CALLS, VERBS, with_steps
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_COMPARED, MM_VALIDATED
from stressd_kernels.mm.recordings.growing import (
    GROWTH,
    INHERITED_WORDS,
    SPACE_INHERITED,
    SPACE_INHERITED_COUNT,
    SPACE_MM,
    SPACE_WORDS,
)
from stressd_kernels.mm.recordings.playing import MISSED, list_vmas, play
from stressd_kernels.mm.validation.report import finding_report
from stressd_kernels.mm.words import EINVAL
from stressd_kernels.slice import entry_run
from stressd_kernels.spaces import Settings, begin_mm, offer_calls, open_mm
from stressd_kernels.status import Status
from stressd_kernels.warm import is_cached, warm
from stressd_kernels.worker import TRACE_NAMED

Words = npt.NDArray[np.uint64]
Range = tuple[int, int]

CAPACITY = 8 << 30  # bytes of nodes, reserved and not used; less where the system refuses
BACKLOG_PAUSE_S = 0.001
LISTED = 1 << 10  # mappings asked for at a time
NOTHING = np.uint64(0)
USED = (Call.RECORD_STORE, Call.RECORD_ERASE, Call.SEARCH, Call.VALIDATE, Call.EXIT)


class Stopped(Enum):
    """Why not all rows were played."""

    NOT = auto()  # they were
    MISSED = auto()  # the last one's answer differs from the recorded one
    REFUSED = auto()  # the last one is of addresses that no mapping can have
    BROKEN = auto()  # something was found wrong


class Ground:
    """One arena, its address spaces, and one seat in it: for one thread."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._arena = _arena(capacity)
        self._words = self._arena.words
        self._slot = self._arena.seat()
        self._places = table_of(TREES_MAX * SPACE_WORDS).reshape(-1, SPACE_WORDS)
        self._listed = table_of(LISTED * INHERITED_WORDS).reshape(-1, INHERITED_WORDS)
        self._inherited: dict[int, Words] = {}  # by place: kernels read it
        self._spare: list[int] = []  # blocks of address spaces that have ended
        self.is_broken = False  # something was found wrong: the arena is left as it is
        _compile()
        offer_calls(self._arena, USED)
        self._spare.append(self._open(Settings()))
        self._list(self._spare[0], int(UMAX))  # so that nothing is left to be made ready

    def trace(self, file: TraceFile) -> Tracer:
        """Write down what happens from here on, but for what the last player left to be ended."""
        tracer = Tracer(self._words, file)
        tracer.begin()
        return tracer

    def begin(self, place: int, how: How, parents: Sequence[int]) -> None:
        """Let an empty address space begin at `place`, perhaps a copy of one of `parents`."""
        grown = [self._list(self._mm(parent), int(GROWTH)) for parent in parents]
        inherited = np.concatenate([*grown, self._listed[:0]])
        mm = self._open(Settings(stage=how.stage, validate=how.validate))
        block = self._places[place]
        block[:] = 0
        block[SPACE_MM] = mm
        block[SPACE_INHERITED] = self._at(inherited)
        block[SPACE_INHERITED_COUNT] = len(inherited)
        self._inherited[place] = inherited

    def play(self, table: Words, at: int, pids: Words | None = None) -> tuple[int, Stopped, int]:
        """Play the rows from number `at` on; return (how many are done, why no more, answer).

        pids  the process of each row, 0 where it is not known: traces name it

        Rows are counted from the table's first; the answer is what a search found that missed.
        MemoryError if the arena is full.
        """
        pids = np.zeros(len(table), np.uint64) if pids is None else pids
        numbers = len(table), self._at(table), self._at(self._places), self._at(pids)
        reached, status = at, int(Status.BACKLOG)
        while status == Status.BACKLOG:  # for what is traced to be written
            reached = self._run(play, 0, reached, *numbers)
            status = int(self._words[self._slot + RESULT_LAST])
            if status == Status.BACKLOG:
                time.sleep(BACKLOG_PAUSE_S)
        address = int(self._words[self._slot + RESULT_FIRST])
        if status in WHY:
            return reached, WHY[status], address
        raise _failure(status)

    def validate(self, place: int) -> str | None:
        """Compare all structures of the space; return what was found wrong, or None."""
        status = self._call(Call.VALIDATE, self._mm(place))
        if status == Status.BROKEN:
            return self.report(place)
        if status != Status.OK:
            raise _failure(status)
        return None

    def report(self, place: int) -> str:
        """Return what was found wrong with the space at `place`, over several lines."""
        self.is_broken = True
        return finding_report(self._arena.words, self._mm(place))

    def ranges(self, place: int) -> list[Range]:
        """Return what is mapped, ascending; both ends inclusive."""
        rows = self._list(self._mm(place), int(UMAX))
        return list(map(tuple, rows[:, :2].tolist()))

    def mapping_at(self, place: int, address: int) -> Range | None:
        """Return the range of the first VMA that ends above `address`."""
        count = self._run(list_vmas, self._mm(place), address, int(UMAX), self._at(self._listed), 1)
        first, last = self._listed[0, :2].tolist()
        return (first, last) if count else None

    def end(self, place: int, pid: int | None = None) -> tuple[int, int]:
        """End the space; return how often it was validated, and how many searches compared.

        pid  of the process that ends it
        """
        mm = self._mm(place)
        counted = int(self._words[mm + MM_VALIDATED]), int(self._words[mm + MM_COMPARED])
        self._words[self._slot + TRACE_NAMED] = pid or 0
        status = self._call(Call.EXIT, mm)
        if status != Status.OK:
            raise _failure(status)
        self._spare.append(mm)
        return counted

    def _open(self, settings: Settings) -> int:
        """Return the block of a new address space: one that was used before, if there is any."""
        if not self._spare:
            return open_mm(self._arena, settings)
        mm = self._spare.pop()
        begin_mm(self._arena, mm, settings)
        return mm

    def _mm(self, place: int) -> int:
        return int(self._places[place, SPACE_MM])

    def _list(self, mm: int, flags: int) -> Words:
        """Return (first, last, what is known of its growth) of each VMA with any of `flags`."""
        parts = [self._listed[:0]]
        at = 0
        while at != int(UMAX):
            count = self._run(list_vmas, mm, at, flags, self._at(self._listed), LISTED)
            parts.append(self._listed[:count].copy())
            at = int(self._words[self._slot + RESULT_FIRST])
        return np.concatenate(parts)

    def _at(self, table: Words) -> int:
        """Return the word index at which kernels find `table`, which must stay alive."""
        return (table.ctypes.data - self._words.ctypes.data) // WORD_BYTES & MASK

    def _call(self, call: Call, mm: int) -> int:
        """Make a call, again if it had to wait for what is traced to be written."""
        while (status := self._run(CALLS[call], mm)) == Status.BACKLOG:
            time.sleep(BACKLOG_PAUSE_S)
        return status

    def _run(self, entry: Entry, mm: int, *numbers: int) -> int:
        """Call an entry; return its answer."""
        given = [np.uint64(number) for number in numbers]
        given += [NOTHING] * (5 - len(given))
        address = np.uint64(entry.address)
        return int(entry_run(self._words, address, mm, self._slot, *given))


WHY = {
    int(Status.OK): Stopped.NOT,
    int(MISSED): Stopped.MISSED,
    int(EINVAL): Stopped.REFUSED,
    int(Status.BROKEN): Stopped.BROKEN,
}


def _failure(status: int) -> Exception:
    """Return the exception for what a call answered."""
    if status == Status.ARENA_FULL:
        return MemoryError("the arena is full")
    name = Status(status).name if status in list(Status) else hex(status)
    return RuntimeError(f"an address space answered {name}")


def _compile() -> None:
    """Make everything ready, in several processes if much is missing in the cache; say so then."""
    calls = [CALLS[call] for call in with_steps(USED)]
    verbs = [STRUCTURE.entries[verb] for verb in STRUCTURE.with_helpers(VERBS)]
    entries = [*calls, *verbs, play, list_vmas]
    processors = len(os.sched_getaffinity(0))
    missing = sum(not is_cached(entry) for entry in entries)
    if missing:
        print(f"compiling {missing} of {len(entries)} kernels, once", file=sys.stderr)
    warm(entries, lambda *_: None, processors)


def _arena(capacity: int) -> Arena:
    """Reserve as much as the system lets us, `capacity` bytes at most."""
    while True:
        try:
            return Arena(capacity)
        except MemoryError:
            capacity //= 2
            if capacity < CAPACITY_MIN:
                raise
