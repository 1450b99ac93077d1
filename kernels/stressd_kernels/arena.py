"""Protocol A: where nodes come from and where they go back to.

One arena per process, reserved once, shared by all trees; nodes never move. Two kinds, leaf
and inner, each carved from chunks of its own. A slot takes from its private cache and gives
back to it; the cache is refilled from, and spilled to, a shared stack in batches, under the
arena's lock (a lock word as in protocol W).

    chunk --carve--> shared stack <--batches--> cache of a slot --take--> private --publish-->
    live --unlink--> limbo of a slot (E) --expire--> cache of that slot

    carved = live + limbo + cached + free, exact when nothing runs; "private" nodes exist only
    inside one write.

A write that may need nodes reserves the most that any write can need before it takes the
tree's lock, so nothing fails after that: a full arena leaves every tree as it was. Reservations
can be made to fail (`Arena.failing`): HEADER_LEAF_NEED then lets no cache be enough, so that every
write asks, and ARENA_SPARED counts down to the first refusal.

Freed nodes get the next generation and, if the arena poisons, slots that lead to the TRAP leaf
and values that are POISON: a reader that should not be there sees a wrong answer, not a
crash.
"""

import numpy as np

from stressd_kernels.checks import CHECK_RESERVED, check_fail, checks_hold
from stressd_kernels.door import CHECKING, huge_populate, kernel, kernel_inline
from stressd_kernels.lanes import lanes_fill
from stressd_kernels.layout import (
    ARENA_CARVED_LEAVES,
    ARENA_LEAF_END,
    ARENA_LEAF_FREE,
    ARENA_LEAF_NEXT,
    ARENA_LOCK,
    ARENA_NEXT,
    ARENA_SPARED,
    CACHE_MAX,
    CHUNK_WORDS,
    HEADER_LEAF_NEED,
    HEADER_LEAF_STACK,
    HEADER_POISON,
    HEADER_POOL_END,
    HEADER_TRAP,
    INNER_WORDS,
    LEAF_WORDS,
    SLOT_INNER_CACHE,
    SLOT_LEAF_CACHE,
    SLOT_NODES,
    SPARE_NODE,
    U0,
    U1,
    UMAX,
)
from stressd_kernels.lock import OK, lock_give, lock_take
from stressd_kernels.refs import GENERATION_MASK, GENERATION_ONE, LEAF_BIT, NODE_MASK, REF_BIT
from stressd_kernels.status import POISON as POISON_VALUE
from stressd_kernels.status import Status

# words of a slot, from SLOT_NODES on; all written by the slot's thread alone
LEAF_CACHED = SLOT_NODES
INNER_CACHED = SLOT_NODES + 1
NODES_TAKEN = SLOT_NODES + 2
NODES_RETIRED = SLOT_NODES + 3
NODES_FREED = SLOT_NODES + 4
LEAVES_BEFORE = SLOT_NODES + 8  # checking builds: what was cached when the write began
INNERS_BEFORE = SLOT_NODES + 9

LEAF_NEED = np.uint64(8)  # the most leaves that one write can use
INNER_NEED = np.uint64(64)  # and inner nodes: four a level and a new root
BATCH = 128  # nodes moved between a cache and the shared stack at a time
SPILL_AT = np.uint64(CACHE_MAX - 8)

POISON = np.uint64(POISON_VALUE)
ARENA_FULL = np.uint64(Status.ARENA_FULL)
CORRUPT = np.uint64(Status.CORRUPT)

assert int(INNER_NEED) + BATCH < CACHE_MAX
assert INNER_CACHED == LEAF_CACHED + 1
assert SLOT_INNER_CACHE == SLOT_LEAF_CACHE + CACHE_MAX


@kernel_inline
def leaf_take(words, slot):
    """Return the word index of a private leaf; its content is rubbish but for word 0."""
    if CHECKING and words[slot + LEAF_CACHED] == U0:
        check_fail(words, CHECK_RESERVED, np.uint64(slot))
        return SPARE_NODE
    left = words[slot + LEAF_CACHED] - U1
    words[slot + LEAF_CACHED] = left
    words[slot + NODES_TAKEN] += U1
    return np.int64(words[slot + SLOT_LEAF_CACHE + np.int64(left)])


@kernel_inline
def inner_take(words, slot):
    """Return the word index of a private inner node; its content is rubbish but for word 0."""
    if CHECKING and words[slot + INNER_CACHED] == U0:
        check_fail(words, CHECK_RESERVED, np.uint64(slot))
        return SPARE_NODE
    left = words[slot + INNER_CACHED] - U1
    words[slot + INNER_CACHED] = left
    words[slot + NODES_TAKEN] += U1
    return np.int64(words[slot + SLOT_INNER_CACHE + np.int64(left)])


@kernel_inline
def arena_is_ready(words, slot):
    """Say whether the slot's caches hold what any one write can need."""
    enough = words[slot + LEAF_CACHED] >= words[HEADER_LEAF_NEED]
    return enough and words[slot + INNER_CACHED] >= INNER_NEED


@kernel
def arena_refuses(words):
    """Say whether this reservation is one that is made to fail: ARENA_FULL, else OK or STOPPED."""
    if words[HEADER_LEAF_NEED] != UMAX:
        return OK
    status = lock_take(words, ARENA_LOCK)
    if status != OK:
        return status
    spared = words[ARENA_SPARED]
    if spared == U0:
        status = ARENA_FULL
    else:
        words[ARENA_SPARED] = spared - U1
    lock_give(words, ARENA_LOCK)
    return status


@kernel
def takes_begin(words, slot):
    """Remember what is cached as a write begins (checking builds)."""
    words[slot + LEAVES_BEFORE] = words[slot + LEAF_CACHED]
    words[slot + INNERS_BEFORE] = words[slot + INNER_CACHED]


@kernel
def takes_end(words, slot, status):
    """Return `status`, or CORRUPT if an assertion has failed by the end of a write.

    It took no more than any one write may: what it has reserved, no matter what was cached.
    """
    leaves = np.int64(words[slot + LEAVES_BEFORE] - words[slot + LEAF_CACHED])
    inners = np.int64(words[slot + INNERS_BEFORE] - words[slot + INNER_CACHED])
    if leaves > np.int64(LEAF_NEED) or inners > np.int64(INNER_NEED):
        check_fail(words, CHECK_RESERVED, np.uint64(slot))
    return status if checks_hold(words) else CORRUPT


@kernel
def arena_reserve(words, slot, leaves, inners):
    """Make the slot's caches hold that many nodes at least: OK, ARENA_FULL or STOPPED.

    leaves, inners  uint64, below CACHE_MAX - BATCH; LEAF_NEED and INNER_NEED: what any one
                    write can need

    Called before the tree's lock is taken, unpinned.
    """
    status = OK
    while status == OK and words[slot + LEAF_CACHED] < leaves:
        status = cache_fill(words, slot + LEAF_CACHED, slot + SLOT_LEAF_CACHE, 0)
    while status == OK and words[slot + INNER_CACHED] < inners:
        status = cache_fill(words, slot + INNER_CACHED, slot + SLOT_INNER_CACHE, 1)
    return status


@kernel
def cache_fill(words, count_at, cache_at, inner):
    """Move up to BATCH nodes of one kind (inner: 0 or 1) into a cache: OK, ARENA_FULL, STOPPED.

    A new chunk is populated after the lock is given back: others may already carve from it,
    and touch its pages one by one, which is only slower.
    """
    status = lock_take(words, ARENA_LOCK)
    if status != OK:
        return status
    moved = stack_pop(words, count_at, cache_at, inner)
    if moved == 0:
        moved = chunk_carve(words, count_at, cache_at, inner)
    fresh = 0
    if moved == 0:
        fresh = chunk_open(words, inner)
        moved = chunk_carve(words, count_at, cache_at, inner)
    lock_give(words, ARENA_LOCK)
    if fresh != 0:
        huge_populate(words, fresh, CHUNK_WORDS)
    return OK if moved > 0 else ARENA_FULL


@kernel
def stack_pop(words, count_at, cache_at, inner):
    """Move up to BATCH nodes from the shared stack into a cache; the arena's lock is held."""
    free_at = ARENA_LEAF_FREE + inner
    stack = np.int64(words[HEADER_LEAF_STACK + inner])
    moved = 0
    while moved < BATCH and words[free_at] > U0:
        words[free_at] -= U1
        words[cache_at + np.int64(words[count_at])] = words[stack + np.int64(words[free_at])]
        words[count_at] += U1
        moved += 1
    return moved


@kernel
def chunk_carve(words, count_at, cache_at, inner):
    """Move up to BATCH new nodes from the open chunk into a cache; the arena's lock is held."""
    size = np.uint64(INNER_WORDS if inner else LEAF_WORDS)
    next_at = ARENA_LEAF_NEXT + 2 * inner
    moved = 0
    while moved < BATCH and words[next_at] + size <= words[next_at + 1]:
        words[cache_at + np.int64(words[count_at])] = words[next_at]
        words[count_at] += U1
        words[next_at] += size
        moved += 1
    words[ARENA_CARVED_LEAVES + inner] += np.uint64(moved)
    return moved


@kernel
def chunk_open(words, inner):
    """Open a new chunk for one kind; return its first word, or 0 if the arena has no more."""
    first = words[ARENA_NEXT]
    if first + np.uint64(CHUNK_WORDS) > words[HEADER_POOL_END]:
        return 0
    words[ARENA_NEXT] = first + np.uint64(CHUNK_WORDS)
    words[ARENA_LEAF_NEXT + 2 * inner] = first
    words[ARENA_LEAF_END + 2 * inner] = first + np.uint64(CHUNK_WORDS)
    return np.int64(first)


@kernel_inline
def node_free(words, slot, ref):
    """Put a node that no reader can hold back into the slot's cache.

    ref  reference of the node; its generation becomes invalid here, and only here
    """
    node = np.int64(ref & NODE_MASK)
    inner = np.int64(~ref & LEAF_BIT)
    generation = (words[node] + GENERATION_ONE) & GENERATION_MASK
    if words[HEADER_POISON] != U0:
        lanes_fill(words, node, UMAX)
        lanes_fill(words, node + 16, words[HEADER_TRAP] if inner else POISON)
    words[node] = generation
    cache_put(words, slot, node, inner)
    words[slot + NODES_FREED] += U1


@kernel_inline
def cache_put(words, slot, node, inner):
    """Push a node onto the cache of its kind; a full one first gives batches to the stack."""
    count_at = slot + LEAF_CACHED + inner
    cache_at = slot + SLOT_LEAF_CACHE + inner * CACHE_MAX
    while words[count_at] >= SPILL_AT:
        cache_spill(words, count_at, cache_at, inner, 4 * BATCH)
    words[cache_at + np.int64(words[count_at])] = np.uint64(node)
    words[count_at] += U1


@kernel
def cache_spill(words, count_at, cache_at, inner, count):
    """Move `count` nodes from a cache, which has them, to the shared stack.

    The arena's lock is never BROKEN and its holders never wait. If the run is being stopped and
    the holder has no core, nothing is moved: the caller asks again.
    """
    if lock_take(words, ARENA_LOCK) != OK:
        return
    free_at = ARENA_LEAF_FREE + inner
    stack = np.int64(words[HEADER_LEAF_STACK + inner])
    for _ in range(count):
        words[count_at] -= U1
        words[stack + np.int64(words[free_at])] = words[cache_at + np.int64(words[count_at])]
        words[free_at] += U1
    lock_give(words, ARENA_LOCK)


@kernel
def caches_empty(words, slot):
    """Move all that a slot has cached to the shared stacks: others may need it more."""
    for inner in range(2):
        count_at = slot + LEAF_CACHED + inner
        cache_at = slot + SLOT_LEAF_CACHE + inner * CACHE_MAX
        cache_spill(words, count_at, cache_at, inner, np.int64(words[count_at]))


@kernel_inline
def ref_make(words, node, leaf):
    """Return the reference of a node in its present generation; leaf: LEAF_BIT or 0."""
    return words[node] | np.uint64(node) | leaf | REF_BIT
