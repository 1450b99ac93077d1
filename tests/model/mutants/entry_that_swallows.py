"""next and prev, overtaken for good, give the entry that has swallowed their key meanwhile."""

from __future__ import annotations

import numpy as np

from stressd_kernels.instant import instant_begin, instant_held
from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import RESULT_TRIES, U0, U1, UMAX
from stressd_kernels.maple.node import slot_high
from stressd_kernels.maple.search import (
    CROSSING_TRIES,
    NOT_FOUND,
    OK,
    before_in,
    find_in,
    leaf_of,
    tree_first,
    tree_last,
    tree_next,
    tree_prev,
)
from tests.model.mutant import Mutant
from tests.model.scenarios.overrun import Overrun, OverrunBelow


def next_swallowed(words, tree, result, key):  # type: ignore[no-untyped-def]
    """Answer what the third try has found, wherever it begins."""
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        leaf, low, high = leaf_of(words, tree, key)
        end = slot_high(words, leaf, lanes_below(words, leaf, key), high)
        if end != high and find_in(words, leaf, low, high, end + U1, result) == OK:
            return OK
        status = tree_first(words, tree, result, high + U1, UMAX)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    return status


def prev_swallowed(words, tree, result, key):  # type: ignore[no-untyped-def]
    """Answer what the third try has found, wherever it ends."""
    status = NOT_FOUND
    for attempt in range(CROSSING_TRIES):
        version = instant_begin(words, tree, result, attempt)
        leaf, low, high = leaf_of(words, tree, key)
        if before_in(words, leaf, low, high, lanes_below(words, leaf, key), result) == OK:
            return OK
        status = tree_last(words, tree, result, low - U1, U0)
        if instant_held(words, tree, version):
            return status
    words[result + RESULT_TRIES] = np.uint64(CROSSING_TRIES)
    return status


# Each try reads the leaf of its key, then a write is made, then it reads the leaf beyond.
OVERTAKEN = "R>V1 R1 R>S1 R1 R>S1 W>DONE W1 ~W "

NEXT_SWALLOWED = Mutant(
    "next swallowed",
    Overrun,
    "tso",
    OVERTAKEN * 3 + "R! W!",
    "not beyond the key",
    replaces={tree_next: next_swallowed},
)
PREV_SWALLOWED = Mutant(
    "prev swallowed",
    OverrunBelow,
    "tso",
    OVERTAKEN * 3 + "R! W!",
    "not beyond the key",
    replaces={tree_prev: prev_swallowed},
)
