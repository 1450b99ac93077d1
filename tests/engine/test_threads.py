"""Real threads on small trees: nobody ever reads what may not be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.engine import Engine
from stressd.evidence import Sample
from stressd_kernels.judge import ORACLES
from stressd_kernels.status import Status
from tests.engine.build import READS, RECORDING, REPLAYS, SYNTHETIC, WRITES, loaded, work

SLICES = 60  # of 20 ms each
MAPS = "\n".join(
    f"{0x400000 + n * 0x9000:x}-{0x400000 + n * 0x9000 + 0x5000:x} r-xp 00000000 00:00 0"
    for n in range(100)
)


def forbidden(sample: Sample) -> dict[str, int]:
    """Return how often each oracle saw what may not be."""
    return {judged.oracle: judged.grades["forbidden"] for judged in sample.judged}


def judged(sample: Sample, oracle: str) -> int:
    """Return how often an oracle looked."""
    return next(sum(j.grades.values()) for j in sample.judged if j.oracle == oracle)


def stressed(engine: Engine, slices: int = SLICES) -> Sample:
    """Work, check meanwhile and at the end; return the last sample."""
    assert work(engine, slices) == {Status.OK}
    found = [*engine.findings(), *engine.check(), *engine.finish()]
    assert [finding.message for finding in found] == []
    return engine.sample()


@pytest.fixture
def maps_file(tmp_path: Path) -> Path:
    """A hundred mappings with gaps between them."""
    path = tmp_path / "some.maps"
    path.write_text(MAPS + "\n")
    return path


def test_writers_and_readers_of_a_small_tree() -> None:
    """Two writers and three readers on a thousand cells: everything judged, nothing forbidden."""
    source = "source: {kind: synthetic, entries: 1000, wide: 0.2}"
    with loaded(source, WRITES % 2, READS % 3) as engine:
        sample = stressed(engine)
    assert set(forbidden(sample)) == set(ORACLES)
    assert not any(forbidden(sample).values())
    assert min(judged(sample, oracle) for oracle in ("values", "order", "gaps")) > 1000
    assert all(op.count > 1000 for op in sample.ops)
    assert all(op.outcomes["error"] == 0 for op in sample.ops)
    (tree,) = sample.trees
    assert min(tree.restructures.values()) > 0
    assert sample.arena.freed_total > 0


def test_a_tree_of_very_few_cells() -> None:
    """Three cells: the root is a leaf, comes and goes, and everybody is always in it."""
    source = "source: {kind: synthetic, entries: 3, cell: 16B, wide: 0.3}"
    with loaded(source, WRITES % 2, READS % 2) as engine:
        sample = stressed(engine)
    assert sum(forbidden(sample).values()) == 0


def test_the_whole_key_space() -> None:
    """Cells that fill it to the last key, 2^64 - 1."""
    source = "source: {kind: synthetic, entries: 16, cell: 1048576TiB, wide: 0.2}"
    with loaded(source, WRITES % 1, READS % 2) as engine:
        sample = stressed(engine)
    assert sum(forbidden(sample).values()) == 0


def test_replayed_recordings_and_their_readers() -> None:
    """Two players of two recordings, two readers: every recorded search agrees."""
    with loaded(RECORDING, REPLAYS % 2, READS % 2) as engine:
        sample = stressed(engine)
    assert sum(forbidden(sample).values()) == 0
    assert judged(sample, "replay") > 1000
    assert {tree.tree for tree in sample.trees} == {"ls", "sqlite"}
    outcomes = {op.op: op.outcomes for op in sample.ops}
    assert min(outcomes["load"]["ok"], outcomes["load"]["miss"]) > 0


def test_one_recording_for_many_players() -> None:
    """Each player has its own trees."""
    source = "source: {kind: recording, files: [ls]}"
    with loaded(source, REPLAYS % 3, READS % 1) as engine:
        sample = stressed(engine, 20)
    assert sample.trees[0].trees == 3 * 2
    assert judged(sample, "replay") > 0


def test_mappings_cut_and_restored(maps_file: Path) -> None:
    """The mappings of a file, one writer, two readers."""
    source = f"source: {{kind: maps, file: {maps_file}}}"
    with loaded(source, WRITES % 1, READS % 2) as engine:
        assert engine.source_line == f"maps: {maps_file}, 100 mappings"
        sample = stressed(engine)
    assert sum(forbidden(sample).values()) == 0
    assert all(op.count > 100 for op in sample.ops)


def test_everything_timed_and_zipfian() -> None:
    """Every operation of a mixed workload is in a histogram, and hot keys are no exception."""
    mixed = (
        "{name: all, threads: 2, timing: every, keys: {kind: zipfian, theta: 0.9}, "
        "mix: {load: 1, find: 1, scan: 1, gap_up: 1, gap_down: 1, store: 1, erase: 1}}"
    )
    with loaded(SYNTHETIC, mixed) as engine:
        sample = stressed(engine, 20)
    assert all(int(op.durations.sum()) == op.count for op in sample.ops)
    assert all(op.duration_sum_ns >= op.count and op.duration_max_ns > 0 for op in sample.ops)


def test_sampled_timing_times_one_in_a_block() -> None:
    """One operation in 64, at a random place: every kind of a mix is among them."""
    with loaded(SYNTHETIC, READS % 1) as engine:
        sample = stressed(engine, 20)
    operations = sum(op.count for op in sample.ops)
    timed = [int(op.durations.sum()) for op in sample.ops]
    assert min(timed) > 0
    assert operations == 64 * sum(timed)


def test_without_values_nothing_is_certified() -> None:
    """`checks.values: false` leaves order and gaps."""
    more = "tree: {arena: 64MiB}\nchecks: {values: false}"
    with loaded(SYNTHETIC, WRITES % 1, READS % 1, more=more) as engine:
        sample = stressed(engine, 10)
    assert judged(sample, "values") == 0
    assert judged(sample, "gaps") > 0
