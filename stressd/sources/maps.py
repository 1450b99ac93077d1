"""The mappings of a process: live from /proc, or from a saved file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stressd.config.model import Config, Maps
from stressd.sources.base import Ground, Seat, Source, SourceError, Words, table_of
from stressd.traces.maps import Snapshot, read_file, read_process
from stressd.traces.textfile import TraceError
from stressd_kernels.sources.maps import (
    PAGE,
    PARTS_MAX,
    ROW_FIRST,
    ROW_LAST,
    ROW_PART,
    ROW_PARTS,
    ROW_WORDS,
    TABLE,
)
from stressd_kernels.values import ORIGIN_BITS, initial_values


class MapsSource(Source):
    """One process's mappings, each a row of a table."""

    def __init__(self, config: Config, seats: Sequence[Seat]) -> None:
        assert isinstance(config.source, Maps)
        whose, ranges = self._read(config.source)
        self._table = table_of(len(ranges) * ROW_WORDS).reshape(-1, ROW_WORDS)
        for row, (first, last) in zip(self._table, ranges, strict=True):
            part = -(-(last - first + 1) // (PARTS_MAX * PAGE)) * PAGE
            row[[ROW_FIRST, ROW_LAST]] = first, last
            row[[ROW_PART, ROW_PARTS]] = part, -(-(last - first + 1) // part)
        self.places = len(ranges)
        self.trees = ("maps",)
        self.line = f"maps: {whose}, {self.places:,} mappings"
        self._at = 0

    def _read(self, source: Maps) -> tuple[str, list[tuple[int, int]]]:
        """Return whose mappings these are, and their ranges; of a file with many, the last."""
        path = "source.pid" if source.pid is not None else "source.file"
        try:
            if source.pid is not None:
                whose, snapshot = f"process {source.pid}", read_process(source.pid)
            else:
                snapshots = [s for s in read_file(str(source.file)) if s.ranges]
                whose, snapshot = str(source.file), (snapshots or [Snapshot(None, "", 1, ())])[-1]
        except TraceError as failure:
            raise SourceError(str(failure), path) from None
        if not snapshot.ranges:
            raise SourceError(f"{whose}: no mappings in user space", path)
        if len(snapshot.ranges) >= 1 << ORIGIN_BITS:
            raise SourceError(f"{whose}: does not fit: over {1 << ORIGIN_BITS:,} mappings", path)
        return whose, snapshot.ranges

    def content(self) -> Iterator[tuple[int, Words]]:
        """Yield all mappings, each one entry."""
        rows = np.empty((self.places, 3), np.uint64)
        rows[:, :2] = self._table[:, [ROW_FIRST, ROW_LAST]]
        all_parts = self._table[:, ROW_PARTS] - np.uint64(1)
        rows[:, 2] = initial_values(np.arange(self.places, dtype=np.uint64), all_parts)
        yield 0, rows

    def settle(self, ground: Ground) -> None:
        """Find out where kernels see the table."""
        self._at = ground.place_of(self._table)

    def own_words(self, seat: Seat) -> Mapping[int, int]:
        """Return where the table is."""
        return {TABLE: self._at}
