"""What a tree's arena survives: calls that are interrupted, copies of it, trees closed twice."""

from __future__ import annotations

import copy
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.layout import SLOTS_MAX, TREE_LOCK
from stressd_kernels.memory import CAPACITY_MIN

INTERRUPTS = 500
FIRST_DELAY_S = 20e-6
DELAYS = 50  # different ones: together they span more than one call


class InterruptError(Exception):
    """Raised by the signal handler, wherever the main thread is."""


def interrupt(*_: Any) -> None:
    """Do what Ctrl-C does."""
    raise InterruptError


CALLS: dict[str, Callable[[MapleTree], Any]] = {
    "load": lambda tree: tree.load(15),
    "find": lambda tree: tree.find(15),
    "items": lambda tree: list(tree.items()),
    "load_many": lambda tree: tree.load_many([15]),
    "store": lambda tree: tree.store(10, 19, 2),
}


def call_until_interrupted(tree: MapleTree, name: str, delay: float) -> None:
    """Call one method again and again; return never."""
    signal.setitimer(signal.ITIMER_REAL, delay)
    while True:
        CALLS[name](tree)


@pytest.mark.parametrize("name", CALLS)
def test_no_slot_is_lost_to_an_interrupt(name: str) -> None:
    """An exception of a signal handler may strike anywhere in a call; its slot comes back."""
    arena = Arena(CAPACITY_MIN)
    tree = MapleTree(arena=arena)
    tree.store(10, 19, 1)
    CALLS[name](tree)  # compiled
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(INTERRUPTS):
            with pytest.raises(InterruptError):
                call_until_interrupted(tree, name, FIRST_DELAY_S * (1 + number % DELAYS))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    slots = [arena.seat() for _ in range(SLOTS_MAX)]
    with pytest.raises(RuntimeError, match="slots"):
        CALLS[name](tree)
    for slot in slots:
        arena.leave(slot)
    assert tree.check() is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps])
def test_an_arena_is_not_copied_by_accident(duplicate: Callable[[Any], Any]) -> None:
    """Copying or pickling a tree is refused at once: its arena is gigabytes of address space."""
    arena = Arena(CAPACITY_MIN)
    for victim in (arena, MapleTree(arena=arena)):
        with pytest.raises(TypeError, match="arena"):
            duplicate(victim)


def test_two_threads_may_close_one_tree() -> None:
    """The second finds it closed; it neither fails nor clears the tree that gets the block next."""
    arena = Arena(CAPACITY_MIN)
    tree = MapleTree(arena=arena)
    tree.store(10, 19, 1)
    lock = tree._block + TREE_LOCK
    failed = []

    def close() -> None:
        try:
            tree.close()
        except Exception as error:
            failed.append(error)

    arena.words[lock] = 1  # as if a write were under way
    closers = [threading.Thread(target=close) for _ in range(2)]
    for closer in closers:
        closer.start()
    arena.words[lock] = 0
    for closer in closers:
        closer.join()
    assert failed == []
    assert arena.trees == []
