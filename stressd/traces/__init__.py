"""Readers of the files that users have: recordings of address spaces, and lists of mappings.

To add a format: one file here that defines the reader, and one line in FORMATS. The first
format that recognises the beginning of a file reads it, so the one that takes all stands last.

    events      what every recording is read into
    calls       what every log of system calls is read into
    arguments   how strace prints the arguments of each call
    textfile    plain or gzip text, line by line
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stressd.traces import arguments, maps, mtmod, strace
from stressd.traces.calls import CallLog
from stressd.traces.events import EventLog
from stressd.traces.textfile import TextFile, TraceError


@dataclass(frozen=True)
class Format:
    """One kind of file: how it is recognised, and how its events are read."""

    name: str
    says: str  # what it is, in messages
    looks_like: Callable[[bytes], bool]  # given the first bytes of the text
    events: Callable[[TextFile], EventLog] | None = None  # None: it holds no events
    calls: Callable[[TextFile], CallLog] | None = None  # None: it holds no system calls


def _events_of_calls(source: TextFile) -> EventLog:
    """Read a log of system calls as the changes that they make."""
    from stressd.replay.strace.events import CallEvents  # it brings the compiler with it

    return CallEvents(strace.StraceLog(source))


FORMATS = (
    Format("maps", "a list of mappings", maps.looks_like),
    Format(
        strace.NAME, "a log of system calls", strace.looks_like, _events_of_calls, strace.StraceLog
    ),
    Format(mtmod.NAME, "a log of tree changes", mtmod.looks_like, mtmod.MtModLog),
)
# The calls that a log must hold to be followed: strace -f -tt -y -e trace=?mmap,?munmap,...
# (with a question mark each, as an older strace does not know them all).
TRACED = tuple(name.decode() for name in arguments.CALLS)


def open_recording(path: str) -> EventLog:
    """Open a recording, of whatever format; its events are read when they are asked for."""
    source = TextFile(path)
    found = next(known for known in FORMATS if known.looks_like(source.head))
    if found.events is None:
        source.close()
        raise TraceError(f"{path}: not a recording: this is {found.says}")
    return found.events(source)


def open_log(path: str) -> EventLog | CallLog:
    """Open a recording or a log of system calls, whichever the file is."""
    source = TextFile(path)
    found = next(known for known in FORMATS if known.looks_like(source.head))
    reader = found.calls or found.events
    if reader is None:
        source.close()
        raise TraceError(f"{path}: not a recording: this is {found.says}")
    return reader(source)


def open_calls(path: str) -> CallLog:
    """Open a log of system calls; its records are read when they are asked for."""
    source = TextFile(path)
    found = next(known for known in FORMATS if known.looks_like(source.head))
    if found.calls is None:
        source.close()
        what = "this is " + found.says if found.events is None else "no call at its beginning"
        raise TraceError(f"{path}: not a log of system calls: {what}")
    return found.calls(source)
