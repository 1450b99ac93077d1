"""The C reference: the kernel's own maple tree in userspace, measured in the same sitting.

Its program prints one JSON object a line, each with a metric under its own name. A section of
ours knows the names that its figures have there (sections/section.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stressd.bench.figure import Figure
from stressd.bench.sections import Section
from stressd.bench.sections.mixed import READERS
from stressd.bench.sections.section import Effort
from stressd.errors import UsageError

READERS_MARK = "{readers}"


class Peer:
    """The program of the reference."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.implementation = program.name

    def measure(self, section: Section, entries: int, effort: Effort) -> list[Figure]:
        """Run the reference's section of that kind; return its figures under our names."""
        command = [
            *(str(self.program), "--n", str(entries), "--sections", section.letter),
            *("--reps", str(effort.reps), "--mreps", str(effort.reps)),
            *("--mdur", str(effort.mixed_s)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UsageError(f"{self.program} ended with {done.returncode}: {last}")
        return list(self._figures(section, done.stdout.splitlines()))

    def _figures(self, section: Section, lines: Iterable[str]) -> Iterator[Figure]:
        names = dict(names_of(section))
        for line in lines:
            record: dict[str, Any] = json.loads(line)
            self.implementation = record["impl"]
            if record["metric"] in names:
                metric, readers = names[record["metric"]]
                median = float(record["median"])
                yield Figure(
                    metric=metric,
                    entries=int(record["n"]),
                    unit=record["unit"],
                    median=median,
                    min=float(record.get("min", median)),
                    max=float(record.get("max", median)),
                    readers=readers,
                )


def names_of(section: Section) -> Iterator[tuple[str, tuple[str, int | None]]]:
    """Yield the reference's name of each figure, with our metric and the number of readers."""
    for metric, name in section.names.items():
        if READERS_MARK not in name:
            yield name, (metric, None)
            continue
        for readers in READERS:
            yield name.replace(READERS_MARK, str(readers)), (metric, readers)
