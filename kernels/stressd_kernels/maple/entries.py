"""The entry points of the maple tree: what each verb of `verbs.Verb` does here.

Reads run under the caller's pin. Writes go through one frame: reserve nodes and limbo room,
take the lock, do it, give the lock back, collect a little garbage. Nothing is waited for
between taking the lock and giving it back.
"""

import numpy as np

from stressd_kernels.arena import ARENA_FULL, arena_is_ready, arena_reserve, takes_begin, takes_end
from stressd_kernels.door import CHECKING, entry, kernel_inline, load_relaxed, words_at
from stressd_kernels.holding import hold_begin, hold_end
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_LOCK,
    TREE_ROOT,
    U0,
)
from stressd_kernels.limbo import (
    limbo_collect,
    limbo_count,
    limbo_is_due,
    limbo_is_ready,
    limbo_put,
    limbo_room,
    limbo_squeeze,
)
from stressd_kernels.lock import OK, lock_give, lock_take
from stressd_kernels.maple.build import build_locked
from stressd_kernels.maple.check import Invariant, check_from
from stressd_kernels.maple.edit import erase_locked, store_locked
from stressd_kernels.maple.gaps import ask, gap_down, gap_search, gap_up
from stressd_kernels.maple.publish import publish
from stressd_kernels.maple.rebuild import rebuild
from stressd_kernels.maple.scan import tree_scan
from stressd_kernels.maple.search import (
    is_taken,
    tree_find,
    tree_load,
    tree_next,
    tree_prev,
)
from stressd_kernels.refs import NO_REF, SUBTREE_BIT
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call

EXISTS = np.uint64(Status.EXISTS)
UNKNOWN = np.uint64(Invariant.UNKNOWN)
RESERVE = int(Verb.RESERVE)
COLLECT = int(Verb.COLLECT)

# -- reads: the caller is pinned -------------------------------------------------------------


@entry
def load(base, tree, slot, a, b, c, d, e):
    """LOAD: return the value word at key a."""
    return tree_load(words_at(base), tree, a)


@entry
def find(base, tree, slot, a, b, c, d, e):
    """FIND: the first entry that ends at or after key a and begins at or before b."""
    return tree_find(words_at(base), tree, slot, a, b)


@entry
def following(base, tree, slot, a, b, c, d, e):
    """NEXT: the first entry after the one that holds key a."""
    return tree_next(words_at(base), tree, slot, a)


@entry
def previous(base, tree, slot, a, b, c, d, e):
    """PREV: the last entry before the one that holds key a."""
    return tree_prev(words_at(base), tree, slot, a)


@entry
def scan(base, tree, slot, a, b, c, d, e):
    """SCAN: up to c entries that meet [a, b], three words each, to word index d."""
    return np.uint64(tree_scan(words_at(base), tree, a, b, np.int64(c), np.int64(d)))


@entry
def gap_upward(base, tree, slot, a, b, c, d, e):
    """GAP_UP: the lowest start of c free keys in [a, b] with alignment mask d and offset e."""
    words = words_at(base)
    ask(words, slot, a, b, c, d, e)
    return gap_search(words, tree, slot, True)


@entry
def gap_downward(base, tree, slot, a, b, c, d, e):
    """GAP_DOWN: the highest start of c free keys in [a, b] with alignment mask d, offset e."""
    words = words_at(base)
    ask(words, slot, a, b, c, d, e)
    return gap_search(words, tree, slot, False)


# -- under the lock: the caller is not pinned ------------------------------------------------


@kernel_inline
def write_begin(words, tree, slot):
    """Reserve what a write may need, then take the lock: OK, or why not."""
    status = OK
    if not (arena_is_ready(words, slot) and limbo_is_ready(words, slot)):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
    if status == OK:
        status = hold_begin(words, tree, slot)
        if CHECKING:
            takes_begin(words, slot)
    return status


@kernel_inline
def write_end(words, tree, slot, status, extra):
    """Give the lock back, collect some garbage if it is due and `extra` nodes; pass `status` on."""
    if CHECKING and extra == U0:  # building and clearing take, or give, any number
        status = takes_end(words, slot, status)
    hold_end(words, tree, slot)
    if extra != U0 or limbo_is_due(words, slot):
        structure_call(words, COLLECT, tree, slot, extra, U0, U0, U0, U0)
    return status


@entry
def gap_upward_locked(base, tree, slot, a, b, c, d, e):
    """GAP_UP_LOCKED: as GAP_UP, under the lock."""
    words = words_at(base)
    ask(words, slot, a, b, c, d, e)
    status = lock_take(words, tree + TREE_LOCK)
    if status == OK:
        status = gap_up(words, tree, slot)
        lock_give(words, tree + TREE_LOCK)
    return status


@entry
def gap_downward_locked(base, tree, slot, a, b, c, d, e):
    """GAP_DOWN_LOCKED: as GAP_DOWN, under the lock."""
    words = words_at(base)
    ask(words, slot, a, b, c, d, e)
    status = lock_take(words, tree + TREE_LOCK)
    if status == OK:
        status = gap_down(words, tree, slot)
        lock_give(words, tree + TREE_LOCK)
    return status


@entry
def store(base, tree, slot, a, b, c, d, e):
    """STORE: map [a, b] to value c; 0 erases the range."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    return write_end(words, tree, slot, store_locked(words, tree, slot, a, b, c), U0)


@entry
def insert(base, tree, slot, a, b, c, d, e):
    """INSERT: map [a, b] to value c unless anything is there (EXISTS)."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    if is_taken(words, tree, a, b):
        return write_end(words, tree, slot, EXISTS, U0)
    return write_end(words, tree, slot, store_locked(words, tree, slot, a, b, c), U0)


@entry
def erase(base, tree, slot, a, b, c, d, e):
    """ERASE: remove the whole entry that holds key a."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    return write_end(words, tree, slot, erase_locked(words, tree, slot, a), U0)


@entry
def allocate(base, tree, slot, a, b, c, d, e):
    """ALLOCATE: find c free keys in [a, b], from the top if e, and map them to value d."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    ask(words, slot, a, b, c, U0, U0)
    status = gap_down(words, tree, slot) if e != U0 else gap_up(words, tree, slot)
    if status == OK:
        last = words[slot + RESULT_LAST]
        status = store_locked(words, tree, slot, words[slot + RESULT_FIRST], last, d)
    return write_end(words, tree, slot, status, U0)


@entry
def clear(base, tree, slot, a, b, c, d, e):
    """CLEAR: empty the tree with one store; its nodes wait in limbo as one subtree.

    It needs no node, so it works in a full arena too.
    """
    words = words_at(base)
    status = OK
    if not limbo_is_ready(words, slot):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
        if limbo_is_ready(words, slot):
            status = OK  # it needs no node
    if status == OK:
        status = hold_begin(words, tree, slot)
    if status != OK:
        return status
    nodes = words[tree + TREE_LEAVES] + words[tree + TREE_INNERS]
    root = load_relaxed(words, tree + TREE_ROOT)
    if root != NO_REF:
        publish(words, tree, slot, 0, NO_REF, U0)
        words[tree + TREE_LEAVES] = U0
        words[tree + TREE_INNERS] = U0
        words[tree + TREE_COUNT] = U0
        words[tree + TREE_HEIGHT] = U0
        limbo_put(words, slot, root | SUBTREE_BIT)
        limbo_count(words, slot, nodes)
    return write_end(words, tree, slot, OK, nodes)


@entry
def check(base, tree, slot, a, b, c, d, e):
    """CHECK: look at up to b leaves from key a on; 0 or a broken Invariant."""
    words = words_at(base)
    if lock_take(words, tree + TREE_LOCK) != OK:
        return UNKNOWN
    broken = check_from(words, tree, slot, a, b)
    lock_give(words, tree + TREE_LOCK)
    return broken


@entry
def build(base, tree, slot, a, b, c, d, e):
    """BUILD: make the tree of b sorted entries at word index a; the tree must be empty."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    status = build_locked(words, tree, slot, a, np.int64(b))
    nodes = words[tree + TREE_LEAVES] + words[tree + TREE_INNERS]
    return write_end(words, tree, slot, status, nodes)


@entry
def rebuild_any(base, tree, slot, a, b, c, d, e):
    """REBUILD: map [a, b] to value c whatever that takes; the caller holds the lock."""
    return rebuild(words_at(base), tree, slot, a, b, c)


@entry
def reserve(base, tree, slot, a, b, c, d, e):
    """RESERVE: make sure of what a write may need, in nodes and in limbo; OK or why not."""
    words = words_at(base)
    status = limbo_room(words, slot)
    if status == OK:
        status = arena_reserve(words, slot)
        if status == ARENA_FULL:
            status = limbo_squeeze(words, slot)
    return status


@entry
def collect(base, tree, slot, a, b, c, d, e):
    """COLLECT: after a write, advance the epoch if it is time, free a few nodes and a more."""
    limbo_collect(words_at(base), slot, np.int64(a))
    return OK
