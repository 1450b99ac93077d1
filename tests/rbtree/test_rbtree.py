"""The tree against a sorted list: every change leaves the same order, and every invariant whole."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable

import pytest

from stressd_kernels.rbtree.check import Broken
from stressd_kernels.rbtree.guard import VM_GROWSDOWN
from stressd_kernels.records import (
    RB_BLACK,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_PARENT,
    RB_RIGHT,
    VMA_END,
    VMA_START,
)
from tests.rbtree.planted import FIND, FIRST, LAST, NEXT, PREV, ROOT_AT, Planted

PAGE = 4096
BLACK = int(RB_BLACK)
GROWS = int(VM_GROWSDOWN)


@pytest.fixture(scope="module")
def shared() -> Planted:
    """One arena for all tests of the file."""
    return Planted()


@pytest.fixture
def tree(shared: Planted) -> Planted:
    """An empty tree."""
    shared.clear()
    return shared


def in_order(tree: Planted) -> list[int]:
    """Return the records upwards, having compared with the way downwards."""
    up, record = [], tree.ask(FIRST)
    while record:
        up.append(record)
        record = tree.ask(NEXT, record)
    down, record = [], tree.ask(LAST)
    while record:
        down.append(record)
        record = tree.ask(PREV, record)
    assert up == down[::-1]
    return up


def test_an_empty_tree_has_no_one(tree: Planted) -> None:
    """No first, no last, nothing found, nothing broken."""
    assert [tree.ask(what) for what in (FIND, FIRST, LAST)] == [0, 0, 0]
    assert tree.check() == Broken.NOTHING


def height(tree: Planted, record: int) -> int:
    """Return the number of levels below and with `record`."""
    if not record:
        return 0
    sides = (int(tree.words[record + side]) for side in (RB_LEFT, RB_RIGHT))
    return 1 + max(height(tree, child) for child in sides)


@pytest.mark.parametrize("way", [1, -1], ids=["ascending", "descending"])
def test_a_tree_built_in_order_is_not_a_list(tree: Planted, way: int) -> None:
    """2000 VMAs one after the other: at most 2 log2(n + 1) levels, checked at each step."""
    for number in range(2000)[::way]:
        tree.insert(number * 3 * PAGE, (number * 3 + 2) * PAGE)
        if number % 50 == 0:
            assert tree.check() == Broken.NOTHING
    assert in_order(tree) == tree.records
    assert height(tree, int(tree.words[ROOT_AT])) <= 22


def churn(tree: Planted, draw: random.Random, room: int) -> None:
    """Insert, erase or resize one VMA somewhere in `room` pages."""
    at = draw.randrange(room)
    below, above = tree.neighbours(at * PAGE)
    here = tree.ask(FIND, at * PAGE)
    if here and int(tree.words[here + VMA_START]) <= at * PAGE:
        if draw.random() < 0.5:
            tree.erase(here)
            return
        start, end = (int(tree.words[here + word]) // PAGE for word in (VMA_START, VMA_END))
        below, above = tree.neighbours(start * PAGE)
        least = int(tree.words[below + VMA_END]) // PAGE if below else 0
        most = int(tree.words[above + VMA_START]) // PAGE if above else room
        low = draw.randint(least, end - 1)
        tree.resize(here, low * PAGE, draw.randint(low + 1, most) * PAGE)
        return
    most = int(tree.words[above + VMA_START]) // PAGE if above else room
    end = min(most, at + draw.choice((1, 1, 2, 10, 300)))
    tree.insert(at * PAGE, end * PAGE, draw.choice((0, 0, 0, GROWS)))


@pytest.mark.parametrize("room", [12, 300, 20_000])
def test_any_history_keeps_every_invariant(tree: Planted, room: int) -> None:
    """Thousands of random insertions, erasures and replacements, all checked after each."""
    draw = random.Random(room)
    for step in range(6000):
        churn(tree, draw, room)
        assert tree.check() == Broken.NOTHING, f"step {step}"
        if step % 200 == 0:
            assert in_order(tree) == tree.records
    while tree.order:
        tree.erase(draw.choice(tree.records))
        assert tree.check() == Broken.NOTHING


def test_find_is_the_first_that_ends_above(tree: Planted) -> None:
    """Inside, at both edges, in gaps, below the first and above the last."""
    draw = random.Random(3)
    for _ in range(300):
        churn(tree, draw, 2000)
    ends = [int(tree.words[record + VMA_END]) for record in tree.records]
    for page in range(2001):
        for address in (page * PAGE, page * PAGE + 17):
            place = bisect_right(ends, address)
            expected = tree.records[place] if place < len(ends) else 0
            assert tree.ask(FIND, address) == expected


def spoil(word: int, change: Callable[[int], int]) -> Callable[[Planted, int], None]:
    """Return what changes one word of a record."""

    def spoiled(tree: Planted, record: int) -> None:
        tree.words[record + word] = change(int(tree.words[record + word]))

    return spoiled


def swap_children(tree: Planted, record: int) -> None:
    """Put the left subtree right and the right one left."""
    left, right = (int(tree.words[record + side]) for side in (RB_LEFT, RB_RIGHT))
    tree.words[record + RB_LEFT], tree.words[record + RB_RIGHT] = right, left


DAMAGE: dict[str, tuple[Callable[[Planted, int], None], set[Broken]]] = {
    "children swapped": (swap_children, {Broken.ORDER, Broken.OWN}),
    "reaches into the next": (spoil(VMA_END, lambda w: w + 100 * PAGE), {Broken.OVERLAP}),
    "painted": (spoil(RB_PARENT, lambda w: w ^ BLACK), {Broken.BLACK, Broken.RED}),
    "another's child": (spoil(RB_PARENT, lambda w: w + 32), {Broken.LINK}),
    "a link to nowhere": (spoil(RB_LEFT, lambda _: 1 << 50), {Broken.LINK}),
    "a link off a record": (spoil(RB_RIGHT, lambda w: w + 1), {Broken.LINK}),
    "a subtree lost": (spoil(RB_RIGHT, lambda _: 0), {Broken.GAP, Broken.BLACK}),
    "own gap too large": (spoil(RB_OWN, lambda w: w + PAGE), {Broken.OWN, Broken.GAP}),
    "own gap too small": (spoil(RB_OWN, lambda w: w - PAGE), {Broken.OWN, Broken.GAP}),
    "gap too large": (spoil(RB_GAP, lambda w: w + PAGE), {Broken.GAP}),
    "gap too small": (spoil(RB_GAP, lambda w: w - PAGE), {Broken.GAP}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_every_kind_of_damage_is_found(tree: Planted, name: str) -> None:
    """A check that cannot fail holds nothing: one word is wrong, and the check says which rule."""
    draw = random.Random(name)
    for number in range(200):
        tree.insert(number * 30 * PAGE, (number * 30 + draw.randint(1, 28)) * PAGE)
    damage, expected = DAMAGE[name]
    root = int(tree.words[ROOT_AT])
    inside = int(tree.words[int(tree.words[root + RB_LEFT]) + RB_RIGHT])
    damage(tree, inside)
    assert tree.check() in expected
    assert tree.at_fault


def test_damage_at_the_root_is_found(tree: Planted) -> None:
    """A red root, a root with a parent, and a word that is no record."""
    for number in range(20):
        tree.insert(number * 3 * PAGE, (number * 3 + 1) * PAGE)
    root = int(tree.words[ROOT_AT])
    tree.words[root + RB_PARENT] = 0
    assert tree.check() == Broken.ROOT
    tree.words[root + RB_PARENT] = int(tree.words[root + RB_LEFT]) | BLACK
    assert tree.check() == Broken.ROOT
    tree.words[ROOT_AT] = 32
    assert tree.check() == Broken.LINK
