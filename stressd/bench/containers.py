"""Python containers on the same workload, for scale: what one would use without this tree.

None of them holds ranges or tracks gaps: keys are first keys, values (last key, number). They
are measured in one thread, at ENTRIES_MOST entries at most, and only where they are installed.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stressd.bench.figure import NS_PER_ENTRY, NS_PER_OP, Figure, figure
from stressd.bench.sections.section import Effort, no_collections, prove, timed
from stressd_kernels.bench import workload

ENTRIES_MOST = 100_000  # more take minutes, and tell nothing new
LOOKUPS = 100_000
WRITES = 20_000
BATCH = 256
REPS_MOST = 3

Entries = list[tuple[int, tuple[int, int]]]
Find = Callable[[int], tuple[int, int]]  # a key -> the value of the last entry not after it


class Container:
    """An ordered map from a package that may not be installed."""

    def __init__(self, package: str, name: str, finder: Callable[[Any], Find]) -> None:
        self.package = package
        self.name = name
        self.finder = finder

    @property
    def implementation(self) -> str:
        """Return its name as people know it."""
        return f"{self.package.partition('.')[0]}.{self.name}"

    def make(self) -> Any:
        """Return the class; ImportError if the package is not installed."""
        return getattr(importlib.import_module(self.package), self.name)

    def measure(self, entries: int, effort: Effort) -> Iterator[Figure]:
        """Yield the figures of this container."""
        make = self.make()
        reps = min(effort.reps, REPS_MOST)
        content = content_of(entries)
        shuffled = random.Random(3).sample(content, len(content))
        times = [timed(store_all, made := make(), shuffled)[0] for _ in range(reps)]
        yield figure("build_random", entries, NS_PER_ENTRY, [t / entries for t in times])
        keys = [content[k][0] for k in random.Random(7).choices(range(entries), k=LOOKUPS)]
        keys = keys[: effort.operations(LOOKUPS)]
        with no_collections():
            times = [answered(self.implementation, self.finder(made), keys) for _ in range(reps)]
            yield figure("lookup", entries, NS_PER_OP, [t / len(keys) for t in times])
            times = [timed(iterate, made)[0] for _ in range(reps)]
            yield figure("iterate", entries, NS_PER_ENTRY, [t / entries for t in times])
            rounds = max(1, effort.operations(WRITES) // BATCH)
            pairs = [churn(made, content, rounds, seed) for seed in range(reps)]
        prove(dict(made.items()) == dict(content), self.implementation)
        width = rounds * min(entries // 4, BATCH)
        for place, metric in enumerate(("erase", "store")):
            yield figure(metric, entries, NS_PER_OP, [pair[place] / width for pair in pairs])


def content_of(entries: int) -> Entries:
    """Return the entries of the workload as items of a container."""
    pages = np.zeros(entries, np.uint8)
    workload.pages_draw(pages)
    return [(k << 16, ((k << 16) + int(n) * 4096 - 1, k + 1)) for k, n in enumerate(pages)]


def store_all(container: Any, content: Entries) -> int:
    """Store every item."""
    for key, value in content:
        container[key] = value
    return 0


def answered(name: str, find: Find, keys: list[int]) -> int:
    """Look every key up; return the nanoseconds it took."""
    took, wrong = timed(lookups, find, keys)
    prove(wrong == 0, name)
    return took


def lookups(find: Find, keys: list[int]) -> int:
    """Look every key up; return how many answers end before their key."""
    wrong = 0
    for key in keys:
        if find(key)[0] < key:
            wrong += 1
    return wrong


def iterate(container: Any) -> int:
    """Visit every item; return the sum of the lengths."""
    total = 0
    for first, (last, _) in container.items():
        total += last - first
    return total


def churn(container: Any, content: Entries, rounds: int, seed: int) -> tuple[int, int]:
    """Erase and store back batches of random items; return the nanoseconds of both."""
    draw = random.Random(seed)
    erase_ns = store_ns = 0
    for _ in range(rounds):
        batch = draw.sample(content, min(len(content) // 4, BATCH))
        erase_ns += timed(erase_all, container, batch)[0]
        store_ns += timed(store_all, container, draw.sample(batch, len(batch)))[0]
    return erase_ns, store_ns


def erase_all(container: Any, content: Entries) -> int:
    """Erase every item."""
    for key, _ in content:
        container.pop(key)
    return 0


def sorted_dict_finder(made: Any) -> Find:
    """Return how a SortedDict finds the last entry not after a key."""
    bisect, item = made.bisect_right, made.peekitem
    return lambda key: item(bisect(key) - 1)[1]


def tree_finder(made: Any) -> Find:
    """Return how a BTree finds the last entry not after a key."""
    last_key = made.maxKey
    return lambda key: made[last_key(key)]


CONTAINERS = (
    Container("sortedcontainers", "SortedDict", sorted_dict_finder),
    Container("BTrees.LOBTree", "LOBTree", tree_finder),
)
