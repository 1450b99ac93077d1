"""P, S: two writes of different kinds, and look-ups that must each be of one state between."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.verbs import Verb
from tests.model.scenario import RESERVED, Actors, Scenario


class Load(Scenario):
    """A tree of two levels; one write copies a leaf, one splits it, one replaces a value."""

    name = "load"
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))

    def actors(self) -> Actors:
        """Return a writer and a reader of three keys."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(((12, 13, 7), (15, 21, 8), (30, 33, 9))):
                self.write(writer, first, last, value)

        def read() -> None:
            low = 0
            for key in self.some((12, 21, 31)):
                low = max(low, self.known())
                epoch_pin(self.words, reader)
                value = self.ask(reader, Verb.LOAD, key)
                epoch_unpin(self.words, reader)
                assert value < RESERVED, f"load({key}) meets the reserved word {value:#x}"
                low = self.state_between(low, lambda s, k=key, v=value: s.get(k, 0) == v)

        return {"W": (write, writer), "R": (read, reader)}
