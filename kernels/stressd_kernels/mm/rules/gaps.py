"""Where a free range is found: the highest or the lowest that is large enough.

A search is for `length` bytes in [low, high), high exclusive, whose start is `offset` modulo
mask + 1. A gap must hold length + mask bytes, even if less would do for its own alignment.

    top-down    the highest gap, at its top, aligned down. If the VMA above is a stack and the gap
                reaches into its guard gap: again, below that. Else if what is found begins in the
                guard gap of a VMA that grows up: again, below that VMA
    bottom-up   the lowest gap, at its bottom, aligned up. If the VMA above is a stack, and
                length + mask - 1 bytes from there reach into its guard gap: again, above that
                stack. Else if it begins in the guard gap of a VMA that grows up: again, from
                where that ends

The maple tree's answer is the one that counts. The rb-tree, while there is one, is asked the same
(compare.py), and what the original got wrong can be switched on (odd.py). Every search under the
lock is traced with its window and its answer. Readers without the lock search in the same way
(readers.py).

Source: FEATURES.md 2, gap search (Linux 6.18); tests/mm/spec/gaps.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import RESULT_FIRST, U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import ANSWER, MM_MIN_ADDR, MM_OFFSET, MM_TREE
from stressd_kernels.mm.lookup import maple_below, maple_find
from stressd_kernels.mm.odd import odd_down, odd_up
from stressd_kernels.mm.trace import trace_on, trace_search
from stressd_kernels.mm.validation.compare import compare_search
from stressd_kernels.mm.words import EINVAL, ENOMEM, ERRNO
from stressd_kernels.rbtree import NOWHERE, guard_down, guard_up
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import TRACE_ASK

GAP_UP = int(Verb.GAP_UP)
GAP_DOWN = int(Verb.GAP_DOWN)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
SEARCH_HELD = int(Call.SEARCH_HELD)
TOPDOWN = U1  # MM_OFFSET of a search
BOTTOMUP = U0


@kernel
def gap_of(words, mm, slot, verb, window, size):
    """Leave where the lowest or highest gap of `size` bytes begins in RESULT_FIRST.

    verb    GAP_UP, or GAP_DOWN: as high as it can begin, for `size` bytes
    window  (low, high), high exclusive
    return  OK, NOT_FOUND, or RETRY if the lock is not held and writers were in the way
    """
    low, high = window
    if high <= low or high - low < size:
        return NOT_FOUND
    tree = np.int64(words[mm + MM_TREE])
    return structure_call(words, verb, tree, slot, low, high - U1, size, U0, U0)


@kernel
def search_down(words, mm, slot, ask):
    """Return (status, the highest place); NOWHERE unless OK. Pinned, or with the lock held.

    ask     (low, high, length, mask, offset), length > 0
    status  as of gap_of
    """
    low, high, length, mask, offset = ask
    size = length + mask
    while size >= length:
        status = gap_of(words, mm, slot, GAP_DOWN, (low, high), size)
        if status != OK:
            return status, NOWHERE
        end = words[slot + RESULT_FIRST] + size
        found = end - length
        found -= (found - offset) & mask
        above = maple_find(words, mm, slot, end)
        below = maple_below(words, mm, slot, end)
        is_clear, high = guard_down(words, above, below, end, found)
        if is_clear:
            return OK, found
    return NOT_FOUND, NOWHERE


@kernel
def search_up(words, mm, slot, ask):
    """Return (status, the lowest place); ask, status: as top-down."""
    low, high, length, mask, offset = ask
    size = length + mask
    while size >= length:
        status = gap_of(words, mm, slot, GAP_UP, (low, high), size)
        if status != OK:
            return status, NOWHERE
        begin = words[slot + RESULT_FIRST]
        found = begin + ((offset - begin) & mask)
        above = maple_find(words, mm, slot, begin)
        below = maple_below(words, mm, slot, begin)
        is_clear, low = guard_up(words, above, below, found, size)
        if is_clear:
            return OK, found
    return NOT_FOUND, NOWHERE


@kernel
def search_trace(words, mm, slot, ask, topdown, found):
    """Note what was asked, and the answer."""
    if not trace_on(words):
        return
    for word in range(5):
        words[slot + TRACE_ASK + word] = ask[word]
    if found == NOWHERE:
        trace_search(words, mm, slot, topdown, U0, ENOMEM & ~ERRNO)
    else:
        trace_search(words, mm, slot, topdown, found, U0)


@entry
def search_held(base, mm, slot, a, b, c, d, e):
    """SEARCH_HELD: find a bytes in [b, c), aligned as mask d and offset e; MM_OFFSET: TOPDOWN.

    OK with the address, or ENOMEM.
    """
    words = words_at(base)
    topdown = words[slot + MM_OFFSET]
    ask = (max(b, words[mm + MM_MIN_ADDR]), c, a, d, e)
    if topdown == TOPDOWN:
        found = odd_down(words, mm, slot, ask, search_down(words, mm, slot, ask)[1])
    else:
        found = odd_up(words, mm, slot, ask, search_up(words, mm, slot, ask)[1])
    compare_search(words, mm, ask, topdown, found)
    search_trace(words, mm, slot, (b, c, a, d, e), topdown, found)
    words[slot + ANSWER] = found
    return ENOMEM if found == NOWHERE else OK


@entry
def search(base, mm, slot, a, b, c, d, e):
    """SEARCH: as SEARCH_HELD, for whoever does not hold the lock; EINVAL for nothing."""
    words = words_at(base)
    if a == U0:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    status = mm_call(words, SEARCH_HELD, mm, slot, a, b, c, d, e)
    return mm_end(words, mm, slot, status)
