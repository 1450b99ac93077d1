"""fork: the child gets a copy of every VMA, and sees them all at once.

The records are copied one by one, privately; then the child's maple tree is built of them in one
go (a bulk build, as `dup_mmap` learned it), its list and rb-tree are linked, and with the one
store that publishes the tree the child exists. Both locks are held meanwhile, the lower block's
first, so nobody finds half a child, and whoever reads the parent is not in the way.

    DONTCOPY      left out
    WIPEONFORK    copied without an anon
    anon          a new one, one link further from its first: siblings that were split before a
                  fork never merge after it
    LOCKED        taken off; def_flags are not inherited

When nodes run out at any VMA, those that were made go back, and the child's block stays free:
ARENA_FULL or BACKLOG, and the parent as it was. (The original left a partial tree for exit_mmap.)

Source: dup_mmap; FEATURES.md 1 S5, 1b 32, and 2.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import CHAIN_NEXT, ROWS_MAX, SLOT_ROWS, TREE_LOCK, U0, U1
from stressd_kernels.limbo import BACKLOG
from stressd_kernels.lock import OK, STATUS_BROKEN, lock_break, lock_give, locks_take
from stressd_kernels.mm.counts import count_add
from stressd_kernels.mm.frame import call_count, is_sound, mm_again
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_BRK,
    MM_COUNT,
    MM_FINDING,
    MM_ID,
    MM_MIN_ADDR,
    MM_MMAP_BASE,
    MM_NONE,
    MM_STAGE,
    MM_STATE,
    MM_TREE,
    MM_VALIDATE,
)
from stressd_kernels.mm.links import link_between
from stressd_kernels.mm.lookup import vma_first, vma_next
from stressd_kernels.mm.odd import FORK_SHARES, odd_is
from stressd_kernels.mm.trace import trace_actor, trace_copies, trace_store
from stressd_kernels.mm.words import (
    EAGAIN,
    ENOMEM,
    ESRCH,
    VM_DONTCOPY,
    VM_LOCKED_MASK,
    VM_WIPEONFORK,
    identity,
    identity_begin,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_START,
    vma_copy,
    vma_give,
    vma_value,
)
from stressd_kernels.verbs import Verb, structure_call

BUILD_HELD = int(Verb.BUILD_HELD)
COLLECT = int(Verb.COLLECT)
ALIVE = np.uint64(MM_ALIVE)
NONE = np.uint64(MM_NONE)


@kernel
def vma_fork(words, child, slot, vma):
    """Return a private record: what the child has of `vma`."""
    copy = vma_copy(words, slot, vma)
    flags = words[vma + VMA_FLAGS] & ~VM_LOCKED_MASK
    words[copy + VMA_FLAGS] = flags
    words[copy + VMA_MM] = words[child + MM_ID]
    words[copy + VMA_ID] = identity(words, child)
    if flags & VM_WIPEONFORK != U0:
        words[copy + VMA_ANON] = U0
        words[copy + VMA_CHAIN] = U0
    elif words[vma + VMA_ANON] != U0:
        words[copy + VMA_ANON] = identity(words, child)
        words[copy + VMA_CHAIN] += U1
    return copy


@kernel
def row_write(words, slot, row, vma):
    """Write down one row of the child's tree."""
    at = slot + SLOT_ROWS + 3 * row
    words[at] = words[vma + VMA_START]
    words[at + 1] = words[vma + VMA_END] - U1
    words[at + 2] = vma_value(words, vma)


@kernel
def records_fork(words, mm, child, slot):
    """Copy what a child gets, chained by CHAIN_NEXT, with a row for each.

    return  (status, first record, rows); the records of a failure have been given back
    """
    first = last = NO_RECORD
    rows = 0
    vma = vma_first(words, mm, slot)
    while vma != NO_RECORD:
        if words[vma + VMA_FLAGS] & VM_DONTCOPY == U0:
            status = mm_again(words, child, slot)
            if status != OK:
                records_give_back(words, slot, first)
                return status, NO_RECORD, 0
            copy = vma_fork(words, child, slot, vma)
            words[copy + CHAIN_NEXT] = U0
            shared = rows == 0 and odd_is(words, FORK_SHARES)
            row_write(words, slot, rows, vma if shared else copy)
            if last == NO_RECORD:
                first = copy
            else:
                words[last + CHAIN_NEXT] = np.uint64(copy)
            last = copy
            rows += 1
        vma = vma_next(words, mm, slot, vma)
    return OK, first, rows


@kernel
def records_give_back(words, slot, first):
    """Give chained records, which nobody has seen, back to the cache."""
    record = first
    while record != NO_RECORD:
        following = np.int64(words[record + CHAIN_NEXT])
        vma_give(words, slot, record)
        record = following


@kernel
def records_link(words, child, slot, first):
    """Link chained records, ascending, into the list and the rb-tree of the child."""
    vma = first
    while vma != NO_RECORD:
        following = np.int64(words[vma + CHAIN_NEXT])
        trace_store(words, child, slot, vma)
        link_between(words, child, vma, NO_RECORD)
        count_add(words, child, vma)
        vma = following


@kernel
def fork_locked(words, mm, child, slot):
    """Make the free block `child` a copy of `mm`; both locks are held: OK or why not."""
    if words[mm + MM_STATE] != ALIVE:
        return ESRCH
    if words[child + MM_STATE] != NONE:
        return EAGAIN
    if words[mm + MM_COUNT] > np.uint64(ROWS_MAX):
        return ENOMEM
    if trace_copies(words, mm, slot) != OK:  # more VMAs than before the lock was had
        return BACKLOG
    trace_actor(words, mm, slot)
    identity_begin(words, child)
    status, first, rows = records_fork(words, mm, child, slot)
    if status != OK:
        return status
    tree = np.int64(words[child + MM_TREE])
    source = np.uint64(slot + SLOT_ROWS)
    status = structure_call(words, BUILD_HELD, tree, slot, source, np.uint64(rows), U0, U0, U0)
    if status != OK:
        records_give_back(words, slot, first)
        return status
    for word in range(MM_MMAP_BASE, MM_MIN_ADDR + 1):
        words[child + word] = words[mm + word]
    words[child + MM_STAGE] = words[mm + MM_STAGE]
    words[child + MM_BRK] = words[mm + MM_BRK]
    records_link(words, child, slot, first)
    store_relaxed(words, child + MM_STATE, ALIVE)
    return OK


@kernel
def space_leave(words, mm):
    """Give the lock of `mm` back; BROKEN, and the lock marked so, if anything was found."""
    lock = np.int64(words[mm + MM_TREE]) + TREE_LOCK
    if words[mm + MM_FINDING] != U0:
        lock_break(words, lock)
        return STATUS_BROKEN
    lock_give(words, lock)
    return OK


@entry
def fork(base, mm, slot, a, b, c, d, e):
    """FORK: the block at word index a, in which nothing lives, becomes a child of `mm`."""
    words = words_at(base)
    child = np.int64(a)
    if child == mm:
        return EAGAIN
    status = trace_copies(words, mm, slot)
    if status == OK:
        status = mm_again(words, mm, slot)
    if status == OK:
        parent_tree, child_tree = np.int64(words[mm + MM_TREE]), np.int64(words[child + MM_TREE])
        status = locks_take(words, parent_tree, child_tree)
    if status != OK:
        return status
    inline = words[mm + MM_VALIDATE] == U1
    if not inline or is_sound(words, mm, slot):
        status = fork_locked(words, mm, child, slot)
        if inline and status == OK:
            is_sound(words, child, slot)
    call_count(words, mm, slot)
    ended = max(space_leave(words, mm), space_leave(words, child))
    structure_call(words, COLLECT, parent_tree, slot, U0, U0, U0, U0, U0)
    return ended if ended != OK else status
