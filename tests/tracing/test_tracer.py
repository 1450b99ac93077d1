"""A trace holds every event, in the order of each address space, and says what it lacks."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stressd.traces import open_recording
from stressd.traces.events import Destroy, Event, Lost
from stressd.tracing.file import MARGIN, TraceFile, TraceFileError
from stressd.tracing.tracer import Tracer
from stressd_kernels.worker import TRACE_CAPACITY, TRACE_LOST
from tests.tracing.making import ID_BASE, Stage, event, read

MIB = 1 << 20
PLENTY = 1 << 30


def traced(path: Path, stage: Stage, limit: int = PLENTY) -> Tracer:
    """Return the trace of a stage, begun."""
    tracer = Tracer(stage.words, TraceFile(path, limit))
    tracer.begin()
    return tracer


def by_space(path: Path) -> dict[int, list[Event]]:
    """Return the events of a file by address space, in their order; none may be lost."""
    found: dict[int, list[Event]] = defaultdict(list)
    for one in open_recording(str(path)):
        assert not isinstance(one, Lost), one
        found[one.mm - ID_BASE].append(one)
    return found


@pytest.mark.parametrize("name", ["t.trace", "t.trace.gz"])
def test_every_event_is_read_back_in_the_order_of_its_address_space(
    tmp_path: Path, name: str
) -> None:
    """Three threads change four address spaces; the file has every event once, numbered through."""
    stage = Stage(mms=4, threads=3)
    tracer = traced(tmp_path / name, stage)
    stage.run([0, 1, 2, 3], calls=4000)
    report = tracer.end()
    found = by_space(tmp_path / name)
    assert sorted(found) == [0, 1, 2, 3]
    for mm, events in found.items():
        assert len(events) == stage.made(mm)
        assert [read(one) for one in events] == [event(mm, n + 1) for n in range(len(events))]
    assert report.events == 3 * 4000 * 2
    assert (report.lost, report.ended, report.path) == (0, "", str(tmp_path / name))


def test_more_events_than_all_rings_hold_are_waited_for(tmp_path: Path) -> None:
    """A call that finds no room is told so, comes again, and nothing is lost."""
    stage = Stage(mms=1, threads=2)
    tracer = traced(tmp_path / "t.trace", stage)
    stage.run([0], calls=TRACE_CAPACITY)
    report = tracer.end()
    assert report.waits > 0
    assert report.lost == 0
    assert report.events == 4 * TRACE_CAPACITY
    (events,) = by_space(tmp_path / "t.trace").values()
    assert [one.line for one in events] == sorted(one.line for one in events)
    assert read(events[-1]) == event(0, 4 * TRACE_CAPACITY)


def test_a_call_that_makes_more_than_a_ring_holds_leaves_a_mark(tmp_path: Path) -> None:
    """Events that found no room are counted, and announced before the next of their space."""
    stage = Stage(mms=1, threads=1)
    path = tmp_path / "t.trace"
    with held_back(path, stage) as tracer:
        stage.burst(0, 2 * TRACE_CAPACITY)  # nobody reads yet
        tracer.begin()
        until(lambda: tracer.report.events > TRACE_CAPACITY // 2)
        until(lambda: tracer.report.events == kept(stage))
        stage.burst(0, 4)
    events = list(open_recording(str(path)))
    (lost,) = (one for one in events if isinstance(one, Lost))
    assert lost.missing == tracer.report.lost > TRACE_CAPACITY // 2
    place = events.index(lost)
    assert [read(one) for one in events[place - 1 : place]] == [event(0, place)]
    after = place + lost.missing
    assert [read(one) for one in events[place + 1 :]] == [event(0, after + n) for n in range(1, 5)]


def test_what_is_lost_last_is_announced_at_the_end(tmp_path: Path) -> None:
    """Losses without an event behind them are in the file as well."""
    stage = Stage(mms=1, threads=1)
    path = tmp_path / "t.trace"
    with held_back(path, stage) as tracer:
        stage.burst(0, 2 * TRACE_CAPACITY)
        tracer.begin()
    *_, last = open_recording(str(path))
    assert isinstance(last, Lost)
    assert last.missing == tracer.report.lost
    assert tracer.report.events + last.missing == stage.made(0)


def test_a_loss_in_one_space_holds_up_no_other(tmp_path: Path) -> None:
    """Events behind a gap wait for no more than what the rings still hold."""
    stage = Stage(mms=2, threads=2)
    path = tmp_path / "t.trace"
    with held_back(path, stage) as tracer:
        stage.burst(0, 2 * TRACE_CAPACITY)
        stage.burst(1, 3, thread=1)
        stage.burst(0, 1, thread=1)
        tracer.begin()
        until(lambda: tracer.report.lost > 0)
    lost = [one for one in open_recording(str(path)) if isinstance(one, Lost)]
    assert [one.missing for one in lost] == [tracer.report.lost]


def test_who_acts_is_named(tmp_path: Path) -> None:
    """What one address space does to another, as a fork does, is done in its name."""
    stage = Stage(mms=3, threads=2)
    tracer = traced(tmp_path / "t.trace", stage)
    stage.run([1, 0, 1, 2], calls=300, actors=[0, 0, 1, 0])
    tracer.end()
    for mm, events in by_space(tmp_path / "t.trace").items():
        pids = [one.pid for one in events]
        assert set(pids) == {0: {ID_BASE}, 1: {ID_BASE, ID_BASE + 1}, 2: {ID_BASE}}[mm]
        assert len(pids) == stage.made(mm)


def test_the_end_of_an_address_space_is_its_last_event(tmp_path: Path) -> None:
    """DESTROY stands behind all else, and nothing of the address space is kept."""
    stage = Stage(mms=2, threads=2)
    tracer = traced(tmp_path / "t.trace", stage)
    stage.run([0, 1], calls=100)
    stage.end(0)
    tracer.end()
    events = by_space(tmp_path / "t.trace")
    assert isinstance(events[0][-1], Destroy)
    assert sum(isinstance(one, Destroy) for one in events[0]) == 1
    assert list(tracer._order._next) == [ID_BASE + 1]


def test_a_trace_ends_at_its_limit(tmp_path: Path) -> None:
    """The file never grows beyond it, its last line says so, and nobody waits any more."""
    stage = Stage(mms=1, threads=2)
    path = tmp_path / "t.trace"
    tracer = traced(path, stage, limit=4 * MIB)
    stage.run([0], calls=4 * TRACE_CAPACITY)
    report = tracer.end()
    assert 4 * MIB - 2 * MARGIN < path.stat().st_size == report.size_bytes <= 4 * MIB
    *_, end = path.read_text().splitlines()
    assert end == "# the trace ends here: the file has reached its limit of 4.00 MiB"
    assert report.ended == f"{path}: the trace has reached its limit of 4.00 MiB"
    (events,) = by_space(path).values()
    assert len(events) == report.events
    assert read(events[-1]) == event(0, report.events)


def test_a_compressed_trace_ends_at_its_limit(tmp_path: Path) -> None:
    """What counts is the size on disk."""
    stage = Stage(mms=1, threads=1)
    path = tmp_path / "t.trace.gz"
    tracer = traced(path, stage, limit=MIB)
    stage.run([0], calls=2 * TRACE_CAPACITY)
    report = tracer.end()
    assert MIB // 2 < path.stat().st_size <= MIB
    assert report.ended
    assert gzip.decompress(path.read_bytes()).endswith(b"its limit of 1.00 MiB\n")


def test_a_full_disk_ends_the_trace_and_nothing_else(tmp_path: Path) -> None:
    """Calls go on without waiting; the report says why, and where what was written lies."""
    stage = Stage(mms=1, threads=2)
    path = tmp_path / "t.trace"
    tracer = traced(path, stage)
    stage.run([0], calls=10)
    until(lambda: tracer.report.events == 40)
    tracer._file._file = Full()  # type: ignore[assignment]
    stage.run([0], calls=2 * TRACE_CAPACITY)
    report = tracer.end()
    assert report.ended == f"{path}: cannot be written: No space left on device"
    assert report.path == f"{path}.partial"
    assert Path(report.path).exists()
    assert not path.exists()


def test_a_name_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    """A folder, a folder that is not there, and a file that another process writes."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(TraceFileError, match="folder: cannot be written: is a folder"):
        TraceFile(tmp_path / "folder", PLENTY)
    with pytest.raises(TraceFileError, match="cannot be written: No such file or directory"):
        TraceFile(tmp_path / "none" / "t.trace", PLENTY)
    first = TraceFile(tmp_path / "t.trace", PLENTY)
    with pytest.raises(TraceFileError, match="another process writes it"):
        TraceFile(tmp_path / "t.trace", PLENTY)
    first.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_stood_there_stays_until_the_trace_is_whole(tmp_path: Path) -> None:
    """A run that is killed takes no older trace with it."""
    path = tmp_path / "t.trace"
    path.write_text("older")
    stage = Stage(mms=1, threads=1)
    tracer = traced(path, stage)
    stage.run([0], calls=1)
    assert path.read_text() == "older"
    tracer.end()
    assert len(by_space(path)[0]) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["t.trace"]


def test_what_waits_in_memory_is_bounded(tmp_path: Path) -> None:
    """Many more events than the rings hold pass through, and few are ever held back."""
    stage = Stage(mms=3, threads=3)
    tracer = Tracer(stage.words, TraceFile(tmp_path / "t.trace", PLENTY))
    most = 0
    swept = tracer._order.swept

    def watched() -> None:
        nonlocal most
        most = max(most, len(tracer._order._waiting))
        swept()

    tracer._order.swept = watched  # type: ignore[method-assign]
    with tracer:
        stage.run([0, 1, 2], calls=2 * TRACE_CAPACITY)
    assert tracer.report.events == 12 * TRACE_CAPACITY
    assert 0 < most <= 3 * TRACE_CAPACITY


# -- helpers -----------------------------------------------------------------------------


class Full:
    """A file on a disk without room."""

    def write(self, data: bytes) -> int:
        """Fail."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close nothing."""


@contextlib.contextmanager
def held_back(path: Path, stage: Stage) -> Iterator[Tracer]:
    """Let events be made before their reader begins; at the end it has read them all."""
    tracer = Tracer(stage.words, TraceFile(path, PLENTY))
    tracer._rings.switch_on()
    yield tracer
    tracer.end()


def kept(stage: Stage) -> int:
    """Return how many events found room in their ring."""
    slot = stage.slots[0]
    return stage.made(0) - int(stage.words[slot + TRACE_LOST])


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail after a minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.001)
