"""Which VMA is meant by an address, for a caller that holds the lock.

The first structure that the stage has answers: the lookup cache, then the rb-tree, then the
maple tree; for neighbours the list, then the maple tree. While validation is inline, the maple
tree is asked as well, and an answer that differs from its own is a finding.

A record is named by its word index, NO_RECORD if there is none.
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.layout import RESULT_VALUE, U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.cache import cache_find, cache_keep
from stressd_kernels.mm.finding import FIND_VMA, NEIGHBOUR, finding_note
from stressd_kernels.mm.layout import (
    MM_LIST_FIRST,
    MM_LIST_LAST,
    MM_RB_ROOT,
    MM_STAGE,
    MM_TREE,
    MM_VALIDATE,
    STAGE_CACHE,
    STAGE_LIST,
    STAGE_RBTREE,
)
from stressd_kernels.rbtree import rb_find
from stressd_kernels.records import (
    LIST_NEXT,
    LIST_PREV,
    NO_RECORD,
    VMA_END,
    VMA_START,
    vma_of,
)
from stressd_kernels.verbs import Verb, structure_call

FIND = int(Verb.FIND)
FIND_REV = int(Verb.FIND_REV)
WITH_RBTREE = np.uint64(STAGE_RBTREE)
WITH_LIST = np.uint64(STAGE_LIST)
WITH_CACHE = np.uint64(STAGE_CACHE)


@kernel
def has(words, mm, structure):
    """Say whether the stage of `mm` has a structure: a WITH_* constant."""
    return words[mm + MM_STAGE] & structure != U0


@kernel
def is_inline(words, mm):
    """Say whether every answer of `mm` is compared with that of another structure."""
    return words[mm + MM_VALIDATE] == U1


@kernel
def root_of(words, mm):
    """Return the record at the root of the rb-tree, or NO_RECORD."""
    return np.int64(words[mm + MM_RB_ROOT])


# -- the maple tree: of a pinned reader without the lock, too ----------------------------------


@kernel
def maple_find(words, mm, slot, address):
    """Return the first VMA that ends above `address`, as the maple tree has it."""
    tree = np.int64(words[mm + MM_TREE])
    status = structure_call(words, FIND, tree, slot, address, UMAX, U0, U0, U0)
    return vma_of(words[slot + RESULT_VALUE]) if status == OK else NO_RECORD


@kernel
def maple_below(words, mm, slot, address):
    """Return the last VMA that begins below `address`, as the maple tree has it."""
    if address == U0:
        return NO_RECORD
    tree = np.int64(words[mm + MM_TREE])
    status = structure_call(words, FIND_REV, tree, slot, address - U1, U0, U0, U0, U0)
    return vma_of(words[slot + RESULT_VALUE]) if status == OK else NO_RECORD


# -- by stage ----------------------------------------------------------------------------------


@kernel
def find_vma(words, mm, slot, address):
    """Return the first VMA that ends above `address`; it may begin above it, too."""
    vma = NO_RECORD
    if has(words, mm, WITH_CACHE):
        vma = cache_find(words, mm, slot, address)
    cached = vma != NO_RECORD
    if not cached:
        if has(words, mm, WITH_RBTREE):
            vma = rb_find(words, root_of(words, mm), address)
        else:
            vma = maple_find(words, mm, slot, address)
    if is_inline(words, mm):
        truth = maple_find(words, mm, slot, address)
        other = vma
        if cached and has(words, mm, WITH_RBTREE):
            other = rb_find(words, root_of(words, mm), address)
        if truth != vma or truth != other:
            wrong = vma if truth != vma else other
            finding_note(words, mm, FIND_VMA, (address, np.uint64(truth), np.uint64(wrong)))
    if not cached and vma != NO_RECORD and has(words, mm, WITH_CACHE):
        cache_keep(words, mm, slot, address, vma)
    return vma


@kernel
def neighbour_check(words, mm, vma, truth, found):
    """Note a finding if the maple tree's neighbour of `vma` is not what the list has."""
    if truth != found:
        finding_note(words, mm, NEIGHBOUR, (np.uint64(vma), np.uint64(truth), np.uint64(found)))


@kernel
def vma_next(words, mm, slot, vma):
    """Return the VMA after `vma`."""
    if not has(words, mm, WITH_LIST):
        return maple_find(words, mm, slot, words[vma + VMA_END])
    found = np.int64(words[vma + LIST_NEXT])
    if is_inline(words, mm):
        truth = maple_find(words, mm, slot, words[vma + VMA_END])
        neighbour_check(words, mm, vma, truth, found)
    return found


@kernel
def vma_prev(words, mm, slot, vma):
    """Return the VMA before `vma`."""
    if not has(words, mm, WITH_LIST):
        return maple_below(words, mm, slot, words[vma + VMA_START])
    found = np.int64(words[vma + LIST_PREV])
    if is_inline(words, mm):
        truth = maple_below(words, mm, slot, words[vma + VMA_START])
        neighbour_check(words, mm, vma, truth, found)
    return found


@kernel
def vma_first(words, mm, slot):
    """Return the lowest VMA."""
    if has(words, mm, WITH_LIST):
        return np.int64(words[mm + MM_LIST_FIRST])
    return maple_find(words, mm, slot, U0)


@kernel
def vma_last(words, mm, slot):
    """Return the highest VMA."""
    if has(words, mm, WITH_LIST):
        return np.int64(words[mm + MM_LIST_LAST])
    return maple_below(words, mm, slot, UMAX)


# -- made of these -----------------------------------------------------------------------------


@kernel
def find_prev(words, mm, slot, address):
    """Return the VMA before find_vma(address); the last of all if that finds none."""
    vma = find_vma(words, mm, slot, address)
    return vma_last(words, mm, slot) if vma == NO_RECORD else vma_prev(words, mm, slot, vma)


@kernel
def find_within(words, mm, slot, start, end):
    """Return the first VMA that has an address in [start, end) (find_vma_intersection)."""
    vma = find_vma(words, mm, slot, start)
    return vma if vma != NO_RECORD and words[vma + VMA_START] < end else NO_RECORD


@kernel
def vma_lookup(words, mm, slot, address):
    """Return the VMA that holds `address`."""
    vma = find_vma(words, mm, slot, address)
    return vma if vma != NO_RECORD and words[vma + VMA_START] <= address else NO_RECORD
