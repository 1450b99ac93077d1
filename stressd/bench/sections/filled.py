"""Reads and writes on a tree whose nodes are 70 % full, as of one that has lived.

A tree that is loaded in order has full nodes. Here spacers are stored in random order and erased
again in another, round by round, until the leaves have no more slots in use than wanted: nodes
split, and the entries stay as they were. The fill that came of it is one of the figures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.figure import Figure
from stressd.bench.sections import gap, iterate, lookup, mixed, write
from stressd.bench.sections.build import shape
from stressd.bench.sections.section import Effort, Section, prove
from stressd_kernels.bench import shape as loops
from stressd_kernels.bench import workload
from stressd_kernels.bench.field import Field
from stressd_kernels.status import Status

SLOTS_WANTED = 11.2  # of 16 in a leaf
FIRST_ROUND = 16  # one entry in so many gets a spacer in the first round
PROGRESS = 0.05  # slots; a round that gives less is followed by one twice as large
SETTING = "70 % full"
SEED = 11


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of reads and writes on a tree that is 70 % full."""
    field.fill()
    loosen(field)
    yield from reads_and_writes(field, effort, SETTING)


def reads_and_writes(field: Field, effort: Effort, setting: str) -> Iterator[Figure]:
    """Yield the shape of a tree that has all its entries, and all reads and writes on it."""
    for figures in (
        shape(field),
        lookup.figures(field, effort),
        iterate.figures(field, effort),
        write.figures(field, effort),
        gap.figures(field, effort),
        mixed.figures(field, effort, (max(mixed.READERS),)),
    ):
        for figure in figures:
            yield figure.on(setting)


def loosen(field: Field) -> None:
    """Store and erase spacers until the leaves are as empty as wanted."""
    draw = np.random.default_rng(SEED)
    order = np.zeros(field.entries, np.uint32)
    workload.order_draw(order)
    size, done, used = max(1, field.entries // FIRST_ROUND), 0, field.slots_used()[0]
    while used > SLOTS_WANTED:
        order = np.roll(order, -done)
        done = size
        spaced = order[:size]
        for stored, entries in ((True, spaced), (False, draw.permutation(spaced))):
            status = loops.spacers(*field.place, entries, stored)
            prove(int(status) == Status.OK, "spacers")
        before, used = used, field.slots_used()[0]
        if before - used < PROGRESS:
            prove(size < field.entries, "emptying leaves")
            size = min(2 * size, field.entries)
    prove(field.is_whole(), "spacers")


SECTION = Section("filled", measure, by_default=False)
