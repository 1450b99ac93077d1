"""Long random sequences: trees that have lived through growth, churn and decay."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import pytest

from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.tree.keys import MAX

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
STEPS = 1_000_000 if THOROUGH else 100_000
CHECK_EVERY = 500
COMPARE_EVERY = 10_000


@dataclass(frozen=True)
class World:
    """How the keys of one sequence are spread: at `offset`, in units of `grain`."""

    span: int
    grain: int
    offset: int
    width: int  # most units that an ordinary store covers


WORLDS = {
    "tiny_dense": World(span=200, grain=1, offset=0, width=8),
    "dense": World(span=20_000, grain=1, offset=0, width=12),
    "pages": World(span=30_000, grain=4096, offset=0, width=20),
    "end_of_all": World(span=20_000, grain=1, offset=MAX - 20_000 + 1, width=12),
    "everywhere": World(span=20_000, grain=2**64 // 20_000, offset=0, width=6),
}

# share of (stores, stores of nothing, erases) in each fifth of a sequence: grow, churn, decay
PHASES = [(8, 1, 1), (5, 2, 3), (2, 3, 5), (8, 1, 1), (4, 3, 3)]


def draw_range(draw: random.Random, world: World) -> tuple[int, int]:
    """Return a range: mostly short, sometimes over many entries, rarely over everything."""
    kind = draw.random()
    units = world.width if kind < 0.9 else world.span // 50 if kind < 0.999 else world.span
    start = draw.randrange(world.span)
    end = min(start + draw.randint(0, units), world.span - 1)
    first = world.offset + start * world.grain
    last = world.offset + (end + 1) * world.grain - 1
    if draw.random() < 0.1:  # leave the grid
        last = max(first, last - draw.randrange(world.grain))
    return first, min(last, MAX)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_a_long_random_life(world: World, seed: int) -> None:
    """After every one of 100,000 writes the answers agree, and again and again the whole map."""
    draw = random.Random(f"{seed} {world}")
    tree, model = MapleTree(), NaiveTree()
    for step in range(STEPS):
        first, last = draw_range(draw, world)
        kind = draw.choices(range(3), PHASES[step * len(PHASES) // STEPS])[0]
        story = f"seed {seed}, step {step}: {('store', 'store None', 'erase')[kind]}"
        if kind == 2:
            assert tree.erase(first) == model.erase(first), f"{story} {first}"
        else:
            value = step + 1 if kind == 0 else None
            tree.store(first, last, value)
            model.store(first, last, value)
            assert tree.find(first) == model.find(first), f"{story} {first}..{last}"
        probe = world.offset + draw.randrange(world.span) * world.grain
        assert tree.load(probe) == model.load(probe), f"{story} {first}..{last}, load {probe}"
        if step % CHECK_EVERY == 0:
            assert tree.check() is None, f"{story} {first}..{last}"
            size = draw.randrange(1, 40 * world.grain)
            assert tree.empty_area(0, MAX, size) == model.empty_area(0, MAX, size), story
            assert tree.empty_area_rev(0, MAX, size) == model.empty_area_rev(0, MAX, size), story
        if step % COMPARE_EVERY == 0:
            assert list(tree.items()) == list(model.items()), story
    assert tree.check() is None
    assert list(tree.items()) == list(model.items())


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 8))
def test_cells_of_a_workload(seed: int) -> None:
    """Stores of one cell, of several, and erases on a bulk-built map, checked after each."""
    draw = random.Random(seed)
    tree, model = MapleTree(), NaiveTree()
    cells = draw.choice((40, 300, 1000))
    for cell in range(cells):
        if draw.random() < 0.7:
            tree.store(cell * 16, cell * 16 + 15, cell + 1)
            model.store(cell * 16, cell * 16 + 15, cell + 1)
    tree = tree.copy()
    for step in range(1500):
        cell = draw.randrange(cells)
        more = draw.choice((0, 0, 0, 1, 5, 30))
        first, last = cell * 16, min(cell + more, cells - 1) * 16 + 15
        value = draw.choice((None, step + 1))
        tree.store(first, last, value)
        model.store(first, last, value)
        assert tree.check() is None, f"seed {seed}, step {step}: [{first}, {last}] {value}"
        assert list(tree.items(first - 16 if first else 0, last)) == list(
            model.items(first - 16 if first else 0, last)
        )
    assert list(tree.items()) == list(model.items())
