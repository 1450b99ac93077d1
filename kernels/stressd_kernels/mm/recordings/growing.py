"""Which VMAs of a recording grow down: concluded from what is stored and found.

A recording never says which mappings are stacks, yet a guard gap below one decides where a search
ends. What is known is kept in the flags of the records, where the search looks for it, too:

    VM_GROWSDOWN   it grows down: for certain
    MAYBE_GROWS    it may: it once reached further down without a search, or was part of such a one
    NEVER_GROWS    it seemed to, and a search has shown that it does not

    told      The recording says whether, if it is one of ours; so does the row. Certain, or not
    exec      The stack of a new program. Certain; the row says so
    fork      A process fills the address space of its child: a store with the very range of a
              growing mapping of its own is that one's copy, and as certain
    fault     A mapping reaches further down over free keys, to the same end, and the search
              before did not return these keys: what a fault below a stack does. Or a mapping put
              there by an address of the caller's choice, and merged upwards. Maybe
    split     A store inside a growing mapping may be a part of it. Maybe
    resize    A mapping stays what it is while its ranges overlap from store to store

The next search whose answer depends on a mapping that may grow settles it: if the recorded answer
is right with its guard gap only, it does; if right without it only, it does not; if neither, the
search misses. So one search at most is spent on each. Not concluded: a mapping made to grow
that never has. A search that comes near it misses.

For one thread that has the address space to itself; the maple tree alone is asked.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import MM_TREE
from stressd_kernels.mm.lookup import maple_find
from stressd_kernels.mm.words import VM_GROWSDOWN
from stressd_kernels.rbtree.guard import STACK_GUARD_GAP
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_ID, VMA_START
from stressd_kernels.sources.recording import (
    KIND_GAP_UP,
    ROW_EXPECTED,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAST,
    ROW_MASK,
    ROW_OFFSET,
    ROW_SIZE,
)
from stressd_kernels.verbs import Verb, structure_call

GAP_UP = int(Verb.GAP_UP)
GAP_DOWN = int(Verb.GAP_DOWN)
RECORD_STORE = int(Call.RECORD_STORE)

MAYBE_GROWS = np.uint64(1 << 62)  # flags of a VMA, above all that Linux has
NEVER_GROWS = np.uint64(1 << 61)
LIKELY = VM_GROWSDOWN | MAYBE_GROWS
GROWTH = LIKELY | NEVER_GROWS
NOWHERE = UMAX

# How a store is to be taken: bits of the word ROW_MASK of its row.
ROW_EXEC = np.uint64(1)  # the stack of a new program
ROW_GROWS = np.uint64(4)  # the recording says that it grows
ROW_PLAIN = np.uint64(8)  # the recording says that it does not
ROW_FILLING = np.uint64(2)  # by the process that made the space: it may copy a mapping of its own

# What is known of a space beside its VMAs: a block of SPACE_WORDS.
SPACE_WORDS = 8
SPACE_MM = 0  # word index of its block
SPACE_RETURNED = 1  # the keys that the search before returned: the first
SPACE_RETURNED_SIZE = 2  # and how many; 0: none since the last store
SPACE_INHERITED = 3  # word index of the growing mappings that it may be given copies of:
SPACE_INHERITED_COUNT = 4  # each of INHERITED_WORDS: first, last, GROWTH bits
SPACE_UNSURE = 5  # 1: it has had mappings that may grow
INHERITED_WORDS = 3


@kernel
def vma_at(words, mm, slot, address):
    """Return the first record that ends above `address`, or NO_RECORD; nobody changes `mm`."""
    epoch_pin(words, slot)
    found = maple_find(words, mm, slot, address)
    epoch_unpin(words, slot)
    return found


@kernel
def growth_of(words, slot, space, row):
    """Return the GROWTH bits of the mapping that `row` is about to store.

    space, row  word indexes of a block of SPACE_WORDS and of a row of sources/recording.py
    """
    how = load_relaxed(words, row + ROW_MASK)
    if how & ROW_PLAIN != U0:
        return U0
    if how & (ROW_EXEC | ROW_GROWS) != U0:
        return VM_GROWSDOWN
    mm = np.int64(load_relaxed(words, space + SPACE_MM))
    first = load_relaxed(words, row + ROW_FIRST)
    met = vma_at(words, mm, slot, first)
    if met != NO_RECORD:
        growth = growth_before(words, mm, slot, met, row)
        if growth != U0:
            return growth
        if is_grown(words, met, row):
            return U0 if is_returned(words, space, first) else MAYBE_GROWS
    if how & ROW_FILLING != U0:
        growth = growth_inherited(words, space, first, load_relaxed(words, row + ROW_LAST))
        if growth != U0:
            return growth
    return MAYBE_GROWS if is_inside(words, met, row) else U0


@kernel
def growth_before(words, mm, slot, met, row):
    """Return the GROWTH bits of the row's mapping where it is now, if it meets the new range.

    met  the first record that ends above the beginning of that range
    """
    identity = load_relaxed(words, row + ROW_SIZE)
    last = load_relaxed(words, row + ROW_LAST)
    while identity != U0 and met != NO_RECORD and words[met + VMA_START] <= last:
        if words[met + VMA_ID] == identity and words[met + VMA_FLAGS] & GROWTH != U0:
            return words[met + VMA_FLAGS] & GROWTH
        met = vma_at(words, mm, slot, words[met + VMA_END])
    return U0


@kernel
def is_grown(words, met, row):
    """Say whether the row's mapping is `met`, and reaches further down now, to the same end."""
    identity = load_relaxed(words, row + ROW_SIZE)
    same = identity != U0 and words[met + VMA_ID] == identity
    same = same and words[met + VMA_END] == load_relaxed(words, row + ROW_LAST) + U1
    return same and words[met + VMA_START] > load_relaxed(words, row + ROW_FIRST)


@kernel
def is_inside(words, met, row):
    """Say whether the row's range is a part of `met`, which may grow."""
    if met == NO_RECORD or words[met + VMA_FLAGS] & GROWTH == U0:
        return False
    if words[met + VMA_START] > load_relaxed(words, row + ROW_FIRST):
        return False
    return words[met + VMA_END] > load_relaxed(words, row + ROW_LAST)


@kernel
def is_returned(words, space, key):
    """Say whether the search before has returned `key`: then what is stored there was put there."""
    begin = load_relaxed(words, space + SPACE_RETURNED)
    return key - begin < load_relaxed(words, space + SPACE_RETURNED_SIZE)


@kernel
def growth_inherited(words, space, first, last):
    """Return the GROWTH bits of the parent's mapping of just this range, or 0."""
    at = np.int64(load_relaxed(words, space + SPACE_INHERITED))
    for _ in range(load_relaxed(words, space + SPACE_INHERITED_COUNT)):
        if load_relaxed(words, at) == first and load_relaxed(words, at + 1) == last:
            return load_relaxed(words, at + 2)
        at += INHERITED_WORDS
    return U0


# -- searches settle what is open ----------------------------------------------------------------


@kernel
def address_of(words, row, start):
    """Return the address that the kernel makes of the free keys at `start` for the row."""
    mask = load_relaxed(words, row + ROW_MASK)
    offset = load_relaxed(words, row + ROW_OFFSET)
    if load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP:
        return start + ((offset - start) & mask)
    return start + mask - ((start + mask - offset) & mask)


@kernel
def gap_start(words, mm, slot, row, low, high):
    """Return where the row's size is free in [low, high), as the maple tree has it, or NOWHERE."""
    size = load_relaxed(words, row + ROW_SIZE)
    if high <= low or high - low < size:
        return NOWHERE
    verb = GAP_UP if load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP else GAP_DOWN
    tree = np.int64(words[mm + MM_TREE])
    epoch_pin(words, slot)
    status = structure_call(words, verb, tree, slot, low, high - U1, size, U0, U0)
    epoch_unpin(words, slot)
    return words[slot + RESULT_FIRST] if status == OK else NOWHERE


@kernel
def window_after(words, row, start, above):
    """Return the window's end (or beginning, from below) past the guard gap of record `above`.

    UMAX if what was found at `start` does not reach into it.
    """
    size = load_relaxed(words, row + ROW_SIZE)
    begin = words[above + VMA_START]
    gap = begin - STACK_GUARD_GAP if begin > STACK_GUARD_GAP else U0
    if load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP:
        near = gap < address_of(words, row, start) + size - U1
        return words[above + VMA_END] if near else UMAX
    return gap if gap < start + size else UMAX


@kernel
def answer_with(words, mm, slot, row, guarding, settled):
    """Return the address that the row's search finds if VMAs with `guarding` flags keep a gap.

    settled  0; or what becomes of those passed on the way that may grow: VM_GROWSDOWN, or
             NEVER_GROWS for the first of them alone, where the search ends then
    """
    up = load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP
    low = load_relaxed(words, row + ROW_FIRST)
    high = load_relaxed(words, row + ROW_LAST) + U1
    while True:
        start = gap_start(words, mm, slot, row, low, high)
        if start == NOWHERE:
            return NOWHERE
        above = vma_at(words, mm, slot, start)
        if above == NO_RECORD or words[above + VMA_FLAGS] & guarding == U0:
            return address_of(words, row, start)
        edge = window_after(words, row, start, above)
        if edge == UMAX:
            return address_of(words, row, start)
        low, high = (edge, high) if up else (low, edge)
        if settled != U0 and words[above + VMA_FLAGS] & MAYBE_GROWS != U0:
            growth_settle(words, mm, slot, above, settled)
            if settled == NEVER_GROWS:
                return NOWHERE


@kernel
def growth_settle(words, mm, slot, vma, growth):
    """Let it be known whether `vma`, which might, grows down: all structures are told."""
    first, last = words[vma + VMA_START], words[vma + VMA_END] - U1
    flags = words[vma + VMA_FLAGS] & ~GROWTH | growth
    mm_call(words, RECORD_STORE, mm, slot, first, last, words[vma + VMA_ID], flags, U0)


@kernel
def search_settle(words, slot, space, row):
    """Let the recorded answer of the row's search settle which of the VMAs near it grow down."""
    mm = np.int64(load_relaxed(words, space + SPACE_MM))
    likely = answer_with(words, mm, slot, row, LIKELY, U0)
    certain = answer_with(words, mm, slot, row, VM_GROWSDOWN, U0)
    if likely == certain:
        return
    recorded = load_relaxed(words, row + ROW_EXPECTED)
    if likely == recorded:
        answer_with(words, mm, slot, row, LIKELY, VM_GROWSDOWN)
    elif certain == recorded:
        answer_with(words, mm, slot, row, LIKELY, NEVER_GROWS)


@kernel
def search_done(words, space, row, address):
    """Remember which keys a search returned: the mapping that follows is put there."""
    found = load_relaxed(words, row + ROW_EXPECTED) != NOWHERE
    store_relaxed(words, space + SPACE_RETURNED, address)
    size = load_relaxed(words, row + ROW_SIZE) if found else U0
    store_relaxed(words, space + SPACE_RETURNED_SIZE, size)
