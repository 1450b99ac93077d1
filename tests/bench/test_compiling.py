"""What waiting for the compiler is measured by: a run's own log, and a list that misses nothing."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stressd.bench import everything
from stressd.bench.sections import APART, Effort, compiling
from stressd.errors import UsageError
from stressd_kernels.slice import run as slice_run
from stressd_kernels.structures import structures

AT_WORK_S = 100.0  # after its start


def stand_in(folder: Path, words: list[str]) -> tuple[str, float]:
    """Pretend to run: write the log of a run, or print what was compiled."""
    if "--run-dir" not in words:
        return json.dumps({"entries": 3, "drivers": 2, "missed": ["forgotten.driver"]}), 40.0
    log = Path(words[words.index("--run-dir") + 1]) / "log.jsonl"
    log.parent.mkdir(parents=True)
    began = datetime.fromtimestamp(time.time() + AT_WORK_S, UTC).isoformat()
    lines = [
        {"event": "phase", "phase": "compiling", "timestamp": datetime.now(UTC).isoformat()},
        {"event": "phase", "phase": "running", "timestamp": began},
    ]
    log.write_text("\n".join(map(json.dumps, lines)))
    return "", 7.0


def test_a_start_lasts_until_the_workers_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the log of the run has it; cold once, warm as often as repetitions are asked for."""
    calls: list[Path] = []

    def counted(folder: Path, words: list[str]) -> tuple[str, float]:
        calls.append(folder)
        return stand_in(folder, words)

    monkeypatch.setattr(compiling, "run", counted)
    found = {f.metric: f.median for f in APART["compile"].measure(Effort(reps=2))}
    assert found["start_cold"] == pytest.approx(AT_WORK_S, abs=20)
    assert found["start_warm"] == pytest.approx(AT_WORK_S, abs=20)
    assert found["start_warm_cpu"] == 7.0
    assert found["compile_everything_cpu"] == 40.0
    assert found["compile_everything_missed"] == 1
    assert calls[0] == calls[1] == calls[2] != calls[3]  # everything begins with an empty cache


def test_a_run_that_does_not_begin_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is reported that was not measured."""
    with pytest.raises(UsageError, match=r"compile: -c .* ended with 3: no luck"):
        compiling.run(Path(), ["-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])


def test_a_process_has_its_cache_where_it_is_told(tmp_path: Path) -> None:
    """And imports what this one imports, wherever it stands."""
    code = (
        "import os, stressd, stressd_kernels\n"
        "print(os.environ['STRESSD_CACHE_DIR'])\n"
        "print(stressd.__file__)\n"
        "print(stressd_kernels.__file__)"
    )
    printed, cpu = compiling.run(tmp_path, ["-c", code])
    import stressd
    import stressd_kernels

    cache = str(tmp_path / "cache")
    assert printed.splitlines() == [cache, stressd.__file__, stressd_kernels.__file__]
    assert cpu > 0


def test_everything_is_every_entry() -> None:
    """Those of all structures, the slice, and nothing twice."""
    entries = everything.all_entries()
    assert slice_run in entries
    for structure in structures().values():
        assert set(structure.entries.values()) <= set(entries)
    assert len({entry.name for entry in entries}) == len(entries)


def test_drivers_are_found_by_where_they_are_cached() -> None:
    """Those of the benchmark among them, and no kernel that only kernels call."""
    found = dict(everything.drivers())
    assert {"bench.shape.spacers", "memory._lag", "calls.invoke"} <= set(found)
    assert "bench.writes.erase_one" not in found


def test_every_driver_is_called() -> None:
    """One that is not would not be compiled: its time would be missing."""
    everything.call_drivers()
    assert [name for name, driver in everything.drivers() if not driver.signatures] == []
