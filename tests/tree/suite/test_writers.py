"""What writes take and give back: nodes for each kind of write, races, full arenas, small trees."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import TREE_VERSION
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE
from tests.tree.nodes import branches, leaves
from tests.tree.pair import Pair, adjacent, apart
from tests.tree.suite.pinned import Pinned


def taken(tree: MapleTree, write: Callable[[], object]) -> int:
    """Return how many nodes a write made."""
    before = tree.arena.accounting().taken_total
    write()
    return tree.arena.accounting().taken_total - before


def fill(tree: MapleTree) -> None:
    """Store single keys until the arena is full."""
    for number in range(1 << 24):
        try:
            tree.store(number * 2, number * 2, 1)
        except MemoryError:
            return
    pytest.fail("the arena has no end")


def balanced(arena: Arena) -> bool:
    """Tell whether every node is in one place."""
    count = arena.accounting()
    return count.live + count.limbo + count.cached + count.free == count.carved


@pytest.fixture
def three_levels() -> MapleTree:
    """A thousand entries with holes between them, in an arena of its own."""
    tree = MapleTree(arena=Arena(16 << 20))
    for entry in apart(1000):
        tree.store(*entry)
    assert tree.height == 3
    return tree


def test_each_kind_of_write_makes_as_many_nodes_as_it_needs(three_levels: MapleTree) -> None:
    """In place none, in a leaf one, a split a few more, a spanning store at most 3 h + 1."""
    tree = three_levels
    most = 3 * tree.height + 1
    leaf = leaves(tree)[len(leaves(tree)) // 2]
    first = next(e[0] for e in apart(1000) if e[0] > leaf.low)
    assert taken(tree, lambda: tree.store(first, first + 5, 7)) == 0
    assert taken(tree, lambda: tree.store(first + 6, first + 6, None)) == 0
    assert taken(tree, lambda: tree.erase(first + 20)) == 1
    assert taken(tree, lambda: tree.store(first, first + 3, 8)) == 1
    assert taken(tree, lambda: tree.erase(first + 9)) == 0
    with pytest.raises(FileExistsError):
        taken(tree, lambda: tree.insert(first, first, 1))
    assert taken(tree, tree.check) == 0
    for begin in range(0, 9000, 350):
        for length in (15, 100, 800, 5000):
            twin = tree.copy()
            last = begin + length
            assert taken(twin, lambda t=twin, a=begin, b=last: t.store(a, b, None)) <= most
            assert taken(twin, lambda t=twin, a=begin, b=last: t.store(a + 3, b - 3, 5)) <= most
    assert taken(tree, tree.clear) == 0


def test_splits_make_a_few_nodes_each(three_levels: MapleTree) -> None:
    """Single keys into every hole: never more than two nodes a level and a new root."""
    tree = three_levels
    made = []
    for number in range(1000):
        key = number * 10 + 7
        made.append(taken(tree, lambda k=key: tree.store(k, k, 5)))
    assert set(made) - {1}
    assert max(made) <= 3 * tree.height + 1
    assert sum(made) < 4 * len(made)
    assert balanced(tree.arena)


@pytest.mark.parametrize(
    "write",
    [
        lambda tree: tree.store(0, 0, None),
        lambda tree: tree.erase(6),
        lambda tree: tree.allocate(0, 9999, 5, 1),
        lambda tree: tree.store(25, 3333, 5),
        lambda tree: tree.store(25, 3333, None),
        lambda tree: tree.store(16, 16, 5),
        lambda tree: tree.erase(20),
        lambda tree: tree.reserve(17, 18),
        lambda tree: tree.clear(),
    ],
)
def test_what_was_reserved_and_not_used_is_kept(three_levels: MapleTree, write) -> None:
    """After any write, whatever its outcome, every node is live, in limbo, cached or free."""
    arena = three_levels.arena
    for _ in range(3):
        write(three_levels)
        assert balanced(arena)
        assert three_levels.check() is None
    assert arena.drain()
    assert arena.accounting().live == three_levels.nodes


def test_a_mapping_grows_down_and_shrinks_again() -> None:
    """As a stack or a heap does: its start moves over holes and neighbours, then back up."""
    pair = Pair([(i * 100 * PAGE, i * 100 * PAGE + 9 * PAGE - 1, i + 1) for i in range(1, 120)])
    for number in range(2, 120, 9):
        first, last, value = number * 100 * PAGE, number * 100 * PAGE + 9 * PAGE - 1, number + 1
        for start in (first - PAGE, first - 90 * PAGE, first - 95 * PAGE, 0):
            pair.store(start, last, value)
            pair.store(start, first - 1, None)
            assert pair.tree.find(first) == (first, last, value)
            assert pair.tree.load(first - 1) is None


@pytest.mark.parametrize("count", [50, 500])
def test_erase_and_insert_in_turn_down_to_nothing(count: int) -> None:
    """With a reader pinned all the time, so that no node comes back: erase, insert, look at all."""
    arena = Arena(32 << 20, poison=True)
    tree, model = MapleTree(arena=arena), NaiveTree()
    with Pinned(arena, tree) as reader:
        for first, last, value in adjacent(count):
            tree.insert(first, last, value)
            model.insert(first, last, value)
        for first, last, value in list(model.items())[::3]:
            assert tree.erase(first) == model.erase(first) == value
            assert tree.erase(last) is None
            tree.insert(first + 1, last - 1, value + 5)
            model.insert(first + 1, last - 1, value + 5)
            assert reader.find(first) == model.find(first)
            assert list(tree.items()) == list(model.items())
        for first, _, value in list(model.items()):
            assert tree.erase(first) == value
            assert tree.check() is None
        assert reader.find(0) is None
        assert tree.height == len(tree) == 0
        assert arena.accounting().freed_total == 0
    assert arena.drain()


@pytest.mark.parametrize("count", [3, 40, 700])
def test_two_writers_at_one_hole_lose_nothing(count: int) -> None:
    """Beside, inside and over the same NULL, both at once: the map is that of one of two orders.

    A writer that had looked before it took the lock would widen over what the other has stored.
    """
    entries = apart(count, stride=100, width=20)
    middle = count // 2 * 100
    races: list[tuple[tuple[int, int, int | None], tuple[int, int, int | None]]] = [
        ((middle, middle + 19, None), (middle + 20, middle + 29, 7)),
        ((middle, middle + 19, None), (middle + 60, middle + 70, 7)),
        ((middle + 20, middle + 99, 8), (middle + 50, middle + 119, None)),
        ((middle - 30, middle + 40, None), (middle + 41, middle + 99, 7)),
        ((middle + 20, middle + 59, 8), (middle + 40, middle + 79, 7)),
    ]
    for one, other in races * 20:
        tree = MapleTree()
        tree.build(entries)
        orders = []
        for writes in ((one, other), (other, one)):
            model = NaiveTree()
            model.build(entries)
            for write in writes:
                model.store(*write)
            orders.append(list(model.items()))
        ready = threading.Barrier(2)

        def run(write: tuple[int, int, int | None], tree=tree, ready=ready) -> None:
            ready.wait()
            tree.store(*write)

        threads = [threading.Thread(target=run, args=(write,)) for write in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tree.check() is None
        assert list(tree.items()) in orders


@pytest.mark.parametrize("kind", ["store", "insert", "erase", "allocate", "null", "reserve"])
def test_a_write_that_finds_no_node_changes_nothing(kind: str) -> None:
    """In an arena that is full to the last node: MemoryError, the same map, the same version."""
    arena = Arena(4 << 20)
    tree, spare = MapleTree(arena=arena), MapleTree(arena=arena)
    tree.build([(i * 10, i * 10 + 5, i + 1) for i in range(2000)])
    fill(spare)
    before, version = list(tree.items()), int(arena.words[tree._block + TREE_VERSION])
    refused = 0
    for number in range(100, 200):
        key = number * 10
        writes: dict[str, Callable[[], object]] = {
            "store": lambda k=key: tree.store(k + 1, k + 2, 5),
            "insert": lambda k=key: tree.insert(k + 7, k + 8, 5),
            "erase": lambda k=key: tree.erase(k),
            "allocate": lambda k=key: tree.allocate(k, k + 100, 2, 5),
            "null": lambda k=key: tree.store(k + 2, k + 3, None),
            "reserve": lambda k=key: tree.reserve(k + 1, k + 2),
        }
        try:
            writes[kind]()
        except MemoryError:
            refused += 1
            assert list(tree.items()) == before
            assert int(arena.words[tree._block + TREE_VERSION]) == version
        before, version = list(tree.items()), int(arena.words[tree._block + TREE_VERSION])
    assert refused > 0
    assert tree.check() is spare.check() is None
    assert balanced(arena)
    spare.clear()
    tree.store(0, MAX, 1)
    assert list(tree.items()) == [(0, MAX, 1)]


def test_parents_keep_enough_children_in_a_storm_of_erasures() -> None:
    """Erasing all but the first entry of each leaf, and of each parent, level by level."""
    for keep in (1, 2):
        pair = Pair(adjacent(3000), bulk=True)
        kept = {node.low for node in (leaves(pair.tree) if keep == 1 else branches(pair.tree))}
        for first, last, _ in list(pair.model.items()):
            if first not in kept:
                pair.tree.store(first, last, None)
                pair.model.store(first, last, None)
                assert pair.tree.check() is None
        pair.agree()
