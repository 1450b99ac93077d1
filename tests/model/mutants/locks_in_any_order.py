"""Whoever copies takes the source's lock first: two who copy to and fro wait for each other."""

from __future__ import annotations

from stressd_kernels.layout import TREE_LOCK
from stressd_kernels.lock import OK, lock_give, lock_take, locks_take
from tests.model.mutant import Mutant
from tests.model.scenarios.copy import Copy


def source_first(words, source, tree):  # type: ignore[no-untyped-def]
    """Take the source's lock, then the other's."""
    status = lock_take(words, source + TREE_LOCK)
    if status == OK:
        status = lock_take(words, tree + TREE_LOCK)
        if status != OK:
            lock_give(words, source + TREE_LOCK)
    return status


LOCKS_IN_ANY_ORDER = Mutant(
    "locks in any order",
    Copy,
    "tso",
    "A>W1 A1 B>W1 B1 A3 B3",
    "livelock",
    replaces={locks_take: source_first},
)
