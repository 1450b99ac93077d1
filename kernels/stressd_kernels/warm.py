"""Making kernels ready: one by one here, or in other processes that share the cache.

The compiler holds one lock in a process, so only processes compile at the same time. Each entry
is one file of the cache, and each is given to one process only: nobody ever writes a file that
another may be writing.

As a program (`python -m stressd_kernels.warm`) it reads names of entries from its standard
input, one a line, and answers each with a line `name seconds cached`, until its input ends.
"""

import contextlib
import importlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from stressd_kernels.door import Entry
from stressd_kernels.door_native import CACHE

PROCESSES_MAX = 8
PACKAGE = "stressd_kernels"

Progress = Callable[[str, float, bool], None]  # name, seconds, whether it came from the cache


def entry_named(name: str) -> Entry:
    """Return the entry that calls itself `name`."""
    module, _, function = name.rpartition(".")
    found = getattr(importlib.import_module(f"{PACKAGE}.{module}"), function)
    if not isinstance(found, Entry):
        raise TypeError(f"{name} is not an entry")
    return found


def is_cached(entry: Entry) -> bool:
    """Say whether the cache has a file for `entry`: a guess, for nothing but planning."""
    module, _, function = entry.name.rpartition(".")
    line = entry.function.__code__.co_firstlineno
    return any(CACHE.glob(f"*/{module.rpartition('.')[2]}.{function}-{line}.*.nbi"))


def warm(entries: Iterable[Entry], progress: Progress, processes: int) -> None:
    """Make all entries ready in this process, and tell of each once, as soon as it is done.

    Those not in the cache are first compiled by other processes, if there are several of both.
    Whatever goes wrong there is met again, and shown, when this process does it itself.
    """
    entries = list(entries)
    missing = [entry for entry in entries if not is_cached(entry)]
    told: set[str] = set()
    if min(len(missing), processes) > 1:
        told = _compile_elsewhere(missing, progress, min(processes, len(missing), PROCESSES_MAX))
    for entry in entries:
        entry.compile()
        if entry.name not in told:
            progress(entry.name, entry.seconds, entry.cached)


def _compile_elsewhere(entries: list[Entry], progress: Progress, processes: int) -> set[str]:
    """Compile entries in other processes; return the names of those that were told of."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for entry in entries:
        waiting.put(entry.name)
    told: set[str] = set()

    def tend() -> None:
        with contextlib.suppress(queue.Empty, OSError, ValueError), _child() as child:
            assert child.stdin is not None
            assert child.stdout is not None
            while True:
                child.stdin.write(waiting.get_nowait() + "\n")
                child.stdin.flush()
                name, seconds, cached = child.stdout.readline().split()
                told.add(name)
                progress(name, float(seconds), cached == "1")

    threads = [threading.Thread(target=tend, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def _child() -> subprocess.Popen[str]:
    """Start a process that compiles; it ends with its input, and no ctrl-C reaches it."""
    path = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", f"{PACKAGE}.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )


def main() -> None:
    """Compile what the standard input names."""
    for line in sys.stdin:
        entry = entry_named(line.strip())
        entry.compile()
        print(entry.name, entry.seconds, int(entry.cached), flush=True)


if __name__ == "__main__":
    main()
