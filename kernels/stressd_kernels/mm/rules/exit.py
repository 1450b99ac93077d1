"""exit: an address space ends, whoever may still be looking at it.

Its tree is emptied with one store, and all nodes and all records wait in limbo as two entries,
however many there are. Readers that came before keep what they found until they unpin; those that
come after find nothing. The block is free then, for a fork or an exec.

An address space without any VMA ends in the same way, with its event (the original returned
before it: ODD_9).

Source: exit_mmap; FEATURES.md 1, S34.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import CHAIN_NEXT, U0, U1
from stressd_kernels.limbo import limbo_count, limbo_put
from stressd_kernels.lock import OK
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import (
    MM_BRK,
    MM_COUNT,
    MM_DATA,
    MM_DEF_FLAGS,
    MM_LIST_FIRST,
    MM_LIST_LAST,
    MM_LOCKED,
    MM_NONE,
    MM_RB_ROOT,
    MM_SEQUENCE,
    MM_STATE,
    MM_TOTAL,
    MM_TREE,
)
from stressd_kernels.mm.lookup import vma_first, vma_next
from stressd_kernels.mm.odd import ODD_9, odd_is
from stressd_kernels.mm.trace import trace_exit
from stressd_kernels.records import NO_RECORD, vma_ref
from stressd_kernels.refs import CHAIN_BIT
from stressd_kernels.verbs import Verb, structure_call

CLEAR_HELD = int(Verb.CLEAR_HELD)
NONE = np.uint64(MM_NONE)


@kernel
def records_chain(words, mm, slot):
    """Chain all records of `mm` by CHAIN_NEXT; return the first, or NO_RECORD."""
    first = vma_first(words, mm, slot)
    vma = first
    while vma != NO_RECORD:
        following = vma_next(words, mm, slot, vma)
        words[vma + CHAIN_NEXT] = np.uint64(following)
        vma = following
    return first


@kernel
def space_forget(words, mm):
    """Let the block have no VMAs: what the lock guards says so."""
    for word in (MM_RB_ROOT, MM_LIST_FIRST, MM_LIST_LAST, MM_COUNT, MM_TOTAL, MM_DATA):
        words[mm + word] = U0
    for word in (MM_LOCKED, MM_BRK, MM_DEF_FLAGS):
        words[mm + word] = U0
    words[mm + MM_SEQUENCE] += U1


@kernel
def space_end(words, mm, slot):
    """End the address space in `mm`; the lock is held, and there is room for two limbo entries."""
    first = records_chain(words, mm, slot)
    count = words[mm + MM_COUNT]
    if first != NO_RECORD or not odd_is(words, ODD_9):
        trace_exit(words, mm, slot)
        structure_call(words, CLEAR_HELD, np.int64(words[mm + MM_TREE]), slot, U0, U0, U0, U0, U0)
    space_forget(words, mm)
    store_relaxed(words, mm + MM_STATE, NONE)
    if first != NO_RECORD:
        limbo_put(words, slot, vma_ref(words, first) | CHAIN_BIT)
        limbo_count(words, slot, count)


@entry
def exit(base, mm, slot, a, b, c, d, e):
    """EXIT: the address space ends; its block is free."""
    words = words_at(base)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    space_end(words, mm, slot)
    return mm_end(words, mm, slot, OK)
