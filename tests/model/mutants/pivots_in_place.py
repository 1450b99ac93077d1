"""A published leaf is rewritten where it stands (kernel 3dd443254941, cfeb6ae8bcb9)."""

from __future__ import annotations

import numpy as np

from stressd_kernels.lanes import lanes_move
from stressd_kernels.layout import U0, UMAX
from stressd_kernels.maple.node import PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.maple.publish import publish
from stressd_kernels.maple.walk import LEFT
from stressd_kernels.refs import LEAF_BIT, NODE_MASK
from tests.model.mutant import Mutant
from tests.model.scenarios.load import Load


def publish_in_place(words, tree, slot, depth, ref, gap):  # type: ignore[no-untyped-def]
    """Copy the new leaf over the old one, which readers may be in, and then publish it."""
    if ref & LEAF_BIT != U0 and depth > 0:
        old = np.int64(words[slot + LEFT + depth])
        fresh = np.int64(ref & NODE_MASK)
        lanes_move(words, old + PIVOT_FIRST, fresh + PIVOT_FIRST, SLOTS - 1, UMAX)
        lanes_move(words, old + SLOT_FIRST, fresh + SLOT_FIRST, SLOTS, U0)
    publish(words, tree, slot, depth, ref, gap)


PIVOTS_IN_PLACE = Mutant(
    "pivots in place",
    Load,
    "c11",
    "W>P1 R! W!",
    "Race",
    replaces={publish: publish_in_place},
)
