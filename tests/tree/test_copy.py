"""Copies: node by node, those of one instant, while others read and write."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.calls import five, invoke
from stressd_kernels.layout import RESULT_VALUE, RESULT_VERSION, TREE_LOCK
from stressd_kernels.lock import HELD
from stressd_kernels.status import ZERO, Status
from stressd_kernels.verbs import Verb
from tests.naive import NaiveTree
from tests.tree.keys import MAX, PAGE, layout
from tests.tree.test_arena import balanced


def dump_of(tree: MapleTree) -> list[str]:
    """Return the dump line by line, node addresses left out."""
    lines = []
    for line in tree.dump().split("\n"):
        words = line.split()
        if words and words[0] in ("leaf", "inner"):
            words.pop(1)
        lines.append(" ".join(words))
    return lines


def grown(arena: Arena, count: int, seed: int = 1) -> MapleTree:
    """Return a tree that was written at random: nodes of every fill, reserved entries too."""
    tree, draw = MapleTree(arena=arena), random.Random(seed)
    entries = layout(seed, count, 0.5)
    draw.shuffle(entries)
    for first, last, value in entries:
        if value % 7:
            tree.store(first, last, value)
        else:
            tree.reserve(first, last)
    return tree


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 100, 300, 3000, 40_000])
def test_a_copy_is_equal_node_by_node(count: int) -> None:
    """The same nodes, spans, values and gaps, and none of them shared."""
    arena = Arena(64 << 20)
    tree = grown(arena, count)
    twin = tree.copy()
    assert dump_of(twin) == dump_of(tree)
    assert twin.check() is None
    assert (len(twin), twin.height, twin.nodes, twin.bytes) == (
        len(tree),
        tree.height,
        tree.nodes,
        tree.bytes,
    )
    before = dump_of(tree)
    twin.store(0, MAX, 7)
    twin.clear()
    assert dump_of(tree) == before
    assert tree.check() is None
    assert arena.drain()
    assert balanced(arena)
    assert arena.accounting().live == tree.nodes


def test_a_copy_without_gaps() -> None:
    """What does not track gaps is copied as well."""
    arena = Arena(64 << 20)
    tree = MapleTree(gaps=False, arena=arena)
    tree.build(layout(3, 500, 0.2))
    twin = tree.copy()
    assert list(twin) == list(tree)
    assert twin.check() is None
    twin.store(5, 10, 1)
    assert twin.check() is None


def test_into_what_it_cannot_be_copied() -> None:
    """A tree that holds something, or is of another kind, or elsewhere, or the source itself."""
    arena = Arena(64 << 20)
    tree = grown(arena, 100)
    taken = grown(arena, 1)
    with pytest.raises(FileExistsError):
        tree.copy(taken)
    with pytest.raises(FileExistsError):
        tree.copy(tree)
    for into in (MapleTree(gaps=False, arena=arena), MapleTree(arena=Arena(64 << 20))):
        with pytest.raises(ValueError, match="into"):
            tree.copy(into)
        assert len(into) == 0
    assert len(taken) == 1
    assert tree.check() is taken.check() is None
    into = MapleTree(arena=arena)
    assert tree.copy(into) is into
    assert dump_of(into) == dump_of(tree)


def test_a_copy_between_trees_of_two_kinds_is_refused() -> None:
    """The entry itself looks: gaps that one tree tracks and the other does not cannot be copied."""
    arena = Arena(64 << 20)
    tree, plain = grown(arena, 100), MapleTree(gaps=False, arena=arena)
    assert plain._calls.ask(Verb.COPY, tree._block) == (Status.UNSUPPORTED,)
    assert len(plain) == 0


def test_copies_of_a_closed_tree_and_into_one() -> None:
    """Either way it says so."""
    arena = Arena(64 << 20)
    tree, closed = grown(arena, 10), MapleTree(arena=arena)
    closed.close()
    for copy in (closed.copy, lambda: tree.copy(closed)):
        with pytest.raises(ValueError, match="closed"):
            copy()


def writing(tree: MapleTree, log: list[tuple[int, int, int, int]], stop: threading.Event) -> None:
    """Write ranges at random until told to stop, and note the version that each made."""
    draw, words = random.Random(len(log)), tree._calls.words
    address = tree._calls.address(Verb.STORE)
    with tree.arena.seated() as slot:
        while not stop.is_set():
            first = draw.randrange(300) * PAGE
            last = first + draw.choice((1, 1, 1, 2, 40)) * PAGE - 1
            word = draw.choice((0, ZERO, *range(1, 6)))
            status = invoke(words, address, tree._block, slot, False, *five(first, last, word))
            if status == Status.OK:
                log.append((int(words[slot + RESULT_VERSION]), first, last, word))


@pytest.mark.parametrize("writers", [1, 2])
def test_a_copy_beside_writers_is_of_one_version(writers: int) -> None:
    """Each holds exactly what stood in the tree at the version that it names."""
    arena = Arena(256 << 20, poison=True)
    tree = MapleTree(arena=arena)
    logs: list[list[tuple[int, int, int, int]]] = [[] for _ in range(writers)]
    copies: list[tuple[int, list[tuple[int, int, int]]]] = []
    stop = threading.Event()

    def copy() -> None:
        try:
            while len({version for version, _ in copies}) < 60:
                twin = MapleTree(arena=arena)
                status, version = twin._calls.ask(Verb.COPY, tree._block, results=(RESULT_VALUE,))
                assert status == Status.OK
                assert twin.check() is None
                copies.append((version, list(twin.cursor())))
                twin.close()
        finally:
            stop.set()

    with ThreadPoolExecutor(writers + 2) as pool:
        threads = [pool.submit(copy) for _ in range(2)]
        threads += [pool.submit(writing, tree, log, stop) for log in logs]
        for thread in threads:
            thread.result()
    model, log, at = NaiveTree(), sorted(entry for log in logs for entry in log), 0
    for version, ranges in sorted(copies, key=lambda copied: copied[0]):
        while at < len(log) and log[at][0] <= version:
            _, first, last, word = log[at]
            if word == ZERO:
                model.reserve(first, last)
            else:
                model.store(first, last, word or None)
            at += 1
        assert [(f, e, 0 if v == ZERO else v) for f, e, v in ranges] == model.ranges()
    assert tree.check() is None


def test_readers_go_on_beside_copies() -> None:
    """While a thread copies, others read: the answers are those of a tree that nobody writes."""
    arena = Arena(256 << 20, poison=True)
    tree = grown(arena, 5000)
    entries, done, failures = list(tree), threading.Event(), list[object]()
    looks: list[Callable[[random.Random], object]] = [
        lambda draw: look_up(tree, draw.choice(entries)),
        lambda draw: list(tree.items(0, 200 * PAGE)),
        lambda draw: tree.empty_area(0, MAX, PAGE),
    ]

    def read(number: int) -> None:
        draw, first = random.Random(number), None
        try:
            while not done.is_set():
                answer = looks[number](draw)
                first = answer if first is None else first
                assert answer == first
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(looks))]
    for thread in threads:
        thread.start()
    for _ in range(200):
        twin = tree.copy()
        assert len(twin) == len(tree)
        twin.close()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(tree) == entries


def look_up(tree: MapleTree, entry: tuple[int, int, int]) -> bool:
    """Say whether the tree has an entry, in four ways."""
    first, last, value = entry
    found = {tree.find(first), tree.find_rev(last), tree.find(first, last)}
    return found == {entry} and tree.load(first) == value


def test_copies_across_each_other_do_not_wait_for_ever() -> None:
    """Two locks are taken in one order, whoever copies from where to where."""
    arena = Arena(256 << 20)
    trees = [grown(arena, 50, seed) for seed in range(3)]
    counts = [len(tree) for tree in trees]

    def churn(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(150):
            number = draw.randrange(3)
            twin = MapleTree(arena=arena)
            trees[number].copy(twin)
            assert len(twin) == counts[number]
            back = twin.copy()
            assert len(back) == counts[number]
            twin.close()
            back.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(churn, range(4)))
    assert arena.drain()
    assert balanced(arena)


def test_a_copy_leaves_no_lock_behind() -> None:
    """Neither after it is done, nor after it was refused."""
    arena = Arena(64 << 20)
    tree, taken = grown(arena, 100), grown(arena, 2)
    twin = tree.copy()
    with pytest.raises(FileExistsError):
        tree.copy(taken)
    with arena.failing(after=4), pytest.raises(MemoryError):
        tree.copy()
    for each in (tree, taken, twin):
        assert arena.words[each._block + TREE_LOCK] != HELD
        each.store(0, 0, 1)
