"""Building a tree: in one go, entry by entry in order and in random order; and its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stressd.bench.figure import BYTES, NS_PER_ENTRY, Figure, figure
from stressd.bench.sections.section import Effort, Section, prove, timed
from stressd_kernels.bench import workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.status import Status

ENTRIES_AT_LEAST = 200_000  # in one repetition
SIZES = {"build_ascending": "bytes_per_entry", "build_random": "bytes_per_entry_random"}


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of building."""
    rounds = max(1, effort.operations(ENTRIES_AT_LEAST) // field.entries)
    order = np.zeros(field.entries, np.uint32)
    workload.order_draw(order)
    rows = np.zeros((field.entries, 3), np.uint64)
    source = field.source_of(rows)
    pages = field.pages
    loops: dict[str, tuple[Callable[..., int], tuple[Any, ...]]] = {
        "build_bulk": (writes.build_bulk, (pages, rows, source)),
        "build_ascending": (writes.store_ascending, (pages,)),
        "build_random": (writes.store_all, (order, pages)),
    }
    for metric, (loop, arguments) in loops.items():
        build(field, metric, loop, *arguments)  # compiled, and memory touched, before it counts
        values = []
        for _ in range(effort.reps):
            took = sum(build(field, metric, loop, *arguments)[0] for _ in range(rounds))
            values.append(took / rounds / field.entries)
        yield figure(metric, field.entries, NS_PER_ENTRY, values)
        if metric in SIZES:
            size = build(field, metric, loop, *arguments)[1]
            yield figure(SIZES[metric], field.entries, BYTES, [size])


def build(
    field: Field, metric: str, loop: Callable[..., int], *arguments: Any
) -> tuple[int, float]:
    """Build a tree and take it down again; return the nanoseconds of building it, and its size."""
    took, status = timed(loop, *field.place, *arguments)
    prove(status == Status.OK and field.is_whole(), metric)
    size = field.bytes_per_entry()
    field.clear()
    return took, size


SECTION = Section(
    "build",
    "e",
    {
        "build_bulk": "build_bulk_expected",
        "build_ascending": "build_asc_mtree_store_range",
        "build_random": "build_random_order",
        "bytes_per_entry": "bytes_per_entry_asc_mtree_store_range",
        "bytes_per_entry_random": "bytes_per_entry_random_order",
    },
    measure,
)
