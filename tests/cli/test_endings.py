"""Exit codes, messages and what is left behind, for everything that can go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import CONFIG, FAKE, environment, invoke, small_yaml


def run_folders(folder: Path) -> list[str]:
    """Return the names of the run folders below `folder`."""
    runs = folder / "runs"
    return sorted(path.name for path in runs.iterdir()) if runs.exists() else []


@pytest.mark.parametrize(
    ("trouble", "code", "verdict", "words"),
    [
        ("", 0, "VALID", ""),
        ("forbidden", 1, "INVALID", "key 5 holds 7"),
        ("leak", 1, "INVALID", "1 missing"),
        ("broken", 1, "INVALID", "marked broken"),
        ("hang", 4, "UNKNOWN", "worker 0 (read): no operation ended"),
        ("arena_full", 5, "UNKNOWN", "raise tree.arena"),
        ("crash", 6, "UNKNOWN", "RuntimeError: a slice went wrong"),
    ],
)
def test_each_ending_has_its_exit_code(
    tmp_path: Path, trouble: str, code: int, verdict: str, words: str
) -> None:
    """The process ends, even with a thread that never returns, and the object says the same."""
    done = invoke("run", small_yaml(tmp_path), "--json", trouble=trouble)
    printed = json.loads(done.stdout)
    assert (done.returncode, printed["exit_code"], printed["verdict"]) == (code, code, verdict)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert run_folders(tmp_path) == [Path(printed["run_dir"]).name]


def test_with_json_standard_output_is_one_object(tmp_path: Path) -> None:
    """Everything human goes to standard error."""
    done = invoke("run", small_yaml(tmp_path), "--json")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("stressd 0.1.0 · ")


def test_without_json_everything_is_on_standard_output(tmp_path: Path) -> None:
    """Title first, verdict and run folder last."""
    done = invoke("run", small_yaml(tmp_path))
    first, *_, last = done.stdout.splitlines()
    assert first.endswith(" · seed 1 · source: made up")
    assert "VALID" in done.stdout
    assert last.startswith("run ")
    assert done.stderr == ""


def test_quiet_prints_the_verdict_alone(tmp_path: Path) -> None:
    """Two lines: the verdict and the folder."""
    done = invoke("run", small_yaml(tmp_path), "--quiet")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["VALID", "run"]


def test_a_verdict_that_is_not_valid_ends_with_a_command(tmp_path: Path) -> None:
    """The last line can be pasted, and says the seed; the one before says what it cannot do."""
    config = small_yaml(tmp_path)
    done = invoke("run", config, "--seed", "77", "--duration", "50ms", trouble="forbidden")
    *_, before, last = done.stdout.splitlines()
    expected = ["stressd", "run", "--seed", "77", "--duration", "50ms", str(config)]
    assert shlex.split(last) == expected
    assert "does not replay" in before


def test_options_take_the_place_of_the_file(tmp_path: Path) -> None:
    """What was really run is in the folder."""
    config = small_yaml(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    done = invoke("run", config, "--seed", "9", "--runs", elsewhere, "--json")
    folder = Path(json.loads(done.stdout)["run_dir"])
    assert folder.parent == elsewhere
    assert "seed: 9" in (folder / "effective.yaml").read_text(encoding="utf-8")
    assert (folder / "config.yaml").read_bytes() == config.read_bytes()


def test_any_key_can_be_set(tmp_path: Path) -> None:
    """Whatever has no option of its own; the command that repeats the run says so too."""
    config = small_yaml(tmp_path)
    words = ("--set", "source.entries=7", "--set", "run.name=mine")
    done = invoke("run", config, *words, trouble="forbidden")
    folder = Path(done.stdout.splitlines()[-3].split()[-1])
    text = (folder / "effective.yaml").read_text(encoding="utf-8")
    assert "entries: 7" in text
    assert "name: mine" in text
    assert shlex.split(done.stdout.splitlines()[-1])[4:] == [*words, str(config)]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "missing.yaml"], 78, "missing.yaml: cannot be read"),
        (["run", "nothing"], 2, "nothing: no such file, nor one of"),
        (["run"], 2, "Missing argument"),
        (["run", "small.yaml", "--seed", "x"], 2, "--seed: must be a whole number (got x)"),
        (["run", "small.yaml", "--duration", "0s"], 2, "--duration: "),
        (["run", "small.yaml", "--listen", "9478"], 2, "--listen: must be host:port"),
        (["run", "small.yaml", "--build", "slow"], 2, "--build: "),
        (["run", "small.yaml", "--set", "run.seed"], 2, "--set: must be KEY=VALUE"),
        (["run", "small.yaml", "--set", "workers[0].threads=2"], 2, "--set: must be KEY=VALUE"),
        (["run", "small.yaml", "--set", "run.sped=2"], 2, "did you mean 'seed'? (got 2)"),
        (["run", "small.yaml", "--set", "run.operations=0"], 2, "--set: must be >= 1 (got 0)"),
        (["run", "small.yaml", "--nonsense"], 2, "No such option"),
        (["nonsense"], 2, "No such command"),
        (["config", "check", "missing.yaml"], 78, "missing.yaml: cannot be read"),
        (["config", "show", "missing.yaml"], 78, "missing.yaml: cannot be read"),
        (["replay", "missing.trace"], 2, "missing.trace"),
    ],
)
def test_bad_usage_is_told_and_leaves_nothing(
    tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    """A message that names what is wrong, a code that scripts know, no traceback, no folder."""
    small_yaml(tmp_path)
    done = invoke(*words, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert run_folders(tmp_path) == []


def test_a_bad_configuration_is_shown_at_its_place(tmp_path: Path) -> None:
    """File, line, column and key."""
    config = small_yaml(tmp_path, CONFIG.replace("entries: 100", "entries: -1"))
    done = invoke("run", config)
    assert done.returncode == 78
    assert f"{config}:4:36: source.entries: must be >= 1 (got -1)" in done.stderr


def test_what_does_not_fit_is_shown_at_its_place(tmp_path: Path) -> None:
    """The engine finds out late, and the message is as good."""
    config = small_yaml(tmp_path)
    done = invoke("run", config, trouble="does_not_fit")
    assert done.returncode == 78
    assert (
        f"{config}:3:15: tree.arena: does not fit: 12 GiB are needed (got '64MiB')" in done.stderr
    )
    assert run_folders(tmp_path) == []


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """And nothing is left behind."""
    text = CONFIG.replace("enabled: false", "enabled: true")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = invoke("run", small_yaml(tmp_path, text), "--listen", address)
    assert done.returncode == 2
    assert f"{address} is in use" in done.stderr
    assert run_folders(tmp_path) == []


def test_a_port_in_use_does_not_matter_without_metrics(tmp_path: Path) -> None:
    """`--no-metrics` listens nowhere."""
    text = CONFIG.replace("enabled: false", "enabled: true")
    done = invoke("run", small_yaml(tmp_path, text), "--no-metrics")
    assert done.returncode == 0
    assert "metrics" not in done.stdout


def test_runs_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    """A place that takes no folders, whoever asks; root is told later, as he might write there."""
    done = invoke("run", small_yaml(tmp_path), "--runs", "/proc/runs")
    assert done.returncode == 2
    told = "/proc/runs: cannot be written: ", "--runs: /proc cannot be written to (got /proc/runs)"
    assert told[os.geteuid() != 0] in done.stderr


def test_a_locked_run_folder_is_told(tmp_path: Path) -> None:
    """Exit code 75: try again later."""
    partial = tmp_path / "mine.partial"
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    done = invoke("run", small_yaml(tmp_path), "--run-dir", tmp_path / "mine")
    os.close(descriptor)
    assert done.returncode == 75
    assert "another stressd is writing" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.partial", "small.yaml"]


def test_a_named_run_folder_is_used_once(tmp_path: Path) -> None:
    """The second run refuses to touch what the first one wrote."""
    config = small_yaml(tmp_path)
    first = invoke("run", config, "--run-dir", tmp_path / "mine")
    summary = (tmp_path / "mine" / "summary.json").read_bytes()
    second = invoke("run", config, "--run-dir", tmp_path / "mine")
    assert (first.returncode, second.returncode) == (0, 2)
    assert "mine: exists already" in second.stderr
    assert (tmp_path / "mine" / "summary.json").read_bytes() == summary


def test_a_reader_that_had_enough_is_no_error(tmp_path: Path) -> None:
    """`| head -1`: the run goes on to its end and keeps its verdict, without a word."""
    command = f"{shlex.join(FAKE)} run {small_yaml(tmp_path)} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert len(run_folders(tmp_path)) == 1
