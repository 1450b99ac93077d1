"""The perturbed build: delays at every labelled call, drawn from the seed.

test_builds.py runs these in a process of that build.
"""

from __future__ import annotations

import ctypes
import threading
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from stressd_kernels import delays
from stressd_kernels.builds import LABEL_NUMBERS, PERTURBED, label_number
from stressd_kernels.door import (
    borrowed,
    compare_exchange,
    driver,
    exchange,
    fence_acquire,
    fence_full,
    fence_release,
    fetch_add,
    load_acquire,
    load_relaxed,
    store_relaxed,
    store_release,
)
from stressd_kernels.layout import SLOT_DELAYS, U0, U1
from tests.engine.build import READS, SYNTHETIC, WRITES, arena_of, loaded, slot_of, work

MASK = (1 << 64) - 1
assert PERTURBED, "test_builds.py starts these"


@driver
def call_each(words):  # type: ignore[no-untyped-def]
    """Call everything that the door labels once, and what it does not label too."""
    words = borrowed(words)
    load_relaxed(words, 0)
    store_relaxed(words, 0, U0)
    load_acquire(words, 0, "X1")
    store_release(words, 0, U1, "X2")
    fetch_add(words, 0, U1, "X3")
    exchange(words, 0, U0, "X4")
    compare_exchange(words, 0, U0, U1, "X5")
    fence_full("X6")
    fence_acquire("X7")
    fence_release("X8")


DRAWS_OF_EACH = 9  # one a call, and a load has two


def steps_between(before: int, after: int, most: int = 100_000) -> int:
    """Return how many draws lie between two states of a generator."""
    for step in range(most):
        if before == after:
            return step
        before ^= before >> 12
        before ^= before << 25 & MASK
        before ^= before >> 27
    raise AssertionError("the state is not reached from the one before")


@pytest.fixture
def state() -> np.ndarray:
    """Give this thread a generator that the test can see, for as long as it runs."""
    word = np.array([12345], np.uint64)
    set_state = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(delays._compiled[1].address)
    set_state(word.ctypes.data)
    yield word
    set_state(0)


def test_every_labelled_call_draws_once(state: np.ndarray) -> None:
    """A load on both sides; calls without a label never."""
    words = np.zeros(16, np.uint64)
    call_each(words)
    before = int(state[0])
    call_each(words)
    assert steps_between(before, int(state[0])) == DRAWS_OF_EACH


def test_a_seed_repeats_the_sequence(state: np.ndarray) -> None:
    """From the same state come the same draws."""
    words, ends = np.zeros(16, np.uint64), set()
    for _ in range(2):
        state[0] = 777
        for _ in range(100):
            call_each(words)
        ends.add(int(state[0]))
    assert len(ends) == 1


def test_threads_without_a_seat_have_generators_of_their_own() -> None:
    """A call from Python draws from the line of its thread."""
    words = np.zeros(16, np.uint64)
    call_each(words)
    table = delays.TABLE[delays.STATES :]
    before = table.copy()
    thread = threading.Thread(target=call_each, args=(words,))
    thread.start()
    thread.join()
    assert np.count_nonzero(table != before) == 1


def test_different_seeds_dwell_at_different_labels() -> None:
    """Most labels are quiet, some are loud, and not the same ones for another seed."""
    delays.seed(1)
    one = delays.weights()
    delays.seed(2)
    assert (delays.weights() != one).sum() > LABEL_NUMBERS // 4
    spread = Counter(one)
    assert len(spread) == 3
    assert max(spread) == 1
    delays.seed(1)
    assert (delays.weights() == one).all()
    delays.seed(delays.SEED_DEFAULT)


def test_a_worker_takes_its_generator_from_thread_to_thread() -> None:
    """Its word moves on in its own slot, whoever runs the slice, and stays when none runs."""
    with loaded(SYNTHETIC, READS % 1, WRITES % 1) as engine:
        words, slots = arena_of(engine).words, [slot_of(engine, worker) for worker in (0, 1)]
        seen = [[int(words[slot + SLOT_DELAYS]) for slot in slots]]
        for _ in range(2):
            work(engine, 1)
            seen.append([int(words[slot + SLOT_DELAYS]) for slot in slots])
        assert len({state for states in seen for state in states}) == 6
        engine.sample()
        engine.check()
        assert [int(words[slot + SLOT_DELAYS]) for slot in slots] == seen[-1]


@pytest.mark.parametrize("label", ["1", "a1", "A16", "AA", pytest.param("", id="empty")])
def test_a_label_has_one_letter_and_a_small_number(label: str) -> None:
    """Any other would share the place of another label in the table."""
    with pytest.raises((AssertionError, ValueError, IndexError)):
        label_number(label)


def test_labels_have_numbers_of_their_own() -> None:
    """All of them below LABEL_NUMBERS."""
    labels = [f"{letter}{number}" for letter in "ABCXYZ" for number in range(16)]
    numbers = {label_number(label) for label in labels}
    assert len(numbers) == len(labels)
    assert max(numbers) == LABEL_NUMBERS - 1


def chances(kinds: Callable[[int], bool]) -> float:
    """Return the share of the 128 kinds of a delay."""
    return sum(map(kinds, range(128))) / 128


def test_most_delays_are_short() -> None:
    """As the table in the docstring says: of 128, one yields and eight are long."""
    assert chances(lambda kind: kind == int(delays.KIND_YIELD)) == 1 / 128
    assert chances(lambda kind: 0 < kind < int(delays.KINDS_LONG)) == 8 / 128
