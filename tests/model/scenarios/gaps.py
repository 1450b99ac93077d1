"""V: gap words change under a gap search; its answer must be exact for the one state it names."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, Actors, Map, Scenario, words_of

SIZE = 6
HIGH = 63
RETRY = int(Status.RETRY)


def starts(state: Map) -> list[int]:
    """Return every start of SIZE free keys, ascending."""
    return [s for s in range(HIGH + 2 - SIZE) if not any(k in state for k in range(s, s + SIZE))]


class Gaps(Scenario):
    """A store closes the lowest gap, another opens the highest one: both move up the tree."""

    name = "gaps"
    entries = (
        *((0, 1, 1), (10, 13, 2), (24, 29, 3), (32, 37, 4)),
        *((40, 45, 5), (48, 53, 6), (56, 61, 7)),
    )

    def actors(self) -> Actors:
        """Return a writer, and a reader that searches upward and downward."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(((2, 5, 8), (40, 45, 0))):
                self.write(writer, first, last, value)

        def read() -> None:
            for verb, best in self.some(((Verb.GAP_UP, min), (Verb.GAP_DOWN, max))):
                low = self.known()
                epoch_pin(self.words, reader)
                status = self.ask(reader, verb, 0, HIGH, SIZE)
                epoch_unpin(self.words, reader)
                if status == RETRY:
                    continue
                number = self.writes_at_result(reader)
                assert low <= number <= self.started, f"names state {number}"
                right = best(starts(self.states[number]), default=None)
                found = int(self.words[reader + self.first]) if status == OK else None
                assert found == right, f"{verb.name} gives {found} for state {number}: {right}"

        return {"W": (write, writer), "R": (read, reader)}

    def prepare(self) -> None:
        """Note where results stand."""
        from stressd_kernels.layout import RESULT_FIRST

        self.first = RESULT_FIRST
        assert words_of(0) == 0
