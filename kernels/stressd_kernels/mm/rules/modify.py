"""Changing a part of a VMA: its flags, policy or name.

If the part, as it is to be, agrees with a neighbour it becomes one with it (cases 4 to 8 of
merge.py); only a part at an edge of its VMA has such a neighbour. Else the VMA is split at the
beginning of the part, then at its end, and the piece between is changed in place.

Fails with ENOMEM at the limit of VMAs, with EINVAL where a VMA must not be cut; if the second split
fails the first one stays. At most six stores of the maple tree.

Source: FEATURES.md 2, vma_modify; tests/mm/spec/merge.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.counts import flags_set
from stressd_kernels.mm.layout import MM_COUNT, MM_COUNT_MAX, MM_FOUND, MM_PART
from stressd_kernels.mm.lookup import vma_next, vma_prev
from stressd_kernels.mm.rules.merge import (
    JOINS_BOTH,
    JOINS_NONE,
    JOINS_RIGHT,
    grow_down,
    grow_up,
    must_stay,
    sides_joined,
    takes_anon,
)
from stressd_kernels.mm.rules.unmap import vma_split
from stressd_kernels.mm.tally import TALLY_CASE, tally
from stressd_kernels.mm.track import track_resize, track_swallow
from stressd_kernels.mm.words import ENOMEM, pgoff_at
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_NAME,
    VMA_PGOFF,
    VMA_POLICY,
    VMA_START,
    vma_give,
)


@kernel
def part_of(words, vma, part, start, end):
    """Let a part be [start, end) of a VMA, but for its flags, policy and name."""
    words[part + VMA_START] = start
    words[part + VMA_END] = end
    words[part + VMA_PGOFF] = pgoff_at(words, vma, start)
    words[part + VMA_FILE] = words[vma + VMA_FILE]
    words[part + VMA_ANON] = words[vma + VMA_ANON]
    words[part + VMA_CHAIN] = words[vma + VMA_CHAIN]


@kernel
def is_whole(words, vma, part):
    """Say whether a part is all of its VMA."""
    same = words[part + VMA_START] == words[vma + VMA_START]
    return same and words[part + VMA_END] == words[vma + VMA_END]


@kernel
def join_left(words, mm, slot, vma, around):
    """Let the previous VMA grow over a part of `vma` (cases 5, 6, 7); return it.

    around  (previous VMA, part, following VMA to take as well or NO_RECORD)
    """
    prev, part, right = around
    end = words[part + VMA_END]
    takes_anon(words, prev, right)
    takes_anon(words, prev, vma)
    grown = grow_up(words, mm, slot, prev, end if right == NO_RECORD else words[right + VMA_END])
    if end == words[vma + VMA_END]:
        tally(words, slot, TALLY_CASE + (7 if right == NO_RECORD else 6))
        track_swallow(words, mm, slot, vma)
    else:
        tally(words, slot, TALLY_CASE + 5)
        place = (end, words[vma + VMA_END], pgoff_at(words, vma, end))
        track_resize(words, mm, slot, vma, place, 1)
    if right != NO_RECORD:
        track_swallow(words, mm, slot, right)
    return grown


@kernel
def join_right(words, mm, slot, vma, around):
    """Let the following VMA grow down over a part of `vma` (cases 4, 8); return it.

    around  (anything, part, following VMA)
    """
    _, part, following = around
    start = words[part + VMA_START]
    takes_anon(words, following, vma)
    if is_whole(words, vma, part):
        tally(words, slot, TALLY_CASE + 8)
        grown = grow_down(words, mm, slot, following, start)
        track_swallow(words, mm, slot, vma)
        return grown
    tally(words, slot, TALLY_CASE + 4)
    place = (words[vma + VMA_START], start, words[vma + VMA_PGOFF])
    track_resize(words, mm, slot, vma, place, 0)
    return grow_down(words, mm, slot, following, start)


@kernel
def merge_existing(words, mm, slot, vma, part):
    """Join a changed part of `vma` with its neighbours; return what covers it, or NO_RECORD.

    If `vma` would vanish but must not, nothing is joined.
    """
    prev, following = NO_RECORD, NO_RECORD
    if words[part + VMA_START] == words[vma + VMA_START]:
        prev = vma_prev(words, mm, slot, vma)
    if words[part + VMA_END] == words[vma + VMA_END]:
        following = vma_next(words, mm, slot, vma)
    sides = sides_joined(words, prev, part, following)
    if sides == JOINS_NONE or (is_whole(words, vma, part) and must_stay(words, vma)):
        return NO_RECORD
    if sides == JOINS_RIGHT:
        return join_right(words, mm, slot, vma, (prev, part, following))
    right = following if sides == JOINS_BOTH else NO_RECORD
    return join_left(words, mm, slot, vma, (prev, part, right))


@kernel
def split_counted(words, mm, slot, vma, address):
    """Cut `vma` at `address`, if there may be one more VMA; MM_FOUND is the upper part.

    return  (OK, lower part), or (ENOMEM or EINVAL, vma)
    """
    if words[mm + MM_COUNT] >= words[mm + MM_COUNT_MAX]:
        return ENOMEM, vma
    return vma_split(words, mm, slot, vma, address)


@kernel
def change_apart(words, mm, slot, vma, part):
    """Split a part off `vma` and change it in place.

    return  (status, record of the part)
    """
    status = OK
    if words[vma + VMA_START] < words[part + VMA_START]:
        status, vma = split_counted(words, mm, slot, vma, words[part + VMA_START])
        if status != OK:
            return status, vma
        vma = np.int64(words[slot + MM_FOUND])
    if words[vma + VMA_END] > words[part + VMA_END]:
        status, vma = split_counted(words, mm, slot, vma, words[part + VMA_END])
        if status != OK:
            return status, vma
    flags_set(words, mm, vma, words[part + VMA_FLAGS])
    store_relaxed(words, vma + VMA_POLICY, words[part + VMA_POLICY])
    store_relaxed(words, vma + VMA_NAME, words[part + VMA_NAME])
    return status, vma


@entry
def modify(base, mm, slot, a, b, c, d, e):
    """MODIFY: let [b, c) of record a have the flags, policy and name of the record in MM_PART.

    MM_FOUND is what covers it then, 0 after an error. That private record is given back.
    """
    words = words_at(base)
    vma, part = np.int64(a), np.int64(words[slot + MM_PART])
    part_of(words, vma, part, b, c)
    status = OK
    found = merge_existing(words, mm, slot, vma, part)
    if found == NO_RECORD:
        status, found = change_apart(words, mm, slot, vma, part)
    vma_give(words, slot, part)
    words[slot + MM_FOUND] = np.uint64(found) if status == OK else U0
    return status
