"""Readers with no writer: what one does, and what each does when all processors are busy.

The rates are those of the reader's loop in `mixed`. `readers_scaling` is the speed of each
reader beside the others as a share of one that runs alone, repetition by repetition.
Wall-clock time: the figures count only while the rest of the machine is quiet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from stressd.bench.figure import OF_ONE, PER_SECOND, Figure, figure
from stressd.bench.sections.mixed import Crew
from stressd.bench.sections.section import Effort, Section, Theirs
from stressd.bench.targets import KERNEL
from stressd_kernels.bench.field import Field

READERS_MOST = 64  # seats of the arena are for others too


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of readers alone: one, then two and so on, one for each processor."""
    field.fill()
    most = min(len(os.sched_getaffinity(0)), READERS_MOST)
    crew = Crew(field, most)
    crew.run_alone(1, 0, 0.001)  # compiles the loop
    numbers = range(1, most + 1)
    rates = [
        [crew.run_alone(readers, rep, effort.mixed_s) for readers in numbers]
        for rep in range(effort.reps)
    ]
    for readers in numbers:
        together = [of_rep[readers - 1] for of_rep in rates]
        yield figure("readers_per_second", field.entries, PER_SECOND, together, readers)
    shares = [of_rep[-1] / most / of_rep[0] for of_rep in rates]
    yield figure("readers_scaling", field.entries, OF_ONE, shares, most)


KERNEL_NAMES = {"readers_per_second": "readonly_{readers}R_reads_per_s"}
SECTION = Section("readers", measure, {KERNEL: Theirs("f", KERNEL_NAMES)})
