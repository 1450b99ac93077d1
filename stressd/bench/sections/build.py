"""Building a tree: in one go, entry by entry in order and in random order; and its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stressd.bench.figure import BYTES, LEVELS, NS_PER_ENTRY, OF_SLOTS, Figure, figure
from stressd.bench.sections.section import Effort, Section, Theirs, prove, timed
from stressd.bench.targets import ABSL, KERNEL
from stressd_kernels.bench import workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.status import Status

ENTRIES_AT_LEAST = 200_000  # in one repetition
SUFFIXES = {"build_ascending": "", "build_random": "_random"}  # of the metrics of its shape


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
            took = sum(build(field, metric, loop, *arguments) for _ in range(rounds))
            values.append(took / rounds / field.entries)
        yield figure(metric, field.entries, NS_PER_ENTRY, values)
        if metric in SUFFIXES:
            prove(loop(*field.place, *arguments) == Status.OK, metric)
            yield from shape(field, SUFFIXES[metric])
            field.clear()


def build(field: Field, metric: str, loop: Callable[..., int], *arguments: Any) -> int:
    """Build a tree and take it down again; return the nanoseconds of building it."""
    took, status = timed(loop, *field.place, *arguments)
    prove(status == Status.OK and field.is_whole(), metric)
    field.clear()
    return took


def shape(field: Field, suffix: str = "") -> Iterator[Figure]:
    """Yield how much memory a tree takes, how full its nodes are on average, and its height."""
    leaves, inners = field.slots_used()
    for metric, unit, value in (
        ("bytes_per_entry", BYTES, field.bytes_per_entry()),
        ("fill_leaves", OF_SLOTS, leaves),
        ("fill_inners", OF_SLOTS, inners),
        ("height", LEVELS, field.height),
    ):
        yield figure(metric + suffix, field.entries, unit, [value])


KERNEL_NAMES = {
    "build_bulk": "build_bulk_expected",
    "build_ascending": "build_asc_mtree_store_range",
    "build_random": "build_random_order",
    "bytes_per_entry": "bytes_per_entry_asc_mtree_store_range",
    "bytes_per_entry_random": "bytes_per_entry_random_order",
}
ABSL_NAMES = {
    "build_bulk": "build_asc",  # each entry inserted where the last one ended
    "build_random": "build_random_order",
    "bytes_per_entry": "bytes_per_entry_asc",
    "bytes_per_entry_random": "bytes_per_entry_random_order",
}
SECTION = Section(
    "build", measure, {KERNEL: Theirs("e", KERNEL_NAMES), ABSL: Theirs("e", ABSL_NAMES)}
)
