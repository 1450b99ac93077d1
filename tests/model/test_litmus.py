"""The memories of the model are what they say: litmus tests, all of whose schedules are run.

Each program is a few threads that leave what they have read in a list; the test compares the set
of all outcomes with what each memory allows.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import numpy as np
import pytest

from stressd_kernels.door_model import (
    fence_acquire,
    fence_full,
    fence_release,
    fetch_add,
    load_acquire,
    load_relaxed,
    pause,
    store_relaxed,
    store_release,
)
from stressd_kernels.model.exhaustive import Exhaustive
from stressd_kernels.model.machine import MEMORIES, Abandoned, Failure, Machine
from stressd_kernels.model.pct import Pct
from stressd_kernels.model.script import Script
from stressd_kernels.model.words import Words

X, Y = 16, 32
ONE = np.uint64(1)
PREEMPTIONS = 6  # more than these programs have steps to interrupt

Thread = Callable[[Words], tuple[int, ...] | None]
Outcomes = set[tuple[int, ...]]


def outcomes(memory: str, *threads: Thread, dropped: tuple[str, ...] = ()) -> Outcomes:
    """Return what the threads can read, one after the other, under every schedule."""
    found: Outcomes = set()
    chooser = Exhaustive(PREEMPTIONS)
    words = Words()
    while chooser.again():
        words.base = {}
        read: dict[int, tuple[int, ...]] = {}

        def body(number: int, read: dict[int, tuple[int, ...]] = read) -> Callable[[], None]:
            def run() -> None:
                read[number] = tuple(map(int, threads[number](words) or ()))

            return run

        actors = {chr(ord("A") + n): (body(n), None) for n in range(len(threads))}
        with contextlib.suppress(Abandoned):
            Machine(words, memory, actors, chooser, dropped=dropped).run()
            found.add(tuple(value for n in sorted(read) for value in read[n]))
    return found


def stores_x_reads_y(words: Words) -> tuple[int, ...]:
    """Half of store buffering."""
    store_relaxed(words, X, ONE)
    fence_full("F1")
    return (load_relaxed(words, Y),)


def stores_y_reads_x(words: Words) -> tuple[int, ...]:
    """The other half."""
    store_relaxed(words, Y, ONE)
    fence_full("F2")
    return (load_relaxed(words, X),)


@pytest.mark.parametrize("memory", MEMORIES)
def test_store_buffering(memory: str) -> None:
    """Two threads may both miss the other's store; with full fences between, they may not."""
    programs = stores_x_reads_y, stores_y_reads_x
    assert (0, 0) not in outcomes(memory, *programs)
    assert (0, 0) in outcomes(memory, *programs, dropped=("F1",))
    assert outcomes(memory, *programs, dropped=("F1", "F2")) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def sends(words: Words) -> None:
    """Store a message, then a flag."""
    store_relaxed(words, X, ONE)
    store_release(words, Y, ONE, "R1")


def receives(words: Words) -> tuple[int, ...]:
    """Look at the flag, then at the message."""
    flag = load_acquire(words, Y, "A1")
    return flag, load_relaxed(words, X)


@pytest.mark.parametrize(
    ("memory", "dropped", "seen"),
    [
        ("tso", (), False),
        ("pso", (), False),
        ("c11", (), False),
        ("tso", ("R1",), False),
        ("pso", ("R1",), True),
        ("c11", ("R1",), True),
        ("tso", ("A1",), False),
        ("pso", ("A1",), False),
        ("c11", ("A1",), True),
    ],
)
def test_message_passing(memory: str, dropped: tuple[str, ...], seen: bool) -> None:
    """A flag comes before its message only where a release or an acquire is missing."""
    assert ((1, 0) in outcomes(memory, sends, receives, dropped=dropped)) == seen


def sends_with_fence(words: Words) -> None:
    """Store a message, then a flag, and a release fence between them."""
    store_relaxed(words, X, ONE)
    fence_release("F1")
    store_relaxed(words, Y, ONE)


def receives_with_fence(words: Words) -> tuple[int, ...]:
    """Look at the flag, then at the message, and an acquire fence between them."""
    flag = load_relaxed(words, Y)
    fence_acquire("F2")
    return flag, load_relaxed(words, X)


@pytest.mark.parametrize("memory", MEMORIES)
def test_message_passing_with_fences(memory: str) -> None:
    """Fences order as well as a release and an acquire do; each is needed where loads reorder."""
    programs = sends_with_fence, receives_with_fence
    assert (1, 0) not in outcomes(memory, *programs)
    assert ((1, 0) in outcomes(memory, *programs, dropped=("F1",))) == (memory != "tso")
    assert ((1, 0) in outcomes(memory, *programs, dropped=("F2",))) == (memory == "c11")


def reads_then_stores(here: int, there: int) -> Thread:
    """Return half of load buffering."""

    def thread(words: Words) -> tuple[int, ...]:
        seen = load_relaxed(words, here)
        store_relaxed(words, there, ONE)
        return (seen,)

    return thread


@pytest.mark.parametrize("memory", MEMORIES)
def test_load_buffering_is_beyond_all_three(memory: str) -> None:
    """No store is seen before the loads that came before it: a limit of the model."""
    assert (1, 1) not in outcomes(memory, reads_then_stores(X, Y), reads_then_stores(Y, X))


def reads_twice(words: Words) -> tuple[int, ...]:
    """Read one word twice."""
    return load_relaxed(words, X), load_relaxed(words, X)


@pytest.mark.parametrize("memory", MEMORIES)
def test_one_word_never_goes_back(memory: str) -> None:
    """Whoever saw the newer value of a word does not see the older one again."""
    seen = outcomes(memory, lambda words: store_relaxed(words, X, ONE), reads_twice)
    assert seen == {(0, 0), (0, 1), (1, 1)}


@pytest.mark.parametrize("memory", MEMORIES)
def test_swaps_lose_nothing(memory: str) -> None:
    """Two additions add up, in whatever order."""

    def adds(words: Words) -> tuple[int, ...]:
        return (fetch_add(words, X, ONE, "A1"),)

    assert outcomes(memory, adds, adds, dropped=("A1",)) == {(0, 1), (1, 0)}


def test_unordered_plain_accesses_are_a_race() -> None:
    """A plain store that nothing orders with a plain load is found, whatever was read."""

    def writes(words: Words) -> None:
        words[X] = ONE
        store_release(words, Y, ONE, "R1")

    def reads(words: Words) -> None:
        if load_acquire(words, Y, "A1") == ONE:
            assert words[X] == ONE

    assert outcomes("c11", writes, reads) == {()}
    with pytest.raises(Failure, match="Race"):
        outcomes("c11", writes, reads, dropped=("A1",))


# -- scripts and failures ------------------------------------------------------------------


def machine(chooser: Script | Pct, *threads: Thread, memory: str = "tso") -> Machine:
    """Return a machine with threads A, B .. on new words."""
    words = Words()
    actors = {
        chr(ord("A") + n): ((lambda thread=thread: thread(words)), None)
        for n, thread in enumerate(threads)
    }
    return Machine(words, memory, actors, chooser)  # type: ignore[arg-type]


def trusts(words: Words) -> None:
    """Look at the flag, then rely on a message that need not be there."""
    if load_acquire(words, Y, "A1") == ONE:
        assert load_relaxed(words, X) == ONE, "no message"


def sends_badly(words: Words) -> None:
    """Store the flag first."""
    store_release(words, Y, ONE, "R1")
    store_relaxed(words, X, ONE)


def test_a_failure_prints_a_schedule_that_repeats_it() -> None:
    """The schedule that a failure prints is a script, and fails in the same way."""
    for seed in range(1000):
        try:
            machine(Pct(seed, 3, 10), sends_badly, trusts).run()
        except Failure as failure:
            match = re.search(r"schedule: (.*)", str(failure))
            assert match
            with pytest.raises(Failure, match="no message"):
                machine(Script(match[1]), sends_badly, trusts).run()
            return
    pytest.fail("no schedule fails")


def test_a_script_by_labels() -> None:
    """A runs to its end, what it stored first drains, and B relies on the rest."""
    with pytest.raises(Failure, match="no message"):
        machine(Script("A! ~A0 B!"), sends_badly, trusts).run()
    machine(Script("A! ~A B!"), sends_badly, trusts).run()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A>Z9 B!", "never came there"),
        ("C!", "no actor C"),
        ("A>R1 ~A0", "buffer is empty"),
        ("A! ~A1", "must not go first"),
    ],
)
def test_a_script_that_came_loose_fails(text: str, says: str) -> None:
    """A word that cannot be carried out is an error, not a word to skip."""
    with pytest.raises(Failure, match=says):
        machine(Script(text), sends_badly, trusts).run()


def test_a_script_that_is_too_long_fails() -> None:
    """So is a place that is left over when the run has ended."""
    script = Script("A! B! A>R1")
    machine(script, sends_badly, trusts).run()
    with pytest.raises(Failure, match="over before that"):
        script.check_finished()


def test_a_livelock_is_a_failure() -> None:
    """Two threads that wait for each other are stopped, and the schedule is printed."""

    def waits(here: int) -> Thread:
        def thread(words: Words) -> None:
            while load_relaxed(words, here) != ONE:
                pause()

        return thread

    with pytest.raises(Failure, match="livelock"):
        machine(Pct(0, 3, 10), waits(X), waits(Y)).run()


def test_a_defect_of_depth_three_is_found_at_random() -> None:
    """PCT meets an outcome that takes two changes of priority within some thousand schedules."""

    def first(words: Words) -> None:
        store_relaxed(words, X, ONE)
        fence_full("F1")
        store_relaxed(words, X, ONE + ONE)

    def second(words: Words) -> None:
        if load_relaxed(words, X) == ONE:
            assert load_relaxed(words, X) == ONE, "both values"

    def hunt() -> None:
        for seed in range(5000):
            machine(Pct(seed, 3, 12), first, second).run()

    with pytest.raises(Failure, match="both values"):
        hunt()
