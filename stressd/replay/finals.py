"""Final maps: what /proc said of each process right before its end, against its tree.

A process ends in the address space where it lives (see residents.py), and its tree is compared
when that is destroyed, or as the recording ends. Ranges must be equal one by one: two
neighbours with the same permissions are still two mappings.

If a recording names no processes, or a list of mappings none, a list is compared with every
space that ends, and has to be equal to one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stressd.replay.report import Findings
from stressd.replay.residents import Home
from stressd.traces import maps
from stressd.traces.maps import Snapshot

RANGES_SHOWN = 3  # of each side, in a finding

Range = tuple[int, int]


def maps_beside(recording: str) -> str | None:
    """Return the file of mappings that belongs to a recording by its name, if there is one."""
    path = Path(recording)
    stem = path.name.removesuffix(".gz").removesuffix(".trace").removesuffix(".strace")
    for name in (f"{stem}.maps.gz", f"{stem}.maps"):
        if (path.parent / name).is_file() and name != path.name:
            return str(path.parent / name)
    return None


@dataclass
class Outcome:
    """How the comparison of one snapshot came out, so far."""

    snapshot: Snapshot
    compared: bool = False
    exact: bool = True  # the tree was
    only_there: Sequence[Range] = ()  # in the snapshot
    only_here: Sequence[Range] = ()  # in the tree

    @property
    def equal(self) -> bool:
        """Whether the tree held exactly the ranges of the snapshot."""
        return self.compared and not self.only_there and not self.only_here


class FinalMaps:
    """The final snapshots of one file, each waiting for its process to end."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        final = [s for s in maps.read_file(path) if s.is_final] if path else []
        self._outcomes = [Outcome(snapshot) for snapshot in final]
        self._by_pid: dict[int, list[Outcome]] = defaultdict(list)
        for outcome in self._outcomes:
            if outcome.snapshot.pid is not None:
                self._by_pid[outcome.snapshot.pid].append(outcome)
        self._ends: dict[int, int] = defaultdict(int)  # seen of each process id
        self._pids_seen = False

    @property
    def compared(self) -> int:
        """How many snapshots were compared."""
        return sum(outcome.compared for outcome in self._outcomes)

    @property
    def equal(self) -> int:
        """How many of them were equal."""
        return sum(outcome.equal for outcome in self._outcomes)

    def ended(self, space: Home, content: Callable[[], list[Range]]) -> None:
        """Compare what a space that ends maps with the snapshots of who lives there."""
        self._pids_seen = self._pids_seen or bool(space.residents)
        waiting = [self._next_of(pid) for pid in space.residents if pid in self._by_pid]
        nameless = [o for o in self._outcomes if not o.equal and _is_nameless(o, space)]
        if not waiting and not nameless:
            return
        ranges = content()
        for outcome in waiting:
            _compare(outcome, ranges, space.exact)
        match = next((o for o in nameless if o.snapshot.ranges == ranges), None)
        if match is not None:
            _compare(match, ranges, space.exact)

    def finish(self, findings: Findings) -> None:
        """Report what differs, after the last space has ended."""
        for outcome in self._outcomes:
            where = f"{self._path}:{outcome.snapshot.line}"
            who = f"process {outcome.snapshot.pid}" if outcome.snapshot.pid else "the process"
            if not outcome.compared and outcome.snapshot.pid and self._pids_seen:
                findings.doubt("final_maps", f"{where}: {who} left no tree in the recording")
            elif not outcome.compared:
                _compare(outcome, [], outcome.exact)
                message = f"{where}: no tree of the recording ended with these mappings"
                findings.wrong("final_maps", message)
            elif not outcome.equal:
                report = findings.wrong if outcome.exact else findings.doubt
                report(
                    "final_maps",
                    f"{where}: {who} ended with other mappings than its tree: "
                    f"{_shown(outcome.only_there)} only in the mappings, "
                    f"{_shown(outcome.only_here)} only in the tree",
                    pid=outcome.snapshot.pid,
                    only_in_mappings=_hex(outcome.only_there),
                    only_in_tree=_hex(outcome.only_here),
                )

    def _next_of(self, pid: int) -> Outcome:
        """Return the snapshot of this end of process `pid`, whose number may be used again."""
        outcomes = self._by_pid[pid]
        self._ends[pid] += 1
        return outcomes[min(self._ends[pid], len(outcomes)) - 1]


def _is_nameless(outcome: Outcome, space: Home) -> bool:
    """Tell whether the snapshot may be that of any space, or the space that of any snapshot."""
    return outcome.snapshot.pid is None or not space.residents


def _compare(outcome: Outcome, ranges: list[Range], exact: bool) -> None:
    """Note how the ranges of a tree differ from the snapshot."""
    wanted = outcome.snapshot.ranges
    outcome.compared, outcome.exact = True, exact
    outcome.only_there = sorted(set(wanted) - set(ranges))
    outcome.only_here = sorted(set(ranges) - set(wanted))


def _hex(ranges: Iterable[Range]) -> list[str]:
    return [f"{first:#x}-{last:#x}" for first, last in ranges]


def _shown(ranges: Sequence[Range]) -> str:
    """Return a few ranges for a message."""
    if not ranges:
        return "nothing"
    more = len(ranges) - RANGES_SHOWN
    return ", ".join(_hex(ranges[:RANGES_SHOWN])) + (f" and {more} more" if more > 0 else "")
