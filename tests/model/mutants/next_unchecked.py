"""next takes two leaves of different instants for one state: it does not compare versions."""

from __future__ import annotations

from stressd_kernels.lanes import lanes_below
from stressd_kernels.layout import U1, UMAX
from stressd_kernels.maple.node import slot_high
from stressd_kernels.maple.search import OK, find_in, leaf_of, tree_first, tree_next
from tests.model.mutant import Mutant
from tests.model.scenarios.find import Find


def next_unchecked(words, tree, result, key):  # type: ignore[no-untyped-def]
    """Answer from the leaf of `key`, or else from the one after it, whatever happened between."""
    leaf, low, high = leaf_of(words, tree, key)
    end = slot_high(words, leaf, lanes_below(words, leaf, key), high)
    if end != high and find_in(words, leaf, low, high, end + U1, result) == OK:
        return OK
    return tree_first(words, tree, result, high + U1, UMAX)


NEXT_UNCHECKED = Mutant(
    "next unchecked",
    Find,
    "tso",
    "R>S1 R1 R>S1 W! ~W R!",
    "no state from 0",
    replaces={tree_next: next_unchecked},
)
