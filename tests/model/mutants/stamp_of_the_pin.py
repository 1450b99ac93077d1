"""A node is stamped with an epoch that the writer remembers, not with the present one
(crossbeam-epoch#42)."""

from __future__ import annotations

from stressd_kernels.door import fence_full
from stressd_kernels.epoch import FIRST_EPOCH, epoch_stamp
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def stamp_remembered(words):  # type: ignore[no-untyped-def]
    """Return the epoch in which the writer began."""
    fence_full("E3")
    return FIRST_EPOCH


STAMP_OF_THE_PIN = Mutant(
    "stamp of the pin",
    Epoch,
    "tso",
    "C! R>USE W! ~W R!",
    "reused under its reader",
    replaces={epoch_stamp: stamp_remembered},
)
