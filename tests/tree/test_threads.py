"""One tree, several threads: no reader ever sees what no writer wrote.

A value names the range that it was stored on, so every answer certifies itself: a load of key k
must bring a value whose range covers k, an entry must lie within the range of its value.
Later stores may cut an entry, never move or widen it.

    [0, STILL)             written before the threads start, never again: answers are exact
    [STILL, CELLS)         one part for each writer: its own record tells the end state
    [CELLS, CELLS + ROOM)  never written: a hole that is always there
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from stressd_kernels import Arena, MapleTree
from tests.naive import NaiveTree

CELL = 4096
STILL = 256
PART = 512
WRITERS = 2
CELLS = STILL + WRITERS * PART
ROOM = 64
TOP = (CELLS + ROOM) * CELL - 1
BITS = 11  # enough for a cell
ROUNDS = 10_000


def value_of(first: int, last: int, number: int) -> int:
    """Return a value that names its cells and its sequence number."""
    return (number << BITS | first) << BITS | last | 1 << 62


def named_by(value: int) -> tuple[int, int]:
    """Return the range of keys that a value names."""
    first, last = value >> BITS & (1 << BITS) - 1, value & (1 << BITS) - 1
    return first * CELL, last * CELL + CELL - 1


def certify(first: int, last: int, value: int) -> None:
    """Demand that the entry lies within what its value names."""
    low, high = named_by(value)
    assert low <= first <= last <= high, f"[{first:#x}, {last:#x}] bears {value:#x}"


def still_entries() -> list[tuple[int, int, int]]:
    """Return the entries that are never written again: every other cell."""
    cells = range(0, STILL, 2)
    return [(c * CELL, c * CELL + CELL - 1, value_of(c, c, 0)) for c in cells]


def write(tree: MapleTree, model: NaiveTree, part: int) -> None:
    """Store, erase and clear cells of one part; keep a record in `model`."""
    draw = random.Random(part)
    base = STILL + part * PART
    for number in range(1, ROUNDS):
        first = base + draw.randrange(PART)
        last = min(first + draw.choice((0, 0, 0, 1, 3, 40)), base + PART - 1)
        kind = draw.random()
        if kind < 0.6:
            value = value_of(first, last, number)
            tree.store(first * CELL, last * CELL + CELL - 1, value)
            model.store(first * CELL, last * CELL + CELL - 1, value)
        elif kind < 0.8:
            tree.store(first * CELL, last * CELL + CELL - 1, None)
            model.store(first * CELL, last * CELL + CELL - 1, None)
        else:
            assert tree.erase(first * CELL) == model.erase(first * CELL)


def read_keys(tree: MapleTree, draw: random.Random) -> None:
    """Load single keys and batches of them."""
    keys = [draw.randrange(CELLS * CELL) for _ in range(64)]
    found = [tree.load(key) for key in keys[:8]] + tree.load_many(keys[8:]).tolist()
    for key, value in zip(keys, found, strict=True):
        if value:
            certify(key, key, value)
        else:
            assert key >= STILL * CELL or key // CELL % 2


def read_neighbours(tree: MapleTree, draw: random.Random) -> None:
    """Find, next and prev from a random key."""
    key = draw.randrange(CELLS * CELL)
    for entry in (tree.find(key), tree.next(key), tree.prev(key)):
        if entry:
            certify(*entry)
    after = tree.next(key)
    assert after is None or after[0] > key
    before = tree.prev(key)
    assert before is not None or key < CELL
    assert before is None or before[1] < key


def read_ranges(tree: MapleTree, draw: random.Random) -> None:
    """Scan a range: ascending, each entry true, and complete where nothing changes.

    An entry may begin before the end of the one before it: a store came between the two.
    """
    start = draw.randrange(CELLS) * CELL
    end = -1
    for first, last, value in tree.items(start, start + 100 * CELL):
        assert end < last
        certify(first, last, value)
        end = last
    assert list(tree.items(0, STILL * CELL - 1)) == still_entries()


def read_gaps(tree: MapleTree, draw: random.Random) -> None:
    """Search where the answer is known, and where only its shape is."""
    low = draw.randrange(0, STILL - 2, 2) * CELL
    assert tree.empty_area(low, STILL * CELL - 1, CELL) == low + CELL
    assert tree.empty_area_rev(0, low + 2 * CELL - 1, CELL) == low + CELL
    assert tree.empty_area(0, STILL * CELL - 1, CELL + 1) is None
    size = draw.randint(1, ROOM) * CELL
    start = tree.empty_area_rev(0, TOP, size, CELL - 1, 0)
    assert start == TOP + 1 - size
    start = tree.empty_area(STILL * CELL, TOP, size, CELL - 1, 0)
    assert start is not None
    assert start % CELL == 0
    assert STILL * CELL <= start <= CELLS * CELL


READERS: list[Callable[[MapleTree, random.Random], None]] = [
    read_keys,
    read_neighbours,
    read_ranges,
    read_gaps,
]


@pytest.mark.parametrize("writers", [1, WRITERS])
def test_readers_and_writers(writers: int) -> None:
    """Readers of every kind beside writers: no wrong answer, and the end state is exact."""
    arena = Arena(64 << 20, poison=True)
    tree = MapleTree(arena=arena)
    for entry in still_entries():
        tree.store(*entry)
    models = [NaiveTree() for _ in range(writers)]
    failures: list[BaseException] = []
    done = threading.Event()
    rounds = [0] * len(READERS)

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
            done.set()

    def reader(number: int) -> None:
        draw = random.Random(1000 + number)
        while not done.is_set():
            READERS[number](tree, draw)
            rounds[number] += 1

    def writer(part: int) -> None:
        write(tree, models[part], part)

    def start(work: Callable[[int], None], number: int) -> threading.Thread:
        thread = threading.Thread(target=guarded, args=(lambda: work(number),))
        thread.start()
        return thread

    reading = [start(reader, number) for number in range(len(READERS))]
    writing = [start(writer, part) for part in range(writers)]
    for thread in writing:
        thread.join()
    done.set()
    for thread in reading:
        thread.join()
    assert failures == []
    assert min(rounds) > 0
    assert tree.check() is None
    expected = still_entries() + [entry for model in models for entry in model.items()]
    assert list(tree.items()) == expected
    assert arena.drain()
    count = arena.accounting()
    assert count.limbo == count.limbo_entries == 0
    assert count.live == tree.nodes
    assert count.live + count.cached + count.free == count.carved
    assert count.freed_total > 1000


def test_concurrent_allocations_never_overlap() -> None:
    """Find-and-store is one step: four threads share out a region without a collision."""
    tree, threads, share = MapleTree(), 4, 250
    starts: list[list[int]] = [[] for _ in range(threads)]
    high = threads * share * CELL - 1

    def take(number: int) -> None:
        for _ in range(share):
            start = tree.allocate(0, high, CELL, number + 1, from_top=number % 2 == 1)
            assert start is not None
            starts[number].append(start)

    workers = [threading.Thread(target=take, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(s for taken in starts for s in taken) == list(range(0, high, CELL))
    assert tree.allocate(0, high, 1, 1) is None
    assert len(tree) == threads * share
    assert tree.check() is None


def test_trees_come_and_go_beside_each_other() -> None:
    """Copies are made, cleared and dropped in several threads; each is equal to its source."""
    source = MapleTree()
    for entry in still_entries():
        source.store(*entry)
    failures: list[str] = []

    def churn() -> None:
        for _ in range(30):
            twin = source.copy()
            if list(twin.items()) != still_entries() or twin.check() is not None:
                failures.append(twin.dump())
            twin.clear()

    workers = [threading.Thread(target=churn) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert list(source.items()) == still_entries()
