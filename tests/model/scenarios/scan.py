"""P, S: a scan over leaves that are split and replaced meanwhile."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import SLOT_WORKER
from stressd_kernels.verbs import Verb
from tests.model.scenario import RESERVED, Actors, Scenario, entry_runs


class Scan(Scenario):
    """What was there throughout is found; what is found was there; last keys ascend."""

    name = "scan"
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))

    def actors(self) -> Actors:
        """Return a writer and a scanner."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(((25, 27, 8), (10, 13, 9), (32, 41, 0))):
                self.write(writer, first, last, value)

        def read() -> None:
            low = self.known()
            output = reader + SLOT_WORKER
            epoch_pin(self.words, reader)
            count = self.ask(reader, Verb.SCAN, 0, 63, 20, output)
            epoch_unpin(self.words, reader)
            found = self.words[output : output + 3 * count].reshape(count, 3).tolist()
            window = [list(entry_runs(s)) for s in self.states[low : self.started + 1]]
            lasts = [last for _, last, _ in found]
            assert lasts == sorted(set(lasts)), f"last keys do not ascend: {found}"
            for entry in found:
                assert entry[2] < RESERVED, f"meets the reserved word {entry[2]:#x}"
                assert any(tuple(entry) in state for state in window), f"{entry} never was there"
            for entry in set(window[0]).intersection(*map(set, window)):
                assert list(entry) in found, f"misses {entry}"

        return {"W": (write, writer), "R": (read, reader)}
