"""Look-ups of random keys: overlapping, each waiting for the one before it, and in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.figure import NS_PER_OP, Figure, figure
from stressd.bench.sections.section import Effort, Section, Theirs, prove, timed
from stressd.bench.targets import ABSL, KERNEL
from stressd_kernels.bench import reads, workload
from stressd_kernels.bench.field import Field

LOOKUPS = 2_000_000
DEPENDENT = 1_000_000
SEED = 7


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of look-ups on a tree as it is loaded."""
    field.fill()
    yield from figures(field, effort)


def figures(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of look-ups on a tree that has all its entries."""
    keys = np.zeros((2, reads.BATCH_KEYS), np.uint64)
    loops = {
        "lookup": (reads.lookups, LOOKUPS, ()),
        "lookup_dependent": (reads.lookups_dependent, DEPENDENT, ()),
        "lookup_batch": (reads.lookups_batch, LOOKUPS, (keys,)),
    }
    for metric, (loop, count, space) in loops.items():
        state = field.state(SEED, asked=effort.operations(count, reads.BATCH_KEYS))
        loop(*field.place, field.state(SEED), *space)  # compiled before it is timed
        values = []
        for _ in range(effort.reps):
            took, wrong = timed(loop, *field.place, state, *space)
            prove(wrong == 0, metric)
            values.append(took / int(state[workload.ASKED]))
        yield figure(metric, field.entries, NS_PER_OP, values)


KERNEL_NAMES = {
    "lookup": "lookup_mtree_load",
    "lookup_dependent": "lookup_dependent_chain",
    "lookup_batch": "lookup_mas_walk_batch1000",
}
SECTION = Section(
    "lookup",
    measure,
    {KERNEL: Theirs("a", KERNEL_NAMES), ABSL: Theirs("a", {"lookup": "lookup_locked"})},
)
