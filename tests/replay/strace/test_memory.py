"""However long a log is, memory does not grow with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from stressd.replay.strace.follower import Follower
from stressd.replay.strace.starts import Snapshots
from stressd.traces import open_calls
from tests.mm.adapter import spec_model
from tests.replay.strace.following import ANON, BEGUN, BRK, EXEC, FREE
from tests.traces.writing import recording

LINES = 300_000
GROWTH_MAX = 5_000  # blocks of memory; one kept for each process would be twice that
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
        if number % 10_000 == 0:
            sizes.append(sys.getallocatedblocks())
    assert follower.processes == LINES // 30 + 1
    assert follower.answers.right["mmap"] == LINES // 15
    assert max(sizes[2:]) < sizes[1] + GROWTH_MAX
