"""Keys: uniform and zipfian draws have the frequencies they promise."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels.keys import keys_words, place_draw, rank_zipfian, stride, zeta
from stressd_kernels.layout import SLOT_PRNG
from stressd_kernels.prng import prng_state
from stressd_kernels.worker import KEYS, RING

DRAWS = 40_000


def worker(count: int, theta: float | None, seed: int = 1) -> np.ndarray:
    """Return a slot that draws from `count` places."""
    words = np.zeros(RING, np.uint64)
    words[SLOT_PRNG : SLOT_PRNG + 4] = prng_state(seed, 0)
    parameters = keys_words(count, theta)
    words[KEYS : KEYS + len(parameters)] = parameters
    return words


@given(st.integers(1, 1 << 28), st.none() | st.floats(0.01, 0.999), st.integers(0, 1000))
def test_every_draw_is_a_place(count: int, theta: float | None, seed: int) -> None:
    """Down to a single place and up to the most there can be, for any skew."""
    words = worker(count, theta, seed)
    assert all(0 <= int(place_draw(words, 0)) < count for _ in range(50))


def test_uniform_draws_are_even() -> None:
    """Each of ten places within five standard deviations of a tenth."""
    words = worker(10, None)
    counts = np.bincount([int(place_draw(words, 0)) for _ in range(DRAWS)], minlength=10)
    assert np.all(np.abs(counts - DRAWS / 10) < 5 * math.sqrt(DRAWS * 0.09))


@pytest.mark.parametrize("theta", [0.5, 0.99])
def test_zipfian_ranks_have_their_probabilities(theta: float) -> None:
    """The first two ranks exactly (5 sigma), the first hundred together within some per cent."""
    count = 10_000
    words = worker(count, theta)
    ranks = np.array([int(rank_zipfian(words, 0)) for _ in range(DRAWS)])
    weights = np.arange(1, count + 1, dtype=float) ** -theta
    chance = weights / weights.sum()
    for rank in (0, 1):
        sigma = math.sqrt(DRAWS * chance[rank] * (1 - chance[rank]))
        assert abs(np.sum(ranks == rank) - DRAWS * chance[rank]) < 5 * sigma
    assert np.mean(ranks < 100) == pytest.approx(chance[:100].sum(), rel=0.05)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 4096, 99_999])
def test_the_spread_is_a_permutation(count: int) -> None:
    """Every place belongs to exactly one rank."""
    places = np.arange(count, dtype=np.uint64) * np.uint64(stride(count)) % np.uint64(count)
    assert len(set(places.tolist())) == count


def test_hot_places_lie_apart() -> None:
    """The ten hottest of a million are never within a thousandth of the space."""
    places = sorted(rank * stride(1_000_000) % 1_000_000 for rank in range(10))
    assert min(b - a for a, b in pairwise(places)) > 1_000


@pytest.mark.parametrize("theta", [0.01, 0.5, 0.99, 0.999])
@pytest.mark.parametrize("count", [1, 2, 10_000, 10_001, 1_000_000])
def test_zeta_is_the_sum_of_all_terms(count: int, theta: float) -> None:
    """Where most of it is not added up, too."""
    exact = float(np.sum(np.arange(1, count + 1, dtype=float) ** -theta))
    assert zeta(count, theta) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("count", [0, (1 << 31) + 1])
def test_a_number_of_places_out_of_range_is_refused(count: int) -> None:
    """Rank times stride must fit a word."""
    with pytest.raises(ValueError, match="count must be within"):
        keys_words(count, None)
