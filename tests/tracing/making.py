"""Make trace events without address spaces: event n of an mm is a function of n and its MM_ID.

    n % 4    0 vma_mt_szero   1 vma_mt_store   2 vm_unmapped_area   3 vma_mt_store

so a reader knows what must stand in a file, whichever threads made the events.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from stressd.traces.events import Destroy, Erase, Event, Search, Store
from stressd_kernels.door import borrowed, driver, kernel, sched_yield
from stressd_kernels.layout import MM_WORDS, MMS, SLOT_SCRATCH, TREE_LOCK, TREE_WORDS, TREES, U0, U1
from stressd_kernels.lock import lock_give, lock_take
from stressd_kernels.memory import Arena
from stressd_kernels.mm.layout import MM_EVENTS, MM_ID, MM_TOTAL
from stressd_kernels.mm.trace import (
    BACKLOG,
    trace_actor,
    trace_begin,
    trace_exit,
    trace_search,
    trace_store,
    trace_szero,
)
from stressd_kernels.records import VMA_END, VMA_ID, VMA_START
from stressd_kernels.worker import TRACE_ASK

PAGE = 4096
PAGES = 1 << 20  # addresses repeat after so many events
ID_BASE = 100  # MM_ID of mm number 0
VMA_BASE = 1 << 40

U_PAGE = np.uint64(PAGE)
U_PAGES = np.uint64(PAGES - 1)
U_VMA = np.uint64(VMA_BASE)
U2 = np.uint64(2)
U3 = np.uint64(3)
U_ERROR = np.uint64(12)


@kernel
def event_make(words, mm, slot):
    """Make the next event of `mm`. Under its lock."""
    number = words[mm + MM_EVENTS] + U1
    start = ((number & U_PAGES) + U1) * U_PAGE
    kind = number & U3
    if kind == U0:
        trace_szero(words, mm, slot, start, start + U_PAGE)
    elif kind == U2:
        ask = slot + TRACE_ASK
        words[ask] = U_PAGE
        words[ask + 1] = start + U_PAGE
        words[ask + 2] = U_PAGE
        words[ask + 3] = U_PAGE - U1
        words[ask + 4] = number & (U_PAGE - U1)
        if number & np.uint64(4) != U0:
            trace_search(words, mm, slot, U1, start, U0)
        else:
            trace_search(words, mm, slot, U0, U0, U_ERROR)
    else:
        record = slot + SLOT_SCRATCH
        words[record + VMA_ID] = U_VMA + number
        words[record + VMA_START] = start
        words[record + VMA_END] = start + U_PAGE
        trace_store(words, mm, slot, record)


@kernel
def call_make(words, tree, mm, actor, slot):
    """Make two events of `mm` in the name of `actor`; False if there is no room yet."""
    if trace_begin(words, slot, np.uint64(6)) == BACKLOG:
        return False
    lock_take(words, tree + TREE_LOCK)
    trace_actor(words, actor, slot)
    event_make(words, mm, slot)
    event_make(words, mm, slot)
    lock_give(words, tree + TREE_LOCK)
    return True


@driver
def events_make(words, mms, actors, slot, calls):
    """Make `calls` calls on mms[n % len] in the name of actors[n % len], waiting for room."""
    words = borrowed(words)
    for number in range(calls):
        mm = MMS + mms[number % len(mms)] * MM_WORDS
        actor = MMS + actors[number % len(actors)] * MM_WORDS
        tree = TREES + mms[number % len(mms)] * TREE_WORDS
        while not call_make(words, tree, mm, actor, slot):
            sched_yield()


@driver
def events_burst(words, number, slot, count):
    """Make `count` events at once, without asking for room."""
    words = borrowed(words)
    for _ in range(count):
        event_make(words, MMS + number * MM_WORDS, slot)


@driver
def exit_make(words, number, slot):
    """End one mm."""
    trace_exit(borrowed(words), MMS + number * MM_WORDS, slot)


class Stage:
    """An arena with `mms` address spaces of which nothing exists but their events."""

    def __init__(self, mms: int, threads: int) -> None:
        self.arena = Arena(4 << 20)
        self.words = self.arena.words
        self.slots = [self.arena.seat() for _ in range(threads)]
        for number in range(mms):
            self.words[MMS + number * MM_WORDS + MM_ID] = ID_BASE + number
            self.words[MMS + number * MM_WORDS + MM_TOTAL] = 7

    def run(self, mms: Sequence[int], calls: int, actors: Sequence[int] | None = None) -> None:
        """Let each thread make `calls` calls on all of `mms` in turn."""
        targets, names = np.array(mms), np.array(mms if actors is None else actors)
        threads = [
            threading.Thread(target=events_make, args=(self.words, targets, names, slot, calls))
            for slot in self.slots
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def burst(self, mm: int, count: int, thread: int = 0) -> None:
        """Make events without asking for room."""
        events_burst(self.words, mm, self.slots[thread], count)

    def end(self, mm: int) -> None:
        """End one mm."""
        exit_make(self.words, mm, self.slots[0])

    def made(self, mm: int) -> int:
        """Return how many events an mm has had."""
        return int(self.words[MMS + mm * MM_WORDS + MM_EVENTS])


def event(mm: int, number: int) -> tuple[object, ...]:
    """Return what event `number` of an mm must be read as, without process and line."""
    start = (number % PAGES + 1) * PAGE
    last = start + PAGE - 1
    if number % 4 == 0:
        return ("Erase", ID_BASE + mm, start, last)
    if number % 4 == 2:
        found = (True, start, 0) if number & 4 else (False, 0, -12)
        return (
            "Search", ID_BASE + mm, PAGE, start + PAGE, PAGE, PAGE - 1, number % PAGE, *found,
        )  # fmt: skip
    return ("Store", ID_BASE + mm, VMA_BASE + number, start, last)


def read(found: Event) -> tuple[object, ...]:
    """Return an event that was read, without process and line."""
    assert isinstance(found, Store | Erase | Search | Destroy)
    return (type(found).__name__, *found[: found._fields.index("pid")])
