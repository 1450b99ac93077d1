"""The epoch is read before the fence: the stamp may be older than the unlink (crossbeam-epoch#53).

The writer has read epoch 1, and its unlink waits in its buffer. The epoch moves on to 2, a reader
pins it and finds the node. Epoch 3 comes, which that reader does not hold up.
"""

from __future__ import annotations

from stressd_kernels.door import fence_full, load_relaxed
from stressd_kernels.epoch import epoch_stamp
from stressd_kernels.layout import EPOCH_GLOBAL
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def stamp_before_fence(words):  # type: ignore[no-untyped-def]
    """Read the epoch, and only then make the unlink visible."""
    epoch = load_relaxed(words, EPOCH_GLOBAL)
    fence_full("E3")
    return epoch


STAMP_BEFORE_FENCE = Mutant(
    "stamp before fence",
    Epoch,
    "tso",
    "W>E3 C! R>S1 R1 W! ~W R!",
    "reused under its reader",
    replaces={epoch_stamp: stamp_before_fence},
)
