"""Look-ups without a lock: from any thread, of any address space, whatever happens to it.

    FIND_VMA      the first VMA that ends above an address
    FIND_PREV     the one before that; the last of all if there is none
    FIND_WITHIN   the first that has an address in a range
    LOOKUP        the one that holds an address
    FIND_EXACT    the one that is exactly a range
    COUNT_PAGES   how many pages of a range are mapped
    LOOK          where a new mapping would go: SEARCH, without the lock

The caller is pinned, so every record that it meets stays what it is (records.py): its range and
its identity are those of one moment. What is answered is a value of the maple tree; the record is
that of `vma_of`, for as long as the pin lasts.

A single look-up is as linearizable as the tree's. FIND_PREV asks twice, COUNT_PAGES once for each
VMA: what they say of each was so at some moment of the call, and they pass over nothing that was
there throughout. LOOK is the answer of exactly one state: what it reads is of one instant
(instant.py); overtaken TRIES times it answers RETRY, and the caller asks SEARCH, unpinned. It
leaves RESULT_VERSION and RESULT_TRIES.

An address space that ends meanwhile is empty from one moment on.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.instant import instant_begin, instant_held
from stressd_kernels.layout import (
    RESULT_TRIES,
    RESULT_VALUE,
    RESULT_VERSION,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.lock import OK
from stressd_kernels.mm.layout import ANSWER, MM_MIN_ADDR, MM_OFFSET, MM_TREE
from stressd_kernels.mm.rules.gaps import TOPDOWN, search_down, search_up
from stressd_kernels.mm.words import EINVAL, ENOMEM, PAGE_SHIFT
from stressd_kernels.records import VMA_END, VMA_START, vma_of
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call

FIND = int(Verb.FIND)
FIND_REV = int(Verb.FIND_REV)
NOT_FOUND = np.uint64(Status.NOT_FOUND)
RETRY = np.uint64(Status.RETRY)
NULL = np.uint64(0)
TRIES = 3


@kernel
def value_from(words, mm, slot, address):
    """Return the value of the first VMA that ends above `address`, or NULL."""
    tree = np.int64(words[mm + MM_TREE])
    status = structure_call(words, FIND, tree, slot, address, UMAX, U0, U0, U0)
    return words[slot + RESULT_VALUE] if status == OK else NULL


@kernel
def value_below(words, mm, slot, address):
    """Return the value of the last VMA that begins below `address`, or NULL."""
    if address == U0:
        return NULL
    tree = np.int64(words[mm + MM_TREE])
    status = structure_call(words, FIND_REV, tree, slot, address - U1, U0, U0, U0, U0)
    return words[slot + RESULT_VALUE] if status == OK else NULL


@kernel
def answer(words, slot, value):
    """Leave a value as the answer: OK, or NOT_FOUND for NULL."""
    words[slot + ANSWER] = value
    return OK if value != NULL else NOT_FOUND


@entry
def find(base, mm, slot, a, b, c, d, e):
    """FIND_VMA: the first VMA that ends above a."""
    words = words_at(base)
    return answer(words, slot, value_from(words, mm, slot, a))


@entry
def find_prev(base, mm, slot, a, b, c, d, e):
    """FIND_PREV: the VMA before the first that ends above a, or the last of all."""
    words = words_at(base)
    value = value_from(words, mm, slot, a)
    limit = UMAX if value == NULL else words[vma_of(value) + VMA_START]
    return answer(words, slot, value_below(words, mm, slot, limit))


@entry
def find_within(base, mm, slot, a, b, c, d, e):
    """FIND_WITHIN: the first VMA that has an address in [a, b)."""
    words = words_at(base)
    value = value_from(words, mm, slot, a)
    if value != NULL and words[vma_of(value) + VMA_START] >= b:
        value = NULL
    return answer(words, slot, value)


@entry
def lookup(base, mm, slot, a, b, c, d, e):
    """LOOKUP: the VMA that holds a."""
    words = words_at(base)
    value = value_from(words, mm, slot, a)
    if value != NULL and words[vma_of(value) + VMA_START] > a:
        value = NULL
    return answer(words, slot, value)


@entry
def find_exact(base, mm, slot, a, b, c, d, e):
    """FIND_EXACT: the VMA that is [a, b)."""
    words = words_at(base)
    value = value_from(words, mm, slot, a)
    if value != NULL:
        vma = vma_of(value)
        if words[vma + VMA_START] != a or words[vma + VMA_END] != b:
            value = NULL
    return answer(words, slot, value)


@entry
def count_pages(base, mm, slot, a, b, c, d, e):
    """COUNT_PAGES: how many pages of [a, b) are mapped; parts of VMAs count as parts."""
    words = words_at(base)
    pages = U0
    at = a
    while at < b:
        value = value_from(words, mm, slot, at)
        if value == NULL or words[vma_of(value) + VMA_START] >= b:
            break
        start = max(at, words[vma_of(value) + VMA_START])
        at = words[vma_of(value) + VMA_END]
        pages += (min(at, b) - start) >> PAGE_SHIFT
    words[slot + ANSWER] = pages
    return OK


@entry
def look(base, mm, slot, a, b, c, d, e):
    """LOOK: find a bytes in [b, c), aligned as mask d and offset e; MM_OFFSET: TOPDOWN.

    OK with the address, ENOMEM, EINVAL for nothing, or RETRY.
    """
    words = words_at(base)
    if a == U0:
        return EINVAL
    tree = np.int64(words[mm + MM_TREE])
    ask = (max(b, words[mm + MM_MIN_ADDR]), c, a, d, e)
    topdown = words[slot + MM_OFFSET] == TOPDOWN
    for attempt in range(TRIES):
        version = instant_begin(words, tree, slot, attempt)
        if topdown:
            status, found = search_down(words, mm, slot, ask)
        else:
            status, found = search_up(words, mm, slot, ask)
        if instant_held(words, tree, version) and status != RETRY:
            words[slot + ANSWER] = found
            words[slot + RESULT_VERSION] = version  # the questions have written there, too
            words[slot + RESULT_TRIES] = np.uint64(attempt)
            return ENOMEM if status == NOT_FOUND else status
    words[slot + RESULT_TRIES] = np.uint64(TRIES)
    return RETRY
