"""A reader uses a node without announcing an epoch (StackRot, CVE-2023-3269)."""

from __future__ import annotations

from stressd_kernels.epoch import epoch_pin
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def no_pin(words, slot):  # type: ignore[no-untyped-def]
    """Announce nothing."""


READER_NOT_PINNED = Mutant(
    "reader not pinned",
    Epoch,
    "tso",
    "R>USE W! ~W R!",
    "reused under its reader",
    replaces={epoch_pin: no_pin},
)
