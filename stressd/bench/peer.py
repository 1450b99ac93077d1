"""The references in C and C++, measured in the same sitting.

    role     program       what it measures
    kernel   bench_qsbr    the kernel's own maple tree in userspace
    absl     bench_cpp     absl::btree_map under a shared_mutex (and others, which are passed over)

A program prints one JSON object a line, each with a metric under its own name. A section of
ours knows the names that its figures have there (sections/section.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stressd.bench.figure import Figure
from stressd.bench.sections import Section
from stressd.bench.sections.mixed import READERS
from stressd.bench.sections.section import Effort, Theirs
from stressd.bench.targets import ABSL, KERNEL
from stressd.errors import UsageError

READERS_MARK = "{readers}"


@dataclass(frozen=True)
class Program:
    """How a reference is run."""

    file: str
    implementation: str  # what those of its figures that are wanted begin with
    reps_most: int


PROGRAMS: Mapping[str, Program] = {
    KERNEL: Program("bench_qsbr", "linux-maple", 1000),
    ABSL: Program("bench_cpp", "absl::btree_map", 3),  # it repeats another, slower map as often
}


class Peer:
    """One reference, in the folder where it was built."""

    def __init__(self, role: str, folder: Path) -> None:
        self.role = role
        self._program = PROGRAMS[role]
        self.path = folder / self._program.file
        self.implementation = self._program.implementation
        # two sections may share one of its, in one turn
        self._printed: dict[tuple[str, int, int], list[str]] = {}

    def measure(
        self, section: Section, entries: int, effort: Effort, turn: int = 0
    ) -> list[Figure]:
        """Run the reference's section of that kind; return its figures under our names."""
        theirs = section.references.get(self.role)
        if theirs is None:
            return []
        asked = theirs.letter, entries, turn
        if asked not in self._printed:
            self._printed[asked] = self._run(theirs.letter, entries, effort)
        return list(self._figures(theirs, self._printed[asked]))

    def _run(self, letter: str, entries: int, effort: Effort) -> list[str]:
        reps = str(min(effort.reps, self._program.reps_most))
        command = [
            *(str(self.path), "--n", str(entries), "--sections", letter),
            *("--reps", reps, "--mreps", reps, "--mdur", str(effort.mixed_s)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UsageError(f"{self.path} ended with {done.returncode}: {last}")
        return done.stdout.splitlines()

    def _figures(self, theirs: Theirs, lines: Iterable[str]) -> Iterator[Figure]:
        names = dict(names_of(theirs))
        for line in lines:
            record: dict[str, Any] = json.loads(line)
            if not record["impl"].startswith(self._program.implementation):
                continue
            self.implementation = record["impl"]
            if record["metric"] in names:
                metric, readers = names[record["metric"]]
                median = float(record["median"])
                others = float(record.get("other_cores", -1))  # negative: too short to tell
                yield Figure(
                    metric=metric,
                    entries=int(record["n"]),
                    unit=record["unit"],
                    median=median,
                    min=float(record.get("min", median)),
                    max=float(record.get("max", median)),
                    readers=readers,
                    other_cores=others if others >= 0 else None,
                )


def names_of(theirs: Theirs) -> Iterator[tuple[str, tuple[str, int | None]]]:
    """Yield the reference's name of each figure, with our metric and the number of readers."""
    for metric, name in theirs.names.items():
        if READERS_MARK not in name:
            yield name, (metric, None)
            continue
        for readers in READERS:
            yield name.replace(READERS_MARK, str(readers)), (metric, readers)
