"""D: look-ups that begin at a table, while nodes that it names are replaced, and it by another."""

from __future__ import annotations

from typing import ClassVar

from stressd_kernels.door import load_acquire, store_release
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    LINE_WORDS,
    TREE_LOCK,
    TREE_SHORTCUT,
    TREE_SHORTCUT_BELOW,
    TREE_SHORTCUT_MADE,
    TREE_SHORTCUT_WAIT,
)
from stressd_kernels.limbo import limbo_advance
from stressd_kernels.lock import lock_give, lock_take
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, OWN, RESERVED, Actors, Scenario, words_of

ALL = 1000  # buckets: more than a table has
SEEN = OWN + LINE_WORDS  # for each reader a line: the state of its last answer


class Shortcut(Scenario):
    """The table names leaves; it follows one that is replaced, and ends with the root.

    Leaves 0 .. 13, 14 .. 33 and the rest; the table begins at key 6, so one leaf is found through
    the table and through the root.
    """

    name = "shortcut"
    seats = 3
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))
    writes: ClassVar[tuple[tuple[int, int, int], ...]] = ((2, 11, 7), (15, 21, 8))
    asked: ClassVar[tuple[int, ...]] = (3, 11)

    def prepare(self) -> None:
        """Let a table that names leaves be made at once, as often as it is asked for."""
        self.words[self.tree + TREE_SHORTCUT_BELOW] = words_of(1)
        self.words[self.tree + TREE_SHORTCUT_WAIT] = words_of(0)
        self.make(self.slots[0])
        assert self.words[self.tree + TREE_SHORTCUT] != 0, "no table is open"

    def make(self, slot: int, most: int = ALL) -> None:
        """Fill some buckets of a table, and open it when that is all of them."""
        assert lock_take(self.words, self.tree + TREE_LOCK) == OK
        assert self.ask(slot, Verb.SHORTCUT, most) == OK
        lock_give(self.words, self.tree + TREE_LOCK)

    def actors(self) -> Actors:
        """Return a writer, and two readers that each load twice and know what the other saw."""
        writer, one, two = self.slots
        return {
            "W": (lambda: self.change(writer), writer),
            "A": (lambda: self.read(one, 0), one),
            "B": (lambda: self.read(two, 1), two),
        }

    def change(self, slot: int) -> None:
        """Make the writes, and a table after each."""
        for first, last, value in self.some(self.writes):
            self.write(slot, first, last, value)
            self.make(slot)

    def read(self, slot: int, number: int) -> None:
        """Load each key under a pin of its own."""
        low = 0
        for key in self.asked:
            seen = int(load_acquire(self.words, SEEN + (1 - number) * LINE_WORDS, "SEEN"))
            low = max(low, self.known(), seen)
            epoch_pin(self.words, slot)
            low = self.load(slot, key, low)
            epoch_unpin(self.words, slot)
            store_release(self.words, SEEN + number * LINE_WORDS, words_of(low), "SAW")

    def load(self, slot: int, key: int, low: int) -> int:
        """Return the state, `low` or a later one, that a load is of."""
        value = self.ask(slot, Verb.LOAD, key)
        assert value < RESERVED, f"load({key}) meets the reserved word {value:#x}"
        return self.state_between(low, lambda state: state.get(key, 0) == value)

    def finish(self) -> None:
        """Look at the whole tree, and at the table."""
        broken = self.ask(self.slots[0], Verb.CHECK, 0, 1000)
        assert broken == 0, f"invariant {broken} is broken"


class Reused(Shortcut):
    """Both of a tree's tables are retired, and the first is written again beside its reader."""

    name = "reused"
    seats = 2
    writes = ((15, 21, 8), (12, 16, 6))
    asked = (31, 11)

    def actors(self) -> Actors:
        """Return a writer, and a reader that moves the epoch and then holds it for all loads."""
        writer, reader = self.slots

        def read() -> None:
            low = self.known()
            limbo_advance(self.words, reader)
            epoch_pin(self.words, reader)
            for key in self.some(self.asked):
                low = self.load(reader, key, low)
            epoch_unpin(self.words, reader)

        return {"W": (lambda: self.change(writer), writer), "R": (read, reader)}

    def change(self, slot: int) -> None:
        """Replace the root, and make a table, in turns."""
        for first, last, value in self.writes:
            self.write(slot, first, last, value)
            self.make(slot)


class Worn(Shortcut):
    """A leaf is split: its table leads there from further up, until another is made beside it.

    Three levels; the second write replaces a leaf that both tables name, the one that is open and
    the one of which half is filled.
    """

    name = "worn"
    seats = 2
    entries = tuple((5 * n, 5 * n + 2, n + 1) for n in range(11))
    writes = ((40, 41, 20), (3, 3, 21))
    asked = (41, 3)

    def actors(self) -> Actors:
        """Return a writer, and a reader."""
        writer, reader = self.slots
        return {
            "W": (lambda: self.change(writer), writer),
            "A": (lambda: self.read(reader, 0), reader),
        }

    def change(self, slot: int) -> None:
        """Write, make half of a table, write again, make the other half."""
        for first, last, value in self.some(self.writes):
            self.write(slot, first, last, value)
            self.make(slot, 9 if value == 20 else ALL)

    def finish(self) -> None:
        """Look at everything, and at what was made."""
        super().finish()
        assert self.words[self.tree + TREE_SHORTCUT] != 0, "no table is open"
        assert self.words[self.tree + TREE_SHORTCUT_MADE] == (1 if self.tiny else 2)


class Renewed(Reused):
    """A table that was open is written again, after another took its place, beside its reader."""

    name = "renewed"
    entries = Worn.entries
    writes = Worn.writes
    asked = (41, 3)

    def change(self, slot: int) -> None:
        """Write, make a table, and move the epoch, in turns."""
        for first, last, value in self.writes:
            self.write(slot, first, last, value)
            self.make(slot)
            limbo_advance(self.words, slot)
