"""Readers with no writer: what one does, and what each does when all processors are busy.

The rates are those of the reader's loop in `mixed`. `readers_scaling` is the speed of each
reader beside the others as a share of one that runs alone, repetition by repetition.

`draws_scaling` is the same for the loop without its look-ups. It uses a few lines of memory that
no other thread writes, so what it loses the machine takes away: execution units that are shared
with another core, a lower clock, other work. `readers_scaling_of_draws`, the one divided by the
other, is what the tree has to answer for.

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
    crew.run_alone(1, 0, 0.001)  # compiles the loops
    crew.draw_alone(1, 0, 0.001)
    numbers = range(1, most + 1)
    rates, draws = [], []
    for rep in range(effort.reps):
        draws.append([crew.draw_alone(threads, rep, effort.mixed_s) for threads in (1, most)])
        rates.append([crew.run_alone(readers, rep, effort.mixed_s) for readers in numbers])
    for readers in numbers:
        together = [of_rep[readers - 1] for of_rep in rates]
        yield figure("readers_per_second", field.entries, PER_SECOND, together, readers)
    shares = [of_rep[-1] / most / of_rep[0] for of_rep in rates]
    yield figure("readers_scaling", field.entries, OF_ONE, shares, most)
    bare = [together / most / alone for alone, together in draws]
    yield figure("draws_scaling", field.entries, OF_ONE, bare, most)
    left = [share / of_draws for share, of_draws in zip(shares, bare, strict=True)]
    yield figure("readers_scaling_of_draws", field.entries, OF_ONE, left, most)


KERNEL_NAMES = {"readers_per_second": "readonly_{readers}R_reads_per_s"}
SECTION = Section("readers", measure, {KERNEL: Theirs("f", KERNEL_NAMES)})
