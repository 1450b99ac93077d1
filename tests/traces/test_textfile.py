"""Files: plain and gzip read the same, and what cannot be read says why."""

from __future__ import annotations

import gzip
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from stressd.traces import open_recording
from stressd.traces.textfile import BLOCK_BYTES, TextFile, TraceError
from tests.traces.writing import destroy, read, recording, store

LINES = [store(1, 2, n * 4096, n * 4096 + 4095) for n in range(50_000)]


def refusal(path: str | Path) -> str:
    """Return why a recording cannot be read to its end, without its name."""
    with pytest.raises(TraceError) as caught:
        read(str(path))
    return str(caught.value).removeprefix(f"{path}: ")


def test_gzip_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    """Both kinds of file may have any name."""
    text = "\n".join(LINES[:100]).encode()
    (tmp_path / "plain.gz").write_bytes(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text))
    assert read(str(tmp_path / "plain.gz")) == read(str(tmp_path / "packed"))
    assert len(read(str(tmp_path / "packed"))) == 100


def test_lines_do_not_depend_on_where_blocks_end(tmp_path: Path) -> None:
    """A file of several blocks is read without losing or splitting a line."""
    path = recording(tmp_path, *LINES)
    assert os.path.getsize(path) > 3 * BLOCK_BYTES
    assert [line.decode() for line in TextFile(path).lines()] == LINES


def test_the_last_line_needs_no_newline(tmp_path: Path) -> None:
    """Whoever cut the file between two lines has lost nothing."""
    path = tmp_path / "made.trace"
    path.write_text(LINES[0] + "\n" + LINES[1])
    assert len(read(str(path))) == 2


def test_a_pipe_will_do(tmp_path: Path) -> None:
    """A recording may be produced while it is read."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("\n".join(LINES),))
    writer.start()
    assert len(read(str(path))) == len(LINES)
    writer.join()


def test_a_truncated_gzip_file_says_how_far_it_went(tmp_path: Path) -> None:
    """Half a download is not half a recording."""
    path = tmp_path / "cut.trace.gz"
    packed = gzip.compress("\n".join(LINES).encode())
    path.write_bytes(packed[: len(packed) // 2])
    message = refusal(path)
    assert message.startswith("the gzip file is truncated after ")
    assert 10_000 < int(message.split()[-3]) < 50_000


def test_a_damaged_gzip_file_says_so(tmp_path: Path) -> None:
    """A flipped bit is found by the checksum, or earlier."""
    path = tmp_path / "bad.trace.gz"
    packed = bytearray(gzip.compress("\n".join(LINES).encode()))
    packed[-8] ^= 1
    path.write_bytes(packed)
    assert refusal(path).startswith("the gzip file is damaged (CRC check failed")


def test_garbage_that_begins_like_gzip_is_refused(tmp_path: Path) -> None:
    """Two bytes of magic do not make a gzip file."""
    path = tmp_path / "bad.trace.gz"
    path.write_bytes(b"\x1f\x8bgarbage and more garbage")
    assert refusal(path).startswith("the gzip file is damaged (Unknown compression method")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    """A zero byte never occurs in a recording."""
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF\2\1\1\0\0\0")
    assert refusal(path) == "not a text file (it holds zero bytes)"


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """A file without newlines must not be gathered in memory."""
    path = tmp_path / "long"
    path.write_bytes(b"x" * 3 * BLOCK_BYTES)
    assert refusal(path) == "not a text file (a line without an end)"


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing in, nothing proved."""
    path = tmp_path / "empty.trace"
    path.write_bytes(content)
    assert refusal(path) == "the file is empty"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The most common mistake has the plainest message."""
    assert refusal(tmp_path / "nothing.trace") == "no such file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder of recordings is not a recording."""
    assert refusal(tmp_path) == "this is a folder, not a file"


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's reason is passed on."""

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = recording(tmp_path, LINES[0])
    monkeypatch.setattr("builtins.open", denied)
    assert refusal(path) == "cannot be opened (Permission denied)"


def test_a_name_that_cannot_be_one_is_refused() -> None:
    """Even a zero byte in a path makes no traceback."""
    assert refusal("a\0b") == "cannot be opened (embedded null byte)"


def test_a_list_of_mappings_is_not_a_recording(tmp_path: Path) -> None:
    """Both files of a pair look alike by name; the content tells."""
    line = "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon"
    path = recording(tmp_path, line)
    assert refusal(path) == "not a recording: this is a list of mappings"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Ten times the lines need no more memory: events are not kept."""
    peaks = []
    for times in (1, 10):
        path = recording(tmp_path, *LINES[:30_000] * times, destroy(1))
        tracemalloc.start()
        count = sum(1 for _ in open_recording(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == 30_000 * times + 1
    assert peaks[1] < 1.2 * peaks[0]
