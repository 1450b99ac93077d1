"""One node of the maple tree: 16 ranges of keys, side by side.

    word 0        generation (changes only when the node is freed)
    words 1-15    pivots: pivot i is the last key of slot i, inclusive; unused ones are 2**64 - 1
    words 16-31   slots: values, ZERO or NULL (0) in a leaf, references in an inner node; unused: 0
    words 32-47   inner nodes only: for each slot the longest NULL range below it, in keys

A node spans [low, high]; both come with the descent and are never stored. Slot i covers from
the key after pivot i - 1 (or low) to pivot i (or high, whichever is less), so the last slot
needs no pivot and all sixteen can be used. (The model build uses the first four of each group.)

Invariants of every published node (`check.py` tests them)
    N1  pivots ascend strictly up to `high`; after that all are unused
    N2  in a leaf no two adjacent slots are NULL, and only a leaf that ends at 2**64 - 1 may end
        with NULL: so a NULL range is always one slot, and an entry at or after a key is always
        found in one leaf
    N3  at least FILL_MIN slots are used, except in the root and on the right-most path
    N4  all leaves are equally deep; an inner root has two children or more
    N5  gap i equals the longest NULL range below slot i (trees that track gaps)

and, for readers,
    L1  after a node is unlinked none of its words is written until it is freed
    L2  a node keeps its pivots and its `high` for life, and a leaf which of its slots are NULL
        and which are ZERO; `low` too, but that a leaf that begins with NULL may come to begin
        lower, with more NULL (border.py). The only word of a published leaf that changes is a
        value that is replaced by another on exactly its range, and of a published inner node a
        slot (P1) or a gap (P3)

ZERO holds a place and reads as nothing. For writers and gaps it is an entry like any other; for
look-ups it is NULL.
"""

import numpy as np

from stressd_kernels.door import kernel_inline
from stressd_kernels.layout import NODE_SLOTS, U1, UMAX
from stressd_kernels.status import ZERO as ZERO_WORD

SLOTS = NODE_SLOTS
PIVOT_FIRST = 1
SLOT_FIRST = 16
GAP_FIRST = 32
FILL_MIN = 6 if SLOTS == 16 else 2
ALL_SLOTS = np.uint64((1 << SLOTS) - 1)  # a mask of the slots of a node
HEIGHT_MAX = 14  # 6 ** 13 leaves are more than any arena holds
NULL = np.uint64(0)
ZERO = np.uint64(ZERO_WORD)


@kernel_inline
def slot_low(words, node, slot, low):
    """Return the first key of `slot` of a node that begins at `low`; pivots never change (L2).

    The word before slot 0 is read too, and not used: a branch on the slot is often mispredicted.
    """
    above = words[node + slot] + U1
    return low if slot == 0 else above


@kernel_inline
def slot_high(words, node, slot, high):
    """Return the last key of `slot` of a node that ends at `high`; pivots never change (L2).

    The word after the last pivot is read too, and not used, for the same reason.
    """
    pivot = words[node + PIVOT_FIRST + slot]
    return high if slot == SLOTS - 1 or pivot > high else pivot


@kernel_inline
def is_last(high):
    """Say whether a node that ends at `high` is the right-most of its level."""
    return high == UMAX
