"""Reads and writes before and after random churn for a stated time (`--churn`).

Half of the entries are out of the tree at any moment: one writer erases a random entry and
stores back the one that was erased longest ago, over and over. Nodes split and merge all the
time, and come to lie all over the arena. Then all entries are stored back, in random order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.figure import PER_SECOND, Figure, figure
from stressd.bench.sections.filled import reads_and_writes
from stressd.bench.sections.section import Effort, Section, prove
from stressd_kernels.bench import mixed as loops
from stressd_kernels.bench import workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.status import Status

TURN_S = 1.0  # between two moments at which ctrl-C is heard
SEED = 13
BEFORE = "before churn"
AFTER = "after churn"


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of reads and writes before churn and after it."""
    field.fill()
    yield from reads_and_writes(field, effort, BEFORE)
    rates = churn(field, effort.churn_s)
    yield figure("churn_writes_per_second", field.entries, PER_SECOND, rates)
    yield from reads_and_writes(field, effort, AFTER)


def churn(field: Field, seconds: float) -> list[float]:
    """Erase and store for a while; return the writes per second of each turn."""
    order = np.zeros(field.entries, np.uint32)
    workload.order_draw(order)
    held = order[: field.entries // 2].copy()
    prove(int(writes.erase_all(*field.place, held)) == Status.OK, "erase")
    field.pages[held] |= workload.GONE
    state = field.state(SEED)
    rates = []
    while seconds > 0:
        state[workload.ASKED] = 0
        state[workload.TOOK] = int(min(seconds, TURN_S) * 1e9)
        status = loops.mixed_writes(*field.place, state, field.pages, held)
        prove(int(status) == Status.OK, "churn")
        field.arena.go_on()
        done, took = int(state[workload.ASKED]), int(state[workload.TOOK]) / 1e9
        held = np.roll(held, -(done // 2 % len(held)))  # the loop begins with the first again
        rates.append(done / took)
        seconds -= took
    field.pages[held] &= workload.THERE
    prove(int(writes.store_all(*field.place, held, field.pages)) == Status.OK, "store")
    prove(field.is_whole(), "churn")
    return rates


SECTION = Section("churned", measure, by_default=False)
