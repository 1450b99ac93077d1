"""Records: what one mapping of an address space (a VMA) is, in 32 words of the arena.

A record is as large as a leaf, comes from the same pool, waits in the same limbo (protocol E)
and is poisoned as a leaf is, so a pinned reader may look at it for as long as it stays pinned.

    word 0        generation, as in every node
    1 .. 3        range and pgoff: written before the record is published, never after
    4 .. 9        what decides merging: single words that may change in place, under the lock
    10 .. 12      whose it is; never change
    16 .. 20      links of the rb-tree         of whoever holds the lock: no reader looks at them
    21, 22        links of the list            "
    23            the copy in a child, while a fork is under way

A VMA that changes its range gets a new record, which takes over its identity (VMA_ID) and its
place in every structure; the old one is retired. So a range that a reader finds in a record is
the range of one moment, without a lock.

The maple tree maps a VMA's range to `vma_value`: generation | word index of the record. A reader
that compares the generation with word 0 of the record knows whether it was freed meanwhile.
"""

import numpy as np

from stressd_kernels.arena import NODES_TAKEN, cache_put, leaf_take
from stressd_kernels.door import kernel, kernel_inline
from stressd_kernels.layout import CHAIN_NEXT, LEAF_WORDS, U0, U1
from stressd_kernels.refs import GENERATION_MASK, LEAF_BIT, NODE_MASK, REF_BIT

VMA_START = 1  # first byte
VMA_END = 2  # first byte behind it; 2**64 is no address, so this never wraps
VMA_PGOFF = 3  # page of the file that VMA_START shows; of anonymous memory VMA_START >> 12 at first
VMA_FLAGS = 4  # VM_* of mm/words.py
VMA_FILE = 5  # identity and kind of the open file, see mm/words.py; 0: anonymous
VMA_ANON = 6  # identity of its anonymous pages (anon_vma); 0: never written to
VMA_CHAIN = 7  # length of the anon_vma_chain; 0: no anon; 1: made here; more: inherited by fork
VMA_POLICY = 8  # identity of the NUMA policy; 0: the default
VMA_NAME = 9  # identity of the name of anonymous memory; 0: none
VMA_MM = 10  # MM_ID of the address space
VMA_ID = 11  # identity of the VMA: survives a change of its range, unlike the record
VMA_SEGMENT = 12  # bytes of the SysV segment that it is an attachment of, or 0
RB_PARENT = 16  # record | RB_BLACK; record 0: none
RB_LEFT = 17
RB_RIGHT = 18
RB_OWN = 19  # free bytes right below this VMA, guard gaps taken off; written by mm/track.py
RB_GAP = 20  # the largest RB_OWN of the subtree
LIST_PREV = 21
LIST_NEXT = 22
VMA_FORWARD = 23

RB_BLACK = np.uint64(1)  # a record's word index is a multiple of 16
NO_RECORD = 0

assert LIST_NEXT == CHAIN_NEXT, "records are retired as the list has them"
assert VMA_FORWARD < LEAF_WORDS


@kernel_inline
def vma_value(words, record):
    """Return what the maple tree maps the range of `record` to: 1 .. 2**62 - 1."""
    return words[record] | np.uint64(record)


@kernel_inline
def vma_of(value):
    """Return the word index of the record that a value of the maple tree names; 0 for NULL."""
    return np.int64(value & NODE_MASK)


@kernel_inline
def vma_is_live(words, value):
    """Say whether the record that `value` names has not been freed since (checked by readers)."""
    return words[np.int64(value & NODE_MASK)] == value & GENERATION_MASK


@kernel_inline
def vma_ref(words, record):
    """Return the reference of `record` for limbo."""
    return words[record] | np.uint64(record) | LEAF_BIT | REF_BIT


@kernel
def vma_take(words, slot):
    """Return a private record, all zero but for its generation; nodes were reserved before."""
    record = leaf_take(words, slot)
    for word in range(1, LEAF_WORDS):
        words[record + word] = U0
    return record


@kernel
def vma_copy(words, slot, record):
    """Return a private copy of `record`: to be changed, then published in its place."""
    copy = leaf_take(words, slot)
    for word in range(1, LEAF_WORDS):
        words[copy + word] = words[record + word]
    return copy


@kernel
def vma_give(words, slot, record):
    """Give back a private record that was never published: nobody can have seen it."""
    words[slot + NODES_TAKEN] -= U1
    cache_put(words, slot, record, 0)
