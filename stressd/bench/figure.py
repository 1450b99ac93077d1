"""One figure: what was measured, at which size, and what every repetition gave."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

NS_PER_OP = "ns/op"
NS_PER_ENTRY = "ns/entry"
BYTES = "B/entry"
PER_SECOND = "op/s"
NS = "ns"
SECONDS = "s"
OF_ONE = "of one"  # a share of what one thread does
OF_SLOTS = "of 16"  # slots in use
LEVELS = "levels"
DRIVERS = "drivers"
MORE_IS_BETTER = frozenset({PER_SECOND, OF_ONE})
TIMELESS = frozenset({BYTES, OF_SLOTS, LEVELS, DRIVERS})  # the same on a busy machine


class WrongAnswer(Exception):
    """The tree answered wrongly while it was measured: no figure is worth anything."""


@dataclass(frozen=True)
class Figure:
    """A metric at one number of entries: median, least and greatest of its repetitions."""

    metric: str
    entries: int | None  # None: it depends on no tree
    unit: str
    median: float
    min: float
    max: float
    readers: int | None = None  # of a figure of several threads
    setting: str | None = None  # what is special about the tree it was taken on
    other_cores: float | None = None  # cores that others used meanwhile; None: not known
    turns: tuple[float, ...] = ()  # the median of each turn, if it took more than one

    def beside(self, other_cores: float | None) -> Figure:
        """Return this figure, taken while others used that many cores."""
        return replace(self, other_cores=other_cores)

    def on(self, setting: str) -> Figure:
        """Return this figure, taken on a tree of which that is to be said."""
        return replace(self, setting=setting)

    @property
    def is_wall_clock(self) -> bool:
        """Whether it is worth nothing on a machine that others use; else it is CPU time."""
        return self.readers is not None or self.unit == SECONDS

    def times_better(self, other: Figure) -> float:
        """Return how many times better this is than the same figure of another tree.

        The median of the turns, if both took as many: each saw the same moment of the machine.
        """
        ours, theirs = self.turns, other.turns
        if not ours or len(ours) != len(theirs):
            ours, theirs = (self.median,), (other.median,)
        if self.unit in MORE_IS_BETTER:
            ours, theirs = theirs, ours
        return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        fields: dict[str, Any] = {
            "metric": self.metric,
            "unit": self.unit,
            "median": round(self.median, 3),
            "min": round(self.min, 3),
            "max": round(self.max, 3),
        }
        beside: dict[str, Any] = {
            "entries": self.entries,
            "readers": self.readers,
            "setting": self.setting,
        }
        if self.other_cores is not None:
            beside["other_cores"] = round(self.other_cores, 2)
        if self.turns:
            beside["turns"] = [round(median, 3) for median in self.turns]
        return fields | {name: value for name, value in beside.items() if value is not None}


def figure(
    metric: str,
    entries: int | None,
    unit: str,
    values: Sequence[float],
    readers: int | None = None,
) -> Figure:
    """Return the figure of some repetitions."""
    median = statistics.median(values)
    return Figure(metric, entries, unit, median, min(values), max(values), readers)


def together(turns: Sequence[Figure]) -> Figure:
    """Return one figure of what was measured by turns; of one turn, that."""
    if len(turns) == 1:
        return turns[0]
    others = [turn.other_cores for turn in turns if turn.other_cores is not None]
    return replace(
        turns[0],
        median=statistics.median(turn.median for turn in turns),
        min=min(turn.min for turn in turns),
        max=max(turn.max for turn in turns),
        other_cores=max(others, default=None),
        turns=tuple(turn.median for turn in turns),
    )
