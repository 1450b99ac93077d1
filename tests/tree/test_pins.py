"""Calls of the library are pinned while they read, and at no other time."""

from __future__ import annotations

import numpy as np

from stressd_kernels import Arena, MapleTree
from stressd_kernels.calls import invoke
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.epoch import announce_of

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
