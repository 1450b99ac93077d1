"""Look-ups without the lock answer as the rules say, on every stage."""

from __future__ import annotations

import random

import pytest

from stressd_kernels.address_space import Vma
from tests.mm.kernels.placed import EVERY_STAGE, both, drawn
from tests.mm.spec import gaps, lookup, space
from tests.mm.spec.words import PAGE, Failed

SEEDS = range(4)


def where(vma: Vma | space.Vma | None) -> tuple[int, int] | None:
    """Return the range of a VMA of either kind."""
    return None if vma is None else (vma.start, vma.end)


@pytest.mark.parametrize("stage", EVERY_STAGE)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_look_up_finds_what_the_rules_say(stage: str, seed: int) -> None:
    """find_vma and its kin, at both sides of every edge."""
    model, mm = both(drawn(seed), stage)
    edges = {edge for vma in model.vmas for edge in (vma.start, vma.end)}
    for address in sorted({0} | {edge + d for edge in edges for d in (-1, 0, 1)}):
        end = address + 3 * PAGE
        below, above = lookup.find_vma_prev(model, address)
        assert where(mm.find_vma(address)) == where(above)
        assert where(mm.find_vma_prev(address)) == where(below)
        assert where(mm.vma_lookup(address)) == where(lookup.vma_lookup(model, address))
        found = mm.find_vma_intersection(address, end)
        assert where(found) == where(lookup.find_vma_intersection(model, address, end))
    for vma in model.vmas:
        assert where(mm.find_exact_vma(vma.start, vma.end)) == where(vma)
        assert mm.find_exact_vma(vma.start, vma.end + PAGE) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_pages_are_counted_with_their_parts(seed: int) -> None:
    """A range that begins or ends inside a VMA counts that part of it."""
    model, mm = both(drawn(seed), "all")
    rng = random.Random(seed)
    for _ in range(200):
        start, end = sorted(rng.randrange(4100) * PAGE for _ in range(2))
        assert mm.count_pages(start, end) == lookup.count_pages(model, start, end)


@pytest.mark.parametrize("topdown", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_without_the_lock_keeps_clear_of_guard_gaps(seed: int, topdown: bool) -> None:
    """Its answer is that of the rule, aligned or not, in windows of any size."""
    model, mm = both(drawn(seed, count=12), "all")
    rng = random.Random(seed)
    found = 0
    for _ in range(400):
        length = rng.choice((1, 2, 5, 40, 300)) * PAGE
        mask = rng.choice((0, 0, 0xFFFF, 0x1F_FFFF))
        offset = rng.choice((0, 0x3000)) & mask
        low, high = sorted(rng.randrange(1, 5000) * PAGE for _ in range(2))
        want = gaps.Search(length, low, high, mask, offset)
        try:
            expected = (gaps.topdown if topdown else gaps.bottomup)(model, want)
        except Failed:
            with pytest.raises(OSError, match="Cannot allocate memory"):
                mm.unmapped_area(length, low, high, mask, offset, topdown=topdown)
            continue
        assert mm.unmapped_area(length, low, high, mask, offset, topdown=topdown) == expected
        found += 1
    assert found > 50
