"""Model door: each name is one step of a schedule that a test controls.

Kernels stay the plain Python functions that they are written as. What they call here does what
the instruction of the native door does to one word, but whether another thread runs first, and
what of the stores so far others can see, is up to the machine (model/machine.py) that runs
them. Without a machine everything happens at once and in order.

    a step             every labelled call, relaxed loads and stores, pause, sched_yield
    no step            plain words[i]: it goes through the same memory, so others may see it late
    nothing at all     prefetch, huge pages

Words are np.uint64, as in compiled code; actors run with its overflow unreported.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from stressd_kernels.model.words import Words

WORD_MASK = (1 << 64) - 1

_entries: dict[int, "Entry"] = {}
_addresses = itertools.count(1)
_ticks = itertools.count(1)


def kernel(function: Callable[..., Any]) -> Any:
    """Leave `function` as it is."""
    return function


kernel_inline = driver = kernel


class Entry:
    """A kernel with an address, as in the native door; the address is its number."""

    def __init__(self, function: Callable[..., Any]) -> None:
        module = function.__module__.removeprefix("stressd_kernels.")
        self.name = f"{module}.{function.__name__}"
        self.function = function
        self.seconds = 0.0
        self.cached = True
        self.address = next(_addresses)
        _entries[self.address] = self

    def compile(self) -> None:
        """Do nothing: there is no machine code."""


def entry(function: Callable[..., Any]) -> Entry:
    """Give `function` an address."""
    return Entry(function)


def entry_call(
    words: Words, address: Any, tree: Any, slot: Any, a: Any, b: Any, c: Any, d: Any, e: Any
) -> Any:
    """Call the `Entry` that has `address`."""
    numbers = map(word, (a, b, c, d, e))
    return word(_entries[int(address)].function(words, int(tree), int(slot), *numbers))


def word(value: Any) -> Any:
    """Return `value` as the uint64 that an argument of that type would become."""
    if type(value) is np.uint64:
        return value
    return np.uint64(int(value) & WORD_MASK)


def words_at(base: Words) -> Words:
    """Return what kernels index."""
    return base


borrowed = words_at


def delays_of(address: Any) -> None:
    """Do nothing: here delays are the machine's affair, not a draw."""


# -- words ---------------------------------------------------------------------------------


def load_relaxed(words: Words, index: Any) -> Any:
    """Load words[index]."""
    return words.load(int(index), None)


def load_acquire(words: Words, index: Any, label: str) -> Any:
    """Load words[index]; what was released with the value that it returns has happened."""
    return words.load(int(index), label)


def load_ref(words: Words, index: Any, label: str) -> Any:
    """Load a reference from words[index], all of it: generations are compared here."""
    return words.load(int(index), label)


def store_relaxed(words: Words, index: Any, value: Any) -> None:
    """Store to words[index]."""
    words.store(int(index), word(value), None)


def store_release(words: Words, index: Any, value: Any, label: str) -> None:
    """Store to words[index]; whoever acquires it sees all that went before."""
    words.store(int(index), word(value), label)


def fetch_add(words: Words, index: Any, delta: Any, label: str) -> Any:
    """Add to words[index] in one step; return what was there."""
    return words.swap(int(index), lambda before: word(int(before) + int(delta)), label)


def exchange(words: Words, index: Any, value: Any, label: str) -> Any:
    """Replace words[index] in one step; return what was there."""
    return words.swap(int(index), lambda before: word(value), label)


def compare_exchange(words: Words, index: Any, expected: Any, desired: Any, label: str) -> Any:
    """Swap words[index] from expected to desired in one step; return what was there."""

    def change(before: Any) -> Any:
        return word(desired) if before == expected else None

    return words.swap(int(index), change, label)


def fence_full(label: str) -> None:
    """Order everything before against everything after."""
    Words.fence("full", label)


def fence_acquire(label: str) -> None:
    """Order the loads before against everything after."""
    Words.fence("acquire", label)


def fence_release(label: str) -> None:
    """Order everything before against the stores after."""
    Words.fence("release", label)


# -- waiting -------------------------------------------------------------------------------


def pause() -> None:
    """Let others go first."""
    Words.wait(False)


def sched_yield() -> int:
    """Let others go first; nobody may be pinned who does that."""
    Words.wait(True)
    return 0


# -- nothing to see ------------------------------------------------------------------------


def prefetch(words: Words, index: Any) -> None:
    """Do nothing."""


def huge_populate(words: Words, index: Any, count: Any) -> None:
    """Do nothing."""


def address_of(words: Words, index: Any) -> Any:
    """Return a number that stands for the address of words[index]."""
    return word(int(index) * 8)


def stamp_begin() -> Any:
    """Return a clock that ticks each time it is read."""
    return np.uint64(next(_ticks))


stamp_end = stamp_begin


def clock_monotonic() -> Any:
    """Nanoseconds of CLOCK_MONOTONIC."""
    return np.uint64(time.monotonic_ns())


# -- bits ----------------------------------------------------------------------------------


def bits_set(bits: Any) -> Any:
    """Return how many bits are set."""
    return np.int64(int(word(bits)).bit_count())


def lowest_bit(bits: Any) -> Any:
    """Return the place of the lowest bit that is set; 64 for 0."""
    value = int(word(bits))
    return np.int64((value & -value).bit_length() - 1 if value else 64)


def leading_zeros(bits: Any) -> Any:
    """Return how many zeros are above the highest bit that is set; 64 for 0."""
    return np.int64(64 - int(word(bits)).bit_length())


def multiply_high(a: Any, b: Any) -> Any:
    """Return the high 64 bits of the 128-bit product of two uint64."""
    return word(int(a) * int(b) >> 64)


def unlikely(condition: Any) -> Any:
    """Return `condition`."""
    return condition
