"""The epoch moves on without a look at one reader's announcement (srcu "busted")."""

from __future__ import annotations

from stressd_kernels.door import compare_exchange, fence_full, load_relaxed
from stressd_kernels.epoch import epoch_try_advance
from stressd_kernels.layout import EPOCH_GLOBAL, U1
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def advance_blindly(words):  # type: ignore[no-untyped-def]
    """Advance the epoch, whoever is pinned."""
    epoch = load_relaxed(words, EPOCH_GLOBAL)
    fence_full("E2")
    return compare_exchange(words, EPOCH_GLOBAL, epoch, epoch + U1, "E6") == epoch


ADVANCE_PAST_A_READER = Mutant(
    "advance past a reader",
    Epoch,
    "tso",
    "R>USE W! ~W R!",
    "reused under its reader",
    replaces={epoch_try_advance: advance_blindly},
)
