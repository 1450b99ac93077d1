"""Rings: the last operations of a worker can be read, from outside and after its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stressd_kernels.layout import RESULT_FIRST, RESULT_VALUE, RESULT_VERSION
from stressd_kernels.memory import Arena
from stressd_kernels.ring import Ring, attach, create, ring_write
from stressd_kernels.worker import (
    NOW_FIRST,
    NOW_LAST,
    NOW_OP,
    NOW_SIZE,
    NOW_TREE,
    RING_CAPACITY,
    RING_RECORDS,
    RING_WORDS,
)

OPS = ("load", "store")


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[tuple[np.ndarray, int, Path]]:
    """An arena, a slot of it, and the ring file that lies over the slot's ring."""
    arena = Arena(4 << 20)
    slot = arena.seat()
    path = create(tmp_path, 3, "readers", OPS)
    attach(arena.words, slot, path)
    yield arena.words, slot, path
    attach(arena.words, slot, None)


def write(words: np.ndarray, slot: int, number: int) -> None:
    """Leave one record: a load of key `number` that took ten times as many nanoseconds."""
    words[slot + NOW_OP] = 1
    words[slot + NOW_TREE] = 77
    words[slot + NOW_FIRST] = words[slot + NOW_LAST] = number
    words[slot + RESULT_FIRST] = number
    words[slot + RESULT_VALUE] = number + 1000
    words[slot + RESULT_VERSION] = 2 * number
    ring_write(words, slot, np.uint64(0), np.uint64(10 * number))


def test_the_tail_is_the_last_records_in_order(seat: tuple[np.ndarray, int, Path]) -> None:
    """More than the ring holds were written: the newest are there, the oldest first."""
    words, slot, path = seat
    for number in range(RING_CAPACITY + 100):
        write(words, slot, number)
    last = RING_CAPACITY + 99
    tail = Ring(path).tail(3)
    assert [record.first for record in tail] == [last - 2, last - 1, last]
    assert (tail[-1].op, tail[-1].tree, tail[-1].value) == ("load", 77, last + 1000)
    assert (tail[-1].version, tail[-1].nanoseconds) == (2 * last, 10 * last)
    assert len(Ring(path).tail(10**6)) == RING_CAPACITY


def test_the_header_says_whose_ring_it_is(seat: tuple[np.ndarray, int, Path]) -> None:
    """Worker, workload and the names of the operations are in the file itself."""
    ring = Ring(seat[2])
    assert (ring.worker, ring.workload, ring.ops[:3]) == (3, "readers", ["load", "store", ""])


def test_a_torn_record_is_left_out(seat: tuple[np.ndarray, int, Path]) -> None:
    """A record whose number is still 0 was being written when its process ended."""
    words, slot, path = seat
    for number in range(5):
        write(words, slot, number)
    words[slot + RING_RECORDS + 5 * 8] = 0  # record 5, the last one
    assert [record.first for record in Ring(path).tail(10)] == [0, 1, 2, 3]


def test_what_runs_now_can_be_read(seat: tuple[np.ndarray, int, Path]) -> None:
    """Between slices nothing; inside an operation, what it was asked."""
    words, slot, path = seat
    assert Ring(path).running().op is None
    words[slot + NOW_OP] = 2
    words[slot + NOW_FIRST], words[slot + NOW_LAST], words[slot + NOW_SIZE] = 10, 20, 5
    running = Ring(path).running()
    assert (running.op, running.first, running.last, running.size) == ("store", 10, 20, 5)


def test_a_ring_is_allocated_as_a_whole(tmp_path: Path) -> None:
    """A full disk is an error at start, not a crash in the middle."""
    path = create(tmp_path, 0, "w", OPS)
    assert path.stat().st_blocks * 512 >= RING_WORDS * 8


def test_a_ring_that_does_not_fit_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the file system is full, the attempt is cleaned up and reported."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        create(tmp_path, 0, "w", OPS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x" * 100, bytes(RING_WORDS * 8)])
def test_another_file_is_no_ring(tmp_path: Path, content: bytes) -> None:
    """Empty, short or zeroed files are named as what they are not."""
    path = tmp_path / "worker-0.ring"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a ring"):
        Ring(path)


CHILD = """
import os, sys
from pathlib import Path
import numpy as np
from stressd_kernels.memory import Arena
from stressd_kernels.ring import attach
from tests.kernels.test_ring import write
from stressd_kernels.worker import NOW_OP
arena = Arena(4 << 20)
slot = arena.seat()
attach(arena.words, slot, Path(sys.argv[1]))
for number in range(50):
    write(arena.words, slot, number)
arena.words[slot + NOW_OP] = 2
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_its_ring_behind(tmp_path: Path) -> None:
    """SIGKILL in the middle of an operation: what it did last, and was doing, is in the file."""
    path = create(tmp_path, 1, "writers", OPS)
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'kernels'}"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    ring = Ring(path)
    assert [record.first for record in ring.tail(2)] == [48, 49]
    assert ring.running().op == "store"
