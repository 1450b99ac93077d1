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
(compare.py), and what the original got wrong can be switched on (odd.py). Every search is traced
with its window and its answer.

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
from stressd_kernels.rbtree import NOWHERE, end_gap, grows_down, start_gap
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_START
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import TRACE_ASK

GAP_UP = int(Verb.GAP_UP)
GAP_DOWN = int(Verb.GAP_DOWN)
SEARCH_HELD = int(Call.SEARCH_HELD)
TOPDOWN = U1  # MM_OFFSET of a search
BOTTOMUP = U0


@kernel
def gap_of(words, mm, slot, verb, window, size):
    """Leave where the lowest or highest gap of `size` bytes begins in RESULT_FIRST.

    verb    GAP_UP, or GAP_DOWN: as high as it can begin, for `size` bytes
    window  (low, high), high exclusive
    return  whether there is one
    """
    low, high = window
    if size == U0 or high <= low or high - low < size:
        return False
    tree = np.int64(words[mm + MM_TREE])
    return structure_call(words, verb, tree, slot, low, high - U1, size, U0, U0) == OK


@kernel
def search_down(words, mm, slot, ask):
    """Return the highest place, or NOWHERE.

    ask  (low, high, length, mask, offset)
    """
    low, high, length, mask, offset = ask
    size = length + mask
    while size >= length and gap_of(words, mm, slot, GAP_DOWN, (low, high), size):
        end = words[slot + RESULT_FIRST] + size
        found = end - length
        found -= (found - offset) & mask
        above = maple_find(words, mm, slot, end)
        if grows_down(words, above):
            if start_gap(words, above) >= end:
                return found
            high = start_gap(words, above)
        else:
            below = maple_below(words, mm, slot, end)
            if below == NO_RECORD or end_gap(words, below) <= found:
                return found
            high = words[below + VMA_START]
    return NOWHERE


@kernel
def search_up(words, mm, slot, ask):
    """Return the lowest place, or NOWHERE; ask: as top-down."""
    low, high, length, mask, offset = ask
    size = length + mask
    while size >= length and gap_of(words, mm, slot, GAP_UP, (low, high), size):
        begin = words[slot + RESULT_FIRST]
        found = begin + ((offset - begin) & mask)
        above = maple_find(words, mm, slot, begin)
        if grows_down(words, above):
            if start_gap(words, above) >= found + (size - U1):
                return found
            low = words[above + VMA_END]
        else:
            below = maple_below(words, mm, slot, begin)
            if below == NO_RECORD or end_gap(words, below) <= found:
                return found
            low = end_gap(words, below)
    return NOWHERE


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
        found = odd_down(words, mm, slot, ask, search_down(words, mm, slot, ask))
    else:
        found = odd_up(words, mm, slot, ask, search_up(words, mm, slot, ask))
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
