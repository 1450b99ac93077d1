"""Every section yields its metrics, proves its answers, and leaves the machine as it was."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest

from stressd.bench.command import measure_section
from stressd.bench.containers import CONTAINERS, Container
from stressd.bench.figure import Figure, WrongAnswer
from stressd.bench.sections import SECTIONS, Effort, Section, churned, filled
from stressd.bench.sections.mixed import READERS, together
from stressd_kernels.bench import shape, workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.maple.dump import dump_lines
from stressd_kernels.status import Status

QUICK = Effort(reps=1, share=0.01, mixed_s=0.02, churn_s=0.02)
SHAPE = ["bytes_per_entry", "fill_leaves", "fill_inners", "height"]
CORES = len(os.sched_getaffinity(0))
MIXED = [
    f"mixed_{what}" for what in ("reads_per_second", "writes_per_second", "p50", "p99", "p999")
]
READS_AND_WRITES = [
    *SHAPE,
    *("lookup", "lookup_dependent", "lookup_batch", "iterate"),
    *("erase", "store", "store_erase", "overwrite"),
    *("gap_up_1", "gap_up_15", "gap_down_1", "gap_down_15"),
    *MIXED,
]
METRICS = {
    "lookup": ["lookup", "lookup_dependent", "lookup_batch"],
    "iterate": ["iterate"],
    "write": ["erase", "store", "store_erase", "overwrite"],
    "gap": ["gap_up_1", "gap_up_15", "gap_down_1", "gap_down_15"],
    "build": [
        "build_bulk",
        "build_ascending",
        *SHAPE,
        "build_random",
        *(f"{metric}_random" for metric in SHAPE),
    ],
    "mixed": MIXED * len(READERS),
    "readers": ["readers_per_second"] * CORES
    + ["readers_scaling", "draws_scaling", "readers_scaling_of_draws"],
    "filled": READS_AND_WRITES,
    "churned": [*READS_AND_WRITES, "churn_writes_per_second", *READS_AND_WRITES],
}


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_a_section_yields_its_metrics(section: Section) -> None:
    """Each is there once, positive and finite; what a reference calls ours is one of them."""
    figures = measure_section(section, 1000, QUICK)
    assert [figure.metric for figure in figures] == METRICS[section.name]
    for theirs in section.references.values():
        assert set(theirs.names) <= {figure.metric for figure in figures}
    for figure in figures:
        assert figure.entries == 1000
        assert 0 < figure.min <= figure.median <= figure.max < math.inf


def value_of(figures: list[Figure], metric: str, setting: str) -> float:
    """Return the figure of that metric on a tree in that state."""
    return next(f.median for f in figures if (f.metric, f.setting) == (metric, setting))


def test_a_loosened_tree_is_as_full_as_it_says() -> None:
    """About eleven slots of sixteen; all its entries are there, or its section had ended."""
    figures = measure_section(SECTIONS["filled"], 10_000, QUICK)
    assert {figure.setting for figure in figures} == {filled.SETTING}
    used = value_of(figures, "fill_leaves", filled.SETTING)
    assert filled.SLOTS_WANTED - 1 < used <= filled.SLOTS_WANTED


def test_churn_leaves_nodes_less_full() -> None:
    """Half of the entries were out of the tree, and all are there again."""
    figures = measure_section(SECTIONS["churned"], 10_000, QUICK)
    before = value_of(figures, "fill_leaves", churned.BEFORE)
    assert value_of(figures, "fill_leaves", churned.AFTER) < before


def test_churn_goes_on_where_a_turn_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many turns as fit its time; each begins with what has been out longest."""
    field = Field(1000)
    field.fill()
    rings: list[list[int]] = []

    def three_steps(*arguments: Any) -> int:
        state, _, held = arguments[3:]
        rings.append(held.tolist())
        state[workload.ASKED], state[workload.TOOK] = 2 * 3, 5_000_000
        return int(Status.OK)

    monkeypatch.setattr(churned.loops, "mixed_writes", three_steps)
    assert churned.churn(field, 0.015) == [1200.0] * 3
    assert rings[1] == rings[0][3:] + rings[0][:3]
    assert len(rings) == 3
    assert not (field.pages & workload.GONE).any()


@pytest.mark.parametrize("stored", [0, 500])
def test_fill_is_counted_leaf_by_leaf(stored: int) -> None:
    """As a walk over the text of the tree counts it; an empty tree has no leaf."""
    field = Field(1000)
    order = np.arange(stored, dtype=np.uint32)
    writes.store_all(*field.place, order, field.pages)
    used = np.zeros(17, np.uint64)
    shape.leaves_by_fill(*field.place, used)
    counts: list[int] = []
    for line in dump_lines(field.words, field.tree):
        if "leaf" in line:
            counts.append(0)
        elif "gap" not in line and "inner" not in line and counts:
            counts[-1] += 1
    assert used.tolist() == [counts.count(n) for n in range(17)]


def test_only_figures_of_several_threads_carry_readers() -> None:
    """Beside a writer one, two and three, each with all figures; alone as many as processors."""
    alone = measure_section(SECTIONS["readers"], 1000, QUICK)
    assert [figure.readers for figure in alone] == [*range(1, CORES + 1), *[CORES] * 3]
    mixed = measure_section(SECTIONS["mixed"], 1000, QUICK)
    assert [figure.readers for figure in mixed] == [n for n in READERS for _ in range(5)]
    iterate = measure_section(SECTIONS["iterate"], 1000, QUICK)
    assert [figure.readers for figure in iterate] == [None]


def test_threads_of_their_own_processor_leave_ours_alone() -> None:
    """Readers and writer are pinned; the thread that started them is not."""
    before = os.sched_getaffinity(0)
    measure_section(SECTIONS["mixed"], 1000, QUICK)
    assert os.sched_getaffinity(0) == before


def test_a_broken_tree_ends_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that is missing is a wrong answer, not a faster tree."""
    fill = Field.fill

    def fill_but_one(field: Field) -> None:
        fill(field)
        writes.clear_all(*field.place)

    monkeypatch.setattr(Field, "fill", fill_but_one)
    with pytest.raises(WrongAnswer, match="lookup"):
        measure_section(SECTIONS["lookup"], 1000, QUICK)


def test_a_thread_that_fails_stops_the_others() -> None:
    """A reader would wait for ever for a writer that has not begun."""
    stopped = []

    def fail() -> int:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        together([fail], lambda: stopped.append(True))
    assert stopped == [True]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: c.implementation)
def test_a_container_yields_its_metrics(container: Container) -> None:
    """The same workload, as far as a container of keys can do it."""
    pytest.importorskip(container.package)
    figures = list(container.measure(1000, QUICK))
    assert [f.metric for f in figures] == ["build_random", "lookup", "iterate", "erase", "store"]
    assert all(0 < figure.median < math.inf for figure in figures)
