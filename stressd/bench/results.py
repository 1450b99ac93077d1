"""Everything that one benchmark gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stressd import __version__
from stressd.bench import machine
from stressd.bench.figure import Figure
from stressd_kernels.door import BUILD

OURS = "stressd.maple"

Key = tuple[str, int | None, int]  # metric, readers, entries


@dataclass
class Results:
    """Figures by implementation, ours first; what went wrong beside them."""

    reps: int
    ours: list[Figure] = field(default_factory=list)
    peers: dict[str, list[Figure]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add_peer(self, implementation: str, figures: list[Figure]) -> None:
        """Add figures of something else on the same workload."""
        self.peers.setdefault(implementation, []).extend(figures)

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "version": __version__,
            "implementation": OURS,
            "build": BUILD,
            "machine": machine.description(),
            "reps": self.reps,
            "peak_memory_bytes": machine.peak_bytes(),
            "results": [figure.as_json() for figure in self.ours],
            "peers": [
                {"implementation": name, "results": [figure.as_json() for figure in figures]}
                for name, figures in self.peers.items()
            ],
            "notes": self.notes,
        }


def by_key(figures: list[Figure]) -> Mapping[Key, Figure]:
    """Return figures by what they are of."""
    return {(figure.metric, figure.readers, figure.entries): figure for figure in figures}
