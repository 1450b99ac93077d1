"""`MapleTree`: the concurrent tree as a Python class.

Any number of threads may call any method at any time. Look-ups neither lock nor wait; writes take
turns, and so does a gap search that writes have overtaken again and again. Each call claims a slot
of the arena, runs one compiled entry point without the GIL, and gives the slot back, so a tree that
nobody is calling holds nothing up.

An arena has 256 slots: more calls than that at one moment, a crowd behind one slow write, raise
RuntimeError. A process that is forked while other threads are inside calls must not use its trees:
their locks may stay taken.
"""

import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stressd_kernels.arguments import (
    Entry,
    content_of,
    key_of,
    keys_of,
    mask_of,
    range_of,
    rows_of,
    size_of,
    value_of,
)
from stressd_kernels.batch import load_batch
from stressd_kernels.calls import Calls, done, found, sound
from stressd_kernels.cursor import Cursor
from stressd_kernels.cyclic import Cyclic
from stressd_kernels.layout import (
    INNER_WORDS,
    LEAF_WORDS,
    RESULT_FIRST,
    RESULT_VALUE,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_SHORTCUT_MADE,
    TREE_VERSION,
    WORD_BYTES,
)
from stressd_kernels.maple.check import Invariant
from stressd_kernels.maple.dump import dump_lines
from stressd_kernels.maple.pack import STAT_MERGE, STAT_SPANNING, STAT_SPLIT
from stressd_kernels.memory import SLOTS_TAKEN, Arena
from stressd_kernels.status import KEY_MAX, ZERO, Status
from stressd_kernels.verbs import Verb

MAX = KEY_MAX
ALL = KEY_MAX  # "as many as there are"
SCAN_BATCH = 512  # entries fetched at a time by `items`
FROM_TOP = 1  # flags of ALLOCATE
ALIGNED = 2

_default: Arena | None = None
_default_lock = threading.Lock()


def default_arena() -> Arena:
    """Return the arena that trees share unless they are given another: 8 GiB of nodes.

    Falls back to less address space where the system will not reserve that much.
    """
    global _default
    with _default_lock:
        capacity = 8 << 30
        while _default is None:
            try:
                _default = Arena(capacity)
            except MemoryError:
                if capacity <= 64 << 20:
                    raise
                capacity //= 2
        return _default


class MapleTree:
    """A map from ranges of keys to values that readers may use while it changes.

    Keys are 0 .. 2**64 - 1, ranges are inclusive at both ends, values are 1 .. 2**63 - 1, and
    None stands for "nothing there". A store overwrites whatever was in its range; entries are
    never merged, even if adjacent ones have equal values.

        tree = MapleTree()
        tree.store(0x1000, 0x1FFF, 7)
        tree.load(0x1234)                     # 7
        tree.empty_area(0, 0xFFFF, 0x1000)    # 0: the lowest free 4,096 keys

    gaps   keep track of free ranges, which `empty_area` and `allocate` need
    arena  where the nodes live; all trees share one unless told otherwise

    Each answer is right at some instant of the call. Only `next`, `prev`, `find_rev`, and `find`
    among reserved entries, promise less where they leave a leaf and writes overtake them three
    times: what they return was there, and nothing nearer was there throughout.

    Arguments out of range raise ValueError, others than integers TypeError, both naming the
    argument; a full arena raises MemoryError and leaves the tree as it was.
    """

    def __init__(self, gaps: bool = True, *, arena: Arena | None = None) -> None:
        self._calls = Calls(arena or default_arena(), gaps=gaps)

    # -- reads -----------------------------------------------------------------------------

    def load(self, index: int) -> int | None:
        """Return the value at `index`, or None."""
        return sound(self._calls.ask(Verb.LOAD, key_of("index", index))[0]) or None

    def load_many(self, indexes: Iterable[int] | npt.ArrayLike) -> npt.NDArray[np.uint64]:
        """Return the values at `indexes` as uint64, 0 where there is nothing.

        Many searches are under way at a time (batch.py): much faster than single loads. Each
        answer is right at some instant of the call; together they are not one instant.
        """
        keys = keys_of("indexes", indexes)
        values = np.empty(len(keys), np.uint64)
        leave = self._calls.arena.leave
        try:
            for slot in self._calls.arena.seats:
                try:
                    load_batch(self._calls.words, self._block, slot, keys, values)
                    break
                finally:
                    leave(slot)
        except IndexError as error:
            raise RuntimeError(SLOTS_TAKEN) from error
        self._calls.require_open()
        if len(values):
            sound(int(values.max()))
        return values

    def find(self, index: int, last: int = MAX) -> Entry | None:
        """Return (first, last, value) of the first entry that ends at or after `index`.

        None if it begins after `last`, or if there is none.
        """
        return self._entry(Verb.FIND, *range_of(index, last, "index"))

    def find_rev(self, index: int, first: int = 0) -> Entry | None:
        """Return (first, last, value) of the last entry that begins at or before `index`.

        None if it ends before `first`, or if there is none.
        """
        first, index = range_of(first, index, "first", "index")
        return self._entry(Verb.FIND_REV, index, first)

    def next(self, index: int) -> Entry | None:
        """Return the entry after the one at `index` (after `index`, if nothing is there)."""
        return self._entry(Verb.NEXT, key_of("index", index))

    def prev(self, index: int) -> Entry | None:
        """Return the entry before the one at `index` (before `index`, if nothing is there)."""
        return self._entry(Verb.PREV, key_of("index", index))

    def _entry(self, verb: Verb, *arguments: int) -> Entry | None:
        entry = self._calls.entry(verb, *arguments)
        if entry:
            sound(entry[2])
        return entry

    def items(self, first: int = 0, last: int = MAX) -> Iterator[Entry]:
        """Yield (first, last, value) of every entry that meets [first, last], ascending.

        Between two steps the tree may change: each entry was there at some instant, and nothing
        is skipped that was there throughout. Last keys ascend; an entry that was stored meanwhile
        may begin before the end of the one before it.
        """
        first, last = range_of(first, last)
        return self._items(first, last)

    def _items(self, first: int, last: int) -> Iterator[Entry]:
        while True:
            batch = self._calls.scan(first, last, SCAN_BATCH)
            yield from batch
            if len(batch) < SCAN_BATCH or batch[-1][1] >= last:
                return
            first = batch[-1][1] + 1

    def cursor(self, index: int = 0, last: int = MAX) -> Cursor:
        """Return a cursor that stands at `index` and looks at [index, last]."""
        return Cursor(self._calls, *range_of(index, last, "index"))

    def empty_area(
        self, low: int, high: int, size: int, align_mask: int = 0, align_offset: int = 0
    ) -> int | None:
        """Return the lowest start of `size` free keys inside [low, high], or None.

        The start is congruent to `align_offset` modulo `align_mask` + 1 (a power of two).
        """
        return self._gap(Verb.GAP_UP, low, high, size, align_mask, align_offset)

    def empty_area_rev(
        self, low: int, high: int, size: int, align_mask: int = 0, align_offset: int = 0
    ) -> int | None:
        """Return the highest start of `size` free keys inside [low, high], or None."""
        return self._gap(Verb.GAP_DOWN, low, high, size, align_mask, align_offset)

    def _gap(
        self, verb: Verb, low: int, high: int, size: int, align_mask: int, align_offset: int
    ) -> int | None:
        self._calls.need_gaps()
        window = (*range_of(low, high, "low", "high"), size_of(size))
        arguments = (*window, mask_of(align_mask), key_of("align_offset", align_offset))
        status, start = self._calls.ask(verb, *arguments, results=(RESULT_FIRST,))
        if status == Status.RETRY:
            locked = Verb.GAP_UP_LOCKED if verb == Verb.GAP_UP else Verb.GAP_DOWN_LOCKED
            status, start = self._calls.ask(locked, *arguments, results=(RESULT_FIRST,))
        return start if found(status) else None

    # -- writes ----------------------------------------------------------------------------

    def store(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to `value`, whatever was there; None erases the range."""
        word = 0 if value is None else value_of(value)
        done(self._calls.ask(Verb.STORE, *range_of(first, last), word)[0])

    def reserve(self, first: int, last: int) -> None:
        """Hold [first, last] with an entry that reads as nothing, whatever was there.

        No look-up sees it; `insert`, gap searches and `allocate` keep away from it, a store
        replaces it, and a cursor shows it. `insert`, `allocate` and `cyclic` reserve, too, when
        they are given None as the value.
        """
        done(self._calls.ask(Verb.STORE, *range_of(first, last), ZERO)[0])

    def insert(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to `value` (None reserves it); FileExistsError if anything is there."""
        first, last = range_of(first, last)
        (status,) = self._calls.ask(Verb.INSERT, first, last, content_of(value))
        if status == Status.EXISTS:
            raise FileExistsError(f"something is mapped or reserved in [{first:#x}, {last:#x}]")
        done(status)

    def erase(self, index: int) -> int | None:
        """Remove the whole entry that holds `index`; return its value, or None.

        A reserved entry is removed as well, and has no value.
        """
        key = key_of("index", index)
        status, value = self._calls.ask(Verb.ERASE, key, results=(RESULT_VALUE,))
        return value if found(status) and value != ZERO else None

    def allocate(
        self,
        low: int,
        high: int,
        size: int,
        value: int | None,
        from_top: bool = False,
        *,
        align_mask: int = 0,
        align_offset: int = 0,
    ) -> int | None:
        """Find `size` free keys inside [low, high] and map them to `value`, in one step.

        Return the start, the lowest one (the highest, if `from_top`), or None if nothing fits. A
        value of None reserves them. Alignment is that of `empty_area`.
        """
        self._calls.need_gaps()
        window = (*range_of(low, high, "low", "high"), size_of(size))
        aligned = (mask_of(align_mask), key_of("align_offset", align_offset))
        flags = (FROM_TOP if from_top else 0) | ALIGNED
        status, start = self._calls.ask(
            Verb.ALLOCATE,
            *window,
            content_of(value),
            flags,
            results=(RESULT_FIRST,),
            aligned=aligned,
        )
        return start if found(status) else None

    def cyclic(self, low: int = 0, high: int = MAX) -> Cyclic:
        """Return an allocator that goes on from where it stopped, around [low, high]."""
        self._calls.need_gaps()
        return Cyclic(self._calls, *range_of(low, high, "low", "high"))

    def clear(self) -> None:
        """Remove everything with one store."""
        done(self._calls.ask(Verb.CLEAR)[0])

    def copy(self, into: "MapleTree | None" = None) -> "MapleTree":
        """Return a tree with the same entries, those of one instant: a new one, or `into`.

        Node by node; writers of this tree wait meanwhile, readers do not. `into` must be empty
        (else FileExistsError), of the same arena, and track gaps if this one does (ValueError).
        """
        twin = MapleTree(self._calls.gaps, arena=self._calls.arena) if into is None else into
        if twin._calls.arena is not self._calls.arena or twin._calls.gaps != self._calls.gaps:
            raise ValueError("into must be a tree of the same arena, with gaps if this has them")
        (status,) = twin._calls.ask(Verb.COPY, self._block)
        if status == Status.EXISTS:
            raise FileExistsError("the tree to copy into is not empty")
        done(status)
        return twin

    def build(self, entries: Iterable[Entry] | npt.NDArray[np.uint64]) -> None:
        """Fill an empty tree with ascending, disjoint (first, last, value) in one step.

        FileExistsError if the tree is not empty; much faster than storing one by one.
        """
        rows = rows_of(entries)
        if len(rows) == 0:
            return
        source = (rows.ctypes.data - self._calls.words.ctypes.data) // WORD_BYTES
        (status,) = self._calls.ask(Verb.BUILD, source & MAX, len(rows))
        if status == Status.EXISTS:
            raise FileExistsError("the tree is not empty")
        done(status)

    # -- what it is ------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many ranges are taken: entries, reserved ones among them."""
        return int(self._calls.words[self._block + TREE_COUNT])

    def __iter__(self) -> Iterator[Entry]:
        return self.items()

    def __contains__(self, index: int) -> bool:
        return self.load(index) is not None

    def __repr__(self) -> str:
        return f"<MapleTree of {len(self):,} entries, height {self.height}>"

    @property
    def arena(self) -> Arena:
        """Where its nodes live, maybe beside those of other trees."""
        return self._calls.arena

    @property
    def height(self) -> int:
        """Levels of nodes; 0 when empty."""
        return int(self._calls.words[self._block + TREE_HEIGHT])

    @property
    def nodes(self) -> int:
        """Live nodes, leaves and inner."""
        words = self._calls.words
        return int(words[self._block + TREE_LEAVES]) + int(words[self._block + TREE_INNERS])

    @property
    def bytes(self) -> int:
        """Memory of the live nodes."""
        words = self._calls.words
        leaves = int(words[self._block + TREE_LEAVES]) * LEAF_WORDS
        return (leaves + int(words[self._block + TREE_INNERS]) * INNER_WORDS) * WORD_BYTES

    def stats(self) -> dict[str, Any]:
        """Return figures of the tree and, under "arena", of the arena that it shares."""
        words, tree = self._calls.words, self._block
        return {
            "entries": len(self),
            "height": self.height,
            "leaves": int(words[tree + TREE_LEAVES]),
            "inners": int(words[tree + TREE_INNERS]),
            "bytes": self.bytes,
            "version": int(words[tree + TREE_VERSION]),
            "splits": int(words[tree + STAT_SPLIT]),
            "merges": int(words[tree + STAT_MERGE]),
            "spanning_stores": int(words[tree + STAT_SPANNING]),
            "shortcuts": int(words[tree + TREE_SHORTCUT_MADE]),
            "arena": self._calls.arena.accounting()._asdict(),
        }

    def check(self) -> str | None:
        """Walk the whole tree under the lock; return the first broken invariant, or None."""
        status, key = self._calls.ask(Verb.CHECK, 0, ALL, results=(RESULT_FIRST,))
        if status == Invariant.ALL_HOLD:
            return None
        return f"{Invariant(status).name} at key {key:#x}"

    def dump(self) -> str:
        """Return every node as text; for a tree that nobody changes meanwhile."""
        return "\n".join(dump_lines(self._calls.words, self._block))

    def close(self) -> None:
        """Destroy the tree: clear it and give its block back; it must not be used afterwards.

        Reads that are under way in other threads end safely, and raise ValueError. Writes must
        have ended.
        """
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _block(self) -> int:
        """Word index of the tree's block."""
        return self._calls.block
