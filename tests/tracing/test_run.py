"""`stressd run --trace`: the trace of a run holds what its address spaces did."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stressd.engine import Engine
from stressd.replay.command import Request
from stressd.replay.command import run as replay
from stressd.traces import open_recording
from stressd_kernels.address_space import AddressSpace, Vma
from stressd_kernels.mm.layout import MM_ID
from tests.cli.processes import REAL, TIMEOUT_S, environment
from tests.engine.build import arena_of, loaded, work
from tests.tracing.naive import Maps

SOURCE = "source: {kind: address-spaces, spaces: 6, validation: off}"
CHANGES = """{name: change, threads: 3, mix: {mmap: 30, munmap: 12, mprotect: 12, madvise: 6,
    mlock: 3, mremap: 6, brk: 5, fault: 20, shm: 2, fork: 1, exec: 0.5, exit: 1}}"""
READS = "{name: read, mix: {find_vma: 1}}"
MORE = "tree: {{arena: 256MiB}}\noutput: {{trace: {path}}}"

CONFIG = f"""\
version: 1
run: {{duration: 2m, operations: 20000, sample: 100ms}}
{SOURCE}
workers:
  - {CHANGES}
metrics: {{enabled: false}}
output: {{runs: RUNS}}
"""


def vmas(engine: Engine) -> dict[int, list[Vma]]:
    """Return the VMAs of every address space that lives, by its MM_ID."""
    arena = arena_of(engine)
    found = {}
    for mm in engine._source.mms:
        space = object.__new__(AddressSpace)
        space.arena, space.words, space.mm = arena, arena.words, mm
        found[int(arena.words[mm + MM_ID])] = space.maps()
    return found


def replayed(path: Path) -> dict[str, Any]:
    """Return what a replay of a trace says."""
    written: list[str] = []
    replay(Request([str(path)], as_json=True), written.append)
    (report,) = map(json.loads, written)
    assert isinstance(report, dict)
    return report


def test_a_traced_run_reads_back_to_the_same_maps(tmp_path: Path) -> None:
    """Every address space ends with the VMAs that its events leave; a replay agrees with all."""
    path = tmp_path / "t.trace.gz"
    with loaded(SOURCE, CHANGES, READS, more=MORE.format(path=path)) as engine:
        work(engine, 10)
        engine.finish()
        real = {
            mm: [(vma.start, vma.end - 1, vma.identity) for vma in found]
            for mm, found in vmas(engine).items()
            if found
        }
        trace = engine.sample().trace
    assert trace is not None
    assert (trace.path, trace.lost, trace.ended) == (str(path), 0, "")
    maps = Maps().apply(open_recording(str(path)))
    assert {mm: ranges for mm, ranges in maps.live.items() if ranges} == real
    assert len(maps.ended) > 0
    report = replayed(path)
    assert report["verdict"] == "VALID", report["findings"]
    searches = report["gap_searches"]
    assert searches["agreed"] == searches["asked"] == maps.searches > 0


def run(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the small configuration in a process."""
    config = folder / "spaces.yaml"
    config.write_text(CONFIG.replace("RUNS", str(folder / "runs")), encoding="utf-8")
    return subprocess.run(
        [*REAL, "run", str(config), *map(str, options)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=5 * TIMEOUT_S,
        check=False,
    )


def test_a_run_says_what_it_has_traced(tmp_path: Path) -> None:
    """In its closing lines, in the printed object and in the run folder."""
    path = tmp_path / "t.trace"
    done = run(tmp_path, "--trace", path, "--json")
    printed = json.loads(done.stdout)
    assert printed["findings"] == []
    trace = printed["trace"]
    assert trace["path"] == str(path)
    assert trace["size_bytes"] == path.stat().st_size
    assert trace["events"] == sum(1 for _ in open_recording(str(path))) > 0
    assert f"trace    {trace['events']:,} events in" in done.stderr
    summary = json.loads((Path(printed["run_dir"]) / "summary.json").read_text())
    assert summary["trace"] == trace


def test_a_run_goes_on_when_its_trace_is_full(tmp_path: Path) -> None:
    """Which is said, and is no verdict."""
    path = tmp_path / "t.trace"
    done = run(tmp_path, "--trace", path, "--trace-max", "1MiB", "--json")
    printed = json.loads(done.stdout)
    assert printed["findings"] == []
    assert sum(op["count"] for op in printed["operations"].values()) >= 20_000
    assert printed["trace"]["ended"] == f"{path}: the trace has reached its limit of 1.00 MiB"
    assert "has reached its limit" in " ".join(done.stderr.split())
    assert path.stat().st_size <= 1 << 20


@pytest.mark.parametrize("name", ["none/t.trace", "."])
def test_a_trace_that_cannot_be_written_is_an_error_before_anything_runs(
    tmp_path: Path, name: str
) -> None:
    """It names the file and the option, and leaves nothing behind."""
    done = run(tmp_path, "--trace", tmp_path / name)
    assert done.returncode == 78
    assert "output.trace: " in done.stderr
    assert "cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["spaces.yaml"]
