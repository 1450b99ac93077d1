"""T: two threads write down what they do to one address space, and somebody reads both rings."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from stressd_kernels.layout import (
    HEADER_TRACE,
    LINE_WORDS,
    MMS,
    SLOT_WORDS,
    SLOTS,
    SLOTS_MAX,
    TREE_LOCK,
)
from stressd_kernels.lock import OK, lock_give, lock_take
from stressd_kernels.mm.layout import MM_EVENTS, MM_ID
from stressd_kernels.mm.trace import (
    COLUMNS,
    EVENT_SZERO,
    SHARE_MIN,
    TRACE_STAMPS,
    trace_actor,
    trace_begin,
    trace_szero,
    trace_take,
)
from stressd_kernels.worker import (
    EVENT_WORDS,
    TRACE_CAPACITY,
    TRACE_HEAD,
    TRACE_RECORDS,
    TRACE_TAIL,
)
from tests.model.scenario import Actors, Scenario, words_of

MM = MMS + LINE_WORDS
ID = 5
WRITES = (3, 1)  # of the two threads: the first fills its ring more than once
TAKES = 3
PAGE = 4096


class Events(Scenario):
    """Record n holds n everywhere, and is found by whoever has seen record n + 1 before.

    The first thread's ring is half full to begin with, so it has to be given room before it
    can go on, and then writes where the reader has read.
    """

    name = "events"
    memories = ("pso", "c11")
    depth = 2

    @property
    def shared(self) -> Collection[int]:
        """How far the rings are written and read, and their records."""
        found: set[int] = set()
        for slot in range(SLOTS, SLOTS + SLOTS_MAX * SLOT_WORDS, SLOT_WORDS):
            records = slot + TRACE_RECORDS
            found |= {slot + TRACE_TAIL, slot + TRACE_HEAD}
            found |= set(range(records, records + TRACE_CAPACITY * EVENT_WORDS))
        return found

    def prepare(self) -> None:
        """Switch events on and write the first two."""
        self.words[MM + MM_ID] = words_of(ID)
        self.words[HEADER_TRACE] = words_of(TRACE_STAMPS)
        for _ in range(2):
            self.write_one(self.slots[0])

    def write_one(self, slot: int) -> None:
        """Write down event n as an erasure of page n, if there is room for it."""
        words, lock = self.words, self.tree + TREE_LOCK
        if trace_begin(words, slot, words_of(3)) != OK:
            return
        assert lock_take(words, lock) == OK
        trace_actor(words, MM, slot)
        start = (int(words[MM + MM_EVENTS]) + 1) * PAGE
        trace_szero(words, MM, slot, words_of(start), words_of(start + PAGE))
        lock_give(words, lock)

    def take(self) -> list[int]:
        """Return the numbers of the events that stand in the rings, which are whole."""
        out = np.zeros((SLOTS_MAX * SHARE_MIN, COLUMNS), np.uint64)
        count = trace_take(self.words, np.zeros((2, SLOTS_MAX), np.uint64), out)
        for number, mm, vma, start, last, _, _ in out[:count].tolist():
            page = number * PAGE
            whole = [ID, 0, page | EVENT_SZERO, page + PAGE - 1]
            found = [mm, vma, start, last]
            assert found == whole, f"event {number} is {found}"
        return [int(number) for number in out[:count, 0]]

    def actors(self) -> Actors:
        """Return two writers and a reader."""
        counts = (1, 1) if self.tiny else WRITES

        def write(slot: int, count: int) -> None:
            for _ in range(count):
                self.write_one(slot)

        def read() -> None:
            for _ in range(2 if self.tiny else TAKES):
                before = max(self.taken)
                self.taken |= set(self.take())
                missing = set(range(1, before + 1)) - self.taken
                assert not missing, f"event {before} was there before {min(missing)}"

        writers = [
            (lambda s=s, n=n: write(s, n), s) for s, n in zip(self.slots, counts, strict=True)
        ]
        return {"A": writers[0], "B": writers[1], "R": (read, None)}

    def restart(self) -> None:
        """Begin again, with nothing taken."""
        super().restart()
        self.taken = {0}

    def finish(self) -> None:
        """Take the rest: every event was seen, once."""
        rest = self.take()
        events = int(self.words[MM + MM_EVENTS])
        assert self.taken | set(rest) == set(range(events + 1)), f"{events} events, not all found"
        assert not self.taken & set(rest)
