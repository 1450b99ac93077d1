"""`stressd replay --trace`: what a replay does is written down, and replays to the same maps."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stressd import resources
from stressd.errors import UsageError
from stressd.replay.command import Request, run
from stressd.replay.finals import maps_beside
from stressd.replay.how import trace_limit
from stressd.traces import open_recording
from stressd.traces.events import Event
from stressd.tracing.file import TraceFileError
from tests.tracing.naive import Maps

MIB = 1 << 20
RECORDINGS = ("ls", "gcc", "bashforks", "stackgrow")


def replayed(*files: str, **given: Any) -> list[dict[str, Any]]:
    """Replay recordings and return the printed objects."""
    written: list[str] = []
    run(Request(files, as_json=True, **given), written.append)
    return [json.loads(line) for line in written]


def events_of(path: str) -> list[Event]:
    """Return the events of a recording, or of a trace."""
    return list(open_recording(path))


def contents(maps: Maps) -> Counter[tuple[object, ...]]:
    """Return what the spaces of a trace hold at their ends, whatever they are called."""
    held = [("ended", *ranges) for _, ranges in maps.ended]
    return Counter([*held, *(("live", *ranges) for ranges in maps.live.values() if ranges)])


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_traced_replay_reads_back_to_the_same_maps(tmp_path: Path, name: str) -> None:
    """Every address space holds the same ranges of the same mappings, at its end or the file's."""
    path = resources.recording(name)
    trace = tmp_path / "t.trace.gz"
    (first,) = replayed(name, trace=trace)
    assert first["verdict"] == "VALID"
    assert first["trace"]["path"] == str(trace)
    assert first["trace"]["lost"] == 0
    original, written = events_of(path), events_of(str(trace))
    assert len(written) == first["trace"]["events"]
    assert contents(Maps().apply(written)) == contents(Maps().apply(original))
    assert {one.pid for one in written} == {one.pid for one in original if hasattr(one, "pid")}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_traced_replay_replays(tmp_path: Path, name: str) -> None:
    """Replayed itself, it is VALID, and each process ends with the mappings that it had."""
    trace = tmp_path / "t.trace"
    (first,) = replayed(name, trace=trace)
    maps = maps_beside(resources.recording(name))
    (again,) = replayed(str(trace), maps=maps)
    assert again["verdict"] == "VALID", again["findings"]
    assert again["snapshots"] == first["snapshots"]
    assert again["gap_searches"]["agreed"] == again["gap_searches"]["asked"]


def test_a_trace_belongs_to_one_replay(tmp_path: Path) -> None:
    """Two recordings, or two stages, would be one after the other in one file."""
    with pytest.raises(UsageError, match="one recording and one stage"):
        replayed("ls", "gcc", trace=tmp_path / "t.trace")
    with pytest.raises(UsageError, match="one recording and one stage"):
        replayed("ls", stages=("all", "no-list"), trace=tmp_path / "t.trace")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_cannot_be_read_leaves_no_trace(tmp_path: Path) -> None:
    """A file would look as if something had been replayed."""
    with pytest.raises(UsageError, match="no such file"):
        replayed(str(tmp_path / "none.trace"), trace=tmp_path / "t.trace")
    assert list(tmp_path.iterdir()) == []


def test_a_trace_that_cannot_be_written_is_an_error_before_anything_is_replayed(
    tmp_path: Path,
) -> None:
    """It names the file."""
    with pytest.raises(TraceFileError, match="cannot be written: No such file"):
        replayed("ls", trace=tmp_path / "none" / "t.trace")


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "5": "needs a unit",
        "10KiB": "must be 1MiB .. 1TiB",
        "2TiB": "must be 1MiB .. 1TiB",
        "much": "--trace-max: ",
    }.items(),
)
def test_a_limit_that_makes_no_sense_is_an_error_of_usage(text: str, message: str) -> None:
    """It has a unit and lies within bounds."""
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        trace_limit(text)


def test_a_limit_is_a_size() -> None:
    """As in a configuration."""
    assert trace_limit("1GiB") == 1 << 30
    assert trace_limit("1.5MiB") == 3 * MIB // 2
