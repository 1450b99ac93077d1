"""Validation: every structure of an address space against every other, VMA by VMA.

    structure    the invariants of the maple tree and of the rb-tree
    upwards      each entry of the maple tree against its record, and the VMA that follows in the
                 list and in the rb-tree against the one that follows in the maple tree
    downwards    the same neighbours, the other way
    counts       VMAs, pages, pages of data and locked pages, counted again
    cache        what the caller's lookup cache remembers

Each walk goes on until every structure has ended, so what only one of them has at its end is found
(the original stopped where the list ended: ODD_1). Of the structures beside the maple tree, those
that the stage has. The first thing that is wrong is written down (finding.py) and ends it.

The lock is held: by the frame of a call, before and after each one (inline) or after every n-th;
or by VALIDATE. Nothing is changed, but scratch words of the slot.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, kernel_inline, words_at
from stressd_kernels.holding import hold_begin, hold_end
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    ROWS_MAX,
    SLOT_ROWS,
    TREE_LOCK,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.lock import OK, STATUS_BROKEN, lock_break
from stressd_kernels.mm.cache import CACHE_VMAS, cache_is_current
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import is_data
from stressd_kernels.mm.finding import (
    CACHE,
    COUNT,
    DATA,
    ENTRY_RANGE,
    ENTRY_STALE,
    LIST_BACK,
    LIST_DIFFERS,
    LOCKED,
    RBTREE_BACK,
    RBTREE_BROKEN,
    RBTREE_DIFFERS,
    TOTAL,
    TREE_BACK,
    TREE_BROKEN,
    VMA_OWNER,
    VMA_RANGE,
    VMA_STATE,
    finding_more,
    finding_note,
)
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_COUNT,
    MM_DATA,
    MM_FINDING,
    MM_ID,
    MM_LIST_FIRST,
    MM_LIST_LAST,
    MM_LOCKED,
    MM_RB_ROOT,
    MM_SPARE,
    MM_STATE,
    MM_TOTAL,
    MM_TREE,
    MM_VALIDATED,
)
from stressd_kernels.mm.lookup import WITH_CACHE, WITH_LIST, WITH_RBTREE, has, maple_find, root_of
from stressd_kernels.mm.odd import ODD_1, odd_is
from stressd_kernels.mm.words import (
    ESRCH,
    PAGE_MASK,
    VM_GROWSDOWN,
    VM_GROWSUP,
    VM_HUGEPAGE,
    VM_LOCKED_MASK,
    VM_NOHUGEPAGE,
    VM_SHARED,
    vma_pages,
)
from stressd_kernels.rbtree import (
    guard,
    rb_check,
    rb_first,
    rb_is_record,
    rb_last,
    rb_next,
    rb_prev,
)
from stressd_kernels.records import (
    LIST_NEXT,
    LIST_PREV,
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FLAGS,
    VMA_MM,
    VMA_START,
    vma_is_live,
    vma_of,
)
from stressd_kernels.verbs import Verb, structure_call

ALIVE = np.uint64(MM_ALIVE)
SCAN = int(Verb.SCAN)
FIND_REV = int(Verb.FIND_REV)
CHECK_HELD = int(Verb.CHECK_HELD)
VALIDATE_HELD = int(Call.VALIDATE_HELD)
ROWS = np.uint64(1024)  # entries of the maple tree that are read at a time
BOTH_WAYS = VM_GROWSDOWN | VM_GROWSUP
BOTH_PAGES = VM_HUGEPAGE | VM_NOHUGEPAGE

# what the walk upwards has counted, in the slot
SEEN_COUNT = MM_SPARE
SEEN_TOTAL = MM_SPARE + 1
SEEN_DATA = MM_SPARE + 2
SEEN_LOCKED = MM_SPARE + 3

assert ROWS <= ROWS_MAX, "one scan fits the rows of a slot"
assert guard.VM_GROWSDOWN == VM_GROWSDOWN
assert guard.VM_GROWSUP == VM_GROWSUP


@entry
def validate_held(base, mm, slot, a, b, c, d, e):
    """VALIDATE_HELD: compare everything; the lock is held. What is wrong stands in MM_FINDING."""
    words = words_at(base)
    structures_check(words, mm, slot)
    if words[mm + MM_FINDING] == U0 and walk_up(words, mm, slot):
        counts_check(words, mm, slot)
    if words[mm + MM_FINDING] == U0:
        walk_down(words, mm, slot)
    if words[mm + MM_FINDING] == U0 and has(words, mm, WITH_CACHE):
        cache_check(words, mm, slot)
    return words[mm + MM_FINDING]


@entry
def validate(base, mm, slot, a, b, c, d, e):
    """VALIDATE: take the lock and compare everything: OK, ESRCH, or BROKEN."""
    words = words_at(base)
    tree = np.int64(words[mm + MM_TREE])
    status = hold_begin(words, tree, slot)
    if status != OK:
        return status
    if words[mm + MM_STATE] != ALIVE:
        status = ESRCH
    else:
        words[mm + MM_VALIDATED] += U1
        mm_call(words, VALIDATE_HELD, mm, slot, U0, U0, U0, U0, U0)
        if words[mm + MM_FINDING] != U0:
            lock_break(words, tree + TREE_LOCK)
            return STATUS_BROKEN
    hold_end(words, tree, slot)
    return status


@kernel
def structures_check(words, mm, slot):
    """Check the invariants of both trees by themselves."""
    tree = np.int64(words[mm + MM_TREE])
    broken = structure_call(words, CHECK_HELD, tree, slot, U0, UMAX, U0, U0, U0)
    if broken != U0:
        details = (broken, words[slot + RESULT_FIRST], words[slot + RESULT_LAST])
        finding_note(words, mm, TREE_BROKEN, details)
        return
    if has(words, mm, WITH_RBTREE):
        broken = rb_check(words, mm + MM_RB_ROOT, slot)
        if broken != U0:
            finding_note(words, mm, RBTREE_BROKEN, (broken, words[slot + RESULT_LAST], U0))


# -- one VMA -----------------------------------------------------------------------------------


@kernel
def entry_check(words, mm, at):
    """Check one entry of the maple tree against its record; return that, or NO_RECORD.

    at  word index of a row: first, last, value
    """
    first, last, value = words[at], words[at + 1], words[at + 2]
    vma = vma_of(value)
    if not rb_is_record(words, np.uint64(vma)) or not vma_is_live(words, value):
        there = words[vma] if rb_is_record(words, np.uint64(vma)) else U0
        finding_more(words, mm, ENTRY_STALE, (value, there, U0), (first, last, U0, U0, U0))
        return NO_RECORD
    start, end = words[vma + VMA_START], words[vma + VMA_END]
    if words[vma + VMA_MM] != words[mm + MM_ID]:
        details = (np.uint64(vma), words[mm + MM_ID], words[vma + VMA_MM])
        finding_more(words, mm, VMA_OWNER, details, (first, last, U0, U0, U0))
        return NO_RECORD
    if start != first or end - U1 != last:
        finding_more(
            words, mm, ENTRY_RANGE, (np.uint64(vma), start, end), (first, last, U0, U0, U0)
        )
        return NO_RECORD
    return vma if vma_check(words, mm, vma) else NO_RECORD


@kernel
def vma_check(words, mm, vma):
    """Check a record by itself: pages, and flags that may go together."""
    start, end = words[vma + VMA_START], words[vma + VMA_END]
    if start >= end or (start | end) & PAGE_MASK != U0:
        finding_note(words, mm, VMA_RANGE, (np.uint64(vma), start, end))
        return False
    flags, chain = words[vma + VMA_FLAGS], words[vma + VMA_CHAIN]
    has_anon = words[vma + VMA_ANON] != U0
    sane = has_anon == (chain != U0)
    sane = sane and not (has_anon and flags & VM_SHARED != U0)
    sane = sane and flags & BOTH_WAYS != BOTH_WAYS and flags & BOTH_PAGES != BOTH_PAGES
    if not sane:
        finding_note(words, mm, VMA_STATE, (np.uint64(vma), flags, chain))
    return sane


@kernel_inline
def tally(words, slot, vma):
    """Count a VMA."""
    pages, flags = vma_pages(words, vma), words[vma + VMA_FLAGS]
    words[slot + SEEN_COUNT] += U1
    words[slot + SEEN_TOTAL] += pages
    words[slot + SEEN_DATA] += pages if is_data(flags) else U0
    words[slot + SEEN_LOCKED] += pages if flags & VM_LOCKED_MASK != U0 else U0


# -- walks -------------------------------------------------------------------------------------


@kernel
def walk_up(words, mm, slot):
    """Walk upwards; return whether every structure ended where the maple tree did."""
    tree = np.int64(words[mm + MM_TREE])
    out = slot + SLOT_ROWS
    for word in range(4):
        words[slot + SEEN_COUNT + word] = U0
    before = NO_RECORD
    key = U0
    count = ROWS
    while count == ROWS:
        count = structure_call(words, SCAN, tree, slot, key, UMAX, ROWS, np.uint64(out), U0)
        for row in range(np.int64(count)):
            vma = entry_check(words, mm, out + 3 * row)
            if vma == NO_RECORD or not follows(words, mm, before, vma):
                return False
            tally(words, slot, vma)
            before = vma
        key = words[out + 3 * np.int64(count) - 2] + U1
    return follows(words, mm, before, NO_RECORD)


@kernel
def follows(words, mm, before, vma):
    """Say whether all have `vma` right after `before`; NO_RECORD: the end, the beginning."""
    if has(words, mm, WITH_LIST):
        at = mm + MM_LIST_FIRST if before == NO_RECORD else before + LIST_NEXT
        if words[at] == U0 and odd_is(words, ODD_1):
            return False
        if words[at] != np.uint64(vma):
            finding_note(words, mm, LIST_DIFFERS, (np.uint64(before), np.uint64(vma), words[at]))
            return False
    if has(words, mm, WITH_RBTREE):
        root = root_of(words, mm)
        other = rb_first(words, root) if before == NO_RECORD else rb_next(words, before)
        if other != vma:
            details = (np.uint64(before), np.uint64(vma), np.uint64(other))
            finding_note(words, mm, RBTREE_DIFFERS, details)
            return False
    return True


@kernel
def walk_down(words, mm, slot):
    """Walk downwards, and compare how many entries there are in either direction."""
    tree = np.int64(words[mm + MM_TREE])
    above = NO_RECORD
    count = U0
    key = UMAX
    while structure_call(words, FIND_REV, tree, slot, key, U0, U0, U0, U0) == OK:
        vma = vma_of(words[slot + RESULT_VALUE])
        if not precedes(words, mm, above, vma):
            return
        above = vma
        count += U1
        if words[slot + RESULT_FIRST] == U0:
            break
        key = words[slot + RESULT_FIRST] - U1
    if precedes(words, mm, above, NO_RECORD) and count != words[slot + SEEN_COUNT]:
        finding_note(words, mm, TREE_BACK, (words[slot + SEEN_COUNT], count, U0))


@kernel
def precedes(words, mm, above, vma):
    """Say whether all have `vma` right before `above`; NO_RECORD: the beginning, the end."""
    if has(words, mm, WITH_LIST):
        at = mm + MM_LIST_LAST if above == NO_RECORD else above + LIST_PREV
        if words[at] != np.uint64(vma):
            finding_note(words, mm, LIST_BACK, (np.uint64(above), np.uint64(vma), words[at]))
            return False
    if has(words, mm, WITH_RBTREE):
        root = root_of(words, mm)
        other = rb_last(words, root) if above == NO_RECORD else rb_prev(words, above)
        if other != vma:
            details = (np.uint64(above), np.uint64(vma), np.uint64(other))
            finding_note(words, mm, RBTREE_BACK, details)
            return False
    return True


# -- what is kept besides ----------------------------------------------------------------------


@kernel
def counts_check(words, mm, slot):
    """Compare what the walk upwards counted with what the address space keeps."""
    count_check(words, mm, COUNT, words[slot + SEEN_COUNT], words[mm + MM_COUNT])
    count_check(words, mm, TOTAL, words[slot + SEEN_TOTAL], words[mm + MM_TOTAL])
    count_check(words, mm, DATA, words[slot + SEEN_DATA], words[mm + MM_DATA])
    count_check(words, mm, LOCKED, words[slot + SEEN_LOCKED], words[mm + MM_LOCKED])


@kernel_inline
def count_check(words, mm, code, seen, kept):
    """Compare one count."""
    if seen != kept:
        finding_note(words, mm, code, (seen, kept, U0))


@kernel
def cache_check(words, mm, slot):
    """Compare what the slot's lookup cache remembers of `mm`, if that is still valid."""
    if not cache_is_current(words, mm, slot):
        return
    for place in range(4):
        vma = np.int64(words[slot + CACHE_VMAS + place])
        if vma != NO_RECORD:
            start = words[vma + VMA_START]
            truth = maple_find(words, mm, slot, start)
            if truth != vma:
                finding_note(words, mm, CACHE, (start, np.uint64(truth), np.uint64(vma)))
