"""Visiting all entries in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.figure import NS_PER_ENTRY, Figure, figure
from stressd.bench.sections.section import Effort, Section, Theirs, prove, timed
from stressd.bench.targets import ABSL, KERNEL
from stressd_kernels.bench import reads, workload
from stressd_kernels.bench.field import Field

ENTRIES_AT_LEAST = 500_000  # in one repetition


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figure of iteration on a tree as it is loaded."""
    field.fill()
    yield from figures(field, effort)


def figures(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figure of iteration on a tree that has all its entries."""
    rounds = max(1, effort.operations(ENTRIES_AT_LEAST) // field.entries)
    lengths = int(field.pages.sum(dtype=np.int64)) * 4096 - field.entries
    reads.iterate(*field.place, field.state(0), 0)  # compiled before it is timed
    values = []
    for _ in range(effort.reps):
        state = field.state(0)
        took, visited = timed(reads.iterate, *field.place, state, rounds)
        prove(visited == rounds * field.entries, "iterate")
        prove(int(state[workload.ANSWER_SUM]) == rounds * lengths, "iterate")
        values.append(took / visited)
    yield figure("iterate", field.entries, NS_PER_ENTRY, values)


SECTION = Section(
    "iterate",
    measure,
    {
        KERNEL: Theirs("b", {"iterate": "iterate_mas_for_each"}),
        ABSL: Theirs("b", {"iterate": "iterate"}),
    },
)
