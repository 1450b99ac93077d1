"""Seating the workers: what stands in each one's slot before its first slice."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stressd.engine.compiling import Kernels
from stressd.sources import Seat
from stressd.sources.base import Words
from stressd_kernels import ring
from stressd_kernels.layout import SLOT_DELAYS, SLOT_PRNG, SLOTS_MAX
from stressd_kernels.ops import NUMBERS
from stressd_kernels.ops.catalog import OPS as CATALOG
from stressd_kernels.prng import prng_state
from stressd_kernels.slice import mix_words
from stressd_kernels.worker import (
    KNOWN,
    MIX_THRESHOLDS,
    OP_ADDRESS,
    OP_PINNED,
    OP_WORDS,
    OPS,
    SOURCE_CERTIFY,
    SOURCE_DRAW,
    TIMING_CLOCK,
    TIMING_EVERY,
    TIMING_SCALE,
)

PREFIX = "stressd-"  # of ring folders; then the process id
KEPT_SECONDS = 86_400
OP_NAMES = tuple(op.name for op in CATALOG)


def seat_words(
    seat: Seat, kernels: Kernels, clock: tuple[int, int], seed: int, certify: bool
) -> dict[int, int]:
    """Return offset -> word for what a worker's slot holds besides its source's parameters."""
    weights = [seat.config.mix.get(name, 0.0) for name in OP_NAMES]
    words = {MIX_THRESHOLDS + n: int(word) for n, word in enumerate(mix_words(weights))}
    words |= {SLOT_PRNG + n: int(word) for n, word in enumerate(prng_state(seed, seat.index))}
    words[SLOT_DELAYS] = int(prng_state(seed, SLOTS_MAX + seat.index)[0]) | 1  # never 0
    for name in seat.config.mix:
        line = OPS + NUMBERS[name] * OP_WORDS
        words[line + OP_ADDRESS] = kernels.ops[name].run.address
        words[line + OP_PINNED] = int(CATALOG[NUMBERS[name]].reads)
    return words | {
        TIMING_CLOCK: clock[0],
        TIMING_SCALE: clock[1],
        TIMING_EVERY: int(seat.config.timing == "every"),
        SOURCE_DRAW: kernels.source.draw.address,
        SOURCE_CERTIFY: kernels.source.certify.address if certify else 0,
        KNOWN: 1,  # the initial content has one write of each entry
    }


def write_words(words: Words, slot: int, what: Mapping[int, int]) -> None:
    """Write offset -> word into a slot that nobody uses yet."""
    for offset, word in what.items():
        words[slot + offset] = word


class Rings:
    """The ring files of all workers, in a folder of their own that goes when the run is over.

    In memory if there is room (or the disk would see every operation), else beside other
    temporary files; a run without room for its rings has none. A process that is killed leaves
    its folder behind for whoever wants to know why; after a day, the next run removes it.
    """

    def __init__(self, words: Words, slots: Sequence[int], seats: Sequence[Seat]) -> None:
        self.folder: Path | None = None
        self._words = words
        self._slots = slots
        for parent in (*ring.FOLDERS, Path(tempfile.gettempdir())):
            with contextlib.suppress(OSError):
                sweep(parent)
                self.folder = self._make(parent, seats)
                break

    def _make(self, parent: Path, seats: Sequence[Seat]) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        try:
            for seat, slot in zip(seats, self._slots, strict=True):
                path = ring.create(folder, seat.index, seat.workload, OP_NAMES)
                ring.attach(self._words, slot, path)
        except OSError:
            self._drop(folder)
            raise
        return folder

    def close(self) -> None:
        """Put plain memory back under the workers' rings, and remove the files."""
        if self.folder is not None:
            self._drop(self.folder)
            self.folder = None

    def _drop(self, folder: Path) -> None:
        for path, slot in zip(sorted(folder.iterdir()), self._slots, strict=False):
            ring.attach(self._words, slot, None)
            path.unlink()
        folder.rmdir()


def sweep(parent: Path) -> None:
    """Remove ring folders below `parent` whose process has been gone for a day."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            old = time.time() - folder.stat().st_mtime > KEPT_SECONDS
            if old and not Path("/proc", pid).exists():
                shutil.rmtree(folder)
