"""The frame of a call that changes an address space.

    trace        room for what the call will write down, if events are traced; or BACKLOG
    reserve      nodes, records and limbo room for MM_STORES stores of the maple tree: unpinned,
                 without the lock; may wait for nothing but the arena's lock
    lock         that of the maple tree (W1)
    validate     inline: before the change and after it; at intervals: after every n-th call

Nothing fails once a call has begun to change something. A call that needs more stores than were
reserved (over many VMAs) asks `mm_again` between two of them, and stops there, with what it
did before kept, if the arena has no more: as the kernel does.

When something is found wrong, the lock is marked BROKEN instead of given back (W3).
"""

import numpy as np

from stressd_kernels.arena import (
    ARENA_FULL,
    INNER_CACHED,
    INNER_NEED,
    LEAF_CACHED,
    LEAF_NEED,
    NODES_RETIRED,
    arena_refuses,
    arena_reserve,
)
from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.holding import hold_begin, hold_end
from stressd_kernels.layout import (
    HEADER_BACKLOG_MAX,
    HEADER_LEAF_NEED,
    LIMBO_MAX,
    TREE_LOCK,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.limbo import (
    BACKLOG,
    BACKLOG_WAITS,
    limbo_advance,
    limbo_free,
    limbo_is_due,
    limbo_length,
    limbo_squeeze,
)
from stressd_kernels.lock import OK, STATUS_BROKEN, lock_break
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import (
    ANSWER,
    ANSWER_MORE,
    MM_ALIVE,
    MM_CALLS,
    MM_FINDING,
    MM_RETIRED,
    MM_STATE,
    MM_TREE,
    MM_VALIDATE,
    MM_VALIDATED,
)
from stressd_kernels.mm.trace import trace_actor, trace_call
from stressd_kernels.mm.words import ESRCH
from stressd_kernels.verbs import Verb, structure_call

MM_STORES = 16  # stores of the maple tree between two reservations
RECORDS = 16  # and records
LEAVES = np.uint64(MM_STORES * int(LEAF_NEED) + RECORDS)
INNERS = np.uint64(MM_STORES * int(INNER_NEED))
RETIRES = np.uint64(MM_STORES * 64 + 1024)  # limbo entries: one store may span a whole tree
ALIVE = np.uint64(MM_ALIVE)
RESERVE = int(Call.RESERVE)
VALIDATE_HELD = int(Call.VALIDATE_HELD)
COLLECT = int(Verb.COLLECT)


@kernel
def limbo_has_room(words, slot):
    """Say whether the slot's limbo takes what a call can retire, and is not over its bound."""
    waiting = limbo_length(words, slot)
    return waiting < words[HEADER_BACKLOG_MAX] and waiting + RETIRES <= np.uint64(LIMBO_MAX)


@kernel
def mm_is_ready(words, slot):
    """Say whether the slot has what a call can need; never, while reservations are to fail."""
    if words[HEADER_LEAF_NEED] == UMAX:
        return False
    enough = words[slot + LEAF_CACHED] >= LEAVES and words[slot + INNER_CACHED] >= INNERS
    return enough and limbo_has_room(words, slot)


@entry
def reserve(base, mm, slot, a, b, c, d, e):
    """RESERVE: make sure of what a call can need: OK, ARENA_FULL, BACKLOG or STOPPED."""
    words = words_at(base)
    if not limbo_has_room(words, slot):
        limbo_advance(words, slot)
        limbo_advance(words, slot)
        limbo_free(words, slot, int(RETIRES))
        if not limbo_has_room(words, slot):
            words[slot + BACKLOG_WAITS] += U1
            return BACKLOG
    status = arena_refuses(words)
    if status == OK:
        status = arena_reserve(words, slot, LEAVES, INNERS)
        if status == ARENA_FULL:
            status = limbo_squeeze(words, slot, LEAVES, INNERS)
    return status


@kernel
def mm_again(words, mm, slot):
    """Reserve for another MM_STORES stores within a call; OK, or why not. The lock is held."""
    if mm_is_ready(words, slot):
        return OK
    return mm_call(words, RESERVE, mm, slot, U0, U0, U0, U0, U0)


@kernel
def mm_enter(words, mm, slot, state, refusal):
    """Make room and take the lock of a block in which nothing but `state` (MM_STATE) will do.

    return  OK with the lock held; `refusal` if the state is another, BROKEN, ARENA_FULL, ...
    """
    status = trace_call(words, mm, slot)
    if status == OK:
        status = mm_again(words, mm, slot)
    if status != OK:
        return status
    tree = np.int64(words[mm + MM_TREE])
    status = hold_begin(words, tree, slot)
    if status != OK:
        return status
    if words[mm + MM_STATE] != state:
        hold_end(words, tree, slot)
        return refusal
    words[slot + MM_RETIRED] = words[slot + NODES_RETIRED]
    return OK


@kernel
def mm_begin(words, mm, slot):
    """Begin a call: OK with the lock held; or ESRCH, BROKEN, ARENA_FULL, ..., without it."""
    status = mm_enter(words, mm, slot, ALIVE, ESRCH)
    if status != OK:
        return status
    trace_actor(words, mm, slot)
    if words[mm + MM_VALIDATE] == U1 and not is_sound(words, mm, slot):
        lock_break(words, np.int64(words[mm + MM_TREE]) + TREE_LOCK)
        return STATUS_BROKEN
    return OK


@kernel
def mm_end(words, mm, slot, status):
    """End a call that `mm_begin` began; return `status`, or BROKEN if something was found."""
    tree = np.int64(words[mm + MM_TREE])
    call_count(words, mm, slot)
    if words[mm + MM_FINDING] != U0:
        lock_break(words, tree + TREE_LOCK)
        return STATUS_BROKEN
    hold_end(words, tree, slot)
    retired = words[slot + NODES_RETIRED] - words[slot + MM_RETIRED]
    if retired != U0 or limbo_is_due(words, slot):
        structure_call(words, COLLECT, tree, slot, retired, U0, U0, U0, U0)
    return status


@kernel
def call_count(words, mm, slot):
    """Count a call, and validate if its turn has come: always if inline. The lock is held."""
    words[mm + MM_CALLS] += U1
    every = words[mm + MM_VALIDATE]
    if words[mm + MM_FINDING] == U0 and every != U0 and words[mm + MM_CALLS] % every == U0:
        is_sound(words, mm, slot)


@kernel
def is_sound(words, mm, slot):
    """Validate all structures of `mm`; say whether nothing was found. The lock is held.

    It looks around in the trees, so what the call has answered is put back.
    """
    answer, more = words[slot + ANSWER], words[slot + ANSWER_MORE]
    words[mm + MM_VALIDATED] += U1
    mm_call(words, VALIDATE_HELD, mm, slot, U0, U0, U0, U0, U0)
    words[slot + ANSWER], words[slot + ANSWER_MORE] = answer, more
    return words[mm + MM_FINDING] == U0
