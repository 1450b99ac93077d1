"""Calls of the library are pinned while they read, and at no other time; all pins are heeded."""

from __future__ import annotations

import random

import numpy as np

from stressd_kernels import Arena, MapleTree
from stressd_kernels.calls import invoke
from stressd_kernels.door import borrowed, driver, entry, load_relaxed, words_at
from stressd_kernels.epoch import announce_of, epoch_try_advance
from stressd_kernels.layout import ANNOUNCE, LINE_WORDS, SLOTS_MAX

ZEROS = [np.uint64(0)] * 5


@entry
def announced(base, tree, slot, a, b, c, d, e):
    """Return what the caller's slot announces: 0 when it is not pinned."""
    return load_relaxed(words_at(base), announce_of(slot))


def test_a_read_is_pinned_while_it_runs_and_not_after() -> None:
    """The entry itself looks at its caller's announcement."""
    arena = Arena(4 << 20)
    with arena.seated() as slot:
        reading = invoke(arena.words, announced.address, 0, slot, True, *ZEROS)
        epoch, _, pinned = arena.epoch()
        assert reading == epoch * 2 + 1
        assert pinned == 0


def test_a_write_is_not_pinned() -> None:
    """A write may wait for readers to leave: pinned itself, it would wait for ever."""
    arena = Arena(4 << 20)
    with arena.seated() as slot:
        assert invoke(arena.words, announced.address, 0, slot, False, *ZEROS) == 0


def test_an_iteration_holds_no_pin_between_its_steps() -> None:
    """A generator that is left lying about must not stop reclamation."""
    arena = Arena(4 << 20)
    tree = MapleTree(arena=arena)
    for number in range(2000):
        tree.store(number * 10, number * 10 + 5, number + 1)
    items = tree.items()
    next(items)
    assert arena.epoch()[2] == 0
    tree.clear()
    assert arena.drain()
    assert len(list(items)) < 2000


@driver
def advanced(words):  # type: ignore[no-untyped-def]
    """Try to advance the epoch; return success."""
    return epoch_try_advance(borrowed(words))


def test_a_pin_in_any_slot_holds_the_epoch() -> None:
    """From the first slot to the last: one that is behind stops it, one that is not lets it go."""
    arena = Arena(4 << 20)
    for place in range(ANNOUNCE, ANNOUNCE + SLOTS_MAX * LINE_WORDS, LINE_WORDS):
        assert advanced(arena.words)
        epoch = arena.epoch()[0]
        arena.words[place] = (epoch - 1) * 2 + 1
        assert not advanced(arena.words)
        assert arena.epoch() == (epoch, 1, 1)
        arena.words[place] = epoch * 2 + 1
        assert arena.epoch() == (epoch, 0, 1)
        assert advanced(arena.words)
        arena.words[place] = 0
        assert arena.epoch() == (epoch + 1, 0, 0)


def test_the_oldest_of_all_pins_is_told() -> None:
    """How far the epoch is ahead of it, and how many there are, wherever they are."""
    arena, draw = Arena(4 << 20), random.Random(1)
    for _ in range(9):
        assert advanced(arena.words)
    epoch = arena.epoch()[0]
    for _ in range(20):
        count = draw.randint(1, SLOTS_MAX)
        behind = [draw.choice((0, 0, 1, 2, 7)) for _ in range(count)]
        for slot, lag in zip(draw.sample(range(SLOTS_MAX), count), behind, strict=True):
            arena.words[ANNOUNCE + slot * LINE_WORDS] = (epoch - lag) * 2 + 1
        assert arena.epoch() == (epoch, max(behind), count)
        arena.words[ANNOUNCE : ANNOUNCE + SLOTS_MAX * LINE_WORDS : LINE_WORDS] = 0
