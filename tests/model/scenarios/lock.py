"""W: two writers hand a lock over, and count in plain words that it guards."""

from __future__ import annotations

from stressd_kernels.layout import LINE_WORDS, TREE_LOCK, U1
from stressd_kernels.lock import OK, lock_give, lock_take
from tests.model.scenario import OWN, Actors, Scenario

COUNT = OWN + 2 * LINE_WORDS
MIRROR = COUNT + 1  # the same number, stored after the other
ROUNDS = 2


class Lock(Scenario):
    """No increment is lost, and whoever holds the lock finds both words alike."""

    name = "lock"
    seats = 3

    def actors(self) -> Actors:
        """Return two writers."""
        words, lock = self.words, self.tree + TREE_LOCK

        def count() -> None:
            for _ in range(ROUNDS):
                assert lock_take(words, lock) == OK
                assert words[COUNT] == words[MIRROR], "sees half of another's work"
                words[COUNT] += U1
                words[MIRROR] += U1
                lock_give(words, lock)

        return {"A": (count, self.slots[0]), "B": (count, self.slots[1])}

    def finish(self) -> None:
        """Count the increments."""
        assert self.words[COUNT] == 2 * ROUNDS, f"{self.words[COUNT]} of {2 * ROUNDS} are left"
