"""Readers of the files that users have: recordings of address spaces, and lists of mappings.

To add a format: one file here that defines the reader, and one line in FORMATS. The first
format that recognises the beginning of a file reads it, so the one that takes all stands last.

    events      what every recording is read into
    textfile    plain or gzip text, line by line
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stressd.traces import maps, mtmod
from stressd.traces.events import EventLog
from stressd.traces.textfile import TextFile, TraceError


@dataclass(frozen=True)
class Format:
    """One kind of file: how it is recognised, and how its events are read."""

    name: str
    says: str  # what it is, in messages
    looks_like: Callable[[bytes], bool]  # given the first bytes of the text
    events: Callable[[TextFile], EventLog] | None  # None: it holds no events


FORMATS = (
    Format("maps", "a list of mappings", maps.looks_like, None),
    Format(mtmod.NAME, "a log of tree changes", mtmod.looks_like, mtmod.MtModLog),
)


def open_recording(path: str) -> EventLog:
    """Open a recording, of whatever format; its events are read when they are asked for."""
    source = TextFile(path)
    found = next(known for known in FORMATS if known.looks_like(source.head))
    if found.events is None:
        source.close()
        raise TraceError(f"{path}: not a recording: this is {found.says}")
    return found.events(source)
