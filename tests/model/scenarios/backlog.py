"""Backpressure: a limbo is full because a reader is pinned; both get to their ends."""

from __future__ import annotations

from stressd_kernels.door import sched_yield
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import HEADER_BACKLOG_MAX
from stressd_kernels.limbo import RETIRE_MOST
from stressd_kernels.model.machine import at
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, RESERVED, Actors, Scenario, words_of

BACKLOG = int(Status.BACKLOG)


class Backlog(Scenario):
    """A write that finds its limbo full answers BACKLOG, changes nothing, and may ask again."""

    name = "backlog"
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))

    def prepare(self) -> None:
        """Leave room for what one write can retire, and hardly more."""
        self.ask(self.slots[0], Verb.COLLECT, 64)
        self.words[HEADER_BACKLOG_MAX] = RETIRE_MOST + words_of(1)

    def actors(self) -> Actors:
        """Return a writer that stores until it may, and a reader that also writes."""
        writer, reader = self.slots

        def store(slot: int, first: int, value: int) -> None:
            while (status := self.ask(slot, Verb.STORE, first, first + 3, value)) == BACKLOG:
                sched_yield()
            assert status == OK, f"a store answers {Status(status).name}"

        def write() -> None:
            for value in (9,) if self.tiny else (7, 8, 9):
                store(writer, 11, value)
                store(writer, 21, value)

        def read() -> None:
            epoch_pin(self.words, reader)
            for key in self.some((11, 21)):
                at("HOLD")
                value = self.ask(reader, Verb.LOAD, key)
                assert value < RESERVED, f"load({key}) meets the reserved word {value:#x}"
            epoch_unpin(self.words, reader)
            store(reader, 31, 99)

        return {"W": (write, writer), "R": (read, reader)}

    def finish(self) -> None:
        """Look for the writes."""
        found = [self.ask(self.slots[0], Verb.LOAD, key) for key in (11, 21, 31)]
        assert found == [9, 9, 99], f"the last writes are {found}"
