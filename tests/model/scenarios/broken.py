"""W: a writer leaves without finishing; all who wait return, and learn that it did."""

from __future__ import annotations

from stressd_kernels.door import store_relaxed
from stressd_kernels.layout import CONTROL, LINE_WORDS, TREE_LOCK, U1
from stressd_kernels.lock import HELD, STATUS_BROKEN, STOPPED, lock_break, lock_take
from stressd_kernels.status import Status
from tests.model.scenario import OWN, Actors, Scenario, words_of

WHY = OWN + 3 * LINE_WORDS  # plain: written before the lock is marked
DIED = words_of(13)


class Broken(Scenario):
    """One breaks the lock that it holds, while a second waits and a third tells all to stop."""

    name = "broken"
    seats = 3
    preemptions = 2

    def actors(self) -> Actors:
        """Return the one who breaks it, two who wait, one who stops the run."""
        words, lock = self.words, self.tree + TREE_LOCK

        def die() -> None:
            words[WHY] = DIED
            lock_break(words, lock)

        def wait() -> None:
            status = lock_take(words, lock)
            name = Status(int(status)).name
            assert status in (STATUS_BROKEN, STOPPED), f"a waiter is given {name}"
            if status == STATUS_BROKEN:
                assert words[WHY] == DIED, "the lock is seen broken before what broke it"

        def stop() -> None:
            store_relaxed(words, CONTROL, U1)

        return {
            "D": (die, self.slots[0]),
            "A": (wait, self.slots[1]),
            "B": (wait, self.slots[2]),
            "S": (stop, None),
        }

    def prepare(self) -> None:
        """Begin with the lock held by the one who will break it."""
        self.words[self.tree + TREE_LOCK] = HELD
