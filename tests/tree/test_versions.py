"""The version that a write reports: the one that it made, or the one that it left as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import RESULT_VERSION, SLOT_WORDS, SLOTS, SLOTS_MAX, TREE_VERSION
from stressd_kernels.status import ZERO, Status
from stressd_kernels.verbs import Verb
from tests.tree.keys import MAX
from tests.tree.nodes import leaves
from tests.tree.pair import apart

NONSENSE = 1_234_567
Asked = tuple[Verb, tuple[int, ...], Status, int]  # what, with which arguments, answer, change


def asked(tree: MapleTree, verb: Verb, *arguments: int) -> tuple[int, int]:
    """Return what a write answers, and the version that it reports."""
    words = tree.arena.words
    for slot in range(SLOTS, SLOTS + SLOTS_MAX * SLOT_WORDS, SLOT_WORDS):
        words[slot + RESULT_VERSION] = NONSENSE
    status, version = tree._calls.ask(verb, *arguments, results=(RESULT_VERSION,))
    return status, version


def version_of(tree: MapleTree) -> int:
    """Return the tree's own version."""
    return int(tree.arena.words[tree._block + TREE_VERSION])


OK, NOT_FOUND, EXISTS = Status.OK, Status.NOT_FOUND, Status.EXISTS
EMPTY: dict[str, Asked] = {
    "nothing over nothing": (Verb.STORE, (5, 9, 0), OK, 0),
    "an erasure of nothing": (Verb.ERASE, (5,), NOT_FOUND, 0),
    "the first entry": (Verb.STORE, (5, 9, 1), OK, 2),
    "the first insert": (Verb.INSERT, (0, MAX, 1), OK, 2),
    "the first allocation": (Verb.ALLOCATE, (0, MAX, 10, 1), OK, 2),
    "clearing nothing": (Verb.CLEAR, (), OK, 0),
}
GROWN: dict[str, Asked] = {
    "a value for a value": (Verb.STORE, (500, 505, 7), OK, 2),
    "a reservation for a value": (Verb.STORE, (500, 505, ZERO), OK, 2),
    "a range in a leaf": (Verb.STORE, (501, 503, 7), OK, 2),
    "a range over many leaves": (Verb.STORE, (501, 4503, 7), OK, 2),
    "nothing over many leaves": (Verb.STORE, (501, 4503, 0), OK, 2),
    "nothing over everything": (Verb.STORE, (0, MAX, 0), OK, 2),
    "nothing over a hole": (Verb.STORE, (506, 509, 0), OK, 0),
    "an insert that is refused": (Verb.INSERT, (505, 508, 1), EXISTS, 0),
    "an insert": (Verb.INSERT, (506, 508, 1), OK, 2),
    "an erasure": (Verb.ERASE, (503,), OK, 2),
    "an erasure in a hole": (Verb.ERASE, (507,), NOT_FOUND, 0),
    "an allocation": (Verb.ALLOCATE, (0, MAX, 3, 1), OK, 2),
    "an allocation that does not fit": (Verb.ALLOCATE, (0, 9000, 5, 1), NOT_FOUND, 0),
    "clearing": (Verb.CLEAR, (), OK, 2),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_write_to_an_empty_tree(name: str) -> None:
    """Its first write makes version 2 of it; what changes nothing makes none."""
    tree = MapleTree(arena=Arena(8 << 20))
    verb, arguments, status, change = EMPTY[name]
    assert asked(tree, verb, *arguments) == (status, change)
    assert version_of(tree) == change


@pytest.mark.parametrize("name", GROWN)
def test_a_write_to_a_tree_of_three_levels(name: str) -> None:
    """One write, however much it changes, makes one version."""
    tree = MapleTree(arena=Arena(8 << 20))
    for entry in apart(1000):
        tree.store(*entry)
    before = version_of(tree)
    verb, arguments, status, change = GROWN[name]
    assert asked(tree, verb, *arguments) == (status, before + change)
    assert version_of(tree) == before + change


def test_a_border_that_moves() -> None:
    """Down, where the end of a leaf is erased, and back up."""
    tree = MapleTree(arena=Arena(8 << 20))
    for entry in apart(1000)[::-1]:
        tree.store(*entry)
    leaf = next(node for node in leaves(tree)[1:] if len(node.slots) > 8)
    begin = leaf.ends[-2] + 1
    before = version_of(tree)
    assert asked(tree, Verb.ERASE, leaf.high) == (OK, before + 2)
    assert asked(tree, Verb.STORE, begin, leaf.high, 5) == (OK, before + 4)
    assert version_of(tree) == before + 4


@pytest.mark.parametrize(
    "write",
    [
        lambda arena, tree: tree.store(5, 5, 1),
        lambda arena, tree: tree.build([(5, 5, 1)]),
        lambda arena, tree: copied(arena).copy(tree),
    ],
    ids=["store", "build", "copy"],
)
def test_every_way_to_begin_makes_one_version(
    write: Callable[[Arena, MapleTree], object],
) -> None:
    """A tree that was built or copied begins as one that was stored to."""
    arena = Arena(8 << 20)
    tree = MapleTree(arena=arena)
    write(arena, tree)
    assert version_of(tree) == 2


def copied(arena: Arena) -> MapleTree:
    """Return a tree to copy."""
    tree = MapleTree(arena=arena)
    tree.store(5, 5, 1)
    return tree


def test_a_copy_of_nothing_reports_what_it_left() -> None:
    """The version of the tree that was to be filled, and of the one that was copied."""
    arena = Arena(8 << 20)
    tree, twin = MapleTree(arena=arena), MapleTree(arena=arena)
    for into, version in ((twin, 6), (tree, 2)):
        for _ in range(version // 2 // 2 + 1):
            into.store(1, 1, 1)
        into.clear()
    assert asked(twin, Verb.COPY, tree._block) == (OK, version_of(twin))
