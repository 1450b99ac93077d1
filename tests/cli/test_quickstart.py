"""The shipped quickstart with the real engine: kernels, trees, threads, recordings, a verdict."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.processes import REAL, environment

COMPILE_MAX_S = 600  # of an empty cache, on a machine with other things to do


def test_the_quickstart_is_valid(tmp_path: Path) -> None:
    """What a new user runs first: every operation ran, everything judged was right."""
    words = ["run", "quickstart", "--duration", "3s", "--no-metrics", "--json"]
    done = subprocess.run(
        [*REAL, *words, "--runs", str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=COMPILE_MAX_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["verdict"], printed["findings"]) == ("VALID", [])
    assert all(row["count"] for row in printed["operations"].values())
    assert set(printed["operations"]) == {"replay", "load", "find", "scan", "gap_up", "gap_down"}
    assert printed["judged"]["values"]["ok"]
    assert printed["judged"]["structure"]["ok"]
    assert printed["judged"]["accounting"]["ok"]
    summary = json.loads((Path(printed["run_dir"]) / "summary.json").read_text(encoding="utf-8"))
    arena = summary["arena"]
    assert arena["live"] + arena["limbo"] + arena["cached"] + arena["free"] == arena["carved"]
