"""Rings: what each worker did last, in a file that outlives the process.

The timed operation of each block leaves a record; the arguments of the operation that is
running stand in the header (worker.NOW). The file is allocated as a whole before it is used (or a
full disk would be a SIGBUS) and mapped over the ring's words of the worker's slot, so kernels
write it as they write any word, and a process that is killed leaves it as it stood.

    header   NOW, one line; from RING_MARK: what the file is, written once
    records  RING_CAPACITY of RECORD_WORDS, the oldest overwritten by the newest

A record is torn while its first word is 0: the writer clears that word, writes the others and
sets it last. Whoever reads a live ring reads the first word before and after the others; a
reader of a dead process's ring just skips a 0.

Not promised: whole records of a live ring where a processor reorders loads. The reader copies the
file and orders nothing, which is enough on x86-64.

Ordering                                            pairs with   and forbids
    R1  release fence, after clearing the number    R2           new words under the old number
    R2  release, writing the number                 R1           the number before the words
"""

import ctypes
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import (
    fence_release,
    kernel,
    load_relaxed,
    store_relaxed,
    store_release,
)
from stressd_kernels.layout import (
    LINE_WORDS,
    RESULT_FIRST,
    RESULT_VALUE,
    RESULT_VERSION,
    U0,
    U1,
    WORD_BYTES,
)
from stressd_kernels.worker import (
    NOW_FIRST,
    NOW_LAST,
    NOW_OP,
    NOW_TREE,
    OPS_MAX,
    RECORD_WORDS,
    RING,
    RING_CAPACITY,
    RING_HEADER_WORDS,
    RING_MARK,
    RING_RECORDS,
    RING_SEQUENCE,
    RING_WORDS,
)

MAGIC = 0x474E495244545353  # "SSTDRING"
VERSION = 1
MARK_WORKER = 2
MARK_CAPACITY = 3
MARK_NAME = LINE_WORDS  # the workload's name, 64 bytes
MARK_OPS = 2 * LINE_WORDS  # the names of the operations by number, 32 bytes each
NAME_BYTES = 64
OP_NAME_BYTES = 32
FOLDERS = (Path("/dev/shm"),)

INDEX_MASK = np.uint64(RING_CAPACITY - 1)
OUTCOME_AT = np.uint64(8)
TREE_AT = np.uint64(16)


@kernel
def ring_write(words, slot, answer, nanoseconds):
    """Leave a record of the operation that has just ended: NOW, RESULT and what it took.

    answer  uint64, what the operation answered to its slice
    """
    sequence = load_relaxed(words, slot + RING_SEQUENCE) + U1
    store_relaxed(words, slot + RING_SEQUENCE, sequence)
    at = slot + RING_RECORDS + np.int64(sequence & INDEX_MASK) * RECORD_WORDS
    store_relaxed(words, at, U0)
    fence_release("R1")  # pairs with R2
    tree = load_relaxed(words, slot + NOW_TREE) << TREE_AT
    what = load_relaxed(words, slot + NOW_OP) | answer << OUTCOME_AT | tree
    store_relaxed(words, at + 1, what)
    store_relaxed(words, at + 2, load_relaxed(words, slot + NOW_FIRST))
    store_relaxed(words, at + 3, load_relaxed(words, slot + NOW_LAST))
    store_relaxed(words, at + 4, load_relaxed(words, slot + RESULT_FIRST))
    store_relaxed(words, at + 5, load_relaxed(words, slot + RESULT_VALUE))
    store_relaxed(words, at + 6, load_relaxed(words, slot + RESULT_VERSION))
    store_relaxed(words, at + 7, nanoseconds)
    store_release(words, at, sequence, "R2")  # pairs with R1


# -- in Python ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """One timed operation."""

    sequence: int
    op: str
    answer: int  # an outcome, or ANSWER_ENDS + a Status
    tree: int
    first: int  # what was asked
    last: int
    answer_first: int
    value: int
    version: int
    nanoseconds: int


@dataclass(frozen=True)
class Running:
    """What a worker was doing when one looked, or when its process ended."""

    op: str | None  # None: between two slices
    tree: int
    first: int
    last: int
    size: int  # of a gap; the value, if one was to be stored


class Ring:
    """A ring file, of a live process or of a dead one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            whole = os.fstat(file.fileno()).st_size == RING_WORDS * WORD_BYTES
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) if whole else b""
        self._words = np.frombuffer(mapped, np.uint64)
        mark = RING_MARK - RING
        if tuple(self._words[mark : mark + 2]) != (MAGIC, VERSION):
            raise ValueError(f"{path}: is not a ring of this version")
        self.worker = int(self._words[mark + MARK_WORKER])
        self.workload = self._text(MARK_NAME, NAME_BYTES)
        step = OP_NAME_BYTES // WORD_BYTES
        self.ops = [self._text(MARK_OPS + n * step, OP_NAME_BYTES) for n in range(OPS_MAX)]

    def _text(self, offset: int, size: int) -> str:
        at = RING_MARK - RING + offset
        words = self._words[at : at + size // WORD_BYTES]
        return words.tobytes().rstrip(b"\0").decode("utf-8", "replace")

    def _op(self, number: int) -> str:
        return self.ops[number - 1] if 1 <= number <= OPS_MAX else f"?{number}"

    def running(self) -> Running:
        """Return the operation whose arguments stand in the header."""
        op, tree, first, last, size = (int(word) for word in self._words[:5])
        return Running(self._op(op) if op else None, tree, first, last, size)

    def tail(self, count: int) -> list[Record]:
        """Return the last `count` whole records, the oldest first; torn ones are left out."""
        table = self._words[RING_HEADER_WORDS:].reshape(RING_CAPACITY, RECORD_WORDS)
        before = table[:, 0].copy()
        copy = table.copy()
        whole = (before == table[:, 0]) & (before == copy[:, 0]) & (before != 0)
        rows = copy[whole]
        rows = rows[np.argsort(rows[:, 0], kind="stable")][-count:] if count else rows[:0]
        return [self._record([int(word) for word in row]) for row in rows]

    def _record(self, row: Sequence[int]) -> Record:
        sequence, what, *rest = row
        return Record(sequence, self._op(what & 0xFF), what >> 8 & 0xFF, what >> 16, *rest)


def create(folder: Path, worker: int, workload: str, ops: Sequence[str]) -> Path:
    """Create the ring file of one worker, with all its blocks; OSError if there is no room."""
    path = folder / f"worker-{worker}.ring"
    header = np.zeros(RING_HEADER_WORDS, np.uint64)
    mark = header[RING_MARK - RING :]
    mark[:4] = MAGIC, VERSION, worker, RING_CAPACITY
    text = mark.view(np.uint8)
    put_text(text, MARK_NAME, workload, NAME_BYTES)
    for number, name in enumerate(ops):
        at = MARK_OPS + number * (OP_NAME_BYTES // WORD_BYTES)
        put_text(text, at, name, OP_NAME_BYTES)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, RING_WORDS * WORD_BYTES)
        os.pwrite(file, header.tobytes(), 0)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(file)
    return path


def put_text(target: npt.NDArray[np.uint8], at: int, text: str, size: int) -> None:
    """Write the first `size` bytes of `text` from word `at` on."""
    data = text.encode()[:size]
    start = at * WORD_BYTES
    target[start : start + len(data)] = np.frombuffer(data, np.uint8)


def attach(words: npt.NDArray[np.uint64], slot: int, path: Path | None) -> None:
    """Map the file at `path` over the ring's words of `slot`; None: plain memory again.

    words  the arena, at an address that is a multiple of every page size
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    fixed, private, anonymous = 0x10, mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC) if path else -1
    flags = fixed | (mmap.MAP_SHARED if path else private | anonymous)
    address = words.ctypes.data + (slot + RING) * WORD_BYTES
    try:
        got = libc.mmap(
            address, RING_WORDS * WORD_BYTES, mmap.PROT_READ | mmap.PROT_WRITE, flags, file, 0
        )
        if got != address:
            raise OSError(ctypes.get_errno(), "a ring could not be mapped", str(path))
    finally:
        if path:
            os.close(file)
