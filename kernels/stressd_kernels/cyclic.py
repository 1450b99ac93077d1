"""Cyclic allocation: each range begins where the last one ended, around and around a window.

What was freed is not given out again before the rest of the window was: process numbers and
handles are drawn like that.
"""

from typing import NamedTuple

import numpy as np

from stressd_kernels.arguments import content_of, size_of
from stressd_kernels.calls import Calls, found
from stressd_kernels.layout import RESULT_FIRST, RESULT_VALUE, WORD_BYTES
from stressd_kernels.status import KEY_MAX
from stressd_kernels.verbs import Verb


class Placed(NamedTuple):
    """Where a range was placed, and whether the search had to start over from the bottom."""

    start: int
    wrapped: bool


class Cyclic:
    """Gives out free ranges of [low, high] in a circle; made by `MapleTree.cyclic`.

    Any number of threads may share one: finding, storing and moving on are one step, so no two
    of them get the same keys, and each goes on where the one before it stopped.
    """

    def __init__(self, calls: Calls, low: int, high: int) -> None:
        self.low = low
        self.high = high
        self._calls = calls
        self._place = np.array([low, 0], np.uint64)  # NEXT, AGAIN: see maple/allocate.py

    @property
    def next(self) -> int:
        """The key that the next search begins at."""
        return int(self._place[0])

    def allocate(self, size: int, value: int | None) -> Placed | None:
        """Map the next `size` free keys to `value` (None reserves them); None if nothing fits.

        Looks from `next` to the end of the window, and then once through all of it. MemoryError
        leaves the tree and `next` as they were.
        """
        words = self._calls.words
        at = ((self._place.ctypes.data - words.ctypes.data) // WORD_BYTES) & KEY_MAX
        arguments = (self.low, self.high, size_of(size), content_of(value), at)
        status, start, wrapped = self._calls.ask(
            Verb.ALLOCATE_CYCLIC, *arguments, results=(RESULT_FIRST, RESULT_VALUE)
        )
        return Placed(start, bool(wrapped)) if found(status) else None
