"""How full nodes are: exact counts of nodes, memory, and copies of every size."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from stressd_kernels import Arena, MapleTree
from tests.tree.keys import MAX, Entry
from tests.tree.nodes import leaves, preorder

SLOTS = 16


def stored(entries: Iterable[Entry]) -> MapleTree:
    """Return a tree of entries that were stored one by one, in this order."""
    tree = MapleTree()
    for entry in entries:
        tree.store(*entry)
    return tree


def built(entries: Iterable[Entry]) -> MapleTree:
    """Return a tree of sorted entries that was built at once."""
    tree = MapleTree()
    tree.build(sorted(entries))
    return tree


def keys(count: int, stride: int = 1) -> list[Entry]:
    """Return single keys, `stride` apart."""
    return [(number * stride, number * stride, number + 1) for number in range(count)]


SHUFFLED = random.Random(1).sample(range(1000), 1000)

# how 1,000 single keys came in -> the most nodes, and the most leaves, that they may take.
# Ascending and built ones are as few as there can be: their counts are exact.
NODES: dict[str, tuple[Callable[[], MapleTree], int, int]] = {
    "ascending": (lambda: stored(keys(1000)), 68, 63),
    "ascending, apart": (lambda: stored(keys(1000, 2)), 135, 126),
    "descending": (lambda: stored(keys(1000)[::-1]), 100, 91),
    "descending, apart": (lambda: stored(keys(1000, 2)[::-1]), 220, 199),
    "random": (lambda: stored(keys(1000)[n] for n in SHUFFLED), 88, 80),
    "random, apart": (lambda: stored(keys(1000, 2)[n] for n in SHUFFLED), 171, 158),
    "built": (lambda: built(keys(1000)), 68, 63),
    "built, apart": (lambda: built(keys(1000, 2)), 135, 126),
}


@pytest.mark.parametrize("name", NODES)
def test_the_nodes_of_a_thousand_keys(name: str) -> None:
    """Walked in preorder there are so many nodes and no more: packing has not become worse."""
    make, most, most_leaves = NODES[name]
    tree = make()
    nodes = preorder(tree)
    assert len(tree) == 1000
    assert tree.nodes == len(nodes) <= most
    assert len(leaves(tree)) <= most_leaves
    if not name.startswith(("random", "descending")):
        assert (len(nodes), len(leaves(tree))) == (most, most_leaves)
    lows = [(node.low, node.depth) for node in nodes]
    assert lows == sorted(lows)


@pytest.mark.parametrize("count", [16, 1000])
@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_sequences_cost_no_more_than_so_many_bytes(count: int, order: str) -> None:
    """Every insert is seen at once, everything is there at the end, and it fits its bound."""
    tree = MapleTree()
    entries = keys(count) if order == "ascending" else keys(count)[::-1]
    for done, (key, _, value) in enumerate(entries, 1):
        assert tree.load(key) is None
        tree.insert(key, key, value)
        assert tree.load(key) == value
        if done % 10 == 0:
            assert [tree.load(k) for k, _, _ in entries[:done]] == [v for _, _, v in entries[:done]]
    assert list(tree.items()) == sorted(entries)
    assert tree.check() is None
    most = 18.1 if order == "ascending" else 26.8
    assert tree.bytes <= count * most + 640  # a leaf and a root are there from the start


SIZES = [*range(10, 320, 3), *range(320, 3000, 97), 3000]


@pytest.mark.parametrize("gap", [0, 5])
@pytest.mark.parametrize("start", [0, 1000])
def test_copies_of_every_size(gap: int, start: int) -> None:
    """Sizes 10 .. 3,000, with gaps and without, at key 0 and above: equal, sound and as small."""
    for count in SIZES:
        stride = 10 + gap
        entries = [(start + i * stride, start + i * stride + 9, i + 1) for i in range(count)]
        tree = built(entries)
        assert tree.check() is None, count
        twin = tree.copy()
        assert twin.check() is None, count
        assert list(twin.items()) == entries
        assert twin.nodes <= tree.nodes


@pytest.mark.parametrize("count", [100_010, 100_020])
@pytest.mark.parametrize("gap", [0, 5])
@pytest.mark.parametrize("gaps", [False, True])
def test_copies_of_large_trees(count: int, gap: int, gaps: bool) -> None:
    """A hundred thousand entries, with and without gap tracking."""
    entries = [(i * (10 + gap), i * (10 + gap) + 9, i + 1) for i in range(count)]
    tree = MapleTree(gaps=gaps)
    tree.build(entries)
    twin = tree.copy()
    assert tree.check() is twin.check() is None
    assert len(twin) == count
    assert list(twin.items()) == entries
    twin.store(0, 10 * count, None)
    assert list(tree.items(0, 99)) == [entry for entry in entries if entry[0] <= 99]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_full_tree_is_copied_node_for_node(levels: int) -> None:
    """Trees whose nodes are all full: the copy has the same spans, fills and values."""
    entries = [(i * 10, i * 10 + 9, i + 1) for i in range(SLOTS**levels)]
    entries[-1] = (entries[-1][0], MAX, 1)
    tree = built(entries)
    assert tree.height == levels
    assert {len(node.slots) for node in preorder(tree)} == {SLOTS}

    def shapes(of: MapleTree) -> list[tuple[int, ...]]:
        return [(n.depth, n.low, *n.ends, *(n.slots if n.leaf else ())) for n in preorder(of)]

    assert shapes(tree.copy()) == shapes(tree)


@pytest.mark.parametrize("count", [135])
def test_a_copy_is_stored_over_while_it_is_iterated(count: int) -> None:
    """As fork does it: each entry of the copy is replaced as it is met, none of the source."""
    entries = [(i * 10, i * 10 + 4, i + 1) for i in range(count)]
    tree = stored(entries)
    twin = tree.copy()
    for first, last, value in twin.items():
        twin.store(first, last, value + 10_000)
        assert twin.check() is None
    assert list(tree.items()) == entries
    assert list(twin.items()) == [(f, last, v + 10_000) for f, last, v in entries]


def test_copying_entry_by_entry_makes_the_same_map() -> None:
    """Each entry of one tree stored into another, in order: packed as the ascending order is."""
    entries = [(i * 12, i * 12 + 9, i + 1) for i in range(700)]
    tree, twin = stored(entries), MapleTree()
    for entry in tree.items():
        twin.store(*entry)
    assert list(twin.items()) == list(tree.items())
    assert twin.nodes == tree.nodes
    assert twin.check() is None


def test_a_tree_is_built_only_where_nothing_is() -> None:
    """Building over entries is refused, and leaves them."""
    tree = stored([(5, 5, 1)])
    with pytest.raises(FileExistsError):
        tree.build([(1, 1, 1)])
    assert list(tree.items()) == [(5, 5, 1)]


def test_a_copy_that_finds_no_memory_leaves_everything_as_it_was() -> None:
    """MemoryError, a source that is unchanged, and no node lost."""
    arena = Arena(4 << 20)
    tree = MapleTree(arena=arena)
    tree.build([(i * 10, i * 10 + 4, i + 1) for i in range(10_000)])
    before = list(tree.items())
    twins = []

    def copy_for_ever() -> None:
        while True:
            twins.append(tree.copy())

    with pytest.raises(MemoryError):
        copy_for_ever()
    assert tree.check() is None
    assert list(tree.items()) == before
    assert all(list(twin.items()) == before for twin in twins)
    twins.clear()
    assert arena.drain()
    count = arena.accounting()
    assert count.live == tree.nodes
    assert count.live + count.limbo + count.cached + count.free == count.carved
