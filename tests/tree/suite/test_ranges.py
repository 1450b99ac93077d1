"""Stores and inserts of ranges: within a node, across nodes, across levels, at the ends of all."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, PAGE
from tests.tree.nodes import leaves
from tests.tree.pair import Pair, adjacent, apart


@pytest.mark.parametrize("count", [3, 40, 700])
def test_insert_refuses_every_overlap_and_changes_nothing(count: int) -> None:
    """By one key at either end, inside, around, over several entries and over whole leaves."""
    pair = Pair(apart(count))
    entries = list(pair.model.items())
    for first, last, _ in entries[:: max(1, count // 40)]:
        for a, b in [
            (first, first),
            (last, last),
            (max(first - 1, 0), first),
            (last, last + 1),
            (first + 1, last - 1),
            (max(first - 3, 0), last + 3),
            (first, min(last + 1000, MAX)),
            (0, MAX),
        ]:
            with pytest.raises(FileExistsError):
                pair.tree.insert(a, b, 5)
    pair.agree()
    for _, last, _ in entries:
        pair.tree.insert(last + 1, last + 4, 9)
        pair.model.insert(last + 1, last + 4, 9)
    pair.agree()


def test_a_second_insert_is_refused_wherever_the_first_split() -> None:
    """Inserting a key twice fails the second time, before and after its leaf has split."""
    tree = MapleTree()
    for key in range(0, 400, 2):
        tree.insert(key, key, key + 1)
        with pytest.raises(FileExistsError):
            tree.insert(key, key, 7)
        assert tree.load(key) == key + 1
        assert tree.load(key + 1) is None
    assert tree.check() is None


@pytest.mark.parametrize("value", [None, 4242])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_overwrites_at_every_kind_of_place(height: int, value: int | None) -> None:
    """Within a leaf, over a leaf's end, over whole leaves, up to both ends of the key space."""
    whole = Pair(apart({1: 6, 2: 60, 3: 800}[height]))
    assert whole.tree.height == height
    nodes = leaves(whole.tree)
    ranges = {(0, 0), (MAX, MAX), (0, MAX), (0, nodes[-1].low), (nodes[0].high, MAX)}
    for node in (nodes[0], nodes[len(nodes) // 2], nodes[-1]):
        inside = min(node.ends[len(node.ends) // 2], MAX - 3)
        ranges |= {(inside, inside), (inside - 3, inside + 3), (node.low, inside)}
        ranges |= {(inside, node.high), (node.low, node.high), (inside, min(node.high + 1, MAX))}
        ranges |= {(max(node.low - 1, 0), inside), (max(node.low - 1, 0), min(node.high + 1, MAX))}
    for first, last in sorted(ranges):
        pair = whole.copy()
        pair.store(first, last, value)
        pair.store(first, last, 1)


@pytest.mark.parametrize("top", [2**p - 1 for p in (13, 16, 24, 31, 32, 33, 48, 63, 64)])
@pytest.mark.parametrize("side", ["lower", "upper", "middle"])
def test_splits_at_each_side_among_powers_of_two(top: int, side: str) -> None:
    """The first leaf and the root above it split at their left end, right end and middle."""
    step = max(top // 4096, 1)
    places = {
        "lower": list(range(600, 0, -1)),
        "upper": list(range(4095 - 600, 4095)),
        "middle": [2048 + (n // 2 if n % 2 else -n // 2) for n in range(600)],
    }[side]
    pair = Pair()
    for number, place in enumerate(dict.fromkeys(places), 1):
        first = place * step
        pair.tree.store(first, first + step // 2, number)
        pair.model.store(first, first + step // 2, number)
        if number % 40 == 0 or number < 40:
            pair.agree()
    pair.agree()


def test_overwriting_within_one_node_shrinks_it_in_place() -> None:
    """A store over several slots of one leaf leaves one entry and what sticks out of it."""
    for begin in range(0, 14):
        for end in range(begin, 15):
            for cut in (0, 3):
                pair = Pair(adjacent(15))
                pair.store(begin * 10 + cut, end * 10 + 9 - cut, 99)


@pytest.mark.parametrize("count", [4000])
def test_null_over_many_nodes_of_many_sizes(count: int) -> None:
    """One store of nothing whose ends lie in holes, entries and at their edges."""
    whole = Pair([(i * 50, i * 50 + 24, i + 1) for i in range(count)], bulk=True)
    draw = random.Random(5)
    for _ in range(12):
        pair = whole.copy()
        first = draw.randrange(count * 50)
        last = first + draw.choice((40, 900, 13_000, 60_000))
        pair.store(first, last, None)
        pair.store(first, last, 3)


CHANGES: dict[str, Callable[[MapleTree, int, int, int], None]] = {
    "overwrite": lambda tree, first, last, value: tree.store(first, last, value + 1000),
    "shrink_left": lambda tree, first, last, value: tree.store(first, first + 3, None),
    "shrink_right": lambda tree, first, last, value: tree.store(last - 3, last, None),
    "cut_in_two": lambda tree, first, last, value: tree.store(first + 4, first + 5, None),
    "replace_and_next": lambda tree, first, last, value: tree.store(first, last + 5, value + 1000),
    "erase": lambda tree, first, last, value: tree.store(first, last, None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_iteration_survives_overwriting_what_it_stands_on(change: str) -> None:
    """126 adjacent ranges, each changed as it is met: the iteration meets all that follow."""
    tree = MapleTree()
    for entry in adjacent(126):
        tree.store(*entry)
    met: list[int] = []
    at = -1
    while entry := (tree.find(at + 1) if at < MAX else None):
        first, last, value = entry
        if value < 1000:
            met.append(value)
            CHANGES[change](tree, first, last, value)
        at = last
        assert tree.check() is None
    assert met == list(range(1, 127))
    met.clear()
    fresh = MapleTree()
    for entry in adjacent(126):
        fresh.store(*entry)
    for first, last, value in fresh.items():
        met.append(value)
        CHANGES[change](fresh, first, last, value)
    assert met == list(range(1, 127))
    assert fresh.check() is None


def test_mappings_of_this_process_survive_any_order() -> None:
    """Real address ranges, inserted forward, backward and shuffled, make the same map."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    ends = [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in lines]
    entries = [(start, end - 1, number) for number, (start, end) in enumerate(ends, 1)]
    for order in (entries, entries[::-1], random.Random(1).sample(entries, len(entries))):
        pair = Pair(order)
        assert list(pair.tree.items()) == entries
        assert all(start % PAGE == 0 for start, _, _ in entries)
