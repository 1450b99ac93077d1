"""Which kernels a configuration needs, and how they are made ready.

Only what can be called is compiled: the slice, the operations of the mixes, the two entries of
the source, and the verbs and calls that these ask for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType

import numpy as np

from stressd.config.model import Config
from stressd.evidence import Compiled
from stressd_kernels import slice as slices
from stressd_kernels import warm
from stressd_kernels.clock import clock_pair
from stressd_kernels.counters import words_copy
from stressd_kernels.door import Entry
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS as SPACE_CALLS
from stressd_kernels.mm import VERBS as SPACE_VERBS
from stressd_kernels.mm import with_steps
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import operations
from stressd_kernels.sources import sources
from stressd_kernels.structures import structures
from stressd_kernels.verbs import Structure, Verb

ENGINE_VERBS = (Verb.BUILD, Verb.CHECK, Verb.FIND)  # to load, to check, to judge gaps


class Kernels:
    """The compiled code of one configuration."""

    def __init__(self, config: Config, calls: Iterable[Call] = ()) -> None:
        names = {name for worker in config.workers for name in worker.mix}
        self.ops: Mapping[str, ModuleType] = {
            name: module for name, module in operations().items() if name in names
        }
        self.source = sources()[config.source.kind]
        self.structure: Structure = structures()[config.tree.structure]
        modules = [*self.ops.values(), self.source]
        verbs = {verb for module in modules for verb in getattr(module, "VERBS", ())}
        asked_of_spaces = {call for one in modules for call in getattr(one, "CALLS", ())}
        self.calls = with_steps(asked_of_spaces.union(calls))
        verbs |= set(SPACE_VERBS if self.calls else ())
        self.verbs = self.structure.with_helpers(verbs | set(ENGINE_VERBS))
        asked = [
            self.structure.entries[verb] for verb in reversed(self.verbs)
        ]  # the long ones first
        own = [SPACE_CALLS[call] for call in self.calls]
        own += [module.run for module in self.ops.values()]
        self.entries: list[Entry] = [*asked, *own, self.source.draw, self.source.certify]
        self.slice: Entry = slices.run
        self.entries.append(self.slice)

    @property
    def names(self) -> list[str]:
        """What `compile` will tell of."""
        return [entry.name for entry in self.entries] + ["drivers"]

    def compile(self, arena: Arena, progress: Callable[[Compiled], None]) -> None:
        """Make everything ready, telling of each kernel once."""

        def told(name: str, seconds: float, cached: bool) -> None:
            progress(Compiled(name, seconds, cached))

        warm.warm(self.entries, told, len(os.sched_getaffinity(0)))
        start = time.perf_counter()
        cached = self._call_drivers(arena)
        progress(Compiled("drivers", time.perf_counter() - start, cached))

    def _call_drivers(self, arena: Arena) -> bool:
        """Call what Python calls, so that it is compiled before anything is timed."""
        clock_pair(np.zeros(2, np.uint64))
        words_copy(arena.words, 0, np.zeros(1, np.uint64))
        arena.epoch()
        arena.drain()
        with arena.seated() as slot:
            address = self.structure.entries[Verb.FIND].address
            tree = arena.open_tree()
            slices.entry_run(arena.words, np.uint64(address), tree, slot, *[np.uint64(0)] * 5)
            arena.close_tree(tree)
        return bool(slices.entry_run.stats.cache_hits)
