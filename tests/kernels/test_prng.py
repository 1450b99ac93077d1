"""Random numbers: the compiled generator equals the published one, and draws stay below."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels.layout import SLOT_PRNG
from stressd_kernels.prng import (
    prng_below,
    prng_next,
    prng_state,
    prng_unit,
    splitmix,
)

MASK = (1 << 64) - 1
WORDS = st.integers(0, MASK)
EDGES = st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, MASK])


def generator(state: list[int]) -> np.ndarray:
    """Return a slot that holds a generator in `state`."""
    words = np.zeros(SLOT_PRNG + 16, np.uint64)
    words[SLOT_PRNG : SLOT_PRNG + 4] = state
    return words


def plain_next(s: list[int]) -> int:
    """xoshiro256** as its authors print it, in Python integers."""

    def rotl(x: int, k: int) -> int:
        return (x << k | x >> (64 - k)) & MASK

    result = rotl(s[1] * 5 & MASK, 7) * 9 & MASK
    t = s[1] << 17 & MASK
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


def test_the_published_sequence_comes_out() -> None:
    """From the state 1, 2, 3, 4 the reference implementation draws these."""
    words = generator([1, 2, 3, 4])
    drawn = [int(prng_next(words, 0)) for _ in range(4)]
    assert drawn == [11520, 0, 1509978240, 1215971899390074240]


def test_splitmix_gives_the_published_sequence() -> None:
    """From the state 1234567 the reference implementation of splitmix64 draws these."""
    state, first = splitmix(1234567)
    _, second = splitmix(state)
    assert (first, second) == (6457827717110365317, 3203168211198807973)


@given(st.lists(WORDS | EDGES, min_size=4, max_size=4))
def test_compiled_and_plain_generators_agree(state: list[int]) -> None:
    """Over any state, extreme words included, the next hundred numbers are equal."""
    words, plain = generator(state), list(state)
    for _ in range(100):
        assert int(prng_next(words, 0)) == plain_next(plain)
    assert [int(word) for word in words[SLOT_PRNG : SLOT_PRNG + 4]] == plain


@given(WORDS, WORDS | EDGES)
def test_draws_stay_below_their_bound(seed: int, bound: int) -> None:
    """A draw below n is 0 .. n - 1; below 0 it is 0."""
    words = generator(list(prng_state(seed, 0)))
    drawn = int(prng_below(words, 0, np.uint64(bound)))
    assert 0 <= drawn < max(1, bound)


def test_small_bounds_are_drawn_evenly() -> None:
    """Sixty thousand throws of a die: each face within five standard deviations."""
    words = generator(list(prng_state(7, 0)))
    faces = Counter(int(prng_below(words, 0, np.uint64(6))) for _ in range(60_000))
    assert set(faces) == set(range(6))
    assert all(abs(count - 10_000) < 5 * 91.3 for count in faces.values())


def test_units_are_at_least_0_and_less_than_1() -> None:
    """The extreme states give the extreme units."""
    assert prng_unit(generator([0, 0, 0, 1]), 0) == 0.0
    words = generator(list(prng_state(3, 1)))
    assert all(0.0 <= prng_unit(words, 0) < 1.0 for _ in range(10_000))


def test_seeds_and_workers_give_different_states() -> None:
    """No two of many neighbouring seeds and workers start alike, and none starts at zero."""
    states = {
        tuple(int(word) for word in prng_state(seed, worker))
        for seed in (0, 1, 2, MASK)
        for worker in range(64)
    }
    assert len(states) == 4 * 64
    assert all(any(state) for state in states)


def test_the_same_seed_and_worker_give_the_same_state() -> None:
    """A run can be repeated: its workers draw the same numbers again."""
    assert list(prng_state(42, 3)) == list(prng_state(42, 3))


@pytest.mark.parametrize("seed", [0, MASK])
def test_the_whole_range_of_seeds_is_allowed(seed: int) -> None:
    """The smallest and the largest seed of a configuration work."""
    assert len(prng_state(seed, 191)) == 4
