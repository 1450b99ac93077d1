"""`stressd replay`: exit codes, JSON lines, the table, and files that cannot be read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from stressd.errors import UsageError
from stressd.replay import command
from stressd.replay.command import Request
from stressd.replay.finals import maps_beside
from stressd.replay.how import How
from stressd.replay.player import Player
from tests.naive import NaiveTree
from tests.replay.folder import KNOWN
from tests.replay.tree_player import TreePlayer
from tests.traces.writing import destroy, recording, search, store

WRONG = search(1, 0x9000, length=0x1000, low=0x1000, high=0xB000)


class Output:
    """What a command wrote."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Take one piece."""
        self.text += text


def run(*files: str, maps: str | None = None, as_json: bool = False) -> tuple[int, str]:
    """Run the command; return its exit code and what it wrote."""
    out = Output()
    request = Request(files, maps, as_json)
    return command.run(request, out.write, naive), out.text


def naive(how: How) -> Player:
    """Return a player that needs nothing compiled."""
    return TreePlayer(NaiveTree)


def valid(folder: Path) -> str:
    """Return a recording in which everything is right."""
    return recording(folder, store(1, 2, 4096, 8191), destroy(1), name="valid.trace")


def invalid(folder: Path) -> str:
    """Return a recording with a wrong answer."""
    return recording(folder, store(1, 2, 4096, 8191), WRONG, name="invalid.trace")


def unknown(folder: Path) -> str:
    """Return a recording that lost events."""
    return recording(folder, "[LOST 3 EVENTS]", store(1, 2, 4096, 8191), name="unknown.trace")


def test_the_exit_code_is_the_worst_verdict(tmp_path: Path) -> None:
    """One wrong recording among many makes the whole command fail."""
    files = valid(tmp_path), unknown(tmp_path), invalid(tmp_path)
    assert run(files[0])[0] == 0
    assert run(files[0], files[1])[0] == 5
    assert run(*files)[0] == 1


def test_shipped_recordings_have_names() -> None:
    """The quickstart needs no paths."""
    code, text = run("ls", "gcc", as_json=True)
    objects = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [(o["file"], o["snapshots"]["equal"]) for o in objects] == [("ls", 1), ("gcc", 3)]


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    """Each line is whole, and there is nothing else."""
    _, text = run(valid(tmp_path), invalid(tmp_path), as_json=True)
    assert [json.loads(line)["verdict"] for line in text.splitlines()] == ["VALID", "INVALID"]


def test_a_pipe_gets_plain_columns(tmp_path: Path) -> None:
    """No colours, no boxes, no folded lines, and the verdict last."""
    _, text = run(valid(tmp_path), invalid(tmp_path))
    lines = text.splitlines()
    assert text.isascii()
    assert "\x1b" not in text
    headings = (
        "recording stage stores erases spaces searches agreed final maps equal validations "
        "ops/s verdict"
    )
    assert " ".join(lines[0].split()) == headings
    cells = lines[2].split()
    assert cells[1:11] == ["all", "1", "0", "1", "0", "of", "1", "0", "of", "0"]
    assert cells[11] == "0"
    assert cells[-1] == "INVALID"
    assert lines[3].startswith(f"{tmp_path}/invalid.trace:2: top-down search for 0x1000 bytes")
    assert lines[-1] == (
        "INVALID: 0 of 1 gap searches gave the recorded answer, 0 of 0 final maps are equal; "
        "structures were not compared"
    )


def test_a_terminal_gets_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees at a glance whether it is green."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;32mVALID" in run(valid(tmp_path))[1]


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    """What can be replayed is; the errors of the rest come last, all of them."""
    out = Output()
    missing, empty = str(tmp_path / "missing.trace"), tmp_path / "empty.trace"
    empty.touch()
    with pytest.raises(UsageError) as caught:
        command.run(Request([missing, valid(tmp_path), str(empty)], as_json=True), out.write, naive)
    assert str(caught.value) == f"{missing}: no such file\n{empty}: the file is empty"
    assert caught.value.exit_code == 2
    objects = [json.loads(line) for line in out.text.splitlines()]
    assert [o["verdict"] for o in objects] == ["UNKNOWN", "VALID", "UNKNOWN"]
    assert [o["file"] for o in objects] == [missing, objects[1]["file"], str(empty)]
    assert objects[0].keys() == objects[1].keys()
    assert objects[2]["findings"][0]["message"] == f"{empty}: the file is empty"


def test_a_file_that_could_not_be_read_is_no_valid_end(tmp_path: Path) -> None:
    """The closing line counts it, and does not say VALID."""
    out = Output()
    with pytest.raises(UsageError):
        command.run(Request([valid(tmp_path), "nowhere.trace"]), out.write, naive)
    closing = out.text.splitlines()[-1]
    assert closing.startswith("UNKNOWN: ")
    assert closing.endswith("; 1 of 2 files could not be read")


def test_a_misspelt_name_is_suggested() -> None:
    """A name without a dot that is no file was meant to be one of ours."""
    with pytest.raises(UsageError) as caught:
        run("bashfork")
    assert str(caught.value) == (
        f"bashfork: no such file, nor one of {', '.join(sorted(KNOWN))}; did you mean bashforks?"
    )


def test_maps_may_be_named(tmp_path: Path) -> None:
    """--maps takes the place of the file beside the recording."""
    maps = tmp_path / "elsewhere"
    maps.write_text("2000-3000 rw-p 00000000 00:00 0 \n")
    code, text = run(valid(tmp_path), maps=str(maps), as_json=True)
    assert (code, json.loads(text)["snapshots"]) == (1, {"compared": 1, "equal": 0})


def test_maps_belong_to_one_recording(tmp_path: Path) -> None:
    """Nobody can tell which of two recordings was meant."""
    with pytest.raises(UsageError, match="--maps belongs to one recording \\(got 2 of them\\)"):
        run(valid(tmp_path), unknown(tmp_path), maps="x")


def test_bad_maps_are_an_error(tmp_path: Path) -> None:
    """Final maps that cannot be read are not skipped silently."""
    (tmp_path / "valid.maps").write_text("nonsense\n")
    with pytest.raises(UsageError, match=r"valid\.maps:1: not a mapping"):
        run(valid(tmp_path))


def test_no_file_is_a_mistake() -> None:
    """An empty list proves nothing."""
    with pytest.raises(UsageError, match="name at least one recording"):
        run()


@pytest.mark.parametrize("name", ["a.trace", "a.trace.gz", "a.txt", "a", "a.b.trace.gz"])
@pytest.mark.parametrize("suffix", [".maps", ".maps.gz"])
def test_maps_lie_beside_the_recording(tmp_path: Path, name: str, suffix: str) -> None:
    """Whatever the recording is called, its maps have the same stem."""
    stem = name.removesuffix(".gz").removesuffix(".trace")
    maps = tmp_path / (stem + suffix)
    maps.write_bytes(gzip.compress(b""))
    assert maps_beside(str(tmp_path / name)) == str(maps)


def test_a_recording_has_no_maps_of_its_own_name(tmp_path: Path) -> None:
    """A file is never compared with itself."""
    assert maps_beside(valid(tmp_path)) is None
