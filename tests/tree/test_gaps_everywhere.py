"""Gap search beside a plain scan over all holes: many shapes, windows, masks and offsets."""

from __future__ import annotations

import os
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, PAGE, REACHES, TOKENS, Entry, key_of, range_of

QUESTIONS = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 700
MASKS = [0, *[(1 << bits) - 1 for bits in (1, 3, 6, 12, 13, 21, 30, 40)]]


class Holes:
    """The free ranges of a map, and the two scans over them."""

    def __init__(self, entries: list[Entry]) -> None:
        self.ranges = []
        begin = 0
        for first, last, _ in entries:
            if begin < first:
                self.ranges.append((begin, first - 1))
            begin = last + 1
        if begin <= MAX:
            self.ranges.append((begin, MAX))
        self.ends = [last for _, last in self.ranges]
        self.starts = [first for first, _ in self.ranges]

    def up(self, low: int, high: int, size: int, mask: int, offset: int) -> int | None:
        """Return the lowest start, looking at hole after hole."""
        for at in range(bisect_left(self.ends, low), bisect_right(self.starts, high)):
            first, last = max(self.ranges[at][0], low), min(self.ranges[at][1], high)
            start = first + (offset - first) % (mask + 1)
            if start + size - 1 <= last:
                return start
        return None

    def down(self, low: int, high: int, size: int, mask: int, offset: int) -> int | None:
        """Return the highest start, looking at hole after hole from above."""
        for at in range(bisect_right(self.starts, high) - 1, bisect_left(self.ends, low) - 1, -1):
            first, last = max(self.ranges[at][0], low), min(self.ranges[at][1], high)
            start = last - size + 1
            start -= (start - offset) % (mask + 1)
            if start >= first:
                return start
        return None


def pages(draw: random.Random, count: int) -> list[Entry]:
    """Return entries of a few pages each, most of them side by side."""
    entries, page = [], draw.randrange(5)
    for number in range(1, count + 1):
        page += draw.choice((0, 0, 0, 1, 2, 9))
        length = draw.choice((1, 1, 2, 5))
        entries.append((page * PAGE, (page + length) * PAGE - 1, number))
        page += length
    return entries


def wild(draw: random.Random, count: int) -> list[Entry]:
    """Return entries and holes of every length from one key to half of all keys."""
    ends = set()
    while len(ends) < 2 * count:
        ends.add(draw.getrandbits(draw.randint(1, 64)))
        ends.add(MAX - draw.getrandbits(draw.randint(1, 64)))
    some = sorted(ends)[: 2 * count]
    return [(some[i], some[i + 1], i + 1) for i in range(0, 2 * count, 2)]


def dense(draw: random.Random, count: int) -> list[Entry]:
    """Return entries of one key and holes of one key, at the end of all keys."""
    begin = MAX - 2 * count
    return [(begin + 2 * i, begin + 2 * i, i + 1) for i in range(1, count + 1)]


def full(draw: random.Random, count: int) -> list[Entry]:
    """Return entries that leave nothing free but a few single keys."""
    step = MAX // count
    entries = [(i * step, (i + 1) * step - 1, i + 1) for i in range(count)]
    for _ in range(3):
        at = draw.randrange(count)
        entries[at] = (entries[at][0] + 1, entries[at][1], at + 1)
    entries[-1] = (entries[-1][0], MAX, count)
    return entries


SHAPES: dict[str, Callable[[random.Random, int], list[Entry]]] = {
    "pages": pages,
    "wild": wild,
    "dense": dense,
    "full": full,
}


def some_key(draw: random.Random, entries: list[Entry]) -> int:
    """Return a key at, beside or inside an entry or a hole, or at either end of all keys."""
    at = draw.randrange(len(entries))
    first, last, _ = entries[at]
    following = entries[at + 1][0] if at + 1 < len(entries) else MAX
    inside = (first + last) // 2
    key = draw.choice((first, last, inside, (last + following) // 2, following, 0, MAX))
    return min(max(key + draw.choice((-1, 0, 0, 1)), 0), MAX)


def some_question(
    draw: random.Random, entries: list[Entry], holes: Holes
) -> tuple[int, int, int, int, int]:
    """Return a window, a size that nearly fits something, a mask and an offset."""
    low, high = sorted((some_key(draw, entries), some_key(draw, entries)))
    kind = draw.randrange(5)
    if kind == 0:
        low, high = 0, MAX
    elif kind == 1 and entries:
        high = min(low + draw.choice((0, 1, 100, 10 * PAGE)), MAX)
    size = draw.choice((1, 2, PAGE, high - low + 1, draw.getrandbits(draw.randint(1, 64))))
    if holes.ranges and draw.random() < 0.5:
        first, last = draw.choice(holes.ranges)
        size = last - first + 1 + draw.choice((-1, 0, 0, 1))
    size = min(max(size, 1), MAX)
    mask = draw.choice(MASKS)
    return low, high, size, mask, draw.choice((0, 1, mask, low, draw.getrandbits(64)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 12, 200, 3000, 20_000])
@pytest.mark.parametrize("made", ["built", "stored", "worn"])
def test_every_window_and_alignment(shape: str, count: int, made: str) -> None:
    """Trees of one to five levels, packed, split and worn down: both searches are exact."""
    draw = random.Random(f"{shape} {count} {made}")
    entries = SHAPES[shape](draw, count)
    tree = MapleTree()
    if made == "built":
        tree.build(entries)
    else:
        for entry in draw.sample(entries, len(entries)):
            tree.store(*entry)
    if made == "worn":
        gone = set(draw.sample(range(count), count * 2 // 5))
        for at in gone:
            tree.erase(entries[at][0])
        entries = [entry for at, entry in enumerate(entries) if at not in gone]
    holes = Holes(entries)
    for _ in range(QUESTIONS if count < 20_000 else QUESTIONS // 4):
        question = some_question(draw, entries, holes)
        assert tree.empty_area(*question) == holes.up(*question), question
        assert tree.empty_area_rev(*question) == holes.down(*question), question


@given(
    ends=st.lists(st.tuples(TOKENS, TOKENS, REACHES), min_size=1, max_size=60),
    window=st.tuples(TOKENS, TOKENS, REACHES),
    sizes=st.lists(st.one_of(st.integers(1, 300), st.integers(1, MAX)), min_size=1, max_size=4),
    bits=st.integers(0, 40),
    offset=st.integers(0, MAX),
)
def test_any_tree_any_question(ends, window, sizes: list[int], bits: int, offset: int) -> None:
    """Whatever was stored where, whatever is asked: what a scan over all holes finds."""
    tree = MapleTree()
    entries: list[Entry] = []
    for number, (start, end, reach) in enumerate(ends, 1):
        tree.store(*range_of(start, end, reach, entries), number % 3 or None)
        entries = list(tree.items())
    holes = Holes(entries)
    low, high = range_of(*window, entries)
    for size in sizes:
        for question in [
            (low, high, size, 0, 0),
            (low, high, size, (1 << bits) - 1, offset),
            (0, MAX, size, (1 << bits) - 1, key_of(window[0], entries)),
        ]:
            assert tree.empty_area(*question) == holes.up(*question)
            assert tree.empty_area_rev(*question) == holes.down(*question)
