"""However long a log is, memory does not grow with it; and no more models than there is room."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.replay.strace.follower import Follower
from stressd.replay.strace.model import Model, Start, TooMany
from stressd.replay.strace.starts import Snapshots
from stressd.traces import open_calls
from stressd.traces.textfile import TraceError
from tests.mm.adapter import spec_model
from tests.replay.strace.following import ANON, BEGUN, BRK, EXEC, FREE
from tests.traces.writing import recording

LINES = 100_000
EVERY = 3_000  # steps, of which a log has a third as many
GROWTH_MAX = 1_500  # blocks of memory; one kept for each process would be twice that
AT = FREE - 8192


def lines() -> Iterator[str]:
    """Yield a log: a process that forks, maps, opens and closes, and much that is not followed."""
    yield EXEC
    yield BRK
    for number in range(LINES // 30):
        child = 1000 + number
        yield f"7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = {child}"
        yield f"7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, {ANON}, -1, 0) = {AT:#x}"
        yield f"7 munmap({AT:#x}, 8192) = 0"
        yield f'7 openat(AT_FDCWD, "/tmp/{number}", O_RDONLY) = 3</tmp/{number}>'
        yield f"7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3</tmp/{number}>, 0) = {AT:#x}"
        yield f"7 munmap({AT:#x}, 8192) = 0"
        yield f"7 close(3</tmp/{number}>) = 0"
        yield f"{child} mmap(NULL, huh) = ?"
        yield f"{child} exit_group(0) = ?"
        yield f"{child} +++ exited with 0 +++"
        yield from (f'7 read(0, "x", 1) = {n}' for n in range(20))


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Between a tenth of the way and the end; answers, threads and problems are but counted."""
    log = recording(tmp_path, *lines(), name="long.strace")
    maps = recording(tmp_path, *BEGUN, name="long.maps")
    follower = Follower(open_calls(log), Snapshots(maps), spec_model)
    sizes = []
    for number, _ in enumerate(follower.steps()):
        if number % EVERY == 0:
            sizes.append(sys.getallocatedblocks())
    assert follower.processes == LINES // 30 + 1
    assert follower.answers.right["mmap"] == LINES // 15
    assert max(sizes[2:]) < sizes[1] + GROWTH_MAX


class Room:
    """Room for so many models at a time."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, start: Start) -> Model:
        """Make the model of a new program."""
        return self.let_in(spec_model(start))

    def let_in(self, model: Model) -> Model:
        """Count a model until it is closed; what it forks counts, too."""
        if self.room == 0:
            raise TooMany("no room")
        self.room -= 1
        fork = model.fork
        model.fork = lambda: self.let_in(fork())  # type: ignore[method-assign]
        model.close = self.let_out  # type: ignore[method-assign]
        return model

    def let_out(self) -> None:
        """Count one fewer."""
        self.room += 1


def followed(folder: Path, room: Room, *lines: str) -> Follower:
    """Follow a log of these lines with so much room."""
    log = recording(folder, EXEC, BRK, *lines, name="short.strace")
    maps = recording(folder, *BEGUN, name="short.maps")
    follower = Follower(open_calls(log), Snapshots(maps), room)
    follower.run()
    return follower


def test_whoever_ends_gives_back_his_room(tmp_path: Path) -> None:
    """At once: strace may have been told to say nothing of the ends of threads (-qq)."""
    forks = (f"7 fork() = {n}" for n in range(100, 110))
    ends = (f"{n} exit_group(0) = ?" for n in range(100, 110))
    room = Room(4)
    lines = [line for pair in zip(forks, ends, strict=True) for line in pair]
    assert followed(tmp_path, room, *lines).processes == 11
    assert room.room == 4


def test_too_many_at_a_time_are_refused(tmp_path: Path) -> None:
    """With the line in which the first one that has no room begins."""
    forks = (f"7 fork() = {n}" for n in range(100, 110))
    with pytest.raises(TraceError, match=r"short\.strace:4: no room"):
        followed(tmp_path, Room(5), *forks)
