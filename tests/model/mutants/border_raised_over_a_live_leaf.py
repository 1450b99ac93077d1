"""The border to a leaf is raised and the leaf stays: a value in it may still change."""

from __future__ import annotations

from typing import Any

from stressd_kernels.maple.border import leaf_start
from stressd_kernels.maple.node import SLOTS
from tests.model.mutant import Mutant
from tests.model.scenarios.raised import Raised


def leaf_kept(words, slot, leaf, kept) -> Any:  # type: ignore[no-untyped-def]
    """Return the leaf itself where a whole copy is wanted."""
    return leaf if kept == SLOTS else leaf_start(words, slot, leaf, kept)


BORDER_RAISED_OVER_A_LIVE_LEAF = Mutant(
    "border raised over a live leaf",
    Raised,
    "tso",
    "W>P1 W1 W>P1 ~W R>S1 R1 R>S2 R1 W! ~W R!",
    "no state",
    replaces={leaf_start: leaf_kept},
)
