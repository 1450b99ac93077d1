"""ctrl-C, once and twice, sent as a terminal sends it: to the whole process group."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.processes import TIMEOUT_S, Running, small_yaml


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A run of an hour, which only a signal ends."""
    path = small_yaml(tmp_path)
    text = path.read_text(encoding="utf-8")
    text = text.replace("duration: 100ms", "duration: 1h").replace(
        "stall_after: 1s", "stall_after: 1h"
    )
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_once_drains_and_gives_a_verdict(config: str) -> None:
    """The object is printed, the folder is whole, the cause is noted."""
    running = Running(["run", config, "--json"])
    running.wait_until_at_work()
    running.interrupt()
    out, err = running.process.communicate(timeout=TIMEOUT_S)
    printed = json.loads(out)
    assert running.process.returncode == printed["exit_code"]
    assert printed["verdict"] in ("VALID", "UNKNOWN")  # UNKNOWN if an operation had no time to run
    assert "SIGINT: draining" in err.decode()
    summary = json.loads((Path(printed["run_dir"]) / "summary.json").read_text(encoding="utf-8"))
    assert summary["ending"]["cause"] == "signal"


def test_twice_ends_at_once_although_a_slice_hangs(config: str) -> None:
    """Exit code 5; the summary is written all the same."""
    running = Running(["run", config, "--json"], trouble="hang")
    running.wait_until_at_work()
    running.interrupt()
    assert running.process.stderr is not None
    for line in running.process.stderr:
        if b"draining" in line:
            break
    running.interrupt()
    out, err = running.process.communicate(timeout=TIMEOUT_S)
    printed = json.loads(out)
    assert (running.process.returncode, printed["verdict"]) == (5, "UNKNOWN")
    assert b"Traceback" not in err
    assert (Path(printed["run_dir"]) / "summary.json").exists()


def test_on_a_terminal_the_key_drains(config: str) -> None:
    """The table is shown, the key ends the run, and the cursor is given back."""
    running = Running(["run", config], terminal=True)
    running.wait_until_at_work()
    shown = running.read_terminal(until="op/s")
    running.interrupt()
    shown += running.read_terminal()
    assert running.process.wait(TIMEOUT_S) in (0, 5)
    assert "stopped by SIGINT" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_on_a_terminal_the_key_ends_a_run_that_hangs(config: str) -> None:
    """Twice the key, and the shell is back."""
    running = Running(["run", config], trouble="hang", terminal=True)
    running.wait_until_at_work()
    running.interrupt()
    shown = running.read_terminal(until="once more stops at once")
    running.interrupt()
    shown += running.read_terminal()
    assert running.process.wait(TIMEOUT_S) == 5
    assert "stopped at once by a second SIGINT" in shown


def test_a_terminal_that_is_closed_does_not_end_the_run(config: str, tmp_path: Path) -> None:
    """The window is gone, the run goes on; asked to stop, it leaves a whole folder."""
    running = Running(["run", config], terminal=True)
    running.wait_until_at_work()
    os.close(running.master)
    log = next((tmp_path / "runs").iterdir()) / "log.jsonl"
    while "SIGHUP" not in log.read_text(encoding="utf-8"):
        assert running.process.poll() is None
    running.process.terminate()
    assert running.process.wait(TIMEOUT_S) in (0, 5)
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "summary.json").exists()
