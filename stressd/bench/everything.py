"""Compiling all there is: every entry in parallel processes, then every driver by a call.

As a program (`python -m stressd.bench.everything`) it does so in the cache that
STRESSD_CACHE_DIR names, and prints one JSON object: how many entries and drivers were made
ready, and the drivers that nothing here has called.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from stressd_kernels import MapleTree, warm
from stressd_kernels import slice as slices
from stressd_kernels.address_space import AddressSpace
from stressd_kernels.bench.field import Field
from stressd_kernels.clock import clock_pair
from stressd_kernels.counters import words_copy
from stressd_kernels.door import Entry
from stressd_kernels.layout import SLOTS_MAX, TREES
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.drain import EventRings
from stressd_kernels.mm.trace import COLUMNS, SHARE_MIN
from stressd_kernels.ops import operations
from stressd_kernels.sources import sources
from stressd_kernels.structures import structures
from stressd_kernels.verbs import Verb

ENTRIES = 200
ARENA_BYTES = 64 << 20


def all_entries() -> list[Entry]:
    """Return every kernel with an address; those of structures first, for they are the longest."""
    found = [entry for structure in structures().values() for entry in structure.entries.values()]
    found += CALLS.values()
    found += [operation.run for operation in operations().values()]
    for source in sources().values():
        found += [source.draw, source.certify]
    return list(dict.fromkeys([*found, slices.run]))


def call_drivers() -> None:
    """Call what Python calls: of the library, of a run, of the benchmark."""
    from stressd.bench.sections import SECTIONS, Effort  # one of them imports this module

    arena = Arena(ARENA_BYTES)
    tree = MapleTree(arena=arena)
    tree.build([(0, 9, 1), (20, 29, 2)])
    tree.load_many([5, 25])
    tree.copy().close()
    clock_pair(np.zeros(2, np.uint64))
    words_copy(arena.words, 0, np.zeros(1, np.uint64))
    arena.epoch()
    arena.drain()
    arena.reclaim()
    rows = np.zeros((SLOTS_MAX * SHARE_MIN, COLUMNS), np.uint64)
    EventRings(arena.words).take(np.zeros((2, SLOTS_MAX), np.uint64), rows)
    with arena.seated() as slot:
        find = next(iter(structures().values())).entries[Verb.FIND].address
        slices.entry_run(arena.words, np.uint64(find), TREES, slot, *[np.uint64(0)] * 5)
    tree.close()
    AddressSpace(arena=arena).find_vma(0)
    for section in SECTIONS.values():
        briefly = Effort(reps=1, share=0.001, mixed_s=0.005, churn_s=0.005)
        for _ in section.measure(Field(ENTRIES), briefly):
            pass


def drivers() -> Iterator[tuple[str, Any]]:
    """Yield the drivers of all modules that are loaded, by name: what the cache is asked for."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("stressd_kernels."):
            continue
        for value in vars(module).values():
            stats = getattr(value, "stats", None)
            if getattr(stats, "cache_path", None) and value.__module__ == name:
                yield f"{name.partition('.')[2]}.{value.__name__}", value


def main() -> None:
    """Compile everything, and say what that was."""
    entries = all_entries()
    warm.warm(entries, lambda *_: None, len(os.sched_getaffinity(0)))
    call_drivers()
    known = dict(drivers())
    missed = [name for name, driver in known.items() if not driver.signatures]
    print(json.dumps({"entries": len(entries), "drivers": len(known), "missed": missed}))


if __name__ == "__main__":
    main()
