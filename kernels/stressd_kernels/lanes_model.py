"""The names of lanes.py in plain Python, for the model build; nodes have NODE_SLOTS lanes.

Each reads and writes words one by one, in ascending order: a vector read is no single step, and
neither is its model. `volatile` reads may be torn by a writer, as those of a vector may.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from stressd_kernels.layout import NODE_SLOTS, U0, U1, UMAX
from stressd_kernels.model.words import Words

LANES = NODE_SLOTS
SLOT_FIRST = 16  # of a node, as in maple/node.py


def _mask(lanes: Iterator[bool]) -> Any:
    return np.uint64(sum(1 << lane for lane, is_set in enumerate(lanes) if is_set))


def lanes_below(words: Words, node: Any, key: Any) -> Any:
    """Count the pivots of `node` below `key`: the slot whose inclusive range holds the key."""
    node = int(node)
    below = 0
    for lane in range(1, LANES):
        below += bool(words[node + lane] < key)
    return np.int64(below)


lanes_below_many = lanes_below


def lanes_zero(words: Words, index: Any) -> Any:
    """Return a mask of the zero words of a group (volatile)."""
    index = int(index)
    return _mask(words.volatile(index + lane) == U0 for lane in range(LANES))


def lanes_at_least(words: Words, index: Any, bound: Any) -> Any:
    """Return a mask of the words >= bound of a group (volatile)."""
    index = int(index)
    return _mask(words.volatile(index + lane) >= bound for lane in range(LANES))


def lanes_largest(words: Words, index: Any) -> Any:
    """Return the largest word of a group."""
    index = int(index)
    return max(words[index + lane] for lane in range(LANES))


def lanes_largest_but(words: Words, index: Any, lane: Any, value: Any) -> Any:
    """Return the largest word of a group, were words[index + lane] `value`."""
    index = int(index)
    return max(value if other == lane else words[index + other] for other in range(LANES))


def lanes_fill(words: Words, index: Any, value: Any) -> None:
    """Set a group of a private node to `value`."""
    index = int(index)
    for lane in range(LANES):
        words[index + lane] = value


def lanes_move(words: Words, target: Any, source: Any, count: Any, rest: Any) -> None:
    """Copy words[source : source + count] to words[target..], and fill up a group with `rest`.

    Words beyond what the caller needs may be anybody's: a copied word that races is rubbish.
    """
    source, target = int(source), int(target)
    group = [words.copied(source + lane) if lane < count else rest for lane in range(LANES)]
    for lane in range(LANES):
        words[target + lane] = group[lane]


def lanes_splice(
    words: Words,
    target: Any,
    source: Any,
    place: Any,
    shift: Any,
    first: Any,
    last: Any,
    value: Any,
) -> None:
    """Copy a leaf with one range more, [first, last], and the slots that it replaces left out."""
    source, target, place, shift = map(int, (source, target, place, shift))
    for offset, item, unused in ((0, last, UMAX), (SLOT_FIRST, value, U0)):
        here = place + 1 if offset == 0 else place  # lane j of the pivots ends slot j - 1
        group = []
        for lane in range(LANES):
            if lane == here:
                group.append(item)
            elif offset == 0 and lane == place:
                group.append(first - U1)
            elif lane < here:
                group.append(words[source + offset + lane])
            else:
                group.append(
                    words[source + offset + lane + shift] if lane + shift < LANES else unused
                )
        for lane in range(0 if offset else 1, LANES):  # the generation word stays
            words[target + offset + lane] = group[lane]


def _null_lengths(words: Words, leaf: Any, low: Any, high: Any) -> Iterator[Any]:
    """Yield how many keys each NULL slot of a leaf covers; 0 for others."""
    leaf = int(leaf)
    before = low - U1
    for lane in range(LANES):
        end = high if lane == LANES - 1 else min(words[leaf + 1 + lane], high)
        null = words.volatile(leaf + SLOT_FIRST + lane) == U0
        yield end - before if null else U0
        before = end


def lanes_null_gap(words: Words, leaf: Any, low: Any, high: Any) -> Any:
    """Return the length in keys of the longest NULL range of a leaf that spans [low, high]."""
    return max(_null_lengths(words, leaf, low, high))


def lanes_null_gap_but(words: Words, leaf: Any, low: Any, high: Any, but: Any) -> Any:
    """Return the longest NULL range of a leaf but for the slots in `but`, a mask."""
    lengths = _null_lengths(words, leaf, low, high)
    return max(U0 if int(but) >> lane & 1 else length for lane, length in enumerate(lengths))


def lanes_null_fit(words: Words, leaf: Any, low: Any, high: Any, size: Any) -> Any:
    """Return a mask of the NULL slots of a leaf, spanning [low, high], of `size` keys or more."""
    return _mask(length >= size for length in _null_lengths(words, leaf, low, high))


def lanes_rows(words: Words, leaf: Any, low: Any, high: Any, output: Any) -> Any:
    """Never called: the model build has nothing to gain from whole leaves at once."""
    raise NotImplementedError
