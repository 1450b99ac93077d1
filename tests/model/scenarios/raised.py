"""P, S: find, while the border between two leaves moves down, up, and a value behind it changes."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, Actors, Scenario
from tests.model.scenarios.find import Entry, first_from


class Raised(Scenario):
    """An entry that ends its leaf is erased, one is stored in its place, another overwritten.

    Leaves 0 .. 13, 14 .. 33 and the rest; the second begins with NULL and is full.
    """

    name = "raised"
    entries = ((0, 3, 1), (4, 7, 2), (10, 13, 3), (20, 23, 4), (30, 33, 5), (34, 37, 6))

    def actors(self) -> Actors:
        """Return a writer, and a reader that looks for what comes at or after a key."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(((10, 13, 0), (15, 17, 8), (20, 23, 9))):
                self.write(writer, first, last, value)

        def read() -> None:
            low = 0
            for key in self.some((15, 11)):
                low = max(low, self.known())
                epoch_pin(self.words, reader)
                status = self.ask(reader, Verb.FIND, key, 63)
                found = self.result(reader) if status == OK else None
                epoch_unpin(self.words, reader)
                low = self.judge(key, found, low)

        return {"W": (write, writer), "R": (read, reader)}

    def judge(self, key: int, found: Entry | None, low: int) -> int:
        """Return the state that an answer is of."""
        return self.state_between(low, lambda state: first_from(state, key) == found)
