"""P, S: look-ups that go down side by side; each is right at some instant of them all."""

from __future__ import annotations

import numpy as np

from stressd_kernels.batch import load_batch
from tests.model.scenario import RESERVED, Actors, Scenario

KEYS = (12, 21, 41)


class Batch(Scenario):
    """A write grows the tree by a leaf or replaces one; the batch began at one root."""

    name = "batch"
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4), (40, 43, 5))

    def actors(self) -> Actors:
        """Return a writer and a reader."""
        writer, reader = self.slots

        def write() -> None:
            for first, last, value in self.some(((12, 13, 7), (15, 21, 8), (40, 43, 9))):
                self.write(writer, first, last, value)

        def read() -> None:
            low = self.known()
            keys = np.array(KEYS, np.uint64)
            values = np.zeros(len(keys), np.uint64)
            load_batch(self.words, self.tree, reader, keys, values)
            for key, value in zip(KEYS, values.tolist(), strict=True):
                assert value < RESERVED, f"load({key}) meets the reserved word {value:#x}"
                self.state_between(low, lambda s, k=key, v=value: s.get(k, 0) == v)

        return {"W": (write, writer), "R": (read, reader)}
