"""P, S, V: two publications, and find, next and prev whose answers lie in other leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.maple.search import CROSSING_TRIES
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, Actors, Map, Scenario, entry_runs

Entry = tuple[int, int, int]


def first_from(state: Map, key: int) -> Entry | None:
    """Return the first entry that ends at or after `key`."""
    return next((e for e in entry_runs(state) if e[1] >= key), None)


def after(state: Map, key: int) -> Entry | None:
    """Return the first entry that begins after `key`."""
    return next((e for e in entry_runs(state) if e[0] > key), None)


def before(state: Map, key: int) -> Entry | None:
    """Return the last entry that ends before `key`."""
    return next((e for e in reversed(list(entry_runs(state))) if e[1] < key), None)


def last_from(state: Map, key: int) -> Entry | None:
    """Return the last entry that begins at or before `key`."""
    return next((e for e in reversed(list(entry_runs(state))) if e[0] <= key), None)


EXACT = {Verb.FIND: first_from, Verb.FIND_REV: last_from, Verb.NEXT: after, Verb.PREV: before}
BEYOND: dict[Verb, Callable[[Entry, int], bool]] = {
    Verb.FIND: lambda entry, key: entry[1] >= key,
    Verb.FIND_REV: lambda entry, key: entry[0] <= key,
    Verb.NEXT: lambda entry, key: entry[0] > key,
    Verb.PREV: lambda entry, key: entry[1] < key,
}


class Find(Scenario):
    """Entries are erased and stored on both sides of the border between two leaves."""

    name = "find"
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5), (50, 53, 6))
    writes: ClassVar[Sequence[tuple[int, int, int]]] = ((12, 13, 8), (20, 23, 0))
    asked: ClassVar[Sequence[tuple[Verb, int, int]]] = (
        (Verb.NEXT, 11, 63),
        (Verb.FIND, 15, 63),
        (Verb.PREV, 31, 0),
    )

    def actors(self) -> Actors:
        """Return a writer, and a reader that asks in three ways."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(self.writes):
                self.write(writer, first, last, value)

        def read() -> None:
            low = 0
            for verb, key, bound in self.some(self.asked):
                low = max(low, self.known())
                epoch_pin(self.words, reader)
                status = self.ask(reader, verb, key, bound)
                found = self.result(reader) if status == OK else None
                epoch_unpin(self.words, reader)
                overtaken = self.tries(reader) == CROSSING_TRIES
                low = self.judge(verb, key, found, low, overtaken)

        return {"W": (write, writer), "R": (read, reader)}

    def judge(self, verb: Verb, key: int, found: Entry | None, low: int, overtaken: bool) -> int:
        """Return the state that an answer is of; a loose one has to be in some state only."""
        exact = EXACT[verb]
        if not overtaken:
            return self.state_between(low, lambda state: exact(state, key) == found)
        if found:
            beyond = BEYOND[verb](found, key)
            assert beyond, f"{verb.name}({key}) gives {found}, not beyond the key"
            self.state_between(low, lambda state: found in entry_runs(state))
        return low
