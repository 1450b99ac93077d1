"""Lists of mappings: /proc/PID/maps of a live process, and files that hold one or more of them.

    7f3836605000-7f3836609000 r--p 001cf000 fe:00 339380    /usr/lib/libc.so.6

In a file, a line `# snapshot pid=N kind=WORD ...` begins a new list; other comments and blank
lines are passed over. A file without such a line is one list of an unknown process.

Ends are exclusive, as printed. The vsyscall page is listed for every process although it is
above all user space and in no process's tree: it is kept here, and `in_user_space` is false.

A live list is not atomic: the kernel writes it in pieces, and the process runs on meanwhile.
Each line is right at some instant, and lines are in order and never overlap.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stressd.traces.textfile import TextFile, TraceError

KERNEL_SPACE = 1 << 63  # addresses from here up are never user space, on any 64-bit machine
DIGITS_MAX = 20  # of a number in a heading
FINAL = "exit_group"  # the kind of a snapshot taken as the process ends

MAPPING = re.compile(
    rb"([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-][sp]) ([0-9a-f]{1,16}) "
    rb"([0-9a-f]{2,}:[0-9a-f]{2,}) ([0-9]{1,20})(?:\s+(.*))?\Z"
)
SNAPSHOT = re.compile(rb"# snapshot (?=(?:.*? )?pid=([0-9]{1,10})\b)(?=(?:.*? )?kind=(\w+))")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping of a process: the addresses from start up to, not including, end."""

    start: int
    end: int
    perms: str  # as printed: r-xp
    offset: int
    device: str
    inode: int
    path: str  # of a file, or [heap], [stack], ..., or empty

    @property
    def in_user_space(self) -> bool:
        """Whether the mapping belongs to the process's own tree."""
        return self.start < KERNEL_SPACE


@dataclass(frozen=True)
class Snapshot:
    """The mappings of one process at one moment, ascending."""

    pid: int | None  # None: the file does not say
    kind: str  # exec, exit_group, ..., or empty
    line: int  # where it begins
    mappings: tuple[Mapping, ...] = field(repr=False)
    heading: str = field(default="", repr=False)

    def word(self, name: str) -> str:
        """Return what the heading says behind name=, or nothing."""
        match = re.search(rf" {name}=(\S+)", self.heading)
        return match[1] if match else ""

    def number(self, name: str) -> int | None:
        """Return the number that the heading says behind name=."""
        word = self.word(name)
        plain = word.isascii() and word.isdecimal() and len(word) <= DIGITS_MAX
        return int(word) if plain and int(word) < 1 << 64 else None

    @property
    def is_final(self) -> bool:
        """Whether this is how the process ended; a bare list is taken to be that."""
        return self.kind in (FINAL, "")

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Return (first, last) of all mappings in user space, last included."""
        return [(m.start, m.end - 1) for m in self.mappings if m.in_user_space]


def looks_like(head: bytes) -> bool:
    """Tell whether a text that begins with `head` is a list of mappings."""
    first = next((line for line in head.split(b"\n") if line.strip()), b"")
    return bool(MAPPING.match(first) or SNAPSHOT.match(first))


def read_file(path: str) -> tuple[Snapshot, ...]:
    """Return all lists in a file, plain or gzip."""
    found = tuple(_snapshots(path, TextFile(path).lines()))
    if not any(snapshot.mappings for snapshot in found):
        raise TraceError(f"{path}: no mappings in this file")
    return found


def read_process(pid: int | Literal["self"]) -> Snapshot:
    """Return the mappings of a live process."""
    path = f"/proc/{pid}/maps"
    try:
        text = Path(path).read_bytes()
    except OSError as failure:
        raise TraceError(f"process {pid}: {_why_not(failure)}") from None
    if not text:
        raise TraceError(f"process {pid}: no mappings: a kernel thread, or one that has ended")
    (snapshot,) = _snapshots(path, text.splitlines())
    return Snapshot(pid if isinstance(pid, int) else None, "live", 1, snapshot.mappings)


def _why_not(failure: OSError) -> str:
    """Say in the user's words why /proc did not answer."""
    if failure.errno in (errno.ENOENT, errno.ESRCH):
        return "there is no such process"
    if failure.errno in (errno.EACCES, errno.EPERM):
        return "not ours: its mappings are shown only to its owner and to root"
    return f"its mappings cannot be read ({failure.strerror})"


def _snapshots(path: str, lines: Iterable[bytes]) -> Iterator[Snapshot]:
    """Yield the lists in `lines`; one that begins before any heading has no process."""
    pid: int | None = None
    kind, began, said = "", 1, ""
    mappings: list[Mapping] = []
    for number, line in enumerate(lines, 1):
        if heading := SNAPSHOT.match(line):
            if mappings:
                yield Snapshot(pid, kind, began, tuple(mappings), said)
            pid, kind, began, mappings = int(heading[1]), heading[2].decode(), number, []
            said = line.decode("utf-8", "surrogateescape")
        elif line.startswith(b"# snapshot"):
            raise _bad(path, number, "a heading needs pid= and kind=", line)
        elif line.strip() and not line.startswith(b"#"):
            mapping = _mapping(path, number, line)
            if mappings and mapping.start < mappings[-1].end:
                raise _bad(path, number, "this mapping begins before the last one ended", line)
            mappings.append(mapping)
    yield Snapshot(pid, kind, began, tuple(mappings), said)


def _mapping(path: str, number: int, line: bytes) -> Mapping:
    """Return the mapping in `line`."""
    match = MAPPING.match(line)
    if match is None:
        raise _bad(path, number, "not a mapping: start-end perms offset device inode path", line)
    start, end = int(match[1], 16), int(match[2], 16)
    if start >= end:
        raise _bad(path, number, "a mapping must end after it starts", line)
    return Mapping(
        start=start,
        end=end,
        perms=match[3].decode(),
        offset=int(match[4], 16),
        device=match[5].decode(),
        inode=int(match[6]),
        path=(match[7] or b"").decode("utf-8", "surrogateescape"),
    )


def _bad(path: str, number: int, problem: str, line: bytes) -> TraceError:
    """Return the error that shows one line."""
    shown = line.decode("utf-8", "backslashreplace").strip()[:100]
    return TraceError(f"{path}:{number}: {problem} (got {shown})")
