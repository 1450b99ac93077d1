"""Where the keys of random tests come from: the places where range trees go wrong.

A key is drawn as a *token* (kind, number, step) and becomes a key only when the map it is for
is known, so that it can land on the boundary of an entry that is there. Tokens shrink towards
small dense keys.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence

from hypothesis import strategies as st

MAX = 2**64 - 1
PAGE = 4096
VALUE_MAX = 2**63 - 1
PAGES = 6000  # the part of the key space that large maps fill

KINDS = ("dense", "page", "boundary", "power", "edge", "any")
EDGES = (0, 1, 2, 2**63 - 1, 2**63, 2**63 + 1, MAX - 2, MAX - 1, MAX)

Entry = tuple[int, int, int]
Token = tuple[str, int, int]

TOKENS = st.tuples(st.sampled_from(KINDS), st.integers(0, MAX), st.integers(-1, 1))
VALUES = st.one_of(st.integers(1, 9), st.sampled_from([VALUE_MAX, VALUE_MAX - 1, 2**62, 2**32]))
REACHES = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 400))


def key_of(token: Token, entries: Sequence[Entry]) -> int:
    """Return the key that `token` stands for in a map of these entries."""
    kind, number, step = token
    if kind == "dense":
        return number % 201
    if kind == "edge":
        return EDGES[number % len(EDGES)]
    if kind == "any":
        return number
    if kind == "power":
        key = 1 << number % 64
    elif kind == "boundary" and entries:
        first, last, _ = entries[number % len(entries)]
        key = last if number & 1 << 20 else first
    else:
        key = number % PAGES * PAGE
    return min(max(key + step, 0), MAX)


def range_of(start: Token, end: Token, reach: int, entries: Sequence[Entry]) -> tuple[int, int]:
    """Return a range: `reach` entries long from `start`, or up to wherever `end` is."""
    first = key_of(start, entries)
    if reach and entries:
        at = bisect_left(entries, (first, 0, 0)) + reach
        last = entries[min(at, len(entries) - 1)][1] + end[2]
    else:
        last = key_of(end, entries)
    last = min(max(last, 0), MAX)
    return min(first, last), max(first, last)


def layout(seed: int, count: int, fill: float) -> list[Entry]:
    """Return `count` entries of a few pages each; `fill` is the share that touch the one before."""
    draw = random.Random(seed)
    entries, page = [], 0
    for number in range(1, count + 1):
        page += 0 if draw.random() < fill else draw.randint(1, 3)
        pages = draw.choice((1, 1, 1, 2, 5))
        entries.append((page * PAGE, (page + pages) * PAGE - 1, number))
        page += pages
    return entries
