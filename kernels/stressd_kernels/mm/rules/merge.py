"""When neighbours become one VMA: the rules, and what a new range does.

A *part* is a private record in words[slot + MM_PART] that says what a range is to be: where it
is, and all that decides merging. Its VMA_CHAIN is that of the VMA whose anon it has, and 0 if
nobody is to be asked (also with an anon: memory that grows in place).

Two neighbours are one VMA when all of this agrees:

    flags, open file, NUMA policy, name
    pgoff            the upper one continues where the lower one ends
    anon             the same; or one has none, and the other was not written to before a fork

and neither is special (VM_SPECIAL). A range that would join with both sides at once joins only
the lower one if these differ in anon, or if the upper one must not vanish (FILE_CLOSES). Whoever
has no anon takes over that of the other.

The eight cases, in the words of older kernels; A is the range, P and N the VMAs around it. Stores
are those into the maple tree, in order (track.py).

    A is free (here)                                                        stores
    1  P and N both join: P takes A and N, which is gone                    P
    2  P grows up over A                                                    P
    3  N grows down over A                                                  N
    A is mapped, and becomes like a neighbour (modify.py)
    4  A is the tail of a VMA, which shrinks: N grows down over it          SNULL A, VMA, N
    5  A is the head of a VMA, which shrinks: P grows up over it            P, VMA
    6  A is a whole VMA: P takes it and N, both are gone                    P
    7  A is a whole VMA: P takes it                                         P
    8  A is a whole VMA: N takes it                                         N

Source: FEATURES.md 2, merge rule; tests/mm/spec/merge.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.layout import MM_FOUND, MM_PART
from stressd_kernels.mm.lookup import find_vma, vma_last, vma_prev
from stressd_kernels.mm.tally import TALLY_CASE, tally
from stressd_kernels.mm.track import track_resize, track_swallow
from stressd_kernels.mm.words import FILE_CLOSES, PAGE_SHIFT, VM_SPECIAL, vma_pages
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

JOINS_NONE = 0  # which sides a part joins
JOINS_LEFT = 1
JOINS_RIGHT = 2
JOINS_BOTH = 3


# -- the rules: nothing is changed -------------------------------------------------------------


@kernel
def alike(words, vma, part):
    """Say whether flags, open file, policy and name agree."""
    return (
        words[vma + VMA_FLAGS] == words[part + VMA_FLAGS]
        and words[vma + VMA_FILE] == words[part + VMA_FILE]
        and words[vma + VMA_POLICY] == words[part + VMA_POLICY]
        and words[vma + VMA_NAME] == words[part + VMA_NAME]
    )


@kernel
def anons_agree(words, vma, part):
    """Say whether a VMA and a part beside it may share an anon.

    The same, or none in one of them and the other not written to before a fork.
    """
    own, other = words[vma + VMA_ANON], words[part + VMA_ANON]
    if own == other:
        return True
    if own == U0:
        return words[part + VMA_CHAIN] <= U1
    return other == U0 and words[vma + VMA_CHAIN] == U1


@kernel
def joins_left(words, prev, part):
    """Say whether a part continues the VMA below, if there is one."""
    return (
        prev != NO_RECORD
        and words[prev + VMA_END] == words[part + VMA_START]
        and words[prev + VMA_PGOFF] + vma_pages(words, prev) == words[part + VMA_PGOFF]
        and alike(words, prev, part)
        and anons_agree(words, prev, part)
    )


@kernel
def joins_right(words, part, following):
    """Say whether the VMA above, if there is one, continues a part."""
    return (
        following != NO_RECORD
        and words[following + VMA_START] == words[part + VMA_END]
        and words[following + VMA_PGOFF] == words[part + VMA_PGOFF] + vma_pages(words, part)
        and alike(words, following, part)
        and anons_agree(words, following, part)
    )


@kernel
def sides_agree(words, prev, following):
    """Say whether both neighbours may become one: the same anon, or none in one of them."""
    if words[prev + VMA_ANON] == U0 or words[following + VMA_ANON] == U0:
        return True
    return words[prev + VMA_ANON] == words[following + VMA_ANON]


@kernel
def must_stay(words, vma):
    """Say whether the file of a VMA wants to be told when it goes."""
    return words[vma + VMA_FILE] & FILE_CLOSES != U0


@kernel
def sides_joined(words, prev, part, following):
    """Return which of its neighbours a part joins: a JOINS_*.

    prev, following  the VMAs before and after it, or NO_RECORD: also where none may be joined
    """
    if words[part + VMA_FLAGS] & VM_SPECIAL != U0:
        return JOINS_NONE
    left, right = joins_left(words, prev, part), joins_right(words, part, following)
    if left and right:
        right = sides_agree(words, prev, following) and not must_stay(words, following)
    if left:
        return JOINS_BOTH if right else JOINS_LEFT
    return JOINS_RIGHT if right else JOINS_NONE


# -- what is done ------------------------------------------------------------------------------


@kernel
def takes_anon(words, target, source):
    """Give a VMA without anon that of `source`, if that is one and has one."""
    if source == NO_RECORD or words[target + VMA_ANON] != U0 or words[source + VMA_CHAIN] == U0:
        return
    store_relaxed(words, target + VMA_ANON, words[source + VMA_ANON])
    store_relaxed(words, target + VMA_CHAIN, words[source + VMA_CHAIN])


@kernel
def grow_up(words, mm, slot, vma, end):
    """Let `vma` reach up to `end`, over whatever is there; return its new record."""
    place = (words[vma + VMA_START], end, words[vma + VMA_PGOFF])
    return track_resize(words, mm, slot, vma, place, 1)


@kernel
def grow_down(words, mm, slot, vma, start):
    """Let `vma` begin at `start`, over whatever is there; return its new record."""
    pages = words[vma + VMA_START] - start >> PAGE_SHIFT
    place = (start, words[vma + VMA_END], words[vma + VMA_PGOFF] - pages)
    return track_resize(words, mm, slot, vma, place, 1)


@kernel
def join_new(words, mm, slot, sides, around):
    """Let a free range be taken by its neighbours (cases 1, 2, 3); return the VMA that covers it.

    sides   JOINS_LEFT, _RIGHT or _BOTH
    around  (previous VMA, part, following VMA)
    """
    prev, part, following = around
    if sides == JOINS_RIGHT:
        tally(words, slot, TALLY_CASE + 3)
        takes_anon(words, following, part)
        return grow_down(words, mm, slot, following, words[part + VMA_START])
    tally(words, slot, TALLY_CASE + (1 if sides == JOINS_BOTH else 2))
    end = words[part + VMA_END]
    if sides == JOINS_BOTH:
        takes_anon(words, prev, following)
        end = words[following + VMA_END]
    takes_anon(words, prev, part)
    vma = grow_up(words, mm, slot, prev, end)
    if sides == JOINS_BOTH:
        track_swallow(words, mm, slot, following)
    return vma


@entry
def merge_new(base, mm, slot, a, b, c, d, e):
    """MERGE_NEW: join the free range of MM_PART with its neighbours; a: 1 with the lower alone.

    MM_FOUND is the VMA that covers it then, and the part is given back; or 0, and it is not.
    """
    words = words_at(base)
    part = np.int64(words[slot + MM_PART])
    following = find_vma(words, mm, slot, words[part + VMA_START])
    if following == NO_RECORD:
        prev = vma_last(words, mm, slot)
    else:
        prev = vma_prev(words, mm, slot, following)
    sides = sides_joined(words, prev, part, NO_RECORD if a == U1 else following)
    found = NO_RECORD
    if sides != JOINS_NONE:
        found = join_new(words, mm, slot, sides, (prev, part, following))
        vma_give(words, slot, part)
    words[slot + MM_FOUND] = np.uint64(found)
    return OK
