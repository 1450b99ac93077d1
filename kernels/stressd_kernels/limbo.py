"""Limbo: where unlinked nodes wait for their readers, and how they come back.

Each slot has a ring of references and, beside it, of the epoch stamps of protocol E. Only the
slot's own thread touches them, so they need no ordering of their own: what makes reuse safe
is E7, asked for each reference before it leaves the ring.

An entry is one node, or the root of a whole subtree (SUBTREE_BIT) that was unlinked with it:
its children are pushed to a small stack as the node is freed, so that no operation ever frees
more than its budget. Or it is the first of a chain of records (CHAIN_BIT): the next one is pushed
as this one is freed, so that an address space of any size ends with one entry.

A node is stamped some writes after it was unlinked, COLLECT_EVERY at a time with one fence:
a stamp may be late, never early (E, I2). Nothing leaves the ring without one.

Bounds: an operation frees at most FREE_PER_CALL nodes (FREE_WHEN_FULL when the ring is half
full), and those that build or clear a whole tree as many as they made or unlinked;
announcements are scanned once per ADVANCE_EVERY retired nodes. When the ring has no room for
what one write can retire, the write answers BACKLOG and changes nothing; when the arena has no
node left, it first frees all that readers have left, as long as that takes.
"""

import numpy as np

from stressd_kernels.arena import ARENA_FULL, NODES_RETIRED, arena_reserve, node_free
from stressd_kernels.door import MODEL, kernel, kernel_inline, load_relaxed
from stressd_kernels.epoch import epoch_expired, epoch_stamp, epoch_try_advance
from stressd_kernels.layout import (
    CHAIN_NEXT,
    HEADER_BACKLOG_MAX,
    LIMBO_MAX,
    NODE_SLOTS,
    READY_MAX,
    SLOT_LIMBO,
    SLOT_NODES,
    SLOT_READY,
    SLOT_STAMPS,
    U0,
    U1,
)
from stressd_kernels.lock import OK
from stressd_kernels.refs import CHAIN_BIT, LEAF_BIT, NODE_MASK, REF_BIT, SUBTREE_BIT
from stressd_kernels.status import Status

# words of a slot; all written by the slot's thread alone
LIMBO_HEAD = SLOT_NODES + 16  # entries ever taken out
LIMBO_TAIL = SLOT_NODES + 17  # entries ever put in
LIMBO_SINCE = SLOT_NODES + 18  # retirements since the last scan of the announcements
READY_COUNT = SLOT_NODES + 19
EPOCH_ADVANCES = SLOT_NODES + 20
BACKLOG_WAITS = SLOT_NODES + 21
LIMBO_STAMPED = SLOT_NODES + 22  # entries ever stamped

RING_MASK = np.uint64(LIMBO_MAX - 1)
RETIRE_MOST = np.uint64(16 if MODEL else 512)  # the most entries that one write puts in
ADVANCE_EVERY = np.uint64(1 if MODEL else 512)
COLLECT_EVERY = np.uint64(1 if MODEL else 8)
FREE_PER_CALL = 32
FREE_WHEN_FULL = 64
BACKLOG = np.uint64(Status.BACKLOG)

assert LIMBO_MAX & (LIMBO_MAX - 1) == 0
assert READY_MAX >= 16 * NODE_SLOTS, "a subtree of any height must fit the stack of the ready"


@kernel_inline
def limbo_put(words, slot, ref):
    """Put one unlinked reference into the slot's limbo; `limbo_room` has made room."""
    tail = words[slot + LIMBO_TAIL]
    words[slot + SLOT_LIMBO + np.int64(tail & RING_MASK)] = ref
    words[slot + LIMBO_TAIL] = tail + U1


@kernel_inline
def limbo_count(words, slot, nodes):
    """Count what was put into limbo, in nodes: a subtree is one entry and many nodes."""
    words[slot + NODES_RETIRED] += nodes
    words[slot + LIMBO_SINCE] += nodes


@kernel_inline
def limbo_retire(words, slot, ref):
    """Put one unlinked node into the slot's limbo."""
    limbo_put(words, slot, ref)
    limbo_count(words, slot, U1)


@kernel_inline
def limbo_length(words, slot):
    """Return the number of entries that wait."""
    return words[slot + LIMBO_TAIL] - words[slot + LIMBO_HEAD]


@kernel_inline
def limbo_is_ready(words, slot):
    """Say whether the slot's limbo has room for what one write can retire."""
    return limbo_length(words, slot) + RETIRE_MOST <= words[HEADER_BACKLOG_MAX]


@kernel
def limbo_room(words, slot):
    """Make room for what one write can retire: OK, or BACKLOG when readers hold everything.

    Called unpinned and before the tree's lock is taken.
    """
    if limbo_is_ready(words, slot):
        return OK
    limbo_advance(words, slot)
    limbo_advance(words, slot)
    limbo_free(words, slot, int(RETIRE_MOST))
    if limbo_is_ready(words, slot):
        return OK
    words[slot + BACKLOG_WAITS] += U1
    return BACKLOG


@kernel
def limbo_squeeze(words, slot, leaves, inners):
    """Free nodes until the caches hold so many: OK, ARENA_FULL or BACKLOG.

    Called unpinned, when the arena has no more; gives up when two epochs in a row bring nothing.
    If this slot's limbo still holds something then, a reader holds the epoch: that is BACKLOG,
    and passes when the reader leaves.
    """
    idle = 0
    while idle < 2:
        limbo_advance(words, slot)
        freed = limbo_free(words, slot, int(RETIRE_MOST))
        status = arena_reserve(words, slot, leaves, inners)
        if status != ARENA_FULL:
            return status
        idle = 0 if freed > 0 else idle + 1
    if limbo_length(words, slot) == U0:
        return ARENA_FULL
    words[slot + BACKLOG_WAITS] += U1
    return BACKLOG


@kernel
def limbo_stamp(words, slot):
    """Stamp what was put in since the last time, all of it with one reading of the epoch (E3)."""
    at = words[slot + LIMBO_STAMPED]
    tail = words[slot + LIMBO_TAIL]
    if at == tail:
        return
    stamp = epoch_stamp(words)
    while at != tail:
        words[slot + SLOT_STAMPS + np.int64(at & RING_MASK)] = stamp
        at += U1
    words[slot + LIMBO_STAMPED] = tail


@kernel
def limbo_advance(words, slot):
    """Stamp what has no stamp, try to advance the epoch, and count it if it moved."""
    limbo_stamp(words, slot)
    if epoch_try_advance(words):
        words[slot + EPOCH_ADVANCES] += U1


@kernel_inline
def limbo_is_due(words, slot):
    """Say whether so much waits to be stamped, or is ready to be freed, that it is time for it."""
    waiting = words[slot + LIMBO_TAIL] - words[slot + LIMBO_STAMPED]
    return waiting + words[slot + READY_COUNT] >= COLLECT_EVERY


@kernel_inline
def limbo_collect(words, slot, extra):
    """Stamp, advance the epoch if it is time, and free a few nodes and `extra` more.

    Between writes, when it is due: unpinned and without the tree's lock.
    """
    limbo_stamp(words, slot)
    if words[slot + LIMBO_SINCE] >= ADVANCE_EVERY:
        words[slot + LIMBO_SINCE] = U0
        limbo_advance(words, slot)
    full = limbo_length(words, slot) > (words[HEADER_BACKLOG_MAX] >> U1)
    limbo_free(words, slot, (FREE_WHEN_FULL if full else FREE_PER_CALL) + extra)


@kernel
def limbo_free(words, slot, budget):
    """Free up to `budget` nodes whose readers have left; return how many it freed."""
    for done in range(budget):
        ready = words[slot + READY_COUNT]
        if ready > U0:
            words[slot + READY_COUNT] = ready - U1
            ref = words[slot + SLOT_READY + np.int64(ready - U1)]
        else:
            head = words[slot + LIMBO_HEAD]
            if head == words[slot + LIMBO_STAMPED]:
                return done
            place = np.int64(head & RING_MASK)
            if not epoch_expired(words, words[slot + SLOT_STAMPS + place]):
                return done
            ref = words[slot + SLOT_LIMBO + place]
            words[slot + LIMBO_HEAD] = head + U1
        if ref & (SUBTREE_BIT | LEAF_BIT) == SUBTREE_BIT:
            children_ready(words, slot, np.int64(ref & NODE_MASK))
        elif ref & CHAIN_BIT != U0:
            chain_ready(words, slot, np.int64(ref & NODE_MASK))
        node_free(words, slot, ref)
    return budget


@kernel
def children_ready(words, slot, node):
    """Push the children of an expired inner node, as subtrees, onto the stack of the ready."""
    ready = np.int64(words[slot + READY_COUNT])
    for child in range(NODE_SLOTS):
        ref = load_relaxed(words, node + 16 + child)
        if ref != U0:
            words[slot + SLOT_READY + ready] = ref | SUBTREE_BIT
            ready += 1
    words[slot + READY_COUNT] = np.uint64(ready)


@kernel
def chain_ready(words, slot, record):
    """Push the record that follows an expired one of a chain onto the stack of the ready."""
    following = words[record + CHAIN_NEXT]
    if following == U0:
        return
    ready = words[slot + READY_COUNT]
    ref = words[np.int64(following)] | following | REF_BIT | LEAF_BIT | CHAIN_BIT
    words[slot + SLOT_READY + np.int64(ready)] = ref
    words[slot + READY_COUNT] = ready + U1


@kernel
def limbo_drain(words, slot):
    """Free everything in the slot's limbo; return False if readers still hold some of it.

    For quiescent moments: the end of a run, or the closing of a tree.
    """
    for _ in range(4):
        limbo_advance(words, slot)
        while limbo_free(words, slot, FREE_WHEN_FULL) > 0:
            pass
    return limbo_length(words, slot) == U0 and words[slot + READY_COUNT] == U0
