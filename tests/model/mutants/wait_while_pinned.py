"""A reader that writes stays pinned: its write waits for a limbo that waits for it."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_unpin
from tests.model.mutant import Mutant
from tests.model.scenarios.backlog import Backlog


def stay_pinned(words, slot):  # type: ignore[no-untyped-def]
    """Do not withdraw the announcement."""


WAIT_WHILE_PINNED = Mutant(
    "wait while pinned",
    Backlog,
    "tso",
    "R! W!",
    "livelock|while it is pinned",
    replaces={epoch_unpin: stay_pinned},
)
