"""Engines for tests: small configurations, made ready, and run by real threads."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stressd.config.load import load_config
from stressd.config.model import Config
from stressd.engine import Engine
from stressd_kernels.memory import Arena
from stressd_kernels.slice import entry_run
from stressd_kernels.status import Status

ZERO = np.uint64(0)

SYNTHETIC = "source: {kind: synthetic, entries: 200, cell: 256B, fill: 0.5, wide: 0.2}"
RECORDING = "source: {kind: recording, files: [ls, sqlite]}"
READS = "{name: read, threads: %d, mix: {load: 5, find: 2, scan: 2, gap_up: 1, gap_down: 1}}"
WRITES = "{name: write, threads: %d, mix: {store: 3, erase: 2}}"
REPLAYS = "{name: replay, threads: %d, mix: {replay: 1}}"


def config_of(source: str, *workers: str, more: str = "") -> Config:
    """Return a configuration of one source, some workers, and whatever else is given."""
    text = "\n".join(["version: 1", source, "workers:", *(f"  - {w}" for w in workers), more])
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return load_config(file.name).config


@contextmanager
def loaded(source: str, *workers: str, more: str = "") -> Iterator[Engine]:
    """Yield an engine whose kernels are compiled, trees built and workers seated."""
    engine = Engine(config_of(source, *workers, more=more or "tree: {arena: 64MiB}"))
    engine.compile(lambda _: None)
    engine.load()
    try:
        yield engine
    finally:
        engine.close()


def work(engine: Engine, slices: int) -> set[Status]:
    """Let every worker run that many slices, each in a thread of its own; return all answers."""
    answers: set[Status] = set()

    def run(worker: int) -> None:
        for _ in range(slices):
            answers.add(engine.run_slice(worker))

    threads = [threading.Thread(target=run, args=(seat.index,)) for seat in engine.workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def call(arena: Arena, address: int, tree: int, slot: int, *arguments: int) -> int:
    """Call an entry, with up to five arguments."""
    five = [*arguments, 0, 0, 0, 0, 0][:5]
    return int(entry_run(arena.words, np.uint64(address), tree, slot, *map(np.uint64, five)))


def arena_of(engine: Engine) -> Arena:
    """Return the engine's arena, for tests that look or meddle below it."""
    return engine._arena


def slot_of(engine: Engine, worker: int) -> int:
    """Return the slot of a worker."""
    return engine._slots[worker]


def trees_of(engine: Engine) -> list[int]:
    """Return the trees, in the order that the source named them."""
    return arena_of(engine).trees


def saved(folder: Path, name: str, text: str) -> Path:
    """Write a file for a source to read."""
    path = folder / name
    path.write_text(text)
    return path
