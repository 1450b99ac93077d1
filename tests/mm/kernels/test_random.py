"""Random calls: the kernels of an address space do what the rules say, at every stage.

STRESSD_CALLS=250000    so many calls at each stage (`make mm`), not the few of every test run
STRESSD_SEED=7          the first seed
"""

from __future__ import annotations

import os

import pytest

from stressd_kernels import Arena
from stressd_kernels.spaces import STAGES
from tests.mm.kernels.drawing import Drawing, HugeDrawing

CALLS = int(os.environ.get("STRESSD_CALLS", "1500"))
SEED = int(os.environ.get("STRESSD_SEED", "0"))
VALIDATE = (1, 0, 7)  # around each call, never, after every seventh
CALLS_OF_ONE = 500  # then another address space begins


@pytest.fixture
def arena() -> Arena:
    """One arena for a stage: it has room for 4,096 address spaces."""
    return Arena(256 << 20)


@pytest.mark.parametrize("stage", STAGES)
def test_random_calls_agree_with_the_rules(stage: str, arena: Arena) -> None:
    """Every answer, every error, and all VMAs after each call; and no record is lost."""
    for seed in range(SEED, SEED + max(1, CALLS // CALLS_OF_ONE)):
        drawing = Drawing(seed, stage, arena, VALIDATE[seed % len(VALIDATE)])
        try:
            for _ in range(min(CALLS, CALLS_OF_ONE)):
                drawing.call()
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}: {failure}") from None
        drawing.pair.real.validate()
    assert arena.drain()
    nodes = arena.accounting()
    assert nodes.live + nodes.limbo + nodes.cached + nodes.free == nodes.carved


@pytest.mark.parametrize("stage", ["all", "no-cache"])
@pytest.mark.parametrize("seed", range(4))
def test_random_calls_on_huge_pages_agree_with_the_rules(
    stage: str, seed: int, arena: Arena
) -> None:
    """What is rounded up to huge pages, and what is refused off them."""
    drawing = HugeDrawing(seed, stage, arena)
    for _ in range(300):
        drawing.call()
    drawing.pair.real.validate()
