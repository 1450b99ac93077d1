"""Gap search: one page or fifteen, upward from where an entry begins, downward from its cell's end.

The right answers follow from the lengths alone: a gap follows every entry, and it has fifteen
pages where the entry has one. Their sum proves the searches.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stressd.bench.figure import NS_PER_OP, Figure, figure
from stressd.bench.sections.section import Effort, Section, Theirs, prove, timed
from stressd.bench.targets import KERNEL
from stressd_kernels.bench import reads, workload
from stressd_kernels.bench.field import Field

SEARCHES = 200_000
SEED = 5
PAGE = 4096
CELL = 65536
SIZES = (1, 15)


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of gap searches on a tree as it is loaded."""
    field.fill()
    yield from figures(field, effort)


def figures(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of gap searches on a tree that has all its entries."""
    asked = effort.operations(SEARCHES, reads.PIN_OPS)
    loops = {"up": reads.gaps_upward, "down": reads.gaps_downward}
    for direction, loop in loops.items():
        for size in SIZES:
            metric = f"gap_{direction}_{size}"
            right = answers(field.pages, direction == "up", size)
            state = field.state(SEED, asked)
            values = []
            loop(*field.place, field.state(SEED), np.uint64(PAGE))  # compiled before it is timed
            for _ in range(effort.reps):
                expected = expectation(right, state)
                took, failed = timed(loop, *field.place, state, np.uint64(size * PAGE))
                prove((failed, int(state[workload.ANSWER_SUM])) == expected, metric)
                values.append(took / asked)
            yield figure(metric, field.entries, NS_PER_OP, values)


def answers(pages: npt.NDArray[np.uint8], upward: bool, size: int) -> npt.NDArray[np.int64]:
    """Return the start of the gap that each entry's search must find; -1: there is none."""
    numbers = np.arange(len(pages), dtype=np.int64)
    wide = (16 - pages.astype(np.int64)) >= size
    if not upward:
        here = np.maximum.accumulate(np.where(wide, numbers, -1))
        return np.where(here < 0, -1, (here + 1) * CELL - size * PAGE)
    wide[-1] = True  # above the last entry all is free
    here = np.minimum.accumulate(np.where(wide, numbers, len(pages))[::-1])[::-1]
    return here * CELL + pages[here].astype(np.int64) * PAGE


def expectation(right: npt.NDArray[np.int64], state: npt.NDArray[np.uint64]) -> tuple[int, int]:
    """Return (failures, sum of the answers) of the searches that `state` is about to draw."""
    drawn = np.zeros(int(state[workload.ASKED]), np.uint32)
    workload.entries_draw(state.copy(), drawn)
    found = right[drawn]
    return int((found < 0).sum()), int(found[found >= 0].sum())


KERNEL_NAMES = {
    "gap_up_1": "gap_fwd_1page_randmin",
    "gap_up_15": "gap_fwd_15page_randmin",
    "gap_down_1": "gap_rev_1page_randmax",
    "gap_down_15": "gap_rev_15page_randmax",
}
SECTION = Section("gap", measure, {KERNEL: Theirs("d", KERNEL_NAMES)})
