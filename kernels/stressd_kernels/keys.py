"""Which key comes next: uniform, or zipfian with hot keys spread over the whole space.

A source has a number of places (cells, table rows); this draws one of them.

    uniform   every place as often
    zipfian   the r-th hottest place is drawn in proportion to r ** -theta

The rank of a zipfian draw takes one power and no rejection; ranks 1 and 2 come out exactly,
the others as the integral of the density has them (within some per cent). Neighbouring ranks
would be neighbouring keys, and the heat would stay in a few leaves: so rank r stands for place
r * stride mod count, with a stride near the golden section of the count that has no factor in
common with it. That is a permutation, the same for all workers: they fight over the same keys.

Source: J. Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994,
as in YCSB.
"""

import math

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import kernel, load_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.prng import prng_below, prng_unit
from stressd_kernels.worker import (
    KEYS,
    KEYS_ALPHA,
    KEYS_COUNT,
    KEYS_ETA,
    KEYS_KIND,
    KEYS_SECOND,
    KEYS_STRIDE,
    KEYS_ZETA,
)

KEYS_UNIFORM = 0
KEYS_ZIPFIAN = 1
KEYS_PLACES_MAX = 1 << 31  # rank * stride must fit 64 bits
EXACT_TERMS = 10_000
GOLDEN_SECTION = (math.sqrt(5) - 1) / 2


@kernel
def float_load(words, at):
    """Return the float64 whose bits stand in words[at]."""
    return np.uint64(load_relaxed(words, at)).view(np.float64)


@kernel
def rank_zipfian(words, slot):
    """Draw a rank, 0 the hottest, below KEYS_COUNT."""
    count = load_relaxed(words, slot + KEYS_COUNT)
    unit = prng_unit(words, slot)
    share = unit * float_load(words, slot + KEYS_ZETA)
    if share < 1.0:
        return U0
    if share < float_load(words, slot + KEYS_SECOND):
        return U1
    base = float_load(words, slot + KEYS_ETA) * (unit - 1.0) + 1.0
    rank = np.uint64(np.float64(count) * base ** float_load(words, slot + KEYS_ALPHA))
    return min(rank, count - U1)


@kernel
def place_draw(words, slot):
    """Draw a place, 0 .. KEYS_COUNT - 1, as this worker's keys are distributed."""
    count = load_relaxed(words, slot + KEYS_COUNT)
    if load_relaxed(words, slot + KEYS_KIND) == U0:
        return prng_below(words, slot, count)
    return rank_zipfian(words, slot) * load_relaxed(words, slot + KEYS_STRIDE) % count


# -- in Python ---------------------------------------------------------------------------


def zeta(count: int, theta: float) -> float:
    """Return the sum of r ** -theta for r = 1 .. count; theta in (0, 1).

    The first terms are added up; the rest follows from Euler and Maclaurin, right to 1e-12.
    """
    exact = min(count, EXACT_TERMS)
    total = float(np.sum(np.arange(1, exact + 1, dtype=np.float64) ** -theta))
    if count == exact:
        return total
    integral = (count ** (1 - theta) - exact ** (1 - theta)) / (1 - theta)
    ends = (count**-theta - exact**-theta) / 2
    slopes = -theta * (count ** (-theta - 1) - exact ** (-theta - 1)) / 12
    return total + integral + ends + slopes


def stride(count: int) -> int:
    """Return a number near the golden section of `count` that is prime to it."""
    candidate = max(1, round(count * GOLDEN_SECTION))
    while math.gcd(candidate, count) != 1:
        candidate += 1
    return candidate


def keys_words(count: int, theta: float | None) -> npt.NDArray[np.uint64]:
    """Return the words from KEYS on, for `count` places; theta None: uniform."""
    if not 1 <= count <= KEYS_PLACES_MAX:
        raise ValueError(f"count must be within 1 .. {KEYS_PLACES_MAX} (got {count})")
    words = np.zeros(KEYS_SECOND - KEYS + 1, np.uint64)
    words[KEYS_COUNT - KEYS] = count
    words[KEYS_STRIDE - KEYS] = stride(count)
    if theta is None:
        words[KEYS_KIND - KEYS] = KEYS_UNIFORM
        return words
    total, second = zeta(count, theta), 1 + 0.5**theta
    eta = (1 - (2 / count) ** (1 - theta)) / (1 - second / total) if count > 2 else 1.0
    words[KEYS_KIND - KEYS] = KEYS_ZIPFIAN
    floats = words.view(np.float64)
    floats[KEYS_ZETA - KEYS] = total
    floats[KEYS_ETA - KEYS] = eta
    floats[KEYS_ALPHA - KEYS] = 1 / (1 - theta)
    floats[KEYS_SECOND - KEYS] = second
    return words
