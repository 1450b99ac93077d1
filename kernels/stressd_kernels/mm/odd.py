"""The faults of the original, as switches: each row of what it got wrong, and two more.

The change that is re-enacted here had nine faults. All are built right; what the original did can
be switched on, one at a time, by the arena's FAULT word, to see that validation notices.

    fault        what is done then                       switched on in       found as
    ODD_1        the walk upwards stops where the list   validate.py; track:  LIST_BACK, or without
                 ends, so what the tree has behind it    the last VMA stays   a list COUNT: by the
                 is not seen                             in the tree          walk downwards
    ODD_2        the report reads the VMA after the      report.py            the report
                 last one, which there is not (an oops)
    ODD_3        pages, second count: of each VMA from   compare.py           PAGES
                 where it begins, even if that is below
                 the range
    ODD_4        bottom-up takes the highest gap         gaps                 GAP
    ODD_5        top-down aligns as if offset were 0     gaps                 GAP
    ODD_6        top-down ignores the guard gap of a     gaps                 GAP
                 stack
    ODD_7        a stack that grew up is not stored      track                ENTRY_RANGE, ...
    ODD_8        the store of a stack that grew down     nowhere: see below   -
                 may sleep under a spinlock
    ODD_9        an empty address space ends without     exit                 the trace: it begins
                 DESTROY                                                      and never ends
    HALF_SPLIT   of a VMA that is split one half is      track                LIST_DIFFERS, ...
                 stored
    FORK_SHARES  a child's tree names a VMA of its       fork                 VMA_OWNER
                 parent

ODD_8 cannot be had here: nothing is allocated under a lock. A call reserves its nodes before it
takes the lock, so no store inside it waits for memory; in the checking build an assertion counts
every store that takes more than was reserved. There is no page table lock either. (tests/mm/
test_odd.py lets a stack grow while there are no nodes: it does not begin to.)

ODD_5 in the words of the original: gap = (first + mask) & ~mask, minus offset & mask, where
`first` begins the length + mask bytes that were found. Right is: down from the gap's end by
length, then down to the offset. Both agree while the offset is 0.

The original's ODD_4, 5 and 6 also ignore that a search may fail: the rb-tree's had failed before.
"""

from enum import IntEnum

import numpy as np

from stressd_kernels.door import kernel, kernel_inline, load_relaxed
from stressd_kernels.layout import FAULT, RESULT_FIRST, RESULT_LAST, U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.layout import MM_TREE
from stressd_kernels.mm.lookup import maple_find
from stressd_kernels.mm.words import VM_GROWSUP
from stressd_kernels.rbtree import NOWHERE, grows_down, start_gap
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS
from stressd_kernels.verbs import Verb, structure_call


class Odd(IntEnum):
    """What the arena's FAULT word may be: one fault at a time, 0 for none."""

    ODD_1 = 101
    ODD_2 = 102
    ODD_3 = 103
    ODD_4 = 104
    ODD_5 = 105
    ODD_6 = 106
    ODD_7 = 107
    ODD_9 = 109
    HALF_SPLIT = 126
    FORK_SHARES = 127


ODD_1 = np.uint64(Odd.ODD_1)
ODD_2 = np.uint64(Odd.ODD_2)
ODD_3 = np.uint64(Odd.ODD_3)
ODD_4 = np.uint64(Odd.ODD_4)
ODD_5 = np.uint64(Odd.ODD_5)
ODD_6 = np.uint64(Odd.ODD_6)
ODD_7 = np.uint64(Odd.ODD_7)
ODD_9 = np.uint64(Odd.ODD_9)
HALF_SPLIT = np.uint64(Odd.HALF_SPLIT)
FORK_SHARES = np.uint64(Odd.FORK_SHARES)

GAP_DOWN = int(Verb.GAP_DOWN)


@kernel_inline
def odd_is(words, fault):
    """Say whether this fault is switched on."""
    return load_relaxed(words, FAULT) == fault


@kernel
def odd_highest(words, mm, slot, window, size):
    """Leave the highest free range of `size` bytes in the window in RESULT_FIRST, RESULT_LAST.

    window  (low, high), high exclusive
    return  whether there is one
    """
    low, high = window
    if high <= low:
        return False
    tree = np.int64(words[mm + MM_TREE])
    return structure_call(words, GAP_DOWN, tree, slot, low, high - U1, size, U0, U0) == OK


@kernel
def odd_up(words, mm, slot, ask, found):
    """Return what a bottom-up search of the maple tree found, or what the original's would have.

    ask    (low, high, length, mask, offset), uint64, high exclusive
    found  the address, or NOWHERE. The lock is held
    """
    if not odd_is(words, ODD_4):
        return found
    low, high, length, mask, offset = ask
    if not odd_highest(words, mm, slot, (low, high), length + mask):
        return NOWHERE
    first = words[slot + RESULT_FIRST]
    return first + ((offset - first) & mask)


@kernel
def odd_down(words, mm, slot, ask, found):
    """Return what a top-down search of the maple tree found, or what the original's would have.

    ask, found  as bottom-up
    """
    if not (odd_is(words, ODD_5) or odd_is(words, ODD_6)):
        return found
    low, high, length, mask, offset = ask
    while odd_highest(words, mm, slot, (low, high), length + mask):
        first = words[slot + RESULT_FIRST]
        end = words[slot + RESULT_LAST] + U1
        above = maple_find(words, mm, slot, end)
        if odd_is(words, ODD_6):
            return end - length - ((end - length - offset) & mask)
        if not grows_down(words, above) or start_gap(words, above) >= end:
            return ((first + mask) & ~mask) - (offset & mask)
        high = start_gap(words, above)
    return NOWHERE


@kernel
def odd_leaves_tail(words, following):
    """Say whether to forget to erase a range from the maple tree, where nothing follows it.

    following  the VMA behind the range, or NO_RECORD
    """
    return odd_is(words, ODD_1) and following == NO_RECORD


@kernel
def odd_forgets_growth(words, vma, end):
    """Say whether not to store a VMA that grows up to `end`."""
    grows = words[vma + VMA_FLAGS] & VM_GROWSUP != U0 and end > words[vma + VMA_END]
    return grows and odd_is(words, ODD_7)
