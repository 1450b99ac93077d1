"""`MapleTree`: the concurrent tree as a Python class.

Any number of threads may call any method at any time. Reads neither lock nor wait; writes take
turns. Each call claims a slot of the arena, runs one compiled entry point without the GIL, and
gives the slot back, so a tree that nobody is calling holds nothing up.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stressd_kernels.arguments import (
    Entry,
    content_of,
    key_of,
    keys_of,
    range_of,
    rows_of,
    size_of,
    value_of,
)
from stressd_kernels.batch import load_batch, snapshot
from stressd_kernels.door import borrowed, driver, entry_call
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    INNER_WORDS,
    LEAF_WORDS,
    RESULT_FIRST,
    RESULT_VALUE,
    SLOT_WORKER,
    TREE_COUNT,
    TREE_HEIGHT,
    TREE_INNERS,
    TREE_LEAVES,
    TREE_VERSION,
    WORD_BYTES,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.maple.check import Invariant
from stressd_kernels.maple.dump import dump_lines
from stressd_kernels.maple.pack import STAT_MERGE, STAT_SPANNING, STAT_SPLIT
from stressd_kernels.memory import Arena
from stressd_kernels.status import KEY_MAX, RESERVED_BIT, Status
from stressd_kernels.status import ZERO as ZERO_WORD
from stressd_kernels.verbs import Verb

MAX = KEY_MAX
ALL = KEY_MAX  # "as many as there are"
SCAN_BATCH = 512  # entries fetched at a time by `items`
BACKLOG_PAUSE_S = 0.0005

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

    Arguments out of range raise ValueError, others than integers TypeError, both naming the
    argument; a full arena raises MemoryError and leaves the tree as it was.
    """

    def __init__(self, gaps: bool = True, *, arena: Arena | None = None) -> None:
        self._arena = arena or default_arena()
        self._gaps = gaps
        self._tree: int | None = self._arena.open_tree(gaps=gaps)
        self._offered: set[Verb] = set()  # verbs whose helpers stand in its block

    # -- reads -----------------------------------------------------------------------------

    def load(self, index: int) -> int | None:
        """Return the value at `index`, or None."""
        return _value(self._ask(Verb.LOAD, key_of("index", index))[0])

    def load_many(self, indexes: Iterable[int] | npt.ArrayLike) -> npt.NDArray[np.uint64]:
        """Return the values at `indexes` as uint64, 0 where there is nothing.

        Sixteen searches are in flight at a time: much faster than single loads. Each answer is
        right at some instant of the call; together they are not one instant.
        """
        keys = keys_of("indexes", indexes)
        values = np.empty(len(keys), np.uint64)
        with self._arena.seated() as slot:
            load_batch(self._arena.words, self._block, slot, keys, values)
        if len(values):
            _sound(int(values.max()))
        return values

    def find(self, index: int, last: int = MAX) -> Entry | None:
        """Return (first, last, value) of the first entry that ends at or after `index`.

        None if it begins after `last`, or if there is none.
        """
        return self._entry(Verb.FIND, *range_of(index, last, "index"))

    def next(self, index: int) -> Entry | None:
        """Return the entry after the one at `index` (after `index`, if nothing is there)."""
        return self._entry(Verb.NEXT, key_of("index", index))

    def prev(self, index: int) -> Entry | None:
        """Return the entry before the one at `index` (before `index`, if nothing is there)."""
        return self._entry(Verb.PREV, key_of("index", index))

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
            batch = self._scan(first, last)
            yield from batch
            if len(batch) < SCAN_BATCH or batch[-1][1] >= last:
                return
            first = batch[-1][1] + 1

    def _scan(self, first: int, last: int) -> list[Entry]:
        words = self._arena.words
        with self._arena.seated() as slot:
            output = slot + SLOT_WORKER
            arguments = (first, last, SCAN_BATCH, output)
            count = int(
                _invoke(
                    words, self._address(Verb.SCAN), self._block, slot, True, *_five(*arguments)
                )
            )
            rows = words[output : output + 3 * count].reshape(count, 3).tolist()
        return [(first, last, _sound(value)) for first, last, value in rows]

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
        self._needs_gaps()
        low, high = range_of(low, high, "low", "high")
        size = size_of(size)
        mask = key_of("align_mask", align_mask)
        if mask & (mask + 1):
            raise ValueError(f"align_mask must be a power of two minus 1 (got {align_mask})")
        arguments = (low, high, size, mask, key_of("align_offset", align_offset))
        status, start = self._ask(verb, *arguments, result=RESULT_FIRST)
        if status == Status.RETRY:
            locked = Verb.GAP_UP_LOCKED if verb == Verb.GAP_UP else Verb.GAP_DOWN_LOCKED
            status, start = self._ask(locked, *arguments, result=RESULT_FIRST)
        return start if _found(status) else None

    # -- writes ----------------------------------------------------------------------------

    def store(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to `value`, whatever was there; None erases the range."""
        first, last = range_of(first, last)
        _done(self._ask(Verb.STORE, first, last, 0 if value is None else value_of(value))[0])

    def reserve(self, first: int, last: int) -> None:
        """Hold [first, last] with an entry that reads as nothing, whatever was there.

        No look-up sees it; `insert`, gap searches and `allocate` keep away from it, and a store
        replaces it. `insert` and `allocate` reserve, too, when they are given None as the value.
        """
        _done(self._ask(Verb.STORE, *range_of(first, last), ZERO_WORD)[0])

    def insert(self, first: int, last: int, value: int | None) -> None:
        """Map [first, last] to `value` (None reserves it); FileExistsError if anything is there."""
        first, last = range_of(first, last)
        status = self._ask(Verb.INSERT, first, last, content_of(value))[0]
        if status == Status.EXISTS:
            raise FileExistsError(f"something is mapped or reserved in [{first:#x}, {last:#x}]")
        _done(status)

    def erase(self, index: int) -> int | None:
        """Remove the whole entry that holds `index`; return its value, or None.

        A reserved entry is removed as well, and has no value.
        """
        status, value = self._ask(Verb.ERASE, key_of("index", index), result=RESULT_VALUE)
        return value if _found(status) and value != ZERO_WORD else None

    def allocate(
        self, low: int, high: int, size: int, value: int | None, from_top: bool = False
    ) -> int | None:
        """Find `size` free keys inside [low, high] and map them to `value`, in one step.

        Return the start, the lowest one (the highest, if `from_top`), or None if nothing fits.
        A value of None reserves them.
        """
        self._needs_gaps()
        low, high = range_of(low, high, "low", "high")
        arguments = (low, high, size_of(size), content_of(value), int(bool(from_top)))
        status, start = self._ask(Verb.ALLOCATE, *arguments, result=RESULT_FIRST)
        return start if _found(status) else None

    def clear(self) -> None:
        """Remove everything with one store."""
        _done(self._ask(Verb.CLEAR)[0])

    def copy(self) -> "MapleTree":
        """Return a tree with the same entries: those of one instant."""
        twin = MapleTree(self._gaps, arena=self._arena)
        twin._build(self._snapshot())
        return twin

    def build(self, entries: Iterable[Entry] | npt.NDArray[np.uint64]) -> None:
        """Fill an empty tree with ascending, disjoint (first, last, value) in one step.

        FileExistsError if the tree is not empty; much faster than storing one by one.
        """
        self._build(rows_of(entries))

    def _build(self, rows: npt.NDArray[np.uint64]) -> None:
        if len(rows) == 0:
            return
        words = self._arena.words
        source = (rows.ctypes.data - words.ctypes.data) // WORD_BYTES
        status = self._ask(Verb.BUILD, source & MAX, len(rows))[0]
        if status == Status.EXISTS:
            raise FileExistsError("the tree is not empty")
        _done(status)

    def _snapshot(self) -> npt.NDArray[np.uint64]:
        """Return the entries of one instant, as rows of uint64."""
        room = len(self) + 64
        while True:
            rows = np.empty((room, 3), np.uint64)
            with self._arena.seated() as slot:
                count = int(snapshot(self._arena.words, self._block, slot, rows))
            if count < 0:
                raise RuntimeError("the tree cannot be used: its lock is broken")
            if count <= room:
                return rows[:count]
            room = count + 64

    # -- what it is ------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many ranges are taken: entries, reserved ones among them."""
        return int(self._arena.words[self._block + TREE_COUNT])

    def __iter__(self) -> Iterator[Entry]:
        return self.items()

    def __repr__(self) -> str:
        return f"<MapleTree of {len(self):,} entries, height {self.height}>"

    @property
    def height(self) -> int:
        """Levels of nodes; 0 when empty."""
        return int(self._arena.words[self._block + TREE_HEIGHT])

    @property
    def nodes(self) -> int:
        """Live nodes, leaves and inner."""
        words = self._arena.words
        return int(words[self._block + TREE_LEAVES]) + int(words[self._block + TREE_INNERS])

    @property
    def bytes(self) -> int:
        """Memory of the live nodes."""
        words = self._arena.words
        leaves = int(words[self._block + TREE_LEAVES]) * LEAF_WORDS
        return (leaves + int(words[self._block + TREE_INNERS]) * INNER_WORDS) * WORD_BYTES

    def stats(self) -> dict[str, Any]:
        """Return figures of the tree and, under "arena", of the arena that it shares."""
        words, tree = self._arena.words, self._block
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
            "arena": self._arena.accounting()._asdict(),
        }

    def check(self) -> str | None:
        """Walk the whole tree under the lock; return the first broken invariant, or None."""
        status, key = self._ask(Verb.CHECK, 0, ALL, result=RESULT_FIRST)
        if status == Invariant.ALL_HOLD:
            return None
        return f"{Invariant(status).name} at key {key:#x}"

    def dump(self) -> str:
        """Return every node as text; for a tree that nobody changes meanwhile."""
        return "\n".join(dump_lines(self._arena.words, self._block))

    def close(self) -> None:
        """Clear the tree and give its block back; it must not be used afterwards."""
        if self._tree is not None:
            self.clear()
            self._arena.close_tree(self._tree)
            self._tree = None

    def __del__(self) -> None:
        # Interpreter shutdown may have taken anything away already.
        try:
            self.close()
        except Exception:
            return

    @property
    def _block(self) -> int:
        """Word index of the tree's block."""
        if self._tree is None:
            raise ValueError("the tree is closed")
        return self._tree

    # -- calls -----------------------------------------------------------------------------

    def _ask(self, verb: Verb, *arguments: int, result: int = RESULT_VALUE) -> tuple[int, int]:
        """Call an entry point; return its answer and one result word."""
        words = self._arena.words
        address = self._address(verb)
        numbers = _five(*arguments)
        while True:
            with self._arena.seated() as slot:
                status = int(_invoke(words, address, self._block, slot, verb.reads, *numbers))
                answer = int(words[slot + result])
            if status != Status.BACKLOG or verb.reads:
                return status, answer
            time.sleep(BACKLOG_PAUSE_S)  # readers hold what must be freed first

    def _entry(self, verb: Verb, *arguments: int) -> Entry | None:
        words = self._arena.words
        with self._arena.seated() as slot:
            numbers = _five(*arguments)
            status = int(_invoke(words, self._address(verb), self._block, slot, True, *numbers))
            if not _found(status):
                return None
            first, last, value = words[slot + RESULT_FIRST : slot + RESULT_VALUE + 1].tolist()
        return first, last, _sound(value)

    def _address(self, verb: Verb) -> int:
        if verb in STRUCTURE.helpers and verb not in self._offered:
            self._arena.offer(self._block, STRUCTURE, (verb,))
            self._offered.add(verb)
        return STRUCTURE.entries[verb].address

    def _needs_gaps(self) -> None:
        if not self._gaps:
            raise ValueError("this tree does not track gaps: make it with gaps=True")


@driver
def _invoke(words, address, tree, slot, pin, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Call one entry point, pinned if it reads."""
    words = borrowed(words)
    if not pin:
        return entry_call(words, address, tree, slot, a, b, c, d, e)
    epoch_pin(words, slot)
    status = entry_call(words, address, tree, slot, a, b, c, d, e)
    epoch_unpin(words, slot)
    return status


ZERO = np.uint64(0)


def _five(*arguments: int) -> list[Any]:
    """Return the arguments of an entry point as five uint64 (a plain int would be int64)."""
    return [np.uint64(argument) for argument in arguments] + [ZERO] * (5 - len(arguments))


def _value(word: int) -> int | None:
    return _sound(word) or None


def _sound(word: int) -> int:
    """Return `word`, unless it can be no value."""
    if word & RESERVED_BIT:
        raise RuntimeError(f"a read met the reserved word {word:#x}: the tree is damaged")
    return word


def _found(status: int) -> bool:
    if status == Status.NOT_FOUND:
        return False
    _done(status)
    return True


def _done(status: int) -> None:
    if status == Status.ARENA_FULL:
        raise MemoryError("the arena is full; the tree is unchanged")
    if status != Status.OK:
        raise RuntimeError(f"the tree cannot be used: {Status(status).name}")
