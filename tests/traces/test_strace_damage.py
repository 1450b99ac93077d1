"""Logs of strace that are damaged, of another architecture, or no logs at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stressd.traces import calls, open_calls, open_recording
from stressd.traces.calls import Lost, Mmap, Munmap
from stressd.traces.strace import PROBLEMS_KEPT, StraceLog
from stressd.traces.textfile import TextFile, TraceError
from tests.traces.test_strace import PRINTED
from tests.traces.writing import GOOD, log_of, recording

MALFORMED = {
    "mmap(NULL, 8192, PROT_READ": "the arguments do not end",
    "mmap(NULL, 8192) = 0x9000": "6 arguments were expected, not 2",
    "mmap(NULL, many, PROT_READ, MAP_PRIVATE, -1, 0) = 0x9000": "a number was expected, not many",
    "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, -1, 99999999999999999999) = 0x9": "a number is above",
    "mmap(NULL, 1, PROT_RAED, MAP_PRIVATE, -1, 0) = 0x9000": "a flag of an unknown name: PROT_RAED",
    "mmap(NULL, 1, PROT_READ, 1<<2<<3, -1, 0) = 0x9000": "flags were expected, not 1<<2<<3",
    "mmap(NULL, 1, PROT_READ, 1<<999999999, -1, 0) = 0x9000": "flags were expected",
    "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, x, 0) = 0x9000": "a file descriptor was expected, not x",
    "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, -1, 08) = 0x9000": "a number was expected, not 08",
    "munmap(, 4096) = 0": "a number was expected, not nothing",
    "munmap(0x1000, 4096)": "a result was expected behind the arguments",
    "munmap(0x1000, 4096) = ": "a result was expected behind the arguments",
    "munmap(0x1000, 4096) = zero": "a result was expected behind the arguments",
    "munmap(0x1000, 4096) = 0 and more": "a result was expected behind the arguments",
    "clone(child_stack=NULL) = 3": "flags= was expected in the arguments",
    "openat(AT_FDCWD) = 3": "a path and flags were expected",
    "execve() = 0": "a path was expected",
    "dup() = 3": "a file descriptor was expected",
    "prlimit64(0) = 0": "a resource and a limit were expected",
    "prlimit64(0, RLIMIT_STACK, {rlim_max=1}, NULL) = 0": "rlim_cur= was expected in the limit",
}


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_call_is_shown_with_its_place(tmp_path: Path, line: str) -> None:
    """What announces a call and does not parse is told, and the call counts as lost."""
    records, log = log_of(tmp_path, f"7 {GOOD}", f"7 {line}", f"7 {GOOD}")
    assert records[1] == Lost(7, 2)
    assert (len(records), log.unread) == (3, 1)
    (problem,) = log.problems
    assert problem.startswith(f"{log.path}:2: {MALFORMED[line]}")
    assert problem.endswith(f"(got {line.strip()})")


def test_the_output_of_a_program_is_odd_but_harmless(tmp_path: Path) -> None:
    """Without -o it stands between the lines of strace."""
    _, log = log_of(
        tmp_path, GOOD, "Hello, world", "", "strace: Process 9 attached", " > /lib/libc.so"
    )
    assert (log.odd, log.unread) == (1, 0)
    assert log.problems == [f"{log.path}:2: not a line of strace; passed over (got Hello, world)"]


def test_only_the_first_problems_are_kept(tmp_path: Path) -> None:
    """A file full of damage makes a short list and a true count."""
    _, log = log_of(tmp_path, GOOD, *["brk(" + "x" * 5000] * 100)
    assert log.unread == 100
    assert len(log.problems) == PROBLEMS_KEPT
    assert len(log.problems[0]) < len(log.path) + 300


def test_a_text_without_calls_is_not_a_log(tmp_path: Path) -> None:
    """Somebody named the wrong file, whichever door it comes through."""
    path = recording(tmp_path, "dear diary", "today nothing happened")
    with pytest.raises(TraceError) as caught:
        list(StraceLog(TextFile(path)))
    assert str(caught.value) == f"{path}: not a log of system calls: no call in its 2 lines"
    with pytest.raises(TraceError, match="not a log of system calls: no call at its beginning"):
        open_calls(path)


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    """A log of calls holds events, too; a list of mappings neither."""
    log = recording(tmp_path, "strace: Process 5 attached", f"5 {GOOD}", name="a")
    assert isinstance(open_calls(log), StraceLog)
    assert open_recording(log).format == "strace"
    maps = recording(tmp_path, "1000-2000 rw-p 00000000 00:00 0", name="b")
    with pytest.raises(TraceError, match="not a recording: this is a list of mappings"):
        open_recording(maps)
    with pytest.raises(TraceError, match="not a log of system calls: this is a list of mappings"):
        open_calls(maps)


FOREIGN = {
    "mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7f00000": "32-bit",
    "mmap2(NULL, 8192, PROT_READ <unfinished ...>": "32-bit",
    "set_thread_area({entry_number=-1}) = 0": "32-bit x86",
    "brk(NULL) = 0xaaaaf7d51000": "0xaaaaf7d51000 is above the user space of x86-64",
    "mmap(NULL, 1, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3</lib/aarch64-linux-gnu/libc.so.6>, 0)"
    " = 0x7f0000": "it executes /lib/aarch64-linux-gnu/libc.so.6",
    "[ Process PID=7 runs in 32 bit mode. ]": "strace says 32 bit mode",
}


@pytest.mark.parametrize("line", FOREIGN)
def test_a_process_of_another_architecture_is_passed_over(tmp_path: Path, line: str) -> None:
    """Its calls are counted; the rest of the log is as good as ever."""
    records, log = log_of(
        tmp_path,
        f"6 {GOOD}",
        f"7 {line}",
        "7 <... mmap2 resumed>) = 0xf7f00000",
        "7 clone(child_stack=NULL, flags=SIGCHLD) = 8",
        "8 munmap(0x1000, 4096) = 0",
        '8 execve("/x", ["x"], 0x7) = 0',
        f"8 {GOOD}",
    )
    (foreign,) = [r for r in records if isinstance(r, calls.Foreign)]
    assert FOREIGN[line] in foreign.reason
    assert [r.returned.tid for r in records if isinstance(r, Mmap | Munmap)] == [6, 8]
    assert log.foreign >= 1
    assert any("of another architecture" in problem for problem in log.problems)


def test_a_log_of_another_architecture_is_refused(tmp_path: Path) -> None:
    """Nothing in it could be followed, so the message says why."""
    lines = ['1 execve("/x", ["x"], 0x7) = 0', "1 brk(NULL) = 0xaaaaf7d51000", "1 brk(NULL) = 0x1"]
    with pytest.raises(TraceError) as caught:
        log_of(tmp_path, *lines)
    assert str(caught.value).endswith(
        "made.strace: a log of another architecture: "
        "line 2: 0xaaaaf7d51000 is above the user space of x86-64"
    )


REAL = [line if line.startswith(("-", "+")) else f"19:40:35 {line} <0.000010>" for line in PRINTED]


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_leads_to_a_traceback(tmp_path: Path, seed: int) -> None:
    """Lines cut, doubled, joined and with bytes changed are counted, or refused as a whole."""
    dice = random.Random(seed)
    lines = []
    for _ in range(300):
        line = bytearray(f"{dice.randint(1, 5)} {dice.choice(REAL)}".encode())
        for _ in range(dice.choice((0, 0, 1, 3))):
            line[dice.randrange(len(line))] = dice.choice(b' (){}[]<>"\\,=|0x-\xff/*')
        lines.append(bytes(line[: dice.choice((len(line), dice.randrange(len(line) + 1)))]))
    path = tmp_path / "damaged.strace"
    path.write_bytes(b"\n".join(lines) + b"\n")
    log = StraceLog(TextFile(str(path)))
    records = list(log)
    assert log.unread == sum(isinstance(record, Lost) for record in records)
