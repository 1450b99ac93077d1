"""Memory: a full arena refuses and changes nothing, and every node is accounted for."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.calls import five, invoke
from stressd_kernels.epoch import announce_of
from stressd_kernels.layout import (
    ARENA_NEXT,
    CHUNK_WORDS,
    EPOCH_GLOBAL,
    HEADER_POOL_END,
    TREE_LOCK,
    TREE_ROOT,
)
from stressd_kernels.lock import BROKEN
from stressd_kernels.memory import CAPACITY_MAX
from stressd_kernels.refs import NODE_MASK
from stressd_kernels.status import POISON, Status
from stressd_kernels.verbs import Verb
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE

TINY = 4 << 20  # one chunk of leaves, one of inner nodes
STRIDE = 4 * PAGE


def balanced(arena: Arena) -> bool:
    """Tell whether every node is in exactly one place."""
    count = arena.accounting()
    return count.live + count.limbo + count.cached + count.free == count.carved


def fill(tree: MapleTree) -> int:
    """Store until the arena is full; return the number of entries."""
    with contextlib.suppress(MemoryError):
        for entry in entries_of(1 << 20):
            tree.store(*entry)
        pytest.fail("the arena did not fill up")
    return len(tree)


def entries_of(count: int) -> Iterator[tuple[int, int, int]]:
    """Yield what fill() stored."""
    return ((i * STRIDE, i * STRIDE + PAGE - 1, i + 1) for i in range(count))


@pytest.fixture(scope="module")
def full() -> tuple[MapleTree, int]:
    """A tree whose arena is full, and its number of entries."""
    tree = MapleTree(arena=Arena(TINY))
    return tree, fill(tree)


def test_a_full_arena_leaves_the_tree_as_it_was(full: tuple[MapleTree, int]) -> None:
    """The store that was refused left no trace, and the answers are those of before."""
    tree, count = full
    assert tree.check() is None
    assert len(tree) == count
    assert list(tree.items()) == list(entries_of(count))
    assert tree.empty_area(0, MAX, PAGE) == PAGE
    assert tree.empty_area_rev(0, MAX, PAGE) == MAX - PAGE + 1


REFUSED: dict[str, Callable[[MapleTree, int], object]] = {
    "store": lambda tree, n: tree.store(n * STRIDE + PAGE, n * STRIDE + 2 * PAGE - 1, 1),
    "store over several leaves": lambda tree, n: tree.store(n * STRIDE + 5, (n + 60) * STRIDE, 1),
    "store None": lambda tree, n: tree.store(n * STRIDE + 5, (n + 60) * STRIDE, None),
    "insert": lambda tree, n: tree.insert(n * STRIDE + PAGE, n * STRIDE + 2 * PAGE - 1, 1),
    "allocate": lambda tree, n: tree.allocate(n * STRIDE, MAX, PAGE, 1),
    "erase": lambda tree, n: tree.erase(n * STRIDE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_every_kind_of_write_is_refused_whole(name: str) -> None:
    """Writes go on while nodes are left; the first that is refused has changed nothing."""
    tree, write = MapleTree(arena=Arena(TINY)), REFUSED[name]
    count = fill(tree)
    draw = random.Random(count)
    for _ in range(2000):
        before = list(tree.items()) if draw.random() < 0.005 else None
        try:
            write(tree, draw.randrange(count - 100))
        except MemoryError:
            assert before is None or list(tree.items()) == before
            assert tree.check() is None
    assert tree.check() is None


def test_a_copy_that_does_not_fit_is_refused(full: tuple[MapleTree, int]) -> None:
    """The source stays as it is, and the half-made copy takes nothing with it."""
    tree, count = full
    with pytest.raises(MemoryError):
        tree.copy()
    assert tree.check() is None
    assert len(tree) == count


def test_a_cleared_tree_gives_its_nodes_back() -> None:
    """After clear() the same arena holds as much as at first, again and again."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    counts = []
    for _ in range(3):
        counts.append(fill(tree))
        tree.clear()
        assert arena.drain()
        assert balanced(arena)
        assert arena.accounting().live == 0
    assert min(counts) >= counts[0] * 0.95


def test_copies_that_come_and_go_do_not_fill_the_arena() -> None:
    """Whole trees are retired at once, and come back as fast as others are built."""
    arena = Arena(64 << 20)
    source = MapleTree(arena=arena)
    for entry in entries_of(20_000):
        source.store(*entry)
    for _ in range(300):
        source.copy().close()
    assert balanced(arena)


def test_a_full_arena_recovers_as_soon_as_something_is_unlinked() -> None:
    """A refused write looks for nodes that readers have left before it gives up."""
    tree = MapleTree(arena=Arena(TINY))
    count = fill(tree)
    tree.clear()
    assert fill(tree) >= count * 0.9


@pytest.mark.parametrize("poison", [False, True])
def test_every_node_is_accounted_for(poison: bool) -> None:
    """After any history: live + limbo + cached + free = carved; after a drain, limbo is empty."""
    arena = Arena(64 << 20, poison=poison)
    tree, model, draw = MapleTree(arena=arena), NaiveTree(), random.Random(7)
    for step in range(20_000):
        first = draw.randrange(2000) * PAGE
        last = first + draw.choice((1, 1, 1, 2, 100)) * PAGE - 1
        value = draw.choice((None, step + 1, step + 1))
        tree.store(first, last, value)
        model.store(first, last, value)
        if step % 1000 == 0:
            assert balanced(arena)
    twin = tree.copy()
    assert arena.drain()
    count = arena.accounting()
    assert balanced(arena)
    assert count.limbo == 0
    assert count.live == tree.nodes + twin.nodes
    assert list(tree.items()) == list(twin.items()) == list(model.items())


def test_dropped_trees_give_their_blocks_back() -> None:
    """More trees than an arena has blocks for, one after the other."""
    arena = Arena(TINY)
    for number in range(5000):
        tree = MapleTree(arena=arena)
        tree.store(number, number, 1)
        tree.close()
    assert arena.accounting().live == 0


def test_a_closed_tree_says_so() -> None:
    """Every use after close() is refused; closing twice is fine."""
    tree = MapleTree(arena=Arena(TINY))
    tree.store(1, 1, 1)
    tree.close()
    tree.close()
    uses: list[Callable[[], object]] = [
        lambda: tree.load(1),
        lambda: tree.load_many([1]),
        lambda: tree.store(1, 1, 1),
        lambda: list(tree.items()),
        lambda: len(tree),
        lambda: tree.height,
        lambda: tree.bytes,
        tree.check,
        tree.clear,
        tree.copy,
        tree.stats,
        tree.dump,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_broken_tree_says_so() -> None:
    """Marked BROKEN after a failure under the lock: it can be read, and everything else refuses.

    Above all, a check that could not look must not say that all is well.
    """
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    tree.store(1, 1, 7)
    arena.words[tree._block + TREE_LOCK] = BROKEN
    assert tree.load(1) == 7
    assert list(tree.items()) == [(1, 1, 7)]
    assert tree.check() is not None
    for use in (lambda: tree.store(2, 2, 1), tree.clear, tree.copy):
        with pytest.raises(RuntimeError, match=r"(?i)broken"):
            use()
    arena.words[tree._block + TREE_LOCK] = 0  # so that it can be closed


def test_stats_agree_with_the_properties() -> None:
    """stats() says the same as the tree's own properties, and counts what happened."""
    tree = MapleTree(arena=Arena(TINY))
    assert tree.height == tree.nodes == tree.bytes == 0
    for entry in entries_of(1000):
        tree.store(*entry)
    stats = tree.stats()
    assert stats["entries"] == len(tree) == 1000
    assert stats["height"] == tree.height >= 3
    assert stats["leaves"] + stats["inners"] == tree.nodes
    assert stats["bytes"] == tree.bytes > 0
    assert stats["splits"] > 0
    assert stats["version"] % 2 == 0
    assert stats["arena"]["live"] == tree.nodes


def test_a_dump_shows_every_entry() -> None:
    """dump() is for people, but everything is in it."""
    tree = MapleTree()
    for entry in entries_of(50):
        tree.store(*entry)
    text = tree.dump()
    for first, last, _ in entries_of(50):
        assert f"{first:x}" in text
        assert f"{last:x}" in text


def test_a_write_waits_for_readers_that_hold_the_nodes_it_needs() -> None:
    """A full arena whose nodes wait in limbo is BACKLOG; it is over when the reader leaves."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    tree.store(0, 9, 1)
    with arena.seated() as reader, arena.seated() as writer:
        place = announce_of(reader)
        arena.words[place] = arena.words[EPOCH_GLOBAL] * np.uint64(2) + np.uint64(1)
        statuses = [store_again(arena, tree, writer, number) for number in range(20_000)]
        assert set(statuses) == {Status.OK, Status.BACKLOG}
        assert statuses[-1] == Status.BACKLOG
        arena.words[place] = 0
        assert store_again(arena, tree, writer, 0) == Status.OK
    assert tree.check() is None
    assert balanced(arena)


def store_again(arena: Arena, tree: MapleTree, slot: int, number: int) -> Status:
    """Change the only leaf of `tree`, without waiting; return what the entry answered."""
    last = 20 + number % 2
    return Status(
        invoke(
            arena.words,
            tree._calls.address(Verb.STORE),
            tree._block,
            slot,
            False,
            *five(20, last, 0 if number % 4 < 2 else 7),
        )
    )


@pytest.mark.parametrize(
    "read",
    [
        lambda tree: tree.load(5),
        lambda tree: tree.load_many([5]),
        lambda tree: tree.find(0),
        lambda tree: tree.next(0),
        lambda tree: tree.prev(MAX),
        lambda tree: list(tree.items()),
    ],
    ids=["load", "load_many", "find", "next", "prev", "items"],
)
def test_a_reserved_word_is_never_handed_out(read: Callable[[MapleTree], object]) -> None:
    """Where a value should stand it means that the tree is damaged."""
    arena = Arena(TINY)
    tree = MapleTree(arena=arena)
    tree.store(3, 9, 7)
    leaf = int(arena.words[tree._block + TREE_ROOT] & NODE_MASK)
    arena.words[leaf + 17] = POISON
    with pytest.raises(RuntimeError, match="reserved word"):
        read(tree)


def test_nodes_at_the_far_end_of_the_largest_arena_are_found() -> None:
    """Look-ups load half of a reference: every word index that an arena can have fits there."""
    arena = Arena(CAPACITY_MAX)
    arena.words[ARENA_NEXT] = arena.words[HEADER_POOL_END] - np.uint64(4 * CHUNK_WORDS)
    entries = 30_000
    with MapleTree(arena=arena) as tree:
        for number in range(entries):
            tree.store(number * PAGE, number * PAGE + 9, number + 1)
        assert int(arena.words[ARENA_NEXT]) > int(arena.words[HEADER_POOL_END]) - 3 * CHUNK_WORDS
        keys = range(5, entries * PAGE, PAGE)
        assert [tree.load(key) for key in keys] == list(range(1, entries + 1))
        assert list(tree.load_many(keys)) == list(range(1, entries + 1))
        tree.store(5 * PAGE, 5 * PAGE + 9, 77)
        assert tree.load(5 * PAGE) == 77
        tree.check()


def test_a_tree_is_closed_at_the_end_of_a_with_block() -> None:
    """Whatever ends it."""
    arena = Arena(TINY)
    with contextlib.suppress(KeyError), MapleTree(arena=arena) as tree:
        tree.store(1, 5, 2)
        assert (1 in tree, 5 in tree, 6 in tree) == (True, True, False)
        raise KeyError
    with pytest.raises(ValueError, match="closed"):
        tree.load(1)
    assert arena.accounting().live == 0


def test_readers_of_a_tree_that_is_closed_end_safely() -> None:
    """They get an answer of that tree, or are told that it is closed; never another tree's."""
    arena = Arena(64 << 20, poison=True)
    trees = [MapleTree(arena=arena)]
    rounds, failures, answers = 100, list[BaseException](), [0, 0]
    read_once = threading.Semaphore(0)
    looks: list[Callable[[MapleTree], set[int]]] = [
        lambda tree: {value for _, _, value in tree.items()},
        lambda tree: {int(value) for value in tree.load_many(range(0, 3000, 7))},
        lambda tree: {value for _, _, value in tree.cursor()},
    ]

    def fill_with(tree: MapleTree, number: int) -> None:
        tree.build([(key * 10, key * 10 + 9, number + 1) for key in range(300)])

    def read(look: Callable[[MapleTree], set[int]]) -> None:
        try:
            while len(trees) <= rounds:
                number = len(trees) - 1
                try:
                    seen = look(trees[number])
                except ValueError as refusal:
                    if "closed" not in str(refusal):
                        raise
                    answers[1] += 1
                else:
                    assert seen <= {number + 1, 0}
                    answers[0] += 1
                read_once.release()
        except BaseException as failure:
            failures.append(failure)
            read_once.release(1 << 20)

    fill_with(trees[0], 0)
    threads = [threading.Thread(target=read, args=(look,)) for look in looks]
    for thread in threads:
        thread.start()
    for number in range(1, rounds + 1):
        tree = MapleTree(arena=arena)
        fill_with(tree, number)
        for _ in looks:
            read_once.acquire()
        trees.append(tree)
        trees[number - 1].close()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(answers) > 0
    assert balanced(arena)


def test_what_idle_slots_hold_back_is_had_when_nodes_run_out() -> None:
    """Most nodes wait in the limbo and cache of one slot; a call from another gets them."""
    arena = Arena(TINY)
    first, second = MapleTree(arena=arena), MapleTree(arena=arena)
    entries = list(entries_of(40_000))
    with arena.seated():  # what is called meanwhile works in another slot than what comes after
        for entry in entries:
            first.store(*entry)
        first.store(0, MAX, None)
    assert arena.accounting().live == 0
    second.build(entries)
    assert list(second.items()) == entries
    assert balanced(arena)


def test_an_arena_that_is_full_of_entries_has_nothing_to_reclaim(
    full: tuple[MapleTree, int],
) -> None:
    """The second try comes once, and only if the first left something to find."""
    tree, _ = full
    arena = tree.arena
    arena.reclaim()
    assert not arena.reclaim()
    assert balanced(arena)
