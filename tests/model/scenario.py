"""What a scenario of the model is: a few actors on the project's own kernels, and an oracle.

A scenario prepares an arena once; each schedule begins with a copy of its words. Its actors are
plain functions that call kernels and assert what they see. Where a read must be that of a state
of a map, the scenario keeps the states in order: `wrote` after each write, and a reader asks
`state_between` how far the writes were, that it could know of, before it began, and how far any
was when it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from stressd_kernels.door import entry_call, load_acquire, store_release
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    RESULT_VALUE,
    RESULT_VERSION,
    TREE_ENTRIES_AT,
    TREE_WORDS,
    TREES,
    TREES_MAX,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.memory import Arena
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb

Actors = dict[str, tuple[Callable[[], None], int | None]]
Map = dict[int, int]  # key -> value, for the few keys of a scenario

# Words that no tree uses, each with a line to itself: the scenarios' own.
OWN = TREES + (TREES_MAX - 1) * TREE_WORDS
DONE = OWN  # writes that are visible
KEYS = 64  # the maps of scenarios are about the keys below this one
OK = int(Status.OK)
RESERVED = 1 << 63


class Scenario:
    """Base of all scenarios; a module of scenarios/ defines one."""

    name: ClassVar[str]
    memories: ClassVar[tuple[str, ...]] = ("tso", "pso", "c11")
    depth: ClassVar[int] = 3  # of the defects that PCT looks for
    preemptions: ClassVar[int] = 2  # of the exhaustive search
    seats: ClassVar[int] = 2
    entries: ClassVar[tuple[tuple[int, int, int], ...]] = ()  # of the tree, to begin with

    def __init__(self, tiny: bool = False) -> None:
        self.tiny = tiny  # so small that all of its schedules can be run
        with np.errstate(over="ignore"):
            self._open()

    def _open(self) -> None:
        """Prepare the arena."""
        self.arena = Arena(4 << 20, poison=True)
        self.words = self.arena.words
        self.slots = [self.arena.seat() for _ in range(self.seats)]
        self.tree = self.arena.open_tree()
        self.arena.offer(self.tree, STRUCTURE, list(STRUCTURE.entries))
        for slot in self.slots:
            assert self.ask(slot, Verb.RESERVE) == OK
        for first, last, value in self.entries:
            assert self.ask(self.slots[0], Verb.STORE, first, last, value) == OK
        self.states: list[Map] = []
        self.started = 0
        self.prepare()
        self.prepared = dict(self.words.base)
        self.first_version = self.version()

    # -- of each scenario --------------------------------------------------------------------

    def prepare(self) -> None:
        """Do once what has to be there before the actors begin."""

    def actors(self) -> Actors:
        """Return the actors by name: what each runs, and in which slot it sits."""
        raise NotImplementedError

    def finish(self) -> None:
        """Look at what is left when all have ended."""

    @property
    def shared(self) -> Collection[int]:
        """Words of slots that others look at."""
        return ()

    # -- for each schedule -------------------------------------------------------------------

    def restart(self) -> None:
        """Begin again."""
        self.words.base = dict(self.prepared)
        self.states = [self.map_of_entries()]
        self.started = 0

    def map_of_entries(self) -> Map:
        """Return the map that the tree begins with."""
        return {key: v for first, last, v in self.entries for key in range(first, last + 1)}

    def some(self, things: Sequence[Any]) -> Sequence[Any]:
        """Return all, or only the first where the scenario is to be tiny."""
        return things[:1] if self.tiny else things

    # -- for actors --------------------------------------------------------------------------

    def ask(self, slot: int, verb: Verb, *arguments: int, tree: int | None = None) -> int:
        """Call one entry point of the tree, or of another one."""
        tree = self.tree if tree is None else tree
        five = [np.uint64(argument) for argument in (*arguments, 0, 0, 0, 0, 0)[:5]]
        address = self.words[tree + TREE_ENTRIES_AT + verb]
        return int(entry_call(self.words, address, tree, slot, *five))

    def version(self) -> int:
        """Return the tree's version when nothing runs."""
        from stressd_kernels.layout import TREE_VERSION

        return int(self.words[self.tree + TREE_VERSION])

    def write(self, slot: int, first: int, last: int, value: int, verb: Verb = Verb.STORE) -> None:
        """Store a range (value 0 erases it), and keep the map after it; one writer only."""
        after = {k: v for k, v in self.states[-1].items() if not first <= k <= last}
        if value:
            after |= dict.fromkeys(range(first, last + 1), value)
        self.states.append(after)
        self.started += 1
        number = self.started
        status = self.ask(slot, verb, first, last, value)
        assert status == OK, f"a store answers {Status(status).name}"
        store_release(self.words, DONE, np.uint64(number), "DONE")

    def known(self) -> int:
        """Return how many writes the actor that asks can know to be over."""
        return int(load_acquire(self.words, DONE, "KNOWN"))

    def state_between(self, low: int, fits: Callable[[Map], bool]) -> int:
        """Return the first state from `low` to the last one begun that fits; fail if none does."""
        for number in range(low, self.started + 1):
            if fits(self.states[number]):
                return number
        raise AssertionError(f"no state from {low} to {self.started} gives that answer")

    def result(self, slot: int) -> tuple[int, int, int]:
        """Return first, last and value of the entry that was found."""
        first, last, value = (
            int(self.words[slot + at]) for at in (RESULT_FIRST, RESULT_LAST, RESULT_VALUE)
        )
        assert value < RESERVED, f"meets the reserved word {value:#x}"
        return first, last, value

    def tries(self, slot: int) -> int:
        """Return how often the last optimistic read was overtaken."""
        return int(self.words[slot + RESULT_TRIES])

    def writes_at_result(self, slot: int) -> int:
        """Return after how many writes the state was that the last answer is of."""
        return (int(self.words[slot + RESULT_VERSION]) - self.first_version) // 2


def entry_runs(state: Map) -> Iterator[tuple[int, int, int]]:
    """Yield (first, last, value) of each run of equal values of a map, ascending."""
    keys = sorted(state)
    begin = 0
    for at in range(1, len(keys) + 1):
        ends = at == len(keys) or keys[at] != keys[at - 1] + 1
        if ends or state[keys[at]] != state[keys[begin]]:
            yield keys[begin], keys[at - 1], state[keys[begin]]
            begin = at


def words_of(value: Any) -> np.uint64:
    """Return a number as a word."""
    return np.uint64(value)
