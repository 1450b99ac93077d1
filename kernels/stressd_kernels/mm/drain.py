"""The other end of trace.py: records are moved out of all rings, by one reader at a time.

Ordering
    T2, T3  as in trace.py
"""

import numpy as np
import numpy.typing as npt

from stressd_kernels.clock import clock_pair, stamp_is_trusted
from stressd_kernels.door import (
    borrowed,
    driver,
    kernel,
    load_acquire,
    load_relaxed,
    store_release,
)
from stressd_kernels.layout import HEADER_TRACE, SLOT_WORDS, SLOTS, SLOTS_MAX, U1
from stressd_kernels.mm.trace import (
    EVENT_KINDS,
    SEARCH,
    TRACE_MONOTONIC,
    TRACE_OFF,
    TRACE_STAMPS,
    record_at,
)
from stressd_kernels.worker import EVENT_WORDS, TRACE_HEAD, TRACE_LOST, TRACE_TAIL, TRACE_WAITS

Words = npt.NDArray[np.uint64]

COLUMNS = EVENT_WORDS + 1  # of a record that was taken: its words, and the word index of its slot
KINDS = np.uint64(EVENT_KINDS)
MARK_TAIL = 0
MARK_HEAD = 1
SHARE_MIN = 4  # rows: an actor and the two records of a search have room in them


@kernel
def rings_look(words, marks):
    """Note how far each ring is written and read; return how many hold records.

    marks  uint64[2, SLOTS_MAX]: MARK_TAIL, MARK_HEAD
    """
    filled = 0
    for number in range(SLOTS_MAX):
        slot = SLOTS + number * SLOT_WORDS
        tail = load_acquire(words, slot + TRACE_TAIL, "T2")  # pairs with T1 (event_write)
        marks[MARK_TAIL, number] = tail
        marks[MARK_HEAD, number] = load_relaxed(words, slot + TRACE_HEAD)
        if marks[MARK_HEAD, number] != tail:
            filled += 1
    return filled


@kernel
def ring_take(words, slot, head, count, out):
    """Copy `count` records of one ring, from number `head` on, to the rows of `out`."""
    for row in range(count):
        at = record_at(slot, head + np.uint64(row))
        for word in range(EVENT_WORDS):
            out[row, word] = words[at + word]
        out[row, EVENT_WORDS] = np.uint64(slot)


@kernel
def ring_share(words, slot, head, tail, share):
    """Return how many records to take of a ring: `share` at most, and no half of a search."""
    count = min(np.int64(tail - head), share)
    last = record_at(slot, head + np.uint64(count) - U1)
    return count - 1 if words[last + 3] & KINDS == SEARCH else count


@driver
def trace_take(words, marks, out):
    """Move records of all rings to `out`, as many of each as there is room for.

    marks   uint64[2, SLOTS_MAX], filled: how far each ring was written when this began, and how
            far it is read now
    out     uint64[:, COLUMNS], SHARE_MIN rows for each slot or more
    return  rows filled: the records of one ring together, in their order
    """
    words = borrowed(words)
    filled = rings_look(words, marks)
    row = 0
    for number in range(SLOTS_MAX):
        head, tail = marks[MARK_HEAD, number], marks[MARK_TAIL, number]
        if head != tail:
            slot = SLOTS + number * SLOT_WORDS
            count = ring_share(words, slot, head, tail, out.shape[0] // filled)
            ring_take(words, slot, head, count, out[row:])
            row += count
            marks[MARK_HEAD, number] = head + np.uint64(count)
            head = marks[MARK_HEAD, number]
            store_release(words, slot + TRACE_HEAD, head, "T3")  # pairs with T4 (event_room)
    return row


# -- in Python ---------------------------------------------------------------------------


class EventRings:
    """The rings of an arena, and the switch that lets events be written down."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._trusted = stamp_is_trusted()

    def switch_on(self) -> None:
        """Let events be written down; before the first address space begins."""
        self._words[HEADER_TRACE] = TRACE_STAMPS if self._trusted else TRACE_MONOTONIC

    def switch_off(self) -> None:
        """Write down no more events; who waits for room in a ring goes on."""
        self._words[HEADER_TRACE] = TRACE_OFF

    def take(self, marks: Words, out: Words) -> int:
        """Move records to `out`, see trace_take."""
        return int(trace_take(self._words, marks, out))

    def now(self) -> tuple[int, int]:
        """Return (ticks of the stamps' clock, nanoseconds of CLOCK_MONOTONIC), read together."""
        pair = np.zeros(2, np.uint64)
        clock_pair(pair)
        ticks, nanoseconds = map(int, pair)
        return (ticks if self._trusted else nanoseconds), nanoseconds

    @property
    def lost(self) -> int:
        """Events that found no room so far."""
        return self._sum(TRACE_LOST)

    @property
    def waits(self) -> int:
        """Calls so far that were told to wait for room."""
        return self._sum(TRACE_WAITS)

    def _sum(self, offset: int) -> int:
        every = self._words[SLOTS + offset : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        return int(every.sum())
