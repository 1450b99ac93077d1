"""How much of the machine others used: a figure taken on a busy one is marked.

Busy time of all processors (/proc/stat) less the CPU time of this process and of the children
it has waited for, over the time that has passed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

BUSY = 0.3  # cores; above, figures of several threads mean little
SHORTEST_S = 0.03  # /proc/stat counts in steps of 10 ms: less says nothing
IDLE_COLUMNS = (3, 4)  # idle and iowait
COLUMNS = 8  # what comes after steal is counted in user and nice already


class Instant(NamedTuple):
    """A point in time, and the CPU seconds used up to it."""

    time: float
    busy: float | None  # by everybody; None if the system does not tell
    own: float


def others(before: Instant, now: Instant) -> float | None:
    """Return the cores that others used between two instants."""
    if now.busy is None or before.busy is None:
        return None
    return max(0.0, (now.busy - before.busy - now.own + before.own) / (now.time - before.time))


class Meter:
    """Tells lap by lap how many cores others used."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._before = self._now()
        self._last: float | None = None

    def lap(self) -> float | None:
        """Return the cores that others used since the last lap; None if that cannot be told.

        A lap that is too short says what the one before it said: figures that come at once
        were taken together.
        """
        before, now = self._before, self._now()
        if now.time - before.time >= SHORTEST_S:
            self._before = now
            self._last = others(before, now)
        return self._last

    def _now(self) -> Instant:
        own = os.times()
        ours = own.user + own.system + own.children_user + own.children_system
        return Instant(time.monotonic(), self._busy(), ours)

    def _busy(self) -> float | None:
        try:
            first = self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()
            ticks = [int(word) for word in first[1 : 1 + COLUMNS]]
        except (OSError, ValueError):
            return None
        if len(ticks) < COLUMNS:
            return None
        busy = sum(n for column, n in enumerate(ticks) if column not in IDLE_COLUMNS)
        return busy / os.sysconf("SC_CLK_TCK")
