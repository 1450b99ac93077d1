"""The version moves once for each write, when it is over: it is never odd."""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import fence_release, load_relaxed, store_release
from stressd_kernels.layout import RESULT_VERSION, TREE_ROOT, TREE_VERSION, U2
from stressd_kernels.maple.node import SLOT_FIRST
from stressd_kernels.maple.publish import gaps_propagate, publish
from stressd_kernels.maple.walk import LEFT, PATH_PLACE
from tests.model.mutant import Mutant
from tests.model.scenarios.gaps import Gaps


def publish_unannounced(words, tree, slot, depth, ref, gap):  # type: ignore[no-untyped-def]
    """Publish without saying beforehand that something changes."""
    version = load_relaxed(words, tree + TREE_VERSION)
    fence_release("P2")
    if depth == 0:
        store_release(words, tree + TREE_ROOT, ref, "P1")
    else:
        path = slot + LEFT + depth - 1
        at = np.int64(words[path]) + SLOT_FIRST + np.int64(words[path + PATH_PLACE])
        store_release(words, at, ref, "P1")
        gaps_propagate(words, slot, depth - 1, gap)
    store_release(words, tree + TREE_VERSION, version + U2, "P4")
    words[slot + RESULT_VERSION] = version + U2


VERSION_COUNTS_ONCE = Mutant(
    "version counts once",
    Gaps,
    "tso",
    "W>P3 ~W R! W!",
    "for state 0",
    replaces={publish: publish_unannounced},
)
