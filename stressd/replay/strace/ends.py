"""Final maps: what /proc said of each process right before its end, against its models."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from stressd.replay.strace.space import Ranges, Space, ranges
from stressd.replay.strace.starts import Snapshots
from stressd.traces.maps import Snapshot

SHOWN = 4  # ranges of each side, in a message
KEPT = 20


@dataclass(frozen=True)
class Difference:
    """One process that ended otherwise than its model."""

    pid: int
    line: int
    only_there: list[str]  # in /proc
    only_here: list[str]  # in the model

    def __str__(self) -> str:
        there, here = (_listed(side) for side in (self.only_there, self.only_here))
        return (
            f"process {self.pid} ended with other mappings than its model: "
            f"{there} only in /proc, {here} only in the model"
        )


@dataclass
class Ends:
    """How the final maps compare."""

    snapshots: Snapshots
    counts: Counter[str] = field(default_factory=Counter)  # equal, different, or why unknown
    differences: list[Difference] = field(default_factory=list)

    def compare(self, pid: int, space: Space | None, line: int) -> None:
        """Compare the space of a process that ends with its list of mappings, if there is one."""
        snapshot = self.snapshots.final(pid)
        if snapshot is None:
            return
        if space is None or space.partial:
            self.counts["layout"] += 1
            return
        if space.lost:
            self.counts[space.lost.partition(" ")[0]] += 1
            return
        wanted = snapshot.ranges
        outcome = space.ends_as(wanted)
        if outcome == "different":
            outcome = self._why_different(snapshot, space)
        self.counts[outcome] += 1
        if outcome == "different" and len(self.differences) < KEPT:
            found = ranges(space.lazy, wanted)
            there, here = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
            self.differences.append(Difference(pid, line, _hex(there), _hex(here)))

    def _why_different(self, snapshot: Snapshot, space: Space) -> str:
        """Return why neither model ends as /proc showed, or that nothing explains it."""
        if not space.exact:
            return "begun"
        found = [ranges(model, snapshot.ranges) for model in space.models]
        if not space.raced and all(by_faults(snapshot, one) for one in found):
            return "faults" if between(snapshot, found) else "mixed"
        return "raced" if space.threads or space.raced else "different"

    @property
    def compared(self) -> int:
        """How many final maps were compared: those of processes whose history is visible."""
        return self.equal + self.counts["different"]

    @property
    def equal(self) -> int:
        """How many of them are equal."""
        return self.counts["equal"]

    @property
    def unknown(self) -> dict[str, int]:
        """How many could not be compared, by reason."""
        return {w: n for w, n in self.counts.items() if w not in ("equal", "different")}


def by_faults(snapshot: Snapshot, found: Ranges) -> bool:
    """Tell whether faults explain why a model ends with other mappings than /proc showed.

    The same must be mapped, and differ only in where private mappings are parted: whether two
    are one may depend on which of them was written to first. The models know two histories of
    faults out of many.
    """
    if _covered(found) != _covered(snapshot.ranges):
        return False
    edges = {first for first, _ in found} ^ {first for first, _ in snapshot.ranges}
    private = [m.perms[3] == "p" for m in snapshot.mappings]
    starts = [m.start for m in snapshot.mappings]
    at = (bisect_right(starts, edge) - 1 for edge in edges)
    return all(private[n] and (n == 0 or private[n - 1] or starts[n] not in edges) for n in at)


def between(snapshot: Snapshot, found: Sequence[Ranges]) -> bool:
    """Tell whether each border is in a model, and each that is in all models is a border."""
    borders = [{first for first, _ in one} for one in found]
    seen = {first for first, _ in snapshot.ranges}
    return set.intersection(*borders) <= seen <= set.union(*borders)


def _covered(found: Ranges) -> Ranges:
    """Return what is mapped, without the borders between neighbours."""
    joined: Ranges = []
    for first, last in found:
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined


def _hex(listed: Ranges) -> list[str]:
    return [f"{first:#x}-{last:#x}" for first, last in listed]


def _listed(shown: list[str]) -> str:
    """Return a few ranges for a message."""
    more = len(shown) - SHOWN
    return (", ".join(shown[:SHOWN]) or "nothing") + (f" and {more} more" if more > 0 else "")
