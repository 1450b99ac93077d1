"""`stressd record` with the real strace: the log, the mappings, the exit status."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import TIMEOUT_S, environment
from tests.record.recording import STRESSD, needs_strace, record, text_of
from tests.replay.strace.following import follow

SHELL = "/bin/sh"


@pytest.fixture(autouse=True)
def _with_strace() -> None:
    needs_strace()


def test_a_recording_is_ready_for_replay(tmp_path: Path) -> None:
    """Every answer is predicted from the first call on, and every process ends as it was seen."""
    done = record(tmp_path, "-o", "r.strace.gz", "--", SHELL, "-c", "ls / | sort; (exit 3); :")
    assert done.returncode == 0, done.stderr
    assert "bin\n" in done.stdout
    followed = follow(tmp_path / "r.strace.gz", tmp_path / "r.maps.gz")
    assert followed.processes == 4
    assert not followed.answers.wrong
    assert not followed.answers.unknown
    assert followed.ends.counts == {"equal": 4}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.maps.gz", "r.strace.gz"]


def test_the_log_begins_with_the_command(tmp_path: Path) -> None:
    """The shell that starts it is not in it, nor is its list of mappings."""
    done = record(tmp_path, "-o", "r.strace", SHELL, "-c", "exit 0")
    first = text_of(tmp_path / "r.strace").splitlines()[0]
    assert f'execve("{SHELL}", ["{SHELL}", "-c", "exit 0"]' in first
    headings = [s for s in text_of(tmp_path / "r.maps").splitlines() if s.startswith("#")]
    assert [heading.split()[3] for heading in headings] == ["kind=exec", "kind=exit_group"]
    assert "mappings of programs begun: 1, ended: 1, in" in done.stderr


def test_files_are_named_after_the_command(tmp_path: Path) -> None:
    """Unless they are given a name."""
    assert record(tmp_path, "true").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"true.strace.gz", "true.maps.gz"}


def test_the_exit_status_is_that_of_the_command(tmp_path: Path) -> None:
    """A signal is told as shells do; the recording is kept."""
    done = record(tmp_path, "-o", "a.strace", "--", SHELL, "-c", "exit 7")
    assert done.returncode == 7
    assert done.stderr.endswith("the command ended with status 7\n")
    done = record(tmp_path, "-o", "b.strace", "--", SHELL, "-c", "kill -TERM $$")
    assert done.returncode == 128 + signal.SIGTERM
    assert "killed by SIGTERM" in text_of(tmp_path / "b.strace")


def test_the_program_inherits_no_file_of_the_recorder(tmp_path: Path) -> None:
    """What it opens has the number that it would have without being recorded."""
    done = record(tmp_path, "-o", "r.strace", "--", SHELL, "-c", "ls -l /proc/self/fd | wc -l")
    alone = subprocess.run(
        [SHELL, "-c", "ls -l /proc/self/fd | wc -l"], capture_output=True, text=True, check=True
    )
    assert done.stdout == alone.stdout


WAITING = ["-c", "echo begun; read nothing"]


def begun(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start to record a command that waits, in a process group of its own."""
    process = subprocess.Popen(
        [*STRESSD, "record", "-o", "r.strace.gz", "--", *words],
        cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


def ended(process: subprocess.Popen[bytes]) -> bytes:
    """Wait for the end, with the command's input open till then; return what was said of it."""
    process.wait(timeout=TIMEOUT_S)
    return process.communicate()[1]


def test_ctrl_c_ends_the_command_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    """It reaches command and recorder alike; nothing is left half-written."""
    process = begun(tmp_path, SHELL, *WAITING)
    os.killpg(process.pid, signal.SIGINT)
    errors = ended(process)
    assert process.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in errors
    assert {path.name for path in tmp_path.iterdir()} == {"r.strace.gz", "r.maps.gz"}
    assert not follow(tmp_path / "r.strace.gz", tmp_path / "r.maps.gz").answers.wrong


def test_sigterm_is_passed_on(tmp_path: Path) -> None:
    """To the command, which may do what it likes with it."""
    process = begun(tmp_path, SHELL, "-c", "trap 'exit 9' TERM; echo begun; read nothing; exit 1")
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert process.returncode == 9
    assert (tmp_path / "r.strace.gz").exists()


def test_a_second_signal_kills_everything(tmp_path: Path) -> None:
    """A command that heeds nothing is ended all the same, and what it did is kept."""
    words = "trap '' TERM; echo begun; while :; do read nothing || exec sleep 1000; done"
    process = begun(tmp_path, SHELL, "-c", words)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    errors = ended(process)
    assert process.returncode == 128 + signal.SIGKILL, errors
    assert "killed by SIGKILL" in text_of(tmp_path / "r.strace.gz")
