"""Writes: random entries erased, then stored back in another order; entries stored over themselves.

Both passes run over the same BATCH entries, so a tree of any size stays nearly full, and are
timed apart. Reclaiming what they unlink is part of their time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stressd.bench.figure import NS_PER_OP, Figure, figure
from stressd.bench.sections.section import (
    Effort,
    Section,
    Theirs,
    no_collections,
    prove,
    timed,
)
from stressd.bench.targets import ABSL, KERNEL
from stressd_kernels.bench import workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.status import Status

WRITES = 400_000
BATCH = 256
SEED = 99

Batches = npt.NDArray[np.uint32]


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of writes on a tree as it is loaded."""
    field.fill()
    yield from figures(field, effort)


def figures(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of writes on a tree that has all its entries."""
    state = field.state(SEED)
    width = min(field.entries // 4, BATCH)
    shape = (max(1, effort.operations(WRITES) // width), width)
    picks = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    writes.erase_all(*field.place, picks[0][0, :0])  # compiled before it is timed
    writes.store_all(*field.place, picks[1][0, :0], field.pages)
    erases, stores = [], []
    for _ in range(effort.reps):
        workload.batches_draw(state, field.pages, *picks)
        erase_ns, store_ns = churn(field, *picks)
        erases.append(erase_ns / picks[0].size)
        stores.append(store_ns / picks[0].size)
        prove(field.is_whole(), "erase and store")
    yield figure("erase", field.entries, NS_PER_OP, erases)
    yield figure("store", field.entries, NS_PER_OP, stores)
    means = [(erase + store) / 2 for erase, store in zip(erases, stores, strict=True)]
    yield figure("store_erase", field.entries, NS_PER_OP, means)
    count = effort.operations(WRITES)
    writes.overwrite(*field.place, state, field.pages, 0)
    values = []
    for _ in range(effort.reps):
        took, status = timed(writes.overwrite, *field.place, state, field.pages, count)
        prove(status == Status.OK, "overwrite")
        values.append(took / count)
    prove(field.is_whole(), "overwrite")
    yield figure("overwrite", field.entries, NS_PER_OP, values)


def churn(field: Field, erased: Batches, stored: Batches) -> tuple[int, int]:
    """Erase and store back every batch; return the nanoseconds of both."""
    erase_ns = store_ns = 0
    place = field.place
    with no_collections():
        for out, back in zip(list(erased), list(stored), strict=True):
            took, status = timed(writes.erase_all, *place, out)
            prove(status == Status.OK, "erase")
            erase_ns += took
            took, status = timed(writes.store_all, *place, back, field.pages)
            prove(status == Status.OK, "store")
            store_ns += took
    return erase_ns, store_ns


KERNEL_NAMES = {
    "erase": "erase_mtree_erase",
    "store": "store_mtree_store_range",
    "store_erase": "store_erase_avg",
    "overwrite": "store_exact_overwrite",
}
ABSL_NAMES = {"erase": "erase", "store": "store", "store_erase": "store_erase_avg"}
SECTION = Section(
    "write", measure, {KERNEL: Theirs("c", KERNEL_NAMES), ABSL: Theirs("c", ABSL_NAMES)}
)
