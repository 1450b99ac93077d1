"""Random numbers: xoshiro256**, one generator per worker, four words in its slot.

Its period is 2**256 - 1 and every seed starts at another point of it, so two workers never
meet. The four words come from splitmix64, as its authors advise, started at a mixture of the
run's seed and the worker's number: a run with the same seed draws the same numbers, whatever
the threads do to each other.

Draws below a bound take the high half of a 128-bit product. Of 2**64 draws each result gets
floor or ceil of 2**64 / bound: a bias of at most bound / 2**64, nothing for any bound here.

Source: D. Blackman, S. Vigna, prng.di.unimi.it (public domain); D. Lemire, "Fast random integer
generation in an interval" (2019), without its rejection step.
"""

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import kernel, load_relaxed, multiply_high, store_relaxed
from stressd_kernels.layout import SLOT_PRNG

STATE_WORDS = 4
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15

U5 = np.uint64(5)
U7 = np.uint64(7)
U9 = np.uint64(9)
U11 = np.uint64(11)
U17 = np.uint64(17)
U19 = np.uint64(19)
U45 = np.uint64(45)
U57 = np.uint64(57)
TWO_TO_MINUS_53 = 2.0**-53


@kernel
def prng_next(words, slot):
    """Return the next 64 random bits of the generator in `slot`; one thread at a time."""
    at = slot + SLOT_PRNG
    s0 = load_relaxed(words, at)
    s1 = load_relaxed(words, at + 1)
    s2 = load_relaxed(words, at + 2) ^ s0
    s3 = load_relaxed(words, at + 3) ^ s1
    scrambled = s1 * U5
    scrambled = ((scrambled << U7) | (scrambled >> U57)) * U9
    store_relaxed(words, at, s0 ^ s3)
    store_relaxed(words, at + 1, s1 ^ s2)
    store_relaxed(words, at + 2, s2 ^ (s1 << U17))
    store_relaxed(words, at + 3, (s3 << U45) | (s3 >> U19))
    return scrambled


@kernel
def prng_below(words, slot, bound):
    """Return a random uint64 in 0 .. bound - 1; 0 if the bound is 0."""
    return multiply_high(prng_next(words, slot), bound)


@kernel
def prng_unit(words, slot):
    """Return a random float64 in [0, 1), a multiple of 2**-53."""
    return np.float64(prng_next(words, slot) >> U11) * TWO_TO_MINUS_53


# -- in Python ---------------------------------------------------------------------------


def splitmix(state: int) -> tuple[int, int]:
    """Return the next state of splitmix64 and its output."""
    state = (state + GOLDEN) & MASK
    mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return state, mixed ^ (mixed >> 31)


def prng_state(seed: int, worker: int) -> npt.NDArray[np.uint64]:
    """Return the first state of the generator of one worker: never all zero."""
    _, start = splitmix(seed)
    _, state = splitmix(start + worker)
    numbers = []
    for _ in range(STATE_WORDS):
        state, number = splitmix(state)
        numbers.append(number)
    return np.array(numbers, np.uint64)
