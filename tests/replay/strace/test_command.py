"""`stressd replay` of logs of calls, on the address spaces of the kernels."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from stressd.errors import UsageError
from stressd.replay import command
from stressd.replay.command import Request
from stressd.replay.how import STAGES, How
from stressd.replay.strace.model import MakeModel
from tests.mm.adapter import spec_model
from tests.replay.strace.following import ANON, BEGUN, BRK, EXEC, FREE, mmap, paths_of
from tests.replay.strace.test_recordings import KNOWN
from tests.traces.writing import recording

TWO = FREE - 8192


class Output:
    """What a command wrote."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Take one piece."""
        self.text += text


def by_rules(_: How) -> MakeModel:
    """Return the specification as what models are made of."""
    return spec_model


def run(*files: str, as_json: bool = False, maps: str | None = None) -> tuple[int, str]:
    """Replay with the specification as the model; return the exit code and the output."""
    out = Output()
    return command.run(Request(files, maps, as_json), out.write, None, by_rules), out.text


def on_kernels(name: str, stage: str) -> dict[str, Any]:
    """Replay a recording on one stage, validated around each call."""
    out = Output()
    request = Request([str(paths_of(name)[0])], None, True, (stage,), 1)
    assert command.run(request, out.write) == 0
    found: dict[str, Any] = json.loads(out.text)
    return found


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["ls", "gcc", "sqlite", "stackgrow"])
def test_every_stage_predicts_every_answer(name: str, stage: str) -> None:
    """With all structures compared around each call."""
    found, known = on_kernels(name, stage), KNOWN[name]
    assert found["stage"] == stage
    assert (found["predicted"]["right"], found["wrong"], found["unknown"]) == (known.calls, 0, {})
    assert found["kinds"]["mmap"] == {"right": known.anywhere, "wrong": 0, "unknown": 0}
    snapshots = {"compared": known.finals, "equal": known.finals, "unknown": {}}
    assert found["snapshots"] == snapshots
    assert (found["verdict"], found["findings"]) == ("VALID", [])


@pytest.mark.parametrize("name", ["bashforks", "pynumpy"])
def test_forks_and_threads_are_predicted_too(name: str) -> None:
    """Thirty-six forks; the threads of a numerical library."""
    found, known = on_kernels(name, "all"), KNOWN[name]
    assert found["predicted"]["right"] == known.calls
    assert found["snapshots"]["equal"] == known.finals


def log(folder: Path, *lines: str, name: str = "made") -> str:
    """Write a log of a program that has begun as the list beside it says."""
    recording(folder, *BEGUN, name=f"{name}.maps")
    return recording(folder, EXEC, BRK, *lines, name=f"{name}.strace")


def test_a_wrong_answer_is_invalid(tmp_path: Path) -> None:
    """Both addresses are told, and the line."""
    path = log(tmp_path, mmap(TWO), mmap(TWO - 65536), mmap(TWO - 8192))
    code, text = run(path)
    assert code == 1
    assert (
        f"{path}:4: mmap of process 7: the kernel answered {TWO - 65536:#x}, "
        f"the model {TWO - 8192:#x}"
    ) in text
    closing = text.splitlines()[-1]
    assert closing.startswith("INVALID: 3 of 4 answers of the kernel were predicted, 0 of 0 final")


def test_the_table_has_one_row_for_each_log(tmp_path: Path) -> None:
    """In a pipe: plain columns, reasons and the verdict last."""
    path = log(tmp_path, mmap(0x40001000, flags=ANON + "|MAP_32BIT"))
    code, text = run(str(paths_of("ls")[0]), path)
    assert code == 0
    headings = "system calls stage calls processes predicted wrong unknown final maps equal"
    assert " ".join(text.splitlines()[0].split()).startswith(headings)
    row = text.splitlines()[2].split()
    assert (row[0], row[2:7], row[-1]) == (path, ["2", "1", "1", "0", "1"], "VALID")
    assert "answers not known: 1 (random: the kernel draws a number: MAP_32BIT)" in text
    assert "(not known: 1 random)" in text.splitlines()[-1]


def test_trees_and_calls_may_be_replayed_together(tmp_path: Path) -> None:
    """Each kind has a table of its own, and the verdict is over both."""
    code, text = run("ls", str(paths_of("ls")[0]))
    assert code == 0
    assert text.splitlines()[0].startswith("recording")
    assert "system calls" in text
    closing = text.splitlines()[-1]
    assert "27 of 27 gap searches" in closing
    assert "54 of 54 answers of the kernel were predicted" in closing


def test_what_cannot_be_followed_leaves_the_verdict_open(tmp_path: Path) -> None:
    """A line that does not parse is named; so is a process that nothing is known of."""
    path = log(tmp_path, "7 mmap(NULL, huh) = 0x1000", mmap(TWO))
    code, text = run(path, as_json=True)
    found = json.loads(text)
    assert (code, found["verdict"], found["unknown"]) == (5, "UNKNOWN", {"lost": 1})
    messages = [finding["message"] for finding in found["findings"]]
    assert any(f"{path}:3: 6 arguments were expected, not 2" in message for message in messages)
    alone = recording(tmp_path, mmap(TWO), name="alone.strace")
    code, text = run(alone)
    assert code == 5
    assert "(layout: where the program lies is not known)" in text


def test_a_truncated_log_is_an_error(tmp_path: Path) -> None:
    """With the number of lines that could be read, and without a traceback."""
    whole = paths_of("bashforks")[0].read_bytes()
    path = tmp_path / "cut.strace.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"the gzip file is truncated after \d+ whole lines"):
        run(str(path))


def test_a_log_of_another_architecture_is_an_error(tmp_path: Path) -> None:
    """There is nothing in it that could be followed."""
    line = "7 mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7f00000"
    path = recording(tmp_path, '7 execve("/bin/x", ["x"], 0x7ffe) = 0', line, name="arm.strace")
    with pytest.raises(UsageError, match="of another architecture: line 2: mmap2"):
        run(path)


def test_a_name_tells_nothing(tmp_path: Path) -> None:
    """What kind of file it is, is found in it."""
    path = tmp_path / "ls.trace"
    path.write_bytes(gzip.decompress(paths_of("ls")[0].read_bytes()))
    code, text = run(str(path), maps=str(paths_of("ls")[1]), as_json=True)
    assert (code, json.loads(text)["format"]) == (0, "strace")


def test_a_trace_is_not_written_of_a_log_of_calls(tmp_path: Path) -> None:
    """Two models are at work for each address space."""
    request = Request([str(paths_of("ls")[0])], trace=tmp_path / "out.trace")
    with pytest.raises(UsageError, match="--trace belongs to changes of trees"):
        command.run(request, Output().write, None, by_rules)
