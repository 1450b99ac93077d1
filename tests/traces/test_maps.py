"""Lists of mappings: live processes, saved files, and lines that are not mappings."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stressd import resources
from stressd.traces import maps
from stressd.traces.maps import Mapping
from stressd.traces.textfile import TraceError

LIBC = "7f38365b2000-7f3836605000 r--p 0017c000 fe:00 339380    /usr/lib/libc.so.6"
HEAP = "55794dd12000-55794dd33000 rw-p 00000000 00:00 0                          [heap]"
BARE = "7f383660b000-7f3836618000 rw-p 00000000 00:00 0 "
VSYSCALL = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0      [vsyscall]"


def saved(folder: Path, *lines: str) -> str:
    """Write a file of mappings and return its path."""
    path = folder / "made.maps"
    path.write_text("".join(line + "\n" for line in lines))
    return str(path)


def test_every_column_is_read(tmp_path: Path) -> None:
    """A mapping keeps what /proc tells of it."""
    (snapshot,) = maps.read_file(saved(tmp_path, LIBC))
    assert snapshot.mappings == (
        Mapping(
            start=0x7F38365B2000,
            end=0x7F3836605000,
            perms="r--p",
            offset=0x17C000,
            device="fe:00",
            inode=339380,
            path="/usr/lib/libc.so.6",
        ),
    )
    assert (snapshot.pid, snapshot.kind, snapshot.is_final) == (None, "", True)


@pytest.mark.parametrize(
    "path", ["", "[heap]", "/a b/c", "/tmp/x (deleted)", "/memfd:a:b (deleted)", "anon_inode:[x]"]
)
def test_a_path_may_hold_anything(tmp_path: Path, path: str) -> None:
    """Blanks, brackets and colons belong to the path."""
    (snapshot,) = maps.read_file(saved(tmp_path, BARE + path))
    assert snapshot.mappings[0].path == path


def test_the_vsyscall_page_is_kept_but_not_in_the_tree(tmp_path: Path) -> None:
    """It is listed for every process and belongs to none."""
    (snapshot,) = maps.read_file(saved(tmp_path, BARE, VSYSCALL))
    assert [m.in_user_space for m in snapshot.mappings] == [True, False]
    assert snapshot.ranges == [(0x7F383660B000, 0x7F3836617FFF)]


def test_headings_part_the_snapshots_of_a_file(tmp_path: Path) -> None:
    """One file holds many processes, each at one or more moments."""
    path = saved(
        tmp_path,
        "# any comment",
        "# snapshot pid=7 kind=exec t=1.5 exe=/usr/bin/a b syscall=59 0x0",
        HEAP,
        LIBC,
        "",
        "# snapshot pid=8 kind=exit_group t=1.6 exe=/opt/pid=5 kind=x",
        LIBC,
    )
    found = maps.read_file(path)
    assert [(s.pid, s.kind, s.line, len(s.mappings)) for s in found] == [
        (7, "exec", 2, 2),
        (8, "exit_group", 6, 1),
    ]
    assert [s.is_final for s in found] == [False, True]


def test_gzip_files_are_read_too() -> None:
    """The snapshots that come with stressd are packed."""
    found = maps.read_file(str(resources.recordings()["ls"]).replace(".trace.", ".maps."))
    assert [s.kind for s in found] == ["exec", "exec", "exit_group"]


BAD = {
    "not-a mapping": "not a mapping: start-end perms offset device inode path",
    "1000-2000 rwx 0 00:00 0": "not a mapping: start-end perms offset device inode path",
    "1000-11111111111111111 rwxp 0 00:00 0": "not a mapping",
    "2000-2000 rwxp 0 00:00 0": "a mapping must end after it starts",
    "3000-2000 rwxp 0 00:00 0": "a mapping must end after it starts",
    "0000-2000 rwxp 0 00:00 0": "this mapping begins before the last one ended",
    "# snapshot kind=exec": "a heading needs pid= and kind=",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_shown_with_its_place(tmp_path: Path, line: str) -> None:
    """One line that is wrong makes the list useless, so it is named."""
    path = saved(tmp_path, "1000-1800 rwxp 0 00:00 0", line)
    with pytest.raises(TraceError) as caught:
        maps.read_file(path)
    assert str(caught.value).startswith(f"{path}:2: {BAD[line]}")
    assert str(caught.value).endswith(f"(got {line})")


def test_a_file_without_mappings_is_refused(tmp_path: Path) -> None:
    """Comments alone are not a list."""
    with pytest.raises(TraceError, match="no mappings in this file"):
        maps.read_file(saved(tmp_path, "# nothing"))


def test_a_live_process_can_be_read() -> None:
    """What this process maps now is in the list of this process."""
    with mmap.mmap(-1, 1 << 20):
        found = maps.read_process("self")
    assert found.ranges == sorted(found.ranges)
    assert any(m.path == "[stack]" for m in found.mappings)
    assert found.kind == "live"


def test_another_process_can_be_read() -> None:
    """A number names any process that is ours."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = maps.read_process(child.pid)
        child.communicate(b"\n")
    assert found.pid == child.pid
    assert found.mappings


def test_a_process_that_is_gone_is_refused() -> None:
    """A number that was a process a moment ago is a common mistake."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    with pytest.raises(TraceError, match=f"process {child.pid}: there is no such process"):
        maps.read_process(child.pid)


def test_a_process_without_mappings_is_refused() -> None:
    """A zombie has an empty list, as a kernel thread has."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(TraceError, match=f"process {child.pid}: no mappings: a kernel thread"):
            maps.read_process(child.pid)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "not ours: its mappings are shown only to its owner and to root"),
        (errno.EPERM, "not ours: its mappings are shown only to its owner and to root"),
        (errno.ESRCH, "there is no such process"),
        (errno.EIO, "its mappings cannot be read (Input/output error)"),
    ],
)
def test_a_process_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    """Each reason of the system has words that a user can act on."""

    def fails(_: Path) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(TraceError) as caught:
        maps.read_process(1)
    assert str(caught.value) == f"process 1: {message}"
