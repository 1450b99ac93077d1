"""A hundred thousand entries and every operation, beside a sorted dictionary."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from sortedcontainers import SortedDict

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, PAGE, Entry

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ENTRIES = 100_000
STEPS = 500_000 if THOROUGH else 12_000
CHECK_EVERY = STEPS // 8
NEAR = 200  # entries that a window of a search reaches over
RESERVED = 0


class Sorted:
    """First keys to (last key, value), in order; a reserved entry has the value 0."""

    def __init__(self, entries: list[Entry]) -> None:
        self.map = SortedDict({first: (last, value) for first, last, value in entries})

    def ranges(self, first: int, last: int) -> list[Entry]:
        """Return what overlaps [first, last], reserved entries too."""
        at = self.map.bisect_right(first) - 1
        if at >= 0 and self.map.peekitem(at)[1][0] < first:
            at += 1
        keys = self.map.islice(max(at, 0), self.map.bisect_right(last))
        return [(key, *self.map[key]) for key in keys]

    def put(self, first: int, last: int, value: int | None) -> None:
        """Cut what overlaps the range out of it, then store."""
        for begin, end, old in self.ranges(first, last):
            del self.map[begin]
            if begin < first:
                self.map[begin] = (first - 1, old)
            if end > last:
                self.map[last + 1] = (end, old)
        if value is not None:
            self.map[first] = (last, value)

    def seen(self, key: int, upward: bool) -> Iterator[Entry]:
        """Yield entries from the one at `key` on, in one direction, without reserved ones."""
        at = self.map.bisect_right(key) - 1
        if upward and (at < 0 or self.map.peekitem(at)[1][0] < key):
            at += 1
        keys = self.map.islice(at) if upward else self.map.islice(0, at + 1, reverse=True)
        for begin in keys:
            if self.map[begin][1] != RESERVED:
                yield (begin, *self.map[begin])

    def room(self, low: int, high: int, size: int, from_top: bool) -> int | None:
        """Return the lowest or highest start of a free range in the window."""
        starts = []
        begin = low
        for first, last, _ in [*self.ranges(low, high), (high + 1, high + 1, 0)]:
            if first - begin >= size:
                starts.append(first - size if from_top else begin)
            begin = max(last + 1, begin)
        return (starts[-1] if from_top else starts[0]) if starts else None


def start(draw: random.Random) -> list[Entry]:
    """Return the entries at the beginning: pages, two thirds of them side by side."""
    entries, page = [], 0
    for number in range(1, ENTRIES + 1):
        page += draw.choice((0, 0, 1, 3)) if number % 3 == 0 else 0
        length = draw.choice((1, 1, 1, 4))
        entries.append((page * PAGE, (page + length) * PAGE - 1, number))
        page += length
    return entries


def changed(tree: MapleTree, model: Sorted, draw: random.Random, value: int) -> None:
    """Write once, in a random way, to both; what the writes answer agrees."""
    first = draw.randrange(2 * ENTRIES) * PAGE + draw.choice((0, 0, 0, 17))
    pages = draw.choice((1, 1, 1, 2, 5, 60) if value % 500 else (20_000,))
    last = first + pages * PAGE - 1
    kind = draw.choice(("store", "none", "erase", "insert", "reserve", "allocate", "same"))
    here = model.ranges(first, first)
    if kind == "store" or (kind == "same" and not here):
        tree.store(first, last, value)
        model.put(first, last, value)
    elif kind == "same":
        tree.store(*here[0][:2], value)
        model.put(*here[0][:2], value)
    elif kind == "none":
        tree.store(first, last, None)
        model.put(first, last, None)
    elif kind == "erase":
        assert tree.erase(first) == (here[0][2] or None if here else None)
        if here:
            model.put(*here[0][:2], None)
    elif kind == "reserve":
        tree.reserve(first, last)
        model.put(first, last, RESERVED)
    elif kind == "insert":
        if model.ranges(first, last):
            with pytest.raises(FileExistsError):
                tree.insert(first, last, value)
        else:
            tree.insert(first, last, value)
            model.put(first, last, value)
    else:
        top = draw.random() < 0.5
        window = (first, first + NEAR * PAGE)
        size = draw.choice((1, PAGE, 2 * PAGE, 5 * PAGE))
        placed = tree.allocate(*window, size, value, from_top=top)
        assert placed == model.room(*window, size, top)
        if placed is not None:
            model.put(placed, placed + size - 1, value)


def looked(tree: MapleTree, model: Sorted, draw: random.Random) -> None:
    """Ask both everything about one place."""
    key = draw.randrange(2 * ENTRIES) * PAGE + draw.randrange(PAGE)
    here = model.ranges(key, key)
    begin, end = here[0][:2] if here else (key, key)
    assert tree.load(key) == (here[0][2] or None if here else None)
    assert tree.find(key) == next(model.seen(key, True), None)
    assert tree.find_rev(key) == next(model.seen(key, False), None)
    assert tree.next(key) == next(model.seen(end + 1, True), None)
    assert tree.prev(key) == (next(model.seen(begin - 1, False), None) if begin else None)
    window = (key, key + draw.randrange(NEAR) * PAGE)
    there = model.ranges(*window)
    assert list(tree.items(*window)) == [entry for entry in there if entry[2] != RESERVED]
    cursor = tree.cursor(*window)
    assert [entry[:2] for entry in iter(cursor.find, None)] == [entry[:2] for entry in there]
    keys = [draw.randrange(2 * ENTRIES) * PAGE for _ in range(20)]
    values = [(model.ranges(k, k) or [(0, 0, 0)])[0][2] for k in keys]
    assert tree.load_many(keys).tolist() == values
    size = draw.choice((1, PAGE, 3 * PAGE))
    assert tree.empty_area(*window, size) == model.room(*window, size, False)
    assert tree.empty_area_rev(*window, size) == model.room(*window, size, True)


@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_thousand_entries_and_every_operation(seed: int) -> None:
    """Each answer agrees, the structure holds, copies are equal, and so is the end."""
    draw = random.Random(seed)
    entries = start(draw)
    tree, model = MapleTree(), Sorted(entries)
    tree.build(entries)
    for step in range(1, STEPS + 1):
        changed(tree, model, draw, ENTRIES + step)
        if step % 4 == 0:
            looked(tree, model, draw)
        if step % CHECK_EVERY == 0:
            assert tree.check() is None, step
            assert len(tree) == len(model.map)
            tree = tree.copy()
    assert tree.check() is None
    expected = [entry for entry in model.ranges(0, MAX) if entry[2] != RESERVED]
    assert list(tree.items()) == expected
