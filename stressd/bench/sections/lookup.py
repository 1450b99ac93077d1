"""Look-ups of random keys: overlapping, each waiting for the one before it, and in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.figure import NS_PER_OP, Figure, figure
from stressd.bench.sections.section import Effort, Section, prove, timed
from stressd_kernels.bench import reads, workload
from stressd_kernels.bench.field import Field

LOOKUPS = 2_000_000
DEPENDENT = 1_000_000
SEED = 7


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of look-ups."""
    field.fill()
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


SECTION = Section(
    "lookup",
    "a",
    {
        "lookup": "lookup_mtree_load",
        "lookup_dependent": "lookup_dependent_chain",
        "lookup_batch": "lookup_mas_walk_batch1000",
    },
    measure,
)
