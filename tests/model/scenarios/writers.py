"""W, P, E: two writers and a reader on one tree, with nodes that are freed and used again."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, RESERVED, Actors, Scenario


class Writers(Scenario):
    """Each writer has keys of its own: what it stored last is there at the end."""

    name = "writers"
    seats = 3
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))

    def actors(self) -> Actors:
        """Return two writers and a reader."""
        one, two, reader = self.slots

        def store(slot: int, first: int, value: int) -> None:
            for add in self.some(range(3)):
                status = self.ask(slot, Verb.STORE, first + add, first + 4, value + add)
                assert status == OK, f"a store answers {status}"

        def read() -> None:
            keys = ((14, (0, 11, 12, 13)), (24, (0, 21, 22, 23)), (1, (1,)))
            for key, values in self.some(keys):
                epoch_pin(self.words, reader)
                value = self.ask(reader, Verb.LOAD, key)
                epoch_unpin(self.words, reader)
                assert value < RESERVED, f"load({key}) meets the reserved word {value:#x}"
                assert value in values, f"load({key}) gives {value}"

        return {
            "A": (lambda: store(one, 10, 11), one),
            "B": (lambda: store(two, 20, 21), two),
            "R": (read, reader),
        }

    def finish(self) -> None:
        """Look for what was stored last, and at the whole tree."""
        slot = self.slots[0]
        expected = {10: 11, 11: 12, 12: 13, 14: 13, 20: 21, 21: 22, 22: 23, 24: 23, 31: 4}
        if self.tiny:
            expected |= {11: 11, 12: 11, 14: 11, 21: 21, 22: 21, 24: 21}
        found = {key: self.ask(slot, Verb.LOAD, key) for key in expected}
        assert found == expected
        broken = self.ask(slot, Verb.CHECK, 0, 1000)
        assert broken == 0, f"invariant {broken} is broken"
