"""find and find_rev pass over reserved entries and do not compare versions on the way."""

from __future__ import annotations

from stressd_kernels.maple.search import find_before, find_beyond, tree_first, tree_last
from tests.model.mutant import Mutant
from tests.model.scenarios.walled import Walled, WalledBelow


def beyond_unchecked(words, tree, result, key, last):  # type: ignore[no-untyped-def]
    """Answer from leaf after leaf, whatever happened between."""
    return tree_first(words, tree, result, key, last)


def before_unchecked(words, tree, result, key, first):  # type: ignore[no-untyped-def]
    """Answer from leaf after leaf downward, whatever happened between."""
    return tree_last(words, tree, result, key, first)


# The leaf of the key is read twice, by the look-up and by what goes on for it.
BETWEEN_TWO_LEAVES = "R>S1 R1 R>S1 R1 R>S1 W! ~W R!"

BEYOND_UNCHECKED = Mutant(
    "beyond unchecked",
    Walled,
    "tso",
    BETWEEN_TWO_LEAVES,
    "no state from 0",
    replaces={find_beyond: beyond_unchecked},
)
BEFORE_UNCHECKED = Mutant(
    "before unchecked",
    WalledBelow,
    "tso",
    BETWEEN_TWO_LEAVES,
    "no state from 0",
    replaces={find_before: before_unchecked},
)
