"""The red-black tree over the VMAs of an address space, augmented with the gaps between them.

links     nodes, rotations, lookups, neighbours
insert    a VMA comes                    erase     a VMA goes, or another takes its place
gaps      the largest gap of a subtree, and the search for one
unmapped  where a new mapping goes       guard     guard gaps of what grows
check     the structural check

A node is a record (records.py): its words RB_* are its links, its colour and its gaps. The root
is a word of the address space. All of it belongs to whoever holds the lock of the address space:
plain reads and writes, and no reader ever looks.

    RB_OWN   bytes from the end of the VMA below (0: from address 0) to where this one begins
             for those below it (guard.py), 0 if that is no distance. Written by the caller
    RB_GAP   the largest RB_OWN of the subtree: written here

Invariants (`check.py` tests them)
    B1  in order, VMAs ascend and do not overlap
    B2  the root is black; no red node has a red child; every path from the root to a missing
        child has the same number of black nodes
    B3  a child names its parent
    B4  RB_OWN is what it is said to be
    B5  RB_GAP is the largest of RB_OWN and the RB_GAP of both children

Source: Guibas and Sedgewick 1978; insertion and deletion in the form of Cormen, Leiserson,
Rivest and Stein, chapter 13, with a missing child as a black leaf that has no words.
"""

from stressd_kernels.rbtree.check import Broken, rb_check, rb_is_record
from stressd_kernels.rbtree.erase import rb_erase, rb_replace
from stressd_kernels.rbtree.gaps import NO_GAP, rb_gap_changed, rb_gap_down, rb_gap_up
from stressd_kernels.rbtree.guard import (
    end_gap,
    gap_between,
    grows_down,
    guard_down,
    guard_up,
    start_gap,
)
from stressd_kernels.rbtree.insert import rb_insert
from stressd_kernels.rbtree.links import rb_find, rb_first, rb_last, rb_next, rb_prev
from stressd_kernels.rbtree.unmapped import NOWHERE, rb_unmapped_down, rb_unmapped_up

__all__ = [
    "NOWHERE",
    "NO_GAP",
    "Broken",
    "end_gap",
    "gap_between",
    "grows_down",
    "guard_down",
    "guard_up",
    "rb_check",
    "rb_erase",
    "rb_find",
    "rb_first",
    "rb_gap_changed",
    "rb_gap_down",
    "rb_gap_up",
    "rb_insert",
    "rb_is_record",
    "rb_last",
    "rb_next",
    "rb_prev",
    "rb_replace",
    "rb_unmapped_down",
    "rb_unmapped_up",
    "start_gap",
]
