"""Trace events from Python: the switch, and the rings' one reader."""

import numpy as np
import numpy.typing as npt

from stressd_kernels.clock import clock_pair, stamp_is_trusted
from stressd_kernels.layout import HEADER_TRACE, SLOT_WORDS, SLOTS, SLOTS_MAX
from stressd_kernels.mm.trace import TRACE_MONOTONIC, TRACE_OFF, TRACE_STAMPS, trace_take
from stressd_kernels.worker import TRACE_LOST, TRACE_WAITS

Words = npt.NDArray[np.uint64]


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
        """Events so far that found no room."""
        return self._sum(TRACE_LOST)

    @property
    def waits(self) -> int:
        """How often a call was told to wait for room."""
        return self._sum(TRACE_WAITS)

    def _sum(self, offset: int) -> int:
        every = self._words[SLOTS + offset : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        return int(every.sum())
