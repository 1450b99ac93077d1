"""The arena from Python: reserve it, open trees in it, seat threads in its slots.

The address space is reserved once (anonymous, MAP_NORESERVE: microseconds, no memory) and
never moves; pages are used as they are touched. Huge pages are asked for chunk by chunk when
chunks are opened (arena.py).
"""

import contextlib
import mmap
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from stressd_kernels.arena import (
    INNER_CACHED,
    LEAF_CACHED,
    LEAF_NEED,
    NODES_FREED,
    NODES_RETIRED,
    NODES_TAKEN,
    caches_empty,
)
from stressd_kernels.arguments import integer
from stressd_kernels.checks import NAMES as CHECK_NAMES
from stressd_kernels.door import CHECKING, MODEL, borrowed, driver
from stressd_kernels.epoch import FIRST_EPOCH, epoch_lag
from stressd_kernels.layout import (
    ARENA_CARVED_INNERS,
    ARENA_CARVED_LEAVES,
    ARENA_INNER_FREE,
    ARENA_LEAF_FREE,
    ARENA_NEXT,
    ARENA_SPARED,
    CHECKS,
    CHUNK_WORDS,
    CONTROL,
    EPOCH_GLOBAL,
    FLAG_GAPS,
    HEADER_BACKLOG_MAX,
    HEADER_INNER_STACK,
    HEADER_LAYOUT,
    HEADER_LEAF_NEED,
    HEADER_LEAF_STACK,
    HEADER_MAGIC,
    HEADER_POISON,
    HEADER_POOL_END,
    HEADER_TRAP,
    HEADER_WORDS,
    INNER_WORDS,
    LAYOUT_VERSION,
    LEAF_WORDS,
    LIMBO_MAX,
    MAGIC,
    MM_COUNT,
    MM_WORDS,
    MMS,
    NODE_WORDS_MAX,
    POOL,
    SHORTCUT_BELOW,
    SHORTCUT_WAIT,
    SLOT_WORDS,
    SLOTS,
    SLOTS_MAX,
    TREE_ENTRIES_AT,
    TREE_FLAGS,
    TREE_ID,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_ROOT,
    TREE_SHORTCUT_BELOW,
    TREE_SHORTCUT_DUE,
    TREE_SHORTCUT_LAST,
    TREE_SHORTCUT_STAMPS,
    TREE_SHORTCUT_WAIT,
    TREE_WORDS,
    TREES,
    TREES_MAX,
    UMAX,
    WORD_BYTES,
)
from stressd_kernels.limbo import (
    BACKLOG_WAITS,
    EPOCH_ADVANCES,
    LIMBO_HEAD,
    LIMBO_TAIL,
    limbo_drain,
)
from stressd_kernels.refs import LEAF_BIT, REF_BIT
from stressd_kernels.status import POISON
from stressd_kernels.verbs import Structure, Verb

Words = npt.NDArray[np.uint64]

MAP_NORESERVE = 0x4000
SLOTS_TAKEN = f"all {SLOTS_MAX} slots of the arena are taken"
TRAP_NODE = 512  # word index of the permanent leaf that answers POISON
CAPACITY_MIN = 2 * CHUNK_WORDS * WORD_BYTES  # one chunk of each kind of node
CAPACITY_MAX = NODE_WORDS_MAX * WORD_BYTES


class Accounting(NamedTuple):
    """Where the nodes are. `live + limbo + cached + free == carved` when nothing runs."""

    carved: int
    live: int
    limbo: int
    cached: int
    free: int
    taken_total: int
    retired_total: int
    freed_total: int
    limbo_entries: int
    advances: int
    backlog_waits: int
    used_bytes: int


class Arena:
    """A reserved address space with trees and slots in it.

    capacity  bytes for nodes, 4 MiB .. 24 GiB; rounded up to whole chunks of 2 MiB
    poison    whether freed nodes are overwritten, so that a late reader is noticed; by default in
              all builds but the fast one
    backlog   most limbo entries of one slot before its writes answer BACKLOG

    Raises ValueError for a capacity out of range, TypeError for one that is no integer, and
    MemoryError if it cannot be reserved.
    """

    def __init__(
        self, capacity: int = 8 << 30, *, poison: bool = CHECKING, backlog: int = LIMBO_MAX
    ) -> None:
        capacity, backlog = integer("capacity", capacity), integer("backlog", backlog)
        if not CAPACITY_MIN <= capacity <= CAPACITY_MAX:
            raise ValueError(
                f"capacity must be {CAPACITY_MIN} .. {CAPACITY_MAX} bytes (got {capacity})"
            )
        if not 1024 <= backlog <= LIMBO_MAX:
            raise ValueError(f"backlog must be 1024 .. {LIMBO_MAX} (got {backlog})")
        chunks = -(-capacity // (CHUNK_WORDS * WORD_BYTES))
        self.capacity = chunks * CHUNK_WORDS * WORD_BYTES
        pool_end = POOL + chunks * CHUNK_WORDS
        leaf_stack = pool_end
        inner_stack = leaf_stack + chunks * (CHUNK_WORDS // LEAF_WORDS)
        end = inner_stack + chunks * (CHUNK_WORDS // INNER_WORDS) + LEAF_WORDS
        self.words = _reserve(end)
        words = self.words
        words[HEADER_MAGIC] = MAGIC
        words[HEADER_LAYOUT] = LAYOUT_VERSION
        words[HEADER_WORDS] = end
        words[HEADER_POISON] = int(poison)
        words[HEADER_LEAF_NEED] = LEAF_NEED
        words[HEADER_LEAF_STACK] = leaf_stack
        words[HEADER_INNER_STACK] = inner_stack
        words[HEADER_BACKLOG_MAX] = backlog
        words[HEADER_POOL_END] = pool_end
        words[HEADER_TRAP] = REF_BIT | LEAF_BIT | np.uint64(TRAP_NODE)
        words[TRAP_NODE + 1 : TRAP_NODE + 16] = UMAX
        words[TRAP_NODE + 16 : TRAP_NODE + 32] = POISON
        words[EPOCH_GLOBAL] = FIRST_EPOCH
        words[ARENA_NEXT] = POOL
        self._lock = threading.RLock()  # the collector may close a tree inside of it
        self._free_slots = [SLOTS + n * SLOT_WORDS for n in range(SLOTS_MAX - 1, -1, -1)]
        self._seats = iter(self._free_slots.pop, -1)
        self._idle_seats = iter(partial(self._free_slots.pop, 0), -1)
        # Give a slot back; its cache and limbo stay for whoever claims it next.
        self.leave: Callable[[int], None] = self._free_slots.append
        self._free_trees = list(range(TREES_MAX - 1, -1, -1))
        self._open_trees: set[int] = set()

    # -- slots -----------------------------------------------------------------------------

    def seat(self) -> int:
        """Claim a slot for one thread at a time; return the word index of its block.

        Raises RuntimeError when all SLOTS_MAX are taken.
        """
        try:
            return self._free_slots.pop()
        except IndexError:
            raise RuntimeError(SLOTS_TAKEN) from None

    @property
    def seats(self) -> Iterator[int]:
        """An iterator that claims slots, for calls that any exception may interrupt.

            for slot in arena.seats:
                try:
                    ...
                    break
                finally:
                    leave(slot)

        With `leave = arena.leave` beforehand no slot is lost wherever a signal handler raises: from
        claiming to `try` and from `finally` to giving back Python does not look for signals.
        The loop raises IndexError when all SLOTS_MAX are taken.
        """
        return self._seats

    @contextlib.contextmanager
    def seated(self) -> Iterator[int]:
        """Claim a slot for the length of a `with` block."""
        slot = self.seat()
        try:
            yield slot
        finally:
            self.leave(slot)

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled, before gigabytes of words are."""
        raise TypeError(
            "an arena, and a tree in it, cannot be pickled or copied: see MapleTree.copy"
        )

    # -- trees -----------------------------------------------------------------------------

    def open_tree(self, *, gaps: bool = True) -> int:
        """Claim an empty tree block; return its word index. RuntimeError when none is left."""
        with self._lock:
            if not self._free_trees:
                raise RuntimeError(f"all {TREES_MAX} trees of the arena are open")
            number = self._free_trees.pop()
            tree = TREES + number * TREE_WORDS
            self._open_trees.add(tree)
        # Who read the tree that had the block before may still be in a table of its shortcuts.
        last, stamps = tree + TREE_SHORTCUT_LAST, tree + TREE_SHORTCUT_STAMPS
        kept = int(self.words[last]), self.words[stamps : stamps + 2].copy()
        self.words[tree : tree + TREE_WORDS] = 0
        self.words[last], self.words[stamps : stamps + 2] = kept
        self.words[tree + TREE_ID] = number
        self.words[tree + TREE_FLAGS] = FLAG_GAPS if gaps else 0
        self.words[tree + TREE_SHORTCUT_DUE] = UMAX
        self.words[tree + TREE_SHORTCUT_BELOW] = SHORTCUT_BELOW
        self.words[tree + TREE_SHORTCUT_WAIT] = SHORTCUT_WAIT
        return tree

    def close_tree(self, tree: int) -> None:
        """Give back the block of a tree that was cleared and that nobody uses any more."""
        if self.words[tree + TREE_ROOT] != 0:
            raise RuntimeError("a tree must be cleared before it is closed")
        with self._lock:
            self._open_trees.remove(tree)
            self._free_trees.append(int(self.words[tree + TREE_ID]))

    def offer(self, tree: int, structure: Structure, verbs: Iterable[Verb]) -> None:
        """Make `verbs` callable on `tree` by operations (compiles what is not ready yet)."""
        for verb in structure.with_helpers(verbs):
            self.words[tree + TREE_ENTRIES_AT + verb] = structure.entries[verb].address

    @property
    def trees(self) -> list[int]:
        """Word indexes of the open trees."""
        with self._lock:
            return sorted(self._open_trees)

    # -- the run ---------------------------------------------------------------------------

    def stop(self) -> None:
        """Tell every wait in this arena to end."""
        self.words[CONTROL] = 1

    def go_on(self) -> None:
        """Take `stop` back."""
        self.words[CONTROL] = 0

    @contextlib.contextmanager
    def failing(self, after: int = 0) -> Iterator[None]:
        """Let nodes run out inside a `with` block: `after` reservations succeed, later ones fail.

        Each write reserves once, before it begins; a bulk build and a copy again before each
        node. What fails raises MemoryError and leaves its tree as it was. Not to be nested.
        """
        if self.words[HEADER_LEAF_NEED] == UMAX:
            raise RuntimeError("the arena is failing already")
        self.words[ARENA_SPARED] = after
        self.words[HEADER_LEAF_NEED] = UMAX
        try:
            yield
        finally:
            self.words[HEADER_LEAF_NEED] = LEAF_NEED

    def epoch(self) -> tuple[int, int, int]:
        """Return (epoch, lag of the oldest pinned slot in epochs, pinned slots)."""
        lag, pinned = _lag(self.words)
        return int(self.words[EPOCH_GLOBAL]), int(lag), int(pinned)

    def failed_checks(self) -> dict[str, int]:
        """Return which assertions failed, and how often; only checking builds make any."""
        counts = self.words[CHECKS : CHECKS + len(CHECK_NAMES)].tolist()
        return {name: count for name, count in zip(CHECK_NAMES, counts, strict=True) if count}

    def drain(self) -> bool:
        """Free all limbo entries; for quiescent moments. False if a reader is still pinned."""
        drained = [bool(_drain(self.words, slot)) for slot in self._used_slots()]
        return all(drained)

    def reclaim(self) -> bool:
        """Free what idle slots hold back, in limbo and in caches; False if that is nothing.

        A slot keeps it for whoever claims it next, which does not help those who have another.
        """
        if self.words[HEADER_LEAF_NEED] == UMAX:  # see `failing`
            return False
        before, used, leave = self._shared(), set(self._used_slots()), self.leave
        for _ in range(len(self._free_slots)):
            with contextlib.suppress(IndexError):  # others have claimed them meanwhile
                for slot in self._idle_seats:
                    try:
                        if slot in used:
                            _reclaim(self.words, slot)
                        break
                    finally:
                        leave(slot)
        return self._shared() > before

    def _shared(self) -> int:
        return int(self.words[ARENA_LEAF_FREE]) + int(self.words[ARENA_INNER_FREE])

    def accounting(self) -> Accounting:
        """Say where every node is; exact when no thread runs in the arena."""
        words = self.words
        slots = self._used_slots()

        def total(offset: int) -> int:
            return sum(int(words[slot + offset]) for slot in slots)

        trees = self.trees
        carved_leaves = int(words[ARENA_CARVED_LEAVES])
        carved_inners = int(words[ARENA_CARVED_INNERS])
        retired, freed = total(NODES_RETIRED), total(NODES_FREED)
        return Accounting(
            carved=carved_leaves + carved_inners,
            live=sum(_live(words, tree) for tree in trees),
            limbo=retired - freed,
            cached=total(LEAF_CACHED) + total(INNER_CACHED),
            free=self._shared(),
            taken_total=total(NODES_TAKEN),
            retired_total=retired,
            freed_total=freed,
            limbo_entries=total(LIMBO_TAIL) - total(LIMBO_HEAD),
            advances=total(EPOCH_ADVANCES),
            backlog_waits=total(BACKLOG_WAITS),
            used_bytes=(int(words[ARENA_NEXT]) - POOL) * WORD_BYTES,
        )

    def _used_slots(self) -> list[int]:
        """Word indexes of the slots that were ever claimed: they are dealt from 0 upward."""
        retired = self.words[SLOTS + NODES_RETIRED : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        taken = self.words[SLOTS + NODES_TAKEN : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        cached = self.words[SLOTS + LEAF_CACHED : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        inner = self.words[SLOTS + INNER_CACHED : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
        used = np.flatnonzero((taken != 0) | (retired != 0) | (cached != 0) | (inner != 0))
        return [SLOTS + int(number) * SLOT_WORDS for number in used]


def _live(words: Words, tree: int) -> int:
    """Return how many nodes a tree has, records of the address space beside it included."""
    records = words[MMS + int(words[tree + TREE_ID]) * MM_WORDS + MM_COUNT]
    return int(words[tree + TREE_LEAVES]) + int(words[tree + TREE_INNERS]) + int(records)


def _reserve(words: int) -> Words:
    """Reserve `words` words of address space whose pool is aligned to huge pages."""
    if MODEL:
        from stressd_kernels.model import words as model

        return model.Words()
    huge = CHUNK_WORDS * WORD_BYTES
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    try:
        memory = mmap.mmap(-1, words * WORD_BYTES + huge, flags=flags)
    except OSError as error:
        gib = words * WORD_BYTES / (1 << 30)
        raise MemoryError(f"cannot reserve {gib:.1f} GiB of address space: {error}") from error
    array = np.frombuffer(memory, np.uint64)
    skip = (-(array.ctypes.data + POOL * WORD_BYTES) % huge) // WORD_BYTES
    return array[skip : skip + words]


@driver
def _reclaim(words, slot):  # type: ignore[no-untyped-def]
    """Free one slot's limbo and share what is in its caches; its thread is at rest."""
    words = borrowed(words)
    drained = limbo_drain(words, slot)
    caches_empty(words, slot)
    return drained


@driver
def _drain(words, slot):  # type: ignore[no-untyped-def]
    """Free all of one slot's limbo; its thread is at rest."""
    return limbo_drain(borrowed(words), slot)


@driver
def _lag(words):  # type: ignore[no-untyped-def]
    """Return the lag of the oldest pinned slot, and how many are pinned."""
    return epoch_lag(borrowed(words))
