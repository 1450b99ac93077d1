"""Each of our figures beside those of the references, and whether it meets its target.

A figure of several threads or processes is wall-clock time. If others used too much of the
machine while it, or the figure that it is compared with, was taken, its target is not judged:
NOISY.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stressd.bench.figure import SECONDS, TIMELESS, Figure
from stressd.bench.noise import BUSY
from stressd.bench.results import Results, key_of
from stressd.bench.targets import ABSL, ITSELF, KERNEL, TARGETS, Target


class Judged(Enum):
    """What became of a target."""

    MET = "met"
    MISSED = "missed"
    NOISY = "noisy"  # it was not to be judged on a machine that others used
    OPEN = "open"  # the reference was not measured


@dataclass(frozen=True)
class Row:
    """One of our figures, what it is compared with, and its target, if it has one."""

    ours: Figure
    references: dict[str, Figure]  # by role
    target: Target | None

    def ratio(self, role: str) -> float | None:
        """Return how many times better ours is than a reference's."""
        theirs = self.references.get(role)
        return None if theirs is None else self.ours.times_better(theirs)

    @property
    def reached(self) -> float | None:
        """Return what the target is compared with."""
        if self.target is None:
            return None
        return self.ours.median if self.target.than == ITSELF else self.ratio(self.target.than)

    @property
    def judged(self) -> Judged | None:
        """Return whether the target is met; None if there is none."""
        if self.target is None:
            return None
        if self.reached is None:
            return Judged.OPEN
        involved = [self.ours, *filter(None, [self.references.get(self.target.than)])]
        if self.ours.is_wall_clock and any(map(is_busy, involved)):
            return Judged.NOISY
        at_most = self.target.than == ITSELF and self.ours.unit == SECONDS
        bound = self.target.at_least
        met = self.reached <= bound if at_most else self.reached >= bound
        return Judged.MET if met else Judged.MISSED

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        fields: dict[str, Any] = self.ours.as_json()
        for role, theirs in self.references.items():
            fields[role] = round(theirs.median, 3)
            fields[f"times_better_than_{role}"] = round(self.ours.times_better(theirs), 4)
        if self.target is not None and self.judged is not None:
            fields["target"] = {
                "than": self.target.than or None,
                "at_least": self.target.at_least,
                "reach": self.target.reach,
                "judged": self.judged.value,
            }
        return fields


def rows(results: Results) -> list[Row]:
    """Return every figure of ours, sizes of one metric side by side."""
    references = {role: results.reference(role) for role in (KERNEL, ABSL)}
    order = {key: n for n, key in enumerate(dict.fromkeys(key_of(f)[:3] for f in results.ours))}
    found = []
    for ours in sorted(results.ours, key=lambda f: (order[key_of(f)[:3]], f.entries or 0)):
        key = key_of(ours)
        theirs = {role: figures[key] for role, figures in references.items() if key in figures}
        found.append(Row(ours, theirs, target_of(ours)))
    return found


def target_of(figure: Figure, targets: Iterable[Target] = TARGETS) -> Target | None:
    """Return the target of a figure; one of a tree in a special state has none."""
    for target in targets:
        if (
            target.metric == figure.metric
            and figure.setting is None
            and (not target.entries or figure.entries in target.entries)
            and (target.readers is None or figure.readers == target.readers)
        ):
            return target
    return None


def is_busy(figure: Figure) -> bool:
    """Say whether others used too much of the machine for this figure to be trusted."""
    timed = figure.unit not in TIMELESS
    return timed and figure.other_cores is not None and figure.other_cores > BUSY
