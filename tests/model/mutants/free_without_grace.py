"""A node is freed as soon as it is unlinked (rcutorture's "busted")."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_expired
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def always_expired(words, stamp):  # type: ignore[no-untyped-def]
    """Say that nobody holds the node."""
    return True


FREE_WITHOUT_GRACE = Mutant(
    "free without grace",
    Epoch,
    "tso",
    "R>USE W! ~W R!",
    "reused under its reader",
    replaces={epoch_expired: always_expired},
)
