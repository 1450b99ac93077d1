"""The run folder: whole, or plainly marked as not, and one process at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stressd.errors import RunFolderLocked
from stressd.run.runfolder import RunFolder, RunFolderError, folder_name

WRITER = """
import sys
from pathlib import Path
from stressd.run.runfolder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.append("samples.jsonl", {"elapsed_seconds": 1})
(folder.path / "summary.json.tmp").write_text("{")
print("ready", flush=True)
sys.stdin.read()
folder.finish({"verdict": "VALID"})
"""


def writer(final: Path) -> subprocess.Popen[str]:
    """Start a process that is in the middle of a run until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(final)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_name_sorts_by_time_and_reads_well() -> None:
    """Time first, then the name of the run, then something that makes it unique."""
    name = folder_name("my soak/../x", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))
    assert name.startswith("20260131T235959Z-my-soak-..-x-")
    assert "/" not in name
    assert name != folder_name("my soak/../x", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))


def test_a_folder_is_partial_until_it_is_finished(tmp_path: Path) -> None:
    """Its name loses `.partial` in one step, when all is written."""
    folder = RunFolder(tmp_path / "run")
    folder.append("findings.jsonl", {"a": 1})
    assert names(tmp_path) == ["run.partial"]
    folder.finish({"verdict": "VALID"})
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["findings.jsonl", "summary.json"]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert summary == {"verdict": "VALID"}


def test_a_killed_run_leaves_only_a_partial_folder(tmp_path: Path) -> None:
    """kill -9 in the middle: what is there is there, under a name that says so."""
    process = writer(tmp_path / "run")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert names(tmp_path) == ["run.partial"]
    assert "summary.json" not in names(tmp_path / "run.partial")


def test_two_processes_cannot_write_one_folder(tmp_path: Path) -> None:
    """The second is told, and the first finishes undisturbed."""
    process = writer(tmp_path / "run")
    with pytest.raises(RunFolderLocked, match="another stressd is writing"):
        RunFolder(tmp_path / "run")
    process.communicate("")
    assert process.returncode == 0
    assert names(tmp_path) == ["run"]


def test_what_a_killed_run_left_is_kept(tmp_path: Path) -> None:
    """A new run in the same place sets the old evidence aside, still marked partial."""
    process = writer(tmp_path / "run")
    process.kill()
    process.communicate()
    RunFolder(tmp_path / "run").finish({})
    kept = [name for name in names(tmp_path) if name != "run"]
    assert len(kept) == 1
    assert kept[0].startswith("run-")
    assert kept[0].endswith(".partial")
    assert "samples.jsonl" in names(tmp_path / kept[0])


def test_a_finished_run_is_never_written_again(tmp_path: Path) -> None:
    """Nor is any other folder with something in it."""
    RunFolder(tmp_path / "run").finish({})
    with pytest.raises(RunFolderError, match="exists already"):
        RunFolder(tmp_path / "run")
    assert names(tmp_path) == ["run"]


def test_an_empty_folder_may_be_named(tmp_path: Path) -> None:
    """`mktemp -d` is a natural thing to pass."""
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run").finish({})
    assert names(tmp_path / "run") == ["summary.json"]


def test_removing_leaves_nothing_behind(tmp_path: Path) -> None:
    """Not the folder, and not the parents that were made for it."""
    folder = RunFolder.create(tmp_path / "a" / "b", "name")
    folder.append("log.jsonl", {"a": 1})
    folder.remove()
    assert names(tmp_path) == []


def test_parents_that_hold_something_stay(tmp_path: Path) -> None:
    """Another run may have begun in the same place meanwhile."""
    folder = RunFolder.create(tmp_path / "runs", "one")
    other = RunFolder.create(tmp_path / "runs", "two")
    folder.remove()
    assert names(tmp_path / "runs") == [other.path.name]


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    """`--runs FILE`: the message names it, and the file is as it was."""
    (tmp_path / "runs").write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"runs: cannot be written: Not a directory"):
        RunFolder.create(tmp_path / "runs", "name")
    assert (tmp_path / "runs").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_clear_error(tmp_path: Path) -> None:
    """Nothing is left half made."""
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="Permission denied"):
        RunFolder.create(tmp_path / "runs", "name")
    assert names(tmp_path) == []


def test_a_folder_on_a_system_that_takes_no_files_is_a_clear_error() -> None:
    """/proc is there for everybody, and for root too."""
    with pytest.raises(RunFolderError, match="cannot be written"):
        RunFolder.create(Path("/proc/stressd-runs"), "name")
