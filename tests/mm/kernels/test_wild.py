"""Random calls of any kind, with odd arguments and changing limits, at every stage."""

from __future__ import annotations

import pytest

from stressd_kernels import Arena
from stressd_kernels.spaces import STAGES
from tests.mm.kernels.test_random import CALLS, CALLS_OF_ONE, SEED
from tests.mm.kernels.wild import Wild


@pytest.fixture
def arena() -> Arena:
    """One arena for a stage: it has room for 4,096 address spaces."""
    return Arena(256 << 20)


@pytest.mark.parametrize("stage", STAGES)
def test_any_call_agrees_with_the_rules(stage: str, arena: Arena) -> None:
    """Every answer and error, all VMAs, the heap, the flags of what is to come; no node is lost."""
    for seed in range(SEED, SEED + max(1, CALLS // CALLS_OF_ONE)):
        wild = Wild(seed, stage, arena)
        try:
            for _ in range(min(CALLS, CALLS_OF_ONE)):
                wild.call()
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}: {failure}") from None
        wild.pair.real.validate()
        while wild.pair.exit():
            pass
        wild.pair.real.exit()
    assert arena.drain()
    nodes = arena.accounting()
    assert nodes.carved == nodes.live + nodes.cached + nodes.free
