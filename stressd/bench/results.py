"""Everything that one benchmark gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stressd import __version__
from stressd.bench import machine
from stressd.bench.figure import Figure
from stressd.bench.noise import BUSY
from stressd_kernels.door import BUILD

OURS = "stressd.maple"

Key = tuple[str, int | None, str | None, int | None]  # metric, readers, setting, entries


@dataclass
class Results:
    """Figures by implementation, ours first; what went wrong beside them."""

    reps: int
    turns: int = 1
    ours: list[Figure] = field(default_factory=list)
    peers: dict[str, list[Figure]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)  # kernel, absl -> implementation
    notes: list[str] = field(default_factory=list)

    def add_peer(self, implementation: str, figures: list[Figure], role: str = "") -> None:
        """Add figures of something else on the same workload; of a reference with its role."""
        self.peers.setdefault(implementation, []).extend(figures)
        if role:
            self.roles[role] = implementation

    def reference(self, role: str) -> Mapping[Key, Figure]:
        """Return the figures of a reference; none, if it was not measured."""
        return by_key(self.peers.get(self.roles.get(role, ""), []))

    def as_json(self, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Return what `--json` prints; `rows`: the table of ratios and targets."""
        return {
            "version": __version__,
            "implementation": OURS,
            "build": BUILD,
            "machine": machine.description(),
            "reps": self.reps,
            "turns": self.turns,
            "busy_above_cores": BUSY,
            "peak_memory_bytes": machine.peak_bytes(),
            "results": [figure.as_json() for figure in self.ours],
            "references": self.roles,
            "peers": [
                {"implementation": name, "results": [figure.as_json() for figure in figures]}
                for name, figures in self.peers.items()
            ],
            "comparison": list(rows),
            "notes": self.notes,
        }


def key_of(figure: Figure) -> Key:
    """Return what a figure is of."""
    return figure.metric, figure.readers, figure.setting, figure.entries


def by_key(figures: Iterable[Figure]) -> Mapping[Key, Figure]:
    """Return figures by what they are of."""
    return {key_of(figure): figure for figure in figures}
