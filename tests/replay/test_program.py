"""The table for concurrent replay: run by number alone, it does what the recording says."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from stressd.replay.program import BATCH, NOWHERE, ROW_WORDS, Kind, Program, load_program
from stressd.traces import maps
from stressd.traces.textfile import TraceError
from tests.naive import NaiveTree
from tests.replay.folder import KNOWN, SMALL, path_of
from tests.replay.test_guards import EXEC, FAR, FAULT, MADE, STACK_START
from tests.traces.writing import destroy, erase, recording, search, store


def run(program: Program, trees: dict[int, NaiveTree]) -> tuple[int, list[list[tuple[int, int]]]]:
    """Do what the rows say; return the right answers, and what each tree held at its end."""
    right, ends = 0, []
    for kind, tree, a, b, c, d, e, expected in program.rows.tolist():
        if kind in (Kind.STORE, Kind.ERASE):
            trees[tree].store(a, b, c or None)
        elif kind == Kind.DESTROY:
            ends.append([(first, last) for first, last, _ in trees[tree].items()])
            trees[tree].clear()
        elif kind == Kind.GAP_DOWN:
            start = trees[tree].empty_area_rev(a, b, c)
            address = NOWHERE if start is None else start + d - ((start + d - e) & d)
            right += address == expected
        else:
            start = trees[tree].empty_area(a, b, c)
            address = NOWHERE if start is None else start + ((e - start) & d)
            right += address == expected
    return right, ends


@pytest.mark.parametrize("name", KNOWN)
def test_a_program_does_what_the_recording_says(name: str) -> None:
    """Run twice in a row: all searches are right, and all processes end as they did."""
    program = load_program(path_of(name), NaiveTree)
    trees: dict[int, NaiveTree] = defaultdict(NaiveTree)
    known = KNOWN[name]
    snapshots = maps.read_file(path_of(name).replace(".trace.gz", ".maps.gz"))
    for _ in range(2):
        right, ends = run(program, trees)
        assert right == known.searches
        assert all(s.ranges in ends for s in snapshots if s.kind == maps.FINAL)
    assert len(trees) == program.trees <= known.spaces
    assert (program.spaces, program.skipped) == (known.spaces, 0)
    kinds = program.rows[:, 0].tolist()
    assert (kinds.count(Kind.STORE), kinds.count(Kind.ERASE)) == known[:2]


@pytest.mark.parametrize("name", SMALL)
def test_a_program_can_begin_again(name: str) -> None:
    """No tree holds anything after the last row."""
    program = load_program(path_of(name), NaiveTree)
    trees: dict[int, NaiveTree] = defaultdict(NaiveTree)
    run(program, trees)
    assert {len(tree) for tree in trees.values()} == {0}


def test_the_layout_of_a_row(tmp_path: Path) -> None:
    """Eight words, as the module says; numbers above 2^63 included."""
    high = (1 << 64) - 1
    path = recording(
        tmp_path,
        store(1, 0xFFFF888104C2A000, 5, high),
        erase(1, 6, high),
        "",
        search(1, 0x8000, length=0x1000, low=0x1000, high=0xA000, mask=0xFFF, offset=0x2000),
        search(1, 0, length=1 << 60, low=0x1000, high=high, topdown=False, error=-12),
        store(2, 0xFFFF888104C2A000, 1, 2),
        destroy(1),
    )
    program = load_program(path, NaiveTree)
    assert program.rows.dtype == np.uint64
    assert program.rows.shape == (len(program.lines), ROW_WORDS)
    assert program.rows.tolist() == [
        [1, 0, 5, high, 1, 0, 0, 0],
        [2, 0, 6, high, 0, 0, 0, 0],
        [4, 0, 0x1000, 0x9FFF, 0x1FFF, 0xFFF, 0x2000, 0x8000],
        [5, 0, 0x1000, high - 1, 1 << 60, 0, 0, NOWHERE],
        [1, 1, 1, 2, 1, 0, 0, 0],
        [3, 0, 0, 0, 0, 0, 0, 0],
        [3, 1, 0, 0, 0, 0, 0, 0],
    ]
    assert program.lines.tolist() == [1, 2, 4, 5, 6, 7, 7]
    assert program.where(2) == f"{path}:4"
    assert (program.trees, program.spaces) == (2, 2)


def test_guard_gaps_are_in_the_window(tmp_path: Path) -> None:
    """Below a stack the window ends where its guard gap begins."""
    program = load_program(recording(tmp_path, *EXEC, *MADE, FAULT, FAR), NaiveTree)
    trees: dict[int, NaiveTree] = defaultdict(NaiveTree)
    assert run(program, trees)[0] == 2
    highs = [row[3] for row in program.rows.tolist() if row[0] == Kind.GAP_DOWN]
    assert highs[1] < highs[0] < STACK_START


def test_searches_that_need_no_tree_are_left_out(tmp_path: Path) -> None:
    """A window that is too small says nothing about a tree."""
    small = search(1, 0, length=0x9000, low=0x1000, high=0x2000, error=-12)
    program = load_program(recording(tmp_path, store(1, 2, 3, 4), small), NaiveTree)
    assert program.rows[:, 0].tolist() == [Kind.STORE, Kind.DESTROY]
    assert program.skipped == 0


def test_searches_after_a_loss_are_skipped(tmp_path: Path) -> None:
    """Nobody knows what the tree held: a replayer would only find false errors."""
    asked = search(1, 0x8000, length=0x1000, low=0x1000, high=0x9000)
    lines = [store(1, 2, 3, 4), asked, "[LOST 3 EVENTS]", asked, asked]
    program = load_program(recording(tmp_path, *lines), NaiveTree)
    assert program.rows[:, 0].tolist() == [Kind.STORE, Kind.GAP_DOWN, Kind.DESTROY]
    assert program.skipped == 2


def test_a_long_recording_keeps_its_order(tmp_path: Path) -> None:
    """More rows than are converted at a time are still one table."""
    lines = [store(1, 2, n, n) for n in range(BATCH + 5)]
    program = load_program(recording(tmp_path, *lines), NaiveTree)
    assert program.rows[:-1, 2].tolist() == list(range(BATCH + 5))
    assert program.lines.tolist() == [*range(1, BATCH + 6), BATCH + 5]


def test_a_recording_that_stores_nothing_is_refused(tmp_path: Path) -> None:
    """There would be nothing to replay."""
    with pytest.raises(TraceError, match="nothing is stored in this recording"):
        load_program(recording(tmp_path, destroy(1)), NaiveTree)
