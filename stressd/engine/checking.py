"""What is checked from outside the workers: the structure of every tree, the account of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stressd.evidence import Finding
from stressd_kernels.layout import RESULT_FIRST, RESULT_VALUE, TREE_ID
from stressd_kernels.maple.check import Invariant
from stressd_kernels.memory import Arena
from stressd_kernels.slice import entry_run
from stressd_kernels.verbs import Structure, Verb

LEAVES_AT_A_TIME = 256  # under the lock: some tens of microseconds
ALL_LEAVES = 1 << 62  # in one piece, which also compares the tree's own counts

ZERO = np.uint64(0)


class Checker:
    """Walks trees under their locks, from a slot of its own."""

    def __init__(
        self, arena: Arena, structure: Structure, trees: Mapping[str, Sequence[int]], slot: int
    ) -> None:
        self._arena = arena
        self._check = np.uint64(structure.entries[Verb.CHECK].address)
        self._trees = trees
        self._slot = slot

    def structure(self, stopped: Callable[[], bool], at_once: bool) -> list[Finding]:
        """Check all trees; `at_once` holds each lock throughout, for quiescent moments."""
        found: list[Finding] = []
        for label, trees in self._trees.items():
            for tree in trees:
                if stopped():
                    return found
                broken = self._walk(tree, ALL_LEAVES if at_once else LEAVES_AT_A_TIME, stopped)
                if broken:
                    found.append(self._broken(label, tree, *broken))
        return found

    def _walk(
        self, tree: int, leaves: int, stopped: Callable[[], bool]
    ) -> tuple[Invariant, int] | None:
        """Return the first broken invariant and the key it was found near."""
        words, key = self._arena.words, 0
        while not stopped():
            arguments = np.uint64(key), np.uint64(leaves), ZERO, ZERO, ZERO
            answer = entry_run(words, self._check, tree, self._slot, *arguments)
            invariant = Invariant(int(answer))
            if invariant is Invariant.UNKNOWN:  # a lock that is not to be had
                return None if stopped() else (invariant, key)
            key = int(words[self._slot + RESULT_FIRST])
            if invariant is not Invariant.ALL_HOLD:
                return invariant, key
            if words[self._slot + RESULT_VALUE]:
                return None
        return None

    def _broken(self, label: str, tree: int, invariant: Invariant, key: int) -> Finding:
        number = int(self._arena.words[tree + TREE_ID])
        what = invariant.name.lower().replace("_", " ")
        said = f"broken invariant: {what}, at or after {key:#x}"
        if invariant is Invariant.UNKNOWN:
            said = "its lock is broken: a writer left it half changed"
        return Finding(
            oracle="structure",
            grade="forbidden",
            message=f"{label}, tree {number}: {said}",
            details={"tree": label, "tree_number": number, "invariant": what, "key": hex(key)},
        )

    def accounting(self) -> list[Finding]:
        """Free what waits, then count every node; only when nobody runs."""
        found: list[Finding] = []
        if not self._arena.drain():
            _, lag, pinned = self._arena.epoch()
            message = f"nodes still wait for readers after the end: {pinned} pinned, {lag} behind"
            found.append(Finding("accounting", "forbidden", message, {"pinned": pinned}))
        account = self._arena.accounting()
        parts = {name: getattr(account, name) for name in ("live", "limbo", "cached", "free")}
        if (total := sum(parts.values())) != account.carved:
            listed = " + ".join(f"{count:,} {name}" for name, count in parts.items())
            message = f"{listed} = {total:,} nodes, but {account.carved:,} were made"
            details = {**parts, "carved": account.carved}
            found.append(Finding("accounting", "forbidden", message, details))
        return found
