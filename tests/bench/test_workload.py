"""The benchmark's loops draw exactly the workload of the C reference, here restated in Python."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stressd.bench.sections.gap import CELL, PAGE, answers, expectation
from stressd_kernels.bench import reads, workload, writes
from stressd_kernels.bench.field import Field

WORD = (1 << 64) - 1
ENTRIES = 1000


def draws(seed: int) -> Iterator[tuple[int, int]]:
    """Yield the states of the generator and the 64 random bits of each."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & WORD
        mixed = ((state ^ (state >> 32)) * 0xD6E8FEB86659FD93) & WORD
        yield state, mixed ^ (mixed >> 32)


def below(numbers: Iterator[tuple[int, int]], bound: int) -> int:
    """Return the next draw below a bound."""
    return (next(numbers)[1] * bound) >> 64


def test_every_entry_has_one_to_fifteen_pages() -> None:
    """Lengths come from the generator that starts at 42."""
    numbers = draws(42)
    pages = Field(ENTRIES).pages
    assert pages.tolist() == [1 + below(numbers, 15) for _ in range(ENTRIES)]


def test_the_random_order_is_a_shuffle_from_the_top() -> None:
    """Fisher and Yates, from the generator that starts at 3."""
    numbers = draws(3)
    expected = list(range(ENTRIES))
    for place in range(ENTRIES - 1, 0, -1):
        other = below(numbers, place + 1)
        expected[place], expected[other] = expected[other], expected[place]
    order = np.zeros(ENTRIES, np.uint32)
    workload.order_draw(order)
    assert order.tolist() == expected


def test_batches_hold_different_entries_and_another_order_of_them() -> None:
    """Entries that are already erased are drawn again; the lengths are left as they were."""
    field = Field(ENTRIES)
    before = field.pages.copy()
    erased, stored = np.zeros((4, 250), np.uint32), np.zeros((4, 250), np.uint32)
    state = field.state(99)
    workload.batches_draw(state, field.pages, erased, stored)
    numbers = draws(99)
    for batch in range(len(erased)):
        picked: list[int] = []
        while len(picked) < erased.shape[1]:
            entry = below(numbers, ENTRIES)
            if entry not in picked:
                picked.append(entry)
        assert erased[batch].tolist() == picked
        for place in range(len(picked) - 1, 0, -1):
            other = below(numbers, place + 1)
            picked[place], picked[other] = picked[other], picked[place]
        assert stored[batch].tolist() == picked
    assert (field.pages == before).all()


def test_loops_draw_the_entries_of_the_generator_and_go_on_where_they_stopped() -> None:
    """Two short loops draw what one long loop draws."""
    numbers = draws(7)
    expected = [below(numbers, ENTRIES) for _ in range(128)]
    drawn = np.zeros(128, np.uint32)
    state = Field(ENTRIES).state(7)
    workload.entries_draw(state, drawn[:50])
    workload.entries_draw(state, drawn[50:])
    assert drawn.tolist() == expected


def test_the_tree_is_filled_with_exactly_the_entries() -> None:
    """Entry k covers its pages from k << 16 on, with value k + 1."""
    field = Field(ENTRIES)
    field.fill()
    keys = np.zeros((2, reads.BATCH_KEYS), np.uint64)
    assert field.is_whole()
    assert int(reads.lookups_batch(*field.place, field.state(7, reads.BATCH_KEYS), keys)) == 0
    state = field.state(0)
    assert int(reads.iterate(*field.place, state, 1)) == ENTRIES
    lengths = int(field.pages.sum(dtype=np.int64)) * PAGE - ENTRIES
    assert int(state[workload.ANSWER_SUM]) == lengths


def test_a_wrong_value_is_counted() -> None:
    """A loop that met a wrong answer says so: one entry is missing."""
    field = Field(ENTRIES)
    field.fill()
    writes.erase_all(*field.place, np.array([500], np.uint32))
    state = field.state(7, 64 * reads.BATCH_KEYS)
    drawn = np.zeros(64 * reads.BATCH_KEYS, np.uint32)
    workload.entries_draw(state.copy(), drawn)
    missing = int((drawn == 500).sum())
    assert missing > 0
    assert int(reads.lookups(*field.place, state)) == missing
    assert not field.is_whole()


def free_from(pages: list[int], entry: int, size: int) -> int:
    """Return the lowest start of a free range of `size` pages, from an entry's start upward."""
    while entry < len(pages) - 1 and 16 - pages[entry] < size:
        entry += 1
    return entry * CELL + pages[entry] * PAGE


def free_to(pages: list[int], entry: int, size: int) -> int:
    """Return the highest start of a free range of `size` pages, from a cell's end downward."""
    while entry >= 0 and 16 - pages[entry] < size:
        entry -= 1
    return (entry + 1) * CELL - size * PAGE if entry >= 0 else -1


def test_the_right_answers_of_gap_searches_follow_from_the_lengths() -> None:
    """The vectorised answers are those of a walk from cell to cell, and of the tree."""
    field = Field(ENTRIES)
    field.fill()
    pages = field.pages.tolist()
    for size in (1, 15):
        up = [free_from(pages, entry, size) for entry in range(ENTRIES)]
        down = [free_to(pages, entry, size) for entry in range(ENTRIES)]
        assert answers(field.pages, True, size).tolist() == up
        assert answers(field.pages, False, size).tolist() == down
        for upward, loop in ((True, reads.gaps_upward), (False, reads.gaps_downward)):
            state = field.state(5, 64 * reads.PIN_OPS)
            expected = expectation(answers(field.pages, upward, size), state)
            failed = int(loop(*field.place, state, np.uint64(size * PAGE)))
            assert (failed, int(state[workload.ANSWER_SUM])) == expected


def test_the_states_of_two_loops_share_no_cache_line() -> None:
    """Loops of different threads write theirs all the time, so each has 128 bytes to itself."""
    field = Field(ENTRIES)
    states = [field.state(seed) for seed in range(20)]
    assert {state.ctypes.data % 128 for state in states} == {0}
    assert len({state.ctypes.data // 128 for state in states}) == len(states)
