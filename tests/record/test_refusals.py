"""What cannot be recorded is said in one line, and leaves no file behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stressd.errors import UsageError
from stressd.record import command
from stressd.record.command import maps_of, pause_us
from tests.record.recording import fake_strace, record


def test_strace_may_be_missing(tmp_path: Path) -> None:
    """The message says where it comes from."""
    done = record(tmp_path, "true", path=str(tmp_path))
    message = "record: strace is not installed (on Debian: apt install strace)\n"
    assert (done.returncode, done.stderr) == (2, message)
    assert list(tmp_path.iterdir()) == []


def test_strace_may_be_too_old(tmp_path: Path) -> None:
    """Then it cannot let processes wait."""
    path = fake_strace(tmp_path / "bin", "")
    script = tmp_path / "bin" / "strace"
    script.write_text(script.read_text().replace("6.1", "4.26"))
    done = record(tmp_path, "true", path=path)
    assert done.stderr == "record: strace 5.3 or later is needed (got strace -- version 4.26)\n"


def test_tracing_may_be_forbidden(tmp_path: Path) -> None:
    """strace says so itself; then nothing was recorded."""
    trouble = "echo 'strace: ptrace(PTRACE_SEIZE): Operation not permitted' >&2; exit 1"
    done = record(tmp_path, "true", path=fake_strace(tmp_path / "bin", trouble))
    assert done.returncode == 2
    assert "PTRACE_SEIZE" in done.stderr
    assert "nothing was recorded" in done.stderr
    assert "ptrace is not permitted" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_the_program_may_be_missing(tmp_path: Path) -> None:
    """Before anything is begun."""
    path = fake_strace(tmp_path / "bin", "exit 1")
    done = record(tmp_path, "no-such-program", path=path)
    assert (done.returncode, done.stderr) == (2, "record: no-such-program: no such program\n")


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    """Nor can a file have the name of a folder."""
    path = fake_strace(tmp_path / "bin", "exit 1")
    done = record(tmp_path, "-o", "nowhere/r.strace", "true", path=path)
    assert done.stderr == "nowhere/r.strace: cannot be written (No such file or directory)\n"
    done = record(tmp_path, "-o", "r.strace", "--maps", "bin", "true", path=path)
    assert done.stderr == "bin: cannot be written (Is a directory)\n"
    assert os.listdir(tmp_path) == ["bin"]


def test_log_and_mappings_are_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One would overwrite the other."""
    monkeypatch.setattr(command, "find_strace", lambda: "/bin/false")
    path = str(tmp_path / "r")
    with pytest.raises(UsageError, match="need two files"):
        command.run(["true"], path, path, "20ms")


def test_a_pause_needs_a_unit() -> None:
    """As all durations do."""
    assert pause_us("1.5ms") == 1500
    with pytest.raises(UsageError, match="--pause: is not a duration"):
        pause_us("soon")


@pytest.mark.parametrize(
    ("log", "maps"),
    [
        ("ls.strace.gz", "ls.maps.gz"),
        ("ls.strace", "ls.maps"),
        ("some/log", "some/log.maps"),
        ("log.gz", "log.maps.gz"),
    ],
)
def test_mappings_are_named_after_the_log(log: str, maps: str) -> None:
    """So that a replay finds them."""
    assert maps_of(log) == maps
