"""One thread as reader and writer: it looks, writes, and looks again inside of one pin.

What it looked at stays what it was, word for word, however often nodes are recycled beside it;
a new look sees the new map.
"""

from __future__ import annotations

import pytest

from stressd_kernels import Arena, MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import MAX, Entry
from tests.tree.nodes import leaves
from tests.tree.pair import apart
from tests.tree.suite.pinned import Pinned

KEY = 4320  # in the middle of entry [4320, 4325]
ENTRY = (4320, 4325, 433)

# what is stored while the reader is pinned, and what it then finds at KEY
WRITES: dict[str, tuple[int, int, int | None]] = {
    "the same range": (4320, 4325, 7),
    "the first half": (4320, 4322, 7),
    "the second half": (4323, 4325, 7),
    "more than the entry": (4315, 4330, 7),
    "more than the leaf": (3900, 4700, 7),
    "the whole tree": (0, MAX, 7),
    "nothing over the entry": (4320, 4325, None),
    "nothing over the leaf": (3900, 4700, None),
    "nothing over everything": (0, MAX, None),
}


@pytest.fixture
def arena() -> Arena:
    """A small arena whose freed nodes are poisoned."""
    return Arena(8 << 20, poison=True)


@pytest.fixture
def tree(arena: Arena) -> MapleTree:
    """A thousand entries, [10 i, 10 i + 5]."""
    tree = MapleTree(arena=arena)
    for entry in apart(1000):
        tree.store(*entry)
    return tree


def storm(tree: MapleTree) -> None:
    """Replace many nodes, far from KEY, so that those that may be recycled are."""
    for number in range(3000):
        first = 6000 + number % 300 * 10
        tree.store(first, first + 7 - number % 3, number + 1)


@pytest.mark.parametrize("name", WRITES)
def test_a_second_look_sees_the_new_map(arena: Arena, tree: MapleTree, name: str) -> None:
    """Load, find, next and prev after each kind of write; the leaf of the first look is kept."""
    model = NaiveTree()
    for entry in apart(1000):
        model.store(*entry)
    with Pinned(arena, tree) as reader:
        assert reader.find(KEY) == ENTRY
        place, before = reader.leaf_index(KEY), reader.leaf_words(KEY)
        tree.store(*WRITES[name])
        model.store(*WRITES[name])
        for key in (KEY, KEY + 3, 4315, 4326, 3895, 4701, 0, MAX):
            assert reader.load(key) == model.load(key)
            assert reader.find(key) == model.find(key)
            assert reader.next(key) == model.next(key)
            assert reader.prev(key) == model.prev(key)
        storm(tree)
        kept = reader.words_at(place)
        if name == "the same range":
            assert sum(a != b for a, b in zip(kept, before, strict=True)) <= 1
        else:
            assert kept == before
    assert tree.check() is None


@pytest.mark.parametrize("reserved_first", [False, True])
def test_reserving_replaces_the_leaf(arena: Arena, tree: MapleTree, reserved_first: bool) -> None:
    """Which slots of a leaf are reserved never changes: a reader may be between two of them."""
    if reserved_first:
        tree.reserve(*ENTRY[:2])
    with Pinned(arena, tree) as reader:
        place, before = reader.leaf_index(KEY), reader.leaf_words(KEY)
        if reserved_first:
            tree.store(*ENTRY)
        else:
            tree.reserve(*ENTRY[:2])
        assert reader.words_at(place) == before
        assert reader.leaf_index(KEY) != place
        assert reader.load(KEY) == (ENTRY[2] if reserved_first else None)


def test_what_a_pinned_reader_may_hold_is_recycled_only_after_it(
    arena: Arena, tree: MapleTree
) -> None:
    """Every leaf of the tree is replaced under the reader's eyes, and none of their words moves."""
    with Pinned(arena, tree) as reader:
        places = [reader.leaf_index(node.low) for node in leaves(tree)]
        before = [reader.words_at(place) for place in places]
        for first, _, value in apart(1000):
            tree.store(first, first + 6, value)
        storm(tree)
        assert not arena.drain()
        assert [reader.words_at(place) for place in places] == before
    assert arena.drain()
    after = [arena.words[place : place + 32].tolist() for place in places]
    assert all(one != other for one, other in zip(after, before, strict=True))


@pytest.mark.parametrize("step", [1, 7])
def test_a_walk_that_is_pinned_throughout(arena: Arena, tree: MapleTree, step: int) -> None:
    """Forward and back in one pin, with a write between any two steps: each step is right."""
    with Pinned(arena, tree) as reader:
        model: dict[int, Entry] = {entry[0]: entry for entry in apart(1000)}
        at, met = -1, 0
        while entry := reader.next(at) if at >= 0 else reader.find(0):
            assert entry == model[entry[0]]
            ahead = (entry[0] // 10 + step) * 10
            if ahead in model and met % 3 == 0:
                tree.erase(ahead)
                del model[ahead]
            at, met = entry[0], met + 1
        left = sorted(model)
        while entry := reader.prev(at):
            assert entry == model[left[left.index(at) - 1]]
            tree.store(at, at + 5, 5)
            at = entry[0]
        assert at == left[0]
    assert tree.check() is None
