"""The entry points of the maple tree: what each verb of `verbs.Verb` does here.

Reads run under the caller's pin. Writes go through one frame: reserve nodes and limbo room,
take the lock, do it, give the lock back, collect a little garbage. Nothing is waited for
between taking the lock and giving it back.
"""

import numpy as np

from stressd_kernels.arena import (
    ARENA_FULL,
    INNER_NEED,
    LEAF_NEED,
    arena_is_ready,
    arena_refuses,
    arena_reserve,
    takes_begin,
    takes_end,
)
from stressd_kernels.door import (
    CHECKING,
    entry,
    kernel,
    kernel_inline,
    load_relaxed,
    unlikely,
    words_at,
)
from stressd_kernels.holding import hold_begin, hold_end
from stressd_kernels.layout import (
    RESULT_VERSION,
    TREE_COUNT,
    TREE_FLAGS,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_LOCK,
    TREE_ROOT,
    TREE_SHORTCUT_DUE,
    TREE_VERSION,
    U0,
    U1,
    UMAX,
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
from stressd_kernels.lock import OK, lock_give, lock_take, locks_give, locks_take
from stressd_kernels.maple.allocate import allocate_locked, cyclic_locked
from stressd_kernels.maple.build import build_locked
from stressd_kernels.maple.check import Invariant, check_from
from stressd_kernels.maple.copy import copy_locked
from stressd_kernels.maple.edit import erase_locked, replace, store_locked, store_walked
from stressd_kernels.maple.gaps import ask, gap_down, gap_search, gap_up
from stressd_kernels.maple.publish import publish
from stressd_kernels.maple.ranges import tree_seek, tree_seek_rev, tree_walk
from stressd_kernels.maple.rebuild import rebuild
from stressd_kernels.maple.scan import tree_scan
from stressd_kernels.maple.search import (
    is_taken,
    tree_find,
    tree_find_rev,
    tree_load,
    tree_next,
    tree_prev,
)
from stressd_kernels.maple.shortcut import STEP, shortcut_make
from stressd_kernels.refs import NO_REF, SUBTREE_BIT
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call

EXISTS = np.uint64(Status.EXISTS)
UNSUPPORTED = np.uint64(Status.UNSUPPORTED)
UNKNOWN = np.uint64(Invariant.UNKNOWN)
RESERVE = int(Verb.RESERVE)
COLLECT = int(Verb.COLLECT)
SHORTCUT = int(Verb.SHORTCUT)

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
def find_reverse(base, tree, slot, a, b, c, d, e):
    """FIND_REV: the last entry that begins at or before key a and ends at or after b."""
    return tree_find_rev(words_at(base), tree, slot, a, b)


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
def walk_to(base, tree, slot, a, b, c, d, e):
    """WALK: the range that holds key a, whatever it is."""
    return tree_walk(words_at(base), tree, slot, a)


@entry
def seek(base, tree, slot, a, b, c, d, e):
    """SEEK: as FIND, reserved entries too."""
    return tree_seek(words_at(base), tree, slot, a, b)


@entry
def seek_reverse(base, tree, slot, a, b, c, d, e):
    """SEEK_REV: as FIND_REV, reserved entries too."""
    return tree_seek_rev(words_at(base), tree, slot, a, b)


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
    if unlikely(not (arena_is_ready(words, slot) and limbo_is_ready(words, slot))):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
        if status != OK:
            return status
    if CHECKING:
        takes_begin(words, slot)
    return hold_begin(words, tree, slot)


@kernel_inline
def write_end(words, tree, slot, status, extra):
    """Give the lock back, collect some garbage if it is due and `extra` nodes; pass `status` on."""
    if CHECKING and extra == U0:  # building takes, and clearing gives, any number
        status = takes_end(words, slot, status)
    if unlikely(status != OK):
        words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)  # as it was
    if unlikely(words[slot + RESULT_VERSION] >= words[tree + TREE_SHORTCUT_DUE]):
        structure_call(words, SHORTCUT, tree, slot, STEP, U0, U0, U0, U0)
    hold_end(words, tree, slot)
    if unlikely(extra != U0 or limbo_is_due(words, slot)):
        structure_call(words, COLLECT, tree, slot, extra, U0, U0, U0, U0)
    return status


@kernel_inline
def store_one(words, tree, slot, plan):
    """Do what STORE does. plan: first, last, value."""
    status = write_begin(words, tree, slot)
    if unlikely(status != OK):
        return status
    if replace(words, tree, slot, plan):
        if CHECKING:
            status = takes_end(words, slot, status)
        hold_end(words, tree, slot)  # it took no node and retired none
        return status
    return write_end(words, tree, slot, store_walked(words, tree, slot, plan), U0)


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
    return store_one(words_at(base), tree, slot, (a, b, c))


@entry
def insert(base, tree, slot, a, b, c, d, e):
    """INSERT: map [a, b] to value c unless anything is there (EXISTS)."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    if is_taken(words, tree, a, b):
        return write_end(words, tree, slot, EXISTS, U0)
    return write_end(words, tree, slot, store_walked(words, tree, slot, (a, b, c)), U0)


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
    """ALLOCATE: find c free keys in [a, b], as flags e say, and map them to value d."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    status = allocate_locked(words, tree, slot, (a, b, c), d, e)
    return write_end(words, tree, slot, status, U0)


@entry
def allocate_cyclic(base, tree, slot, a, b, c, d, e):
    """ALLOCATE_CYCLIC: find c free keys in [a, b] from where words[e] says, and map them to d."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    status = cyclic_locked(words, tree, slot, (a, b, c), d, e)
    return write_end(words, tree, slot, status, U0)


@kernel
def clear_locked(words, tree, slot):
    """Empty the tree with one store; return how many nodes wait in limbo as one subtree.

    The caller holds the lock (W1) and has made room in its limbo for one entry.
    """
    words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
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
    return nodes


@entry
def clear(base, tree, slot, a, b, c, d, e):
    """CLEAR: empty the tree with one store.

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
    if CHECKING:
        takes_begin(words, slot)
    nodes = clear_locked(words, tree, slot)
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


@kernel_inline
def shortcut_whole(words, tree, slot):
    """Make all buckets of a table at once, if there is to be one: the tree was just filled."""
    if words[tree + TREE_SHORTCUT_DUE] != UMAX:
        structure_call(words, SHORTCUT, tree, slot, UMAX, U0, U0, U0, U0)


@entry
def build(base, tree, slot, a, b, c, d, e):
    """BUILD: make the tree of b sorted entries at word index a; the tree must be empty."""
    words = words_at(base)
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    words[slot + RESULT_VERSION] = load_relaxed(words, tree + TREE_VERSION)
    status = build_locked(words, tree, slot, a, np.int64(b))
    nodes = words[tree + TREE_LEAVES] + words[tree + TREE_INNERS]
    shortcut_whole(words, tree, slot)
    return write_end(words, tree, slot, status, max(nodes, U1))  # it takes any number


@entry
def copy(base, tree, slot, a, b, c, d, e):
    """COPY: make this empty tree what the tree at word index a is, node by node."""
    words = words_at(base)
    source = np.int64(a)
    if source == tree:
        return EXISTS
    if words[source + TREE_FLAGS] != words[tree + TREE_FLAGS]:
        return UNSUPPORTED
    status = OK
    if not (arena_is_ready(words, slot) and limbo_is_ready(words, slot)):
        status = structure_call(words, RESERVE, tree, slot, U0, U0, U0, U0, U0)
    if status == OK:
        status = locks_take(words, source, tree)
    if status != OK:
        return status
    status = copy_locked(words, source, tree, slot)
    nodes = words[tree + TREE_LEAVES] + words[tree + TREE_INNERS]
    shortcut_whole(words, tree, slot)
    locks_give(words, source, tree)
    structure_call(words, COLLECT, tree, slot, nodes, U0, U0, U0, U0)
    return status


# -- for a caller that holds the lock, and has reserved what they need --------------------------


@entry
def store_held(base, tree, slot, a, b, c, d, e):
    """STORE_HELD: map [a, b] to value c; 0 erases the range."""
    return store_locked(words_at(base), tree, slot, a, b, c)


@entry
def build_held(base, tree, slot, a, b, c, d, e):
    """BUILD_HELD: as BUILD; it reserves as it goes."""
    return build_locked(words_at(base), tree, slot, a, np.int64(b))


@entry
def clear_held(base, tree, slot, a, b, c, d, e):
    """CLEAR_HELD: empty the tree; return how many nodes wait for that."""
    return clear_locked(words_at(base), tree, slot)


@entry
def check_held(base, tree, slot, a, b, c, d, e):
    """CHECK_HELD: as CHECK."""
    return check_from(words_at(base), tree, slot, a, b)


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
        status = arena_refuses(words)
    if status == OK:
        status = arena_reserve(words, slot, LEAF_NEED, INNER_NEED)
        if status == ARENA_FULL:
            status = limbo_squeeze(words, slot, LEAF_NEED, INNER_NEED)
    return status


@entry
def collect(base, tree, slot, a, b, c, d, e):
    """COLLECT: after a write, advance the epoch if it is time, free a few nodes and a more."""
    limbo_collect(words_at(base), slot, np.int64(a))
    return OK


@entry
def shortcut(base, tree, slot, a, b, c, d, e):
    """SHORTCUT: make a buckets of the table that leads look-ups past the upper levels."""
    shortcut_make(words_at(base), tree, a)
    return OK
