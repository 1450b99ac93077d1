"""Allocation: a gap is found and taken in one step, under the lock (W1).

A cyclic allocator goes on where it stopped: it looks from there to the end of its window, and
then, once, through the whole window. Where it stopped stands in two words that the caller keeps,
anywhere; they change under the tree's lock alone, so no two callers that share them are given
the same range, and each goes on from where the other stopped.

    + 0  NEXT    the key to look from
    + 1  AGAIN   1: the end of the window has been given out, the next search starts over
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import (
    ASK_LOW,
    ASK_MASK,
    ASK_OFFSET,
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    U0,
    U1,
    U2,
)
from stressd_kernels.lock import OK
from stressd_kernels.maple.edit import store_walked
from stressd_kernels.maple.gaps import NOT_FOUND, ask, gap_down, gap_up

FROM_TOP = U1  # flags of an allocation
ALIGNED = U2


@kernel
def allocate_locked(words, tree, slot, window, value, flags):
    """Find a gap and store `value` there; OK with it in RESULT_FIRST and _LAST, or NOT_FOUND.

    window  first key, last key, size
    flags   FROM_TOP: the highest gap; ALIGNED: as ASK_MASK and ASK_OFFSET of the slot say
    """
    low, high, size = window
    if flags & ALIGNED == U0:
        words[slot + ASK_MASK] = U0
    ask(words, slot, low, high, size, words[slot + ASK_MASK], words[slot + ASK_OFFSET])
    status = gap_down(words, tree, slot) if flags & FROM_TOP != U0 else gap_up(words, tree, slot)
    if status != OK:
        return status
    first, last = words[slot + RESULT_FIRST], words[slot + RESULT_LAST]
    return store_walked(words, tree, slot, (first, last, value))


@kernel
def cyclic_locked(words, tree, slot, window, value, at):
    """Allocate from where words[at] says on; RESULT_VALUE is 1 if that meant to start over.

    at  uint64 word index of the allocator's two words, from the arena modulo 2**64
    """
    low, high, size = window
    begin = max(low, words[at])
    again = words[at + U1]
    ask(words, slot, begin, high, size, U0, U0)
    status = gap_up(words, tree, slot) if begin <= high else NOT_FOUND
    if status == NOT_FOUND and begin > low:
        again = U1
        words[slot + ASK_LOW] = low
        status = gap_up(words, tree, slot)
    if status != OK:
        return status
    last = words[slot + RESULT_LAST]
    status = store_walked(words, tree, slot, (words[slot + RESULT_FIRST], last, value))
    ended = last >= high
    words[at] = low if ended else last + U1
    words[at + U1] = np.uint64(ended)
    words[slot + RESULT_VALUE] = again
    return status
