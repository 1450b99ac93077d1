"""Nodes run out at every place where one can be asked for: MemoryError, and not a trace.

A write reserves the most that it can need before it takes the lock, so it has one such place; a
bulk build and a copy have one before each node that they make.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.arena import (
    INNER_CACHED,
    INNER_NEED,
    LEAF_CACHED,
    LEAF_NEED,
)
from stressd_kernels.calls import five, invoke
from stressd_kernels.epoch import announce_of
from stressd_kernels.layout import (
    ARENA_CARVED_INNERS,
    ARENA_CARVED_LEAVES,
    ARENA_INNER_END,
    ARENA_INNER_FREE,
    ARENA_INNER_NEXT,
    ARENA_LEAF_FREE,
    EPOCH_GLOBAL,
)
from stressd_kernels.status import ZERO, Status
from stressd_kernels.verbs import Verb
from tests.naive import NaiveTree
from tests.tree.keys import PAGE, layout
from tests.tree.test_arena import TINY, balanced, fill

PAGES = 700


def image(tree: MapleTree) -> tuple[str, object, int]:
    """Return all that a write could change: every node, the version, the nodes in use."""
    stats = tree.stats()
    return tree.dump(), stats["version"], stats["arena"]["live"]


def refused(arena: Arena, tree: MapleTree, write: Callable[[], object], after: int = 0) -> None:
    """Demand that a write fails when nodes run out, and leaves everything as it was."""
    before = image(tree)
    with arena.failing(after), pytest.raises(MemoryError):
        write()
    assert image(tree) == before
    assert balanced(arena)


def writes(
    tree: MapleTree, model: NaiveTree, draw: random.Random, pages: int = PAGES
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return one random write into so many pages, on the tree and on the model."""
    first = draw.randrange(pages) * PAGE
    last = first + draw.choice((1, 1, 1, 2, 30, 300)) * PAGE - 1
    value = draw.randint(1, 1000)
    size, top = draw.randint(1, 3) * PAGE, draw.random() < 0.5
    pairs: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (lambda: tree.store(first, last, value), lambda: model.store(first, last, value)),
        (lambda: tree.store(first, last, value), lambda: model.store(first, last, value)),
        (lambda: tree.store(first, last, None), lambda: model.store(first, last, None)),
        (lambda: tree.erase(first), lambda: model.erase(first)),
        (lambda: tree.reserve(first, last), lambda: model.reserve(first, last)),
        (
            lambda: tree.allocate(0, pages * PAGE, size, value, top),
            lambda: model.allocate(0, pages * PAGE, size, value, top),
        ),
    ]
    if not model.ranges(first, last):
        pairs.append(
            (lambda: tree.insert(first, last, value), lambda: model.insert(first, last, value))
        )
    return draw.choice(pairs)


def test_every_kind_of_write_is_refused_without_a_trace() -> None:
    """Each write of a long history is first refused, then done: of every kind, at any height."""
    arena, draw = Arena(64 << 20), random.Random(5)
    tree, model = MapleTree(arena=arena), NaiveTree()
    heights = [0]
    for step in range(1500):
        if step == 1000:  # from here on it shrinks, down to nothing
            for reach in range(0, PAGES, 40):
                last = reach * PAGE
                refused(arena, tree, lambda last=last: tree.store(0, last, None))  # type: ignore[misc]
                tree.store(0, last, None)
                model.store(0, last, None)
                heights.append(tree.height)
        write, same = writes(tree, model, draw)
        refused(arena, tree, write)
        assert write() == same()
        heights.append(tree.height)
    assert tree.check() is None
    assert list(tree.items()) == list(model.items())
    stats = tree.stats()
    assert min(stats["splits"], stats["merges"], stats["spanning_stores"]) > 0
    changes = {after - before for before, after in itertools.pairwise(heights)}
    assert {-1, 1} <= changes, "the root has grown and shrunk"


def test_a_write_has_one_place_where_it_can_fail() -> None:
    """With one reservation any of them succeeds, and the refused one before has cost nothing."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    circle, cursor = tree.cyclic(), tree.cursor()
    tree.store(0, 9, 1)
    calls: list[Callable[[], object]] = [
        lambda: tree.store(20, 29, 2),
        lambda: tree.store(25, 35, None),
        lambda: tree.insert(100, 109, 3),
        lambda: tree.erase(0),
        lambda: tree.allocate(0, 999, 5, 4),
        lambda: circle.allocate(5, 4),
        lambda: tree.reserve(0, 5),
        lambda: cursor.store(9, 3, 3),
        cursor.erase,
    ]
    for call in calls:
        place = (circle.next, cursor.status, cursor.first, cursor.last)
        refused(arena, tree, call)
        assert (circle.next, cursor.status, cursor.first, cursor.last) == place
        version = tree.stats()["version"]
        with arena.failing(after=1):
            call()
        assert tree.stats()["version"] == version + 2
    assert tree.check() is None


def test_what_needs_no_node_does_not_fail() -> None:
    """Reading, clearing and closing go on."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    tree.store(0, 9, 1)
    with arena.failing():
        assert tree.load(5) == 1
        assert tree.empty_area(0, 99, 10) == 10
        tree.clear()
        assert len(tree) == 0
        tree.close()
    assert balanced(arena)


def test_a_build_is_refused_at_each_of_its_nodes() -> None:
    """What was made half-way is given back, and the tree stays empty, until there is enough."""
    arena, entries = Arena(TINY), layout(1, 400, 0.5)
    tree = MapleTree(arena=arena)
    places = 0
    while True:
        try:
            with arena.failing(after=places):
                tree.build(entries)
            break
        except MemoryError:
            assert image(tree) == ("empty", 0, 0)
            assert balanced(arena)
            places += 1
    assert places > len(entries) // 16
    assert tree.check() is None
    assert list(tree.items()) == entries


def test_a_copy_is_refused_at_each_of_its_nodes() -> None:
    """The source does not notice, and the tree to copy into stays empty."""
    arena, entries = Arena(TINY), layout(2, 400, 0.5)
    tree, twin = MapleTree(arena=arena), MapleTree(arena=arena)
    tree.build(entries)
    before, places = tree.dump(), 0
    while True:
        try:
            with arena.failing(after=places):
                tree.copy(twin)
            break
        except MemoryError:
            assert twin.dump() == "empty"
            assert (twin.nodes, len(twin), twin.stats()["version"]) == (0, 0, 0)
            assert tree.dump() == before
            assert balanced(arena)
            assert arena.accounting().limbo == 0  # nobody has seen them: they are free again
            places += 1
    assert places == 1 + tree.nodes
    assert twin.check() is None
    assert list(twin.items()) == entries


def test_failing_is_for_one_at_a_time() -> None:
    """A block inside the block would end with the inner one."""
    arena = Arena(TINY)
    with arena.failing(), pytest.raises(RuntimeError, match="already"), arena.failing():
        pass
    tree = MapleTree(arena=arena)
    tree.store(0, 0, 1)
    assert tree.load(0) == 1


def test_no_write_takes_more_than_it_has_reserved() -> None:
    """A tall tree, ranges of any length: the most that any write takes is within the needs.

    A reader that never leaves keeps every node in limbo, so what is missing from the caches was
    taken.
    """
    arena, draw = Arena(512 << 20), random.Random(11)
    tree = MapleTree(arena=arena)
    tree.build(layout(3, 120_000, 0.3))
    assert tree.height >= 5
    pages = 200_000
    most = [0, 0]
    with arena.seated() as reader, arena.seated() as writer:
        words = arena.words
        words[announce_of(reader)] = int(words[EPOCH_GLOBAL]) * 2 + 1
        kinds = (
            (writer + LEAF_CACHED, ARENA_CARVED_LEAVES, ARENA_LEAF_FREE),
            (writer + INNER_CACHED, ARENA_CARVED_INNERS, ARENA_INNER_FREE),
        )
        for verb in (Verb.STORE, Verb.ERASE, Verb.ALLOCATE):
            tree._calls.address(verb)
        before = [int(words[c]) + int(words[f]) - int(words[m]) for c, m, f in kinds]
        for _ in range(15_000):
            first = draw.randrange(pages) * PAGE + draw.choice((0, 0, 5))
            last = first + draw.choice((1, 1, 3, 40, 700, 9000)) * PAGE - draw.choice((0, 1, 7))
            word = draw.choice((0, 0, 1, 2, ZERO))
            verb = Verb.ERASE if draw.random() < 0.3 else Verb.STORE
            address = tree._calls.address(verb)
            numbers = five(first, last, word)
            status = invoke(words, address, tree._block, writer, False, *numbers)
            assert status in (Status.OK, Status.NOT_FOUND)
            after = [int(words[c]) + int(words[f]) - int(words[m]) for c, m, f in kinds]
            most = [max(a, b - c) for a, b, c in zip(most, before, after, strict=True)]
            before = after
        words[announce_of(reader)] = 0
    assert tree.check() is None
    assert 3 <= most[0] <= LEAF_NEED
    assert 3 <= most[1] <= INNER_NEED


@pytest.mark.parametrize(("cached", "need"), [(LEAF_CACHED, LEAF_NEED), (INNER_CACHED, INNER_NEED)])
def test_one_node_less_than_a_write_may_need_is_too_few(cached: int, need: int) -> None:
    """In a full arena the last node decides, before anything is changed."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    with arena.seated() as slot:
        words, address = arena.words, tree._calls.address(Verb.STORE)

        def store() -> int:
            return invoke(words, address, tree._block, slot, False, *five(0, 5, 1))

        assert store() == Status.OK  # fills its caches
        fill(tree)
        assert arena.drain()
        words[ARENA_INNER_NEXT] = words[ARENA_INNER_END]
        words[ARENA_INNER_FREE] = 0
        words[slot + cached] = need - 1
        before = image(tree)
        assert store() == Status.ARENA_FULL
        assert image(tree) == before
        words[slot + cached] = need
        assert store() == Status.OK
    assert tree.check() is None
