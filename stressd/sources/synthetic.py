"""Entries made up: equal cells side by side, a share of them filled at the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stressd.config.model import Config, Synthetic
from stressd.sources.base import Ground, Seat, Source, Words
from stressd_kernels.sources.synthetic import (
    CELL_MASK,
    CELL_SHIFT,
    CELL_UNITS,
    UNIT_SHIFT,
    UNITS,
    WIDE_BELOW,
)
from stressd_kernels.values import initial_values


class SyntheticSource(Source):
    """A key space of equal cells."""

    def __init__(self, config: Config, seats: Sequence[Seat]) -> None:
        assert isinstance(config.source, Synthetic)
        self._config = config.source
        self._seed = config.run.seed
        self._unit_shift = self._config.cell.bytes.bit_length() - 1 - 4
        self.places = self._config.entries
        self.trees = ("synthetic",)
        self.line = (
            f"synthetic: {self.places:,} cells of {self._config.cell}, "
            f"{self._config.fill:.0%} filled"
        )

    def content(self) -> Iterator[tuple[int, Words]]:
        """Yield the filled cells, each one entry; which, the seed decides."""
        drawn = np.random.default_rng(self._seed).random(self.places)
        cells = np.flatnonzero(drawn < self._config.fill).astype(np.uint64)
        origins = cells * np.uint64(CELL_UNITS)
        rows = np.empty((len(cells), 3), np.uint64)
        rows[:, 0] = origins << np.uint64(self._unit_shift)
        rows[:, 1] = rows[:, 0] + np.uint64(self._config.cell.bytes - 1)
        rows[:, 2] = initial_values(origins, np.full(len(cells), CELL_UNITS, np.uint64))
        yield 0, rows

    def settle(self, ground: Ground) -> None:
        """It needs nothing but its tree."""

    def own_words(self, seat: Seat) -> Mapping[int, int]:
        """Return the geometry; shifts stay below 64 for the one cell that holds every key."""
        return {
            CELL_SHIFT: min(63, self._unit_shift + 4),
            UNIT_SHIFT: self._unit_shift,
            CELL_MASK: self._config.cell.bytes - 1,
            UNITS: self.places * CELL_UNITS,
            WIDE_BELOW: round(self._config.wide * (1 << 63)),
        }
