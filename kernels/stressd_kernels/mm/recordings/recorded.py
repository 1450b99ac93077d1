"""What a recording says of an address space: this range is that VMA's now, or nobody's.

A recording holds the raw stores of a maple tree, not the calls that led to them. They act on
ranges: what stood there is cut, split or gone without any message. So these calls find out what
that means for VMAs, and change all structures accordingly.

    VMAs over an end of the range    are cut there; what lies outside stays. Of a VMA that reaches
                                     over both ends two parts stay, with one identity
    VMAs inside                      are gone
    one of these inside has the      it gets the new range, in one store, and its neighbours are
    identity that is stored          swallowed, as in Linux when VMAs are merged

A VMA that is stored with another range is resized: its part outside the new range, if any, stays
until it is overwritten. Identity 0 is that of no VMA in particular: each store of it is another.

Only the range, the identity and whether a VMA grows down are known; pgoff counts from address 0,
as that of anonymous memory does. There is no limit on the count of VMAs.

Source: FEATURES.md 3, parser rules; __vma_adjust for the order of stores.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.holding import hold_begin, hold_end
from stressd_kernels.layout import U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.counts import flags_set
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_ID,
    MM_NONE,
    MM_SPARE,
    MM_SPARE_WORDS,
    MM_STATE,
    MM_TREE,
)
from stressd_kernels.mm.lookup import find_vma, vma_next
from stressd_kernels.mm.track import track_detach, track_link, track_resize, track_swallow
from stressd_kernels.mm.words import EAGAIN, EINVAL, PAGE_MASK, PAGE_SHIFT, identity_begin, pgoff_at
from stressd_kernels.records import (
    NO_RECORD,
    VMA_END,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_PGOFF,
    VMA_START,
    vma_copy,
    vma_take,
)

ALIVE = np.uint64(MM_ALIVE)
NONE = np.uint64(MM_NONE)
SWALLOWED_MAX = MM_SPARE_WORDS  # VMAs that one store swallows; if more, all are taken out first


@kernel
def is_mappable(first, last):
    """Say whether [first, last] is whole pages, and not the last ones of all."""
    return first & PAGE_MASK == U0 and last & PAGE_MASK == PAGE_MASK and last != UMAX


@kernel
def part_keep(words, mm, slot, vma, start, end):
    """Let a copy of `vma` be at [start, end), where nothing is any more; it keeps the identity."""
    upper = vma_copy(words, slot, vma)
    words[upper + VMA_START] = start
    words[upper + VMA_END] = end
    words[upper + VMA_PGOFF] = pgoff_at(words, vma, start)
    track_link(words, mm, slot, upper)


@kernel
def range_cut(words, mm, slot, start, end):
    """Take [start, end) away from the VMAs that reach over its ends.

    return  the first VMA that lies inside, or NO_RECORD

    `start` < `end`, both at a page. Makes four stores of the maple tree at most.
    """
    vma = find_vma(words, mm, slot, start)
    if vma == NO_RECORD or words[vma + VMA_START] >= end:
        return NO_RECORD
    low, high = words[vma + VMA_START], words[vma + VMA_END]
    if low < start:
        kept = track_resize(words, mm, slot, vma, (low, start, words[vma + VMA_PGOFF]), 0)
        if high > end:
            part_keep(words, mm, slot, kept, end, high)
        if high >= end:
            return NO_RECORD
        vma = find_vma(words, mm, slot, start)
    return inside_cut(words, mm, slot, vma, end)


@kernel
def inside_cut(words, mm, slot, first, end):
    """Take what lies below `end` from the VMA that reaches over it; none begins before `first`.

    return  `first`, or NO_RECORD if it does not begin below `end` any more
    """
    if first == NO_RECORD or words[first + VMA_START] >= end:
        return NO_RECORD
    over = find_vma(words, mm, slot, end - U1)
    if over == NO_RECORD or words[over + VMA_START] >= end or words[over + VMA_END] <= end:
        return first
    place = (end, words[over + VMA_END], pgoff_at(words, over, end))
    track_resize(words, mm, slot, over, place, 0)
    return NO_RECORD if over == first else first


@kernel
def range_clear(words, mm, slot, first, start, end):
    """Take out `first` and all other VMAs inside [start, end); none reaches over its ends."""
    if first != NO_RECORD:
        track_detach(words, mm, slot, first, start, end)


@kernel
def inside_note(words, mm, slot, first, end, identity):
    """Write down `first` and those behind it below `end` in MM_SPARE, but for one with `identity`.

    return  (that one, how many others); NO_RECORD if there is none, or if the others are too many

    A VMA can be looked up as long as nothing covers it, so this comes before the store.
    """
    kept = NO_RECORD
    count = 0
    vma = first
    while vma != NO_RECORD and words[vma + VMA_START] < end:
        if kept == NO_RECORD and identity != U0 and words[vma + VMA_ID] == identity:
            kept = vma
        elif count == SWALLOWED_MAX:
            return NO_RECORD, 0
        else:
            words[slot + MM_SPARE + count] = np.uint64(vma)
            count += 1
        vma = vma_next(words, mm, slot, vma)
    return kept, count


@kernel
def store_new(words, mm, slot, start, end, identity_flags):
    """Add a VMA at [start, end), where nothing is; the last argument is (identity, VM_* flags)."""
    vma = vma_take(words, slot)
    words[vma + VMA_START] = start
    words[vma + VMA_END] = end
    words[vma + VMA_PGOFF] = start >> PAGE_SHIFT
    words[vma + VMA_FLAGS] = identity_flags[1]
    words[vma + VMA_ID] = identity_flags[0]
    words[vma + VMA_MM] = words[mm + MM_ID]
    track_link(words, mm, slot, vma)


@kernel
def store_over(words, mm, slot, start, end, identity_flags):
    """Map [start, end) to a VMA, whatever stands there; the lock is held."""
    first = range_cut(words, mm, slot, start, end)
    kept, others = inside_note(words, mm, slot, first, end, identity_flags[0])
    if kept == NO_RECORD:
        range_clear(words, mm, slot, first, start, end)
        store_new(words, mm, slot, start, end, identity_flags)
        return
    flags_set(words, mm, kept, identity_flags[1])
    track_resize(words, mm, slot, kept, (start, end, pgoff_at(words, kept, start)), 1)
    for other in range(others):
        track_swallow(words, mm, slot, np.int64(words[slot + MM_SPARE + other]))


@entry
def record_store(base, mm, slot, a, b, c, d, e):
    """RECORD_STORE: [a, b] is VMA c's now, which has flags d; EINVAL off a page, or at the last."""
    words = words_at(base)
    if not is_mappable(a, b) or a > b:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    store_over(words, mm, slot, a, b + U1, (c, d))
    return mm_end(words, mm, slot, OK)


@entry
def record_erase(base, mm, slot, a, b, c, d, e):
    """RECORD_ERASE: [a, b] is nobody's now; EINVAL off a page. Up to the very last address."""
    words = words_at(base)
    if a & PAGE_MASK != U0 or b & PAGE_MASK != PAGE_MASK or a > b:
        return EINVAL
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    end = min(b, UMAX - PAGE_MASK - U1) + U1
    if a < end:
        range_clear(words, mm, slot, range_cut(words, mm, slot, a, end), a, end)
    return mm_end(words, mm, slot, OK)


@entry
def record_begin(base, mm, slot, a, b, c, d, e):
    """RECORD_BEGIN: an empty address space begins in `mm`; EAGAIN if something lives there."""
    words = words_at(base)
    tree = np.int64(words[mm + MM_TREE])
    status = hold_begin(words, tree, slot)
    if status != OK:
        return status
    status = EAGAIN
    if words[mm + MM_STATE] == NONE:
        identity_begin(words, mm)
        store_relaxed(words, mm + MM_STATE, ALIVE)
        status = OK
    hold_end(words, tree, slot)
    return status
