"""Everybody is given the lock (locktorture's "lock_busted")."""

from __future__ import annotations

from stressd_kernels.lock import OK, lock_take
from tests.model.mutant import Mutant
from tests.model.scenarios.lock import Lock


def take_nothing(words, at):  # type: ignore[no-untyped-def]
    """Say that the lock is taken."""
    return OK


LOCK_THAT_DOES_NOTHING = Mutant(
    "lock that does nothing",
    Lock,
    "tso",
    "A>W2 B2 ~B A! ~A B!",
    "are left|half of another",
    replaces={lock_take: take_nothing},
)
