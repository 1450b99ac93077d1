"""The engine as a session uses it: made, compiled, loaded, run, stopped, finished, closed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from stressd.config.model import Source
from stressd.engine import Engine, EngineError
from stressd.engine.core import BACKLOG_MIN
from stressd.engine.seats import sweep
from stressd.evidence import Compiled
from stressd_kernels.epoch import epoch_pin
from stressd_kernels.layout import (
    HEADER_BACKLOG_MAX,
    LIMBO_MAX,
    SLOT_BEAT,
    SLOT_PRNG,
    TREE_LEAVES,
    TREE_LOCK,
    TREE_ROOT,
)
from stressd_kernels.refs import NODE_MASK
from stressd_kernels.ring import Ring
from stressd_kernels.status import Status
from tests.engine.build import (
    READS,
    RECORDING,
    REPLAYS,
    SYNTHETIC,
    WRITES,
    arena_of,
    config_of,
    loaded,
    slot_of,
    trees_of,
    work,
)

SMALL = "tree: {arena: 16MiB}"


def test_only_what_a_configuration_uses_is_compiled() -> None:
    """Loads alone need no store, no gap search and no other source."""
    loads = "{name: read, mix: {load: 1}}"
    names = Engine(config_of(SYNTHETIC, loads)).kernels()
    assert "maple.entries.load" in names
    assert "ops.load.run" in names
    assert not {name for name in names if "store" in name or "gap" in name or "maps" in name}


def test_each_kernel_is_told_of_once() -> None:
    """Whatever was in the cache: progress can be counted against `kernels`."""
    engine = Engine(config_of(SYNTHETIC, WRITES % 1, READS % 1))
    told: list[Compiled] = []
    engine.compile(told.append)
    assert sorted(compiled.kernel for compiled in told) == sorted(engine.kernels())
    assert all(compiled.seconds >= 0 for compiled in told)


def test_a_tree_is_filled_before_the_workers_begin() -> None:
    """`fill` of the cells, to within what chance allows; the same for the same seed."""
    source = "source: {kind: synthetic, entries: 10000, fill: 0.7}"
    counts = []
    for seed in (1, 1, 2):
        with loaded(source, READS % 1, more=f"run: {{seed: {seed}}}") as engine:
            counts.append(engine.sample().trees[0].entries)
    assert counts[0] == counts[1] != counts[2]
    assert all(6700 < count < 7300 for count in counts)


def test_workers_draw_different_numbers() -> None:
    """Each generator has a state of its own, made of the seed and the worker's number."""
    with loaded(SYNTHETIC, READS % 3) as engine:
        words = arena_of(engine).words
        states = {tuple(words[slot_of(engine, w) + SLOT_PRNG :][:4].tolist()) for w in range(3)}
    assert len(states) == 3


def test_workers_are_seated_in_the_order_of_the_file() -> None:
    """Workers of one workload follow each other."""
    engine = Engine(config_of(SYNTHETIC, WRITES % 1, READS % 2))
    seats = [(seat.index, seat.workload) for seat in engine.workers]
    assert seats == [(0, "write"), (1, "read"), (2, "read")]


def test_samples_only_grow() -> None:
    """Counters of a later sample are not below those of an earlier one."""
    with loaded(SYNTHETIC, WRITES % 1, READS % 1) as engine:
        work(engine, 2)
        one = engine.sample()
        work(engine, 2)
        two = engine.sample()
    assert [op.op for op in one.ops] == [op.op for op in two.ops]
    for before, after in zip(one.ops, two.ops, strict=True):
        assert all(after.outcomes[name] >= count for name, count in before.outcomes.items())
        assert np.all(after.durations >= before.durations)
    assert two.arena.allocated_total > one.arena.allocated_total
    assert two.monotonic_ns > one.monotonic_ns
    assert all(w.operations > v.operations for v, w in zip(one.workers, two.workers, strict=True))


def test_workloads_of_one_name_are_one_line() -> None:
    """A sample has one line for each workload and operation, whatever the number of threads."""
    with loaded(SYNTHETIC, WRITES % 2, READS % 2) as engine:
        work(engine, 1)
        sample = engine.sample()
    pairs = [(op.workload, op.op) for op in sample.ops]
    assert len(pairs) == len(set(pairs)) == 2 + 5


def test_stop_ends_slices_that_run() -> None:
    """From another thread, in the middle of a long slice; later slices do nothing."""
    with loaded(SYNTHETIC, READS % 1) as engine:
        words, slot = arena_of(engine).words, slot_of(engine, 0)
        engine._ticks = np.uint64(1 << 50)  # days
        answers: list[Status] = []
        thread = threading.Thread(target=lambda: answers.append(engine.run_slice(0)))
        thread.start()
        while words[slot + SLOT_BEAT] == 0:
            pass
        engine.stop()
        thread.join()
        done = int(words[slot + SLOT_BEAT])
        assert [*answers, engine.run_slice(0)] == [Status.STOPPED, Status.STOPPED]
        assert words[slot + SLOT_BEAT] == done


def test_finish_after_a_stop_accounts_for_every_node() -> None:
    """Nothing waits any more, and what was carved is live, cached or free."""
    with loaded(SYNTHETIC, WRITES % 2, READS % 1) as engine:
        work(engine, 5)
        engine.stop()
        assert engine.finish() == []
        arena = engine.sample().arena
    assert arena.limbo == 0
    assert arena.live + arena.cached + arena.free == arena.carved


def test_a_lost_node_is_found_at_the_end() -> None:
    """One leaf fewer than there are: the account and the walk both say so."""
    with loaded(SYNTHETIC, WRITES % 1) as engine:
        (tree,) = trees_of(engine)
        arena_of(engine).words[tree + TREE_LEAVES] -= np.uint64(1)
        found = {finding.oracle: finding.message for finding in engine.finish()}
    assert set(found) == {"structure", "accounting"}
    assert "broken invariant: counts" in found["structure"]
    assert "nodes, but" in found["accounting"]


def test_a_reader_that_never_left_is_found_at_the_end() -> None:
    """What waits for it cannot be freed."""
    with loaded(SYNTHETIC, WRITES % 1) as engine, arena_of(engine).seated() as slot:
        epoch_pin(arena_of(engine).words, slot)
        work(engine, 1)
        (finding,) = engine.finish()
    assert finding.oracle == "accounting"
    assert "nodes still wait for readers after the end: 1 pinned" in finding.message


def test_a_broken_structure_is_found_while_it_runs() -> None:
    """A pivot out of order: the check names the invariant and the tree."""
    with loaded(SYNTHETIC, READS % 1) as engine:
        words = arena_of(engine).words
        (tree,) = trees_of(engine)
        assert engine.check() == []
        root = int(words[tree + TREE_ROOT] & NODE_MASK)
        words[root + 1], words[root + 2] = words[root + 2], words[root + 1]
        (finding,) = engine.check()
    assert finding.oracle == "structure"
    assert finding.message.startswith("synthetic, tree 0: broken invariant: ")


def test_a_broken_lock_is_found() -> None:
    """A writer that left half-way marks the lock: nobody can vouch for that tree."""
    with loaded(SYNTHETIC, READS % 1) as engine:
        (tree,) = trees_of(engine)
        arena_of(engine).words[tree + TREE_LOCK] = 2
        (finding,) = engine.check()
    assert finding.message == "synthetic, tree 0: its lock is broken: a writer left it half changed"


def test_a_check_ends_when_the_run_does() -> None:
    """It is then no check at all, and finds nothing."""
    with loaded(SYNTHETIC, READS % 1) as engine:
        engine.stop()
        assert engine.check() == []


def test_rings_lie_in_files_while_the_engine_lives() -> None:
    """Each worker's last operations can be read from outside; closing removes the files."""
    with loaded(SYNTHETIC, WRITES % 1, READS % 1) as engine:
        work(engine, 2)
        folder = engine.ring_folder
        assert folder is not None
        rings = [Ring(path) for path in sorted(folder.iterdir())]
        assert [(ring.worker, ring.workload) for ring in rings] == [(0, "write"), (1, "read")]
        tail = rings[0].tail(10)
        assert {record.op for record in tail} <= {"store", "erase"}
        assert [record.sequence for record in tail] == sorted(r.sequence for r in tail)
        assert rings[1].running().op is None
    assert not folder.exists()


def test_a_run_without_room_for_rings_does_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Full file systems everywhere: the workers run all the same."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stressd_kernels.ring.os.posix_fallocate", full)
    monkeypatch.setattr("stressd_kernels.ring.FOLDERS", (tmp_path,))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with loaded(SYNTHETIC, READS % 1) as engine:
        assert engine.ring_folder is None
        assert work(engine, 1) == {Status.OK}
    assert list(tmp_path.iterdir()) == []


def test_rings_of_dead_processes_are_kept_for_a_day(tmp_path: Path) -> None:
    """Long enough to ask what happened; those of living processes are never touched."""
    gone = 1 << 22  # no process has this id
    names = {f"stressd-{gone}-old": 2, f"stressd-{gone}-new": 0, f"stressd-{os.getpid()}-old": 2}
    for name, days in names.items():
        (tmp_path / name).mkdir()
        then = time.time() - days * 86_400
        os.utime(tmp_path / name, (then, then))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names) - {f"stressd-{gone}-old"}


# -- what cannot be --------------------------------------------------------------------------


def test_a_tree_that_does_not_fit_its_arena() -> None:
    """Said when it is built, with the key to change."""
    source = "source: {kind: synthetic, entries: 1000000}"
    engine = Engine(config_of(source, READS % 1, more=SMALL))
    engine.compile(lambda _: None)
    with pytest.raises(EngineError, match=r"does not fit: [\d,]+ entries need more") as error:
        engine.load()
    assert error.value.path == "tree.arena"
    engine.close()


def test_an_arena_that_fills_up_ends_its_writers() -> None:
    """Entries cut into ever smaller ones: the tree stays whole, readers go on."""
    source = "source: {kind: synthetic, entries: 500000, fill: 0.9}"
    stores = "{name: write, mix: {store: 1}}"
    with loaded(source, stores, READS % 1, more=SMALL) as engine:
        status = Status.OK
        while status is Status.OK:
            status = engine.run_slice(0)
        assert status is Status.ARENA_FULL
        assert engine.run_slice(1) is Status.OK
        assert engine.finish() == []


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        ("{kind: maps, pid: 4194304}", "source.pid", "process 4194304: there is no such process"),
        ("{kind: maps, file: absent.maps}", "source.file", "absent.maps"),
        ("{kind: recording, files: [ls, absent.trace]}", "source.files[1]", "absent.trace"),
    ],
)
def test_a_source_that_is_not_there(source: str, path: str, message: str) -> None:
    """Gone since the configuration was checked: the message names it, the path its key."""
    section = TypeAdapter(Source).validate_python(yaml.safe_load(source))
    config = config_of(SYNTHETIC, READS % 1).model_copy(update={"source": section})
    with pytest.raises(EngineError, match=message) as error:
        Engine(config)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("TREES_MAX", 5, "needs 6 trees at a time, the most is 5"),
        ("WRITERS_MAX", 3, "3 recordings at a time, the most is 2"),
    ],
)
def test_recordings_that_do_not_fit_the_layout(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, message: str
) -> None:
    """Each player needs trees of its own, and a number among the writers."""
    monkeypatch.setattr(f"stressd.sources.recording.{limit}", most)
    source = "source: {kind: recording, files: [ls]}"
    with pytest.raises(EngineError, match=f"does not fit: {message}") as error:
        Engine(config_of(source, REPLAYS % 3))
    assert error.value.path == "source.files"


def test_what_waits_for_readers_is_a_share_of_the_arena() -> None:
    """Small arenas wait sooner, large ones as late as the layout allows."""
    for arena, threads, least, most in (
        ("16MiB", 4, BACKLOG_MIN, 1 << 14),
        ("16MiB", 64, BACKLOG_MIN, BACKLOG_MIN),
        ("24GiB", 1, LIMBO_MAX, LIMBO_MAX),
    ):
        engine = Engine(config_of(SYNTHETIC, READS % threads, more=f"tree: {{arena: {arena}}}"))
        assert least <= int(arena_of(engine).words[HEADER_BACKLOG_MAX]) <= most


def test_the_line_for_the_user_says_where_entries_come_from() -> None:
    """One line each."""
    line = Engine(config_of(SYNTHETIC, READS % 1)).source_line
    assert line == "synthetic: 200 cells of 256B, 50% filled"
    line = Engine(config_of(RECORDING, READS % 1)).source_line
    assert line == "recording: ls, sqlite (4 address spaces, 332 events)"
