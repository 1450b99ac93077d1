"""A recording as a table of numbers, for replayers that cannot afford to think.

Each row is ROW_WORDS words, in the order of the recording:

    word        0             1      2          3          4        5     6       7
    STORE       Kind.STORE    tree   first      last       value    grows 0       0
    ERASE       Kind.ERASE    tree   first      last       0        0     0       0
    DESTROY     Kind.DESTROY  tree   0          0          0        0     0       0
    GAP_DOWN    Kind.GAP_DOWN tree   low        high       size     mask  offset  expected
    GAP_UP      Kind.GAP_UP   tree   low        high       size     mask  offset  expected

`first`, `last`, `low` and `high` are all inclusive. `tree` is 0 .. Program.trees - 1: each is
used by one address space after the other, and DESTROY, which empties it, ends the turn of one.
`value` numbers the mappings of the recording (1, 2, ...; equal pointers have equal numbers).
`grows` is VM_GROWSDOWN for a mapping that grows down, as far as the whole recording shows, or 0.

`size` is the length wanted plus `mask`. A search is to be done as the kernel does it: for
`size` keys WITHOUT alignment, and then

    GAP_DOWN    address = start + mask;  address -= (address - offset) & mask
    GAP_UP      address = start + ((offset - start) & mask)

`expected` is that address, or NOWHERE. Guard gaps are in the window already: it is the last one
that the kernel tried, so a tree in the state of this row answers it without knowing of stacks.
For address spaces, which do know of them, the window can be had as it was asked first.

What is left out: searches whose window is smaller than `size` (they need no tree); searches of
trees that are not known exactly, because events were lost (`skipped` counts these).

The table ends with a DESTROY for each tree that still holds something, so it can be run again
from the first row. `lines[i]` is where row i stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from stressd.replay.guards import PAGE, Growth
from stressd.replay.searches import LOW_MIN, Answer
from stressd.replay.spaces import AddressSpaces, Space, value_of
from stressd.replay.trees import MakeTree, maple_tree
from stressd.traces import open_recording
from stressd.traces.events import KEY_MAX, Destroy, Erase, Search, Store
from stressd.traces.textfile import TraceError

ROW_WORDS = 8
NOWHERE = KEY_MAX  # expected by a search that failed; no search can succeed there
NOT_PAGES = "no whole pages, or the last ones of all: an address space cannot hold it"
BATCH = 1 << 14  # rows turned into an array at a time: Python lists of all would be 10x larger

GROWS = 5  # word of a STORE
VM_GROWSDOWN = 0x100  # as Linux has it, and mm/words.py

Row = tuple[int, int, int, int, int, int, int, int]
Words = npt.NDArray[np.uint64]


class Kind(IntEnum):
    """What one row does."""

    STORE = 1
    ERASE = 2
    DESTROY = 3
    GAP_DOWN = 4
    GAP_UP = 5


@dataclass(frozen=True)
class Program:
    """One recording, ready to be replayed by number."""

    path: str
    rows: Words  # shape (n, ROW_WORDS)
    lines: Words  # shape (n,)
    trees: int  # how many are needed at a time
    spaces: int  # address spaces that live in them, one after the other
    skipped: int  # searches left out, as their answer cannot be known

    def where(self, row: int) -> str:
        """Return the place in the file that a row comes from."""
        return f"{self.path}:{self.lines[row]}"


def load_program(
    path: str, make_tree: MakeTree = maple_tree, *, for_spaces: bool = False
) -> Program:
    """Read a recording into a table; `make_tree` makes the trees that resolve its searches.

    for_spaces  leave the windows of searches as they were asked
    """
    compiler = _Compiler(path, make_tree, for_spaces)
    batches: list[Words] = []
    lines: list[Words] = []
    rows: list[Row] = []
    places: list[int] = []
    for row, line in compiler.rows():
        rows.append(row)
        places.append(line)
        if len(rows) == BATCH:
            batches.append(np.array(rows, dtype=np.uint64))
            lines.append(np.array(places, dtype=np.uint64))
            rows, places = [], []
    batches.append(np.array(rows, dtype=np.uint64).reshape(-1, ROW_WORDS))
    lines.append(np.array(places, dtype=np.uint64))
    table = np.concatenate(batches)
    table[compiler.grown, GROWS] = VM_GROWSDOWN
    return Program(
        path=path,
        rows=table,
        lines=np.concatenate(lines),
        trees=compiler.spaces.trees,
        spaces=compiler.spaces.begun,
        skipped=compiler.skipped,
    )


class _Compiler:
    """One recording on its way into a table."""

    def __init__(self, path: str, make_tree: MakeTree, for_spaces: bool) -> None:
        self.grown: list[int] = []  # numbers of rows that store what grows
        self._for_spaces = for_spaces
        self._last_row: dict[tuple[int, int], int] = {}  # that stored a mapping, by space
        self._number = 0  # of the next row
        self.spaces = AddressSpaces(make_tree)
        self.skipped = 0
        self._log = open_recording(path)
        self._values: dict[int, int] = {}

    def rows(self) -> Iterator[tuple[Row, int]]:
        """Yield each row and the line it comes from."""
        for row, line in self._rows():
            yield row, line
            self._number += 1

    def _rows(self) -> Iterator[tuple[Row, int]]:
        line = 0
        for event in self._log:
            line = event.line
            if isinstance(event, Store):
                yield self._store(event), line
            elif isinstance(event, Erase):
                self._require_pages(event, KEY_MAX)
                space = self.spaces.erase(event)
                yield (Kind.ERASE, space.number, event.first, event.last, 0, 0, 0, 0), line
            elif isinstance(event, Search):
                row = self._search(event, *self.spaces.search(event))
                if row is not None:
                    yield row, line
            elif isinstance(event, Destroy):
                ended = self.spaces.destroy(event)
                if ended is not None:
                    yield self._end(ended), line
            else:
                self.spaces.lose(event)
        for space in list(self.spaces.live.values()):
            yield self._end(space), line
        if self.spaces.stores == 0:
            raise TraceError(f"{self._log.path}: nothing is stored in this recording")

    def _store(self, event: Store) -> Row:
        """Return the row of a store; note it if its mapping grows, or may turn out to."""
        self._require_pages(event, KEY_MAX - 1)
        space = self.spaces.store(event)
        value = value_of(event.vma)
        if space.guards.certain(value):
            self.grown.append(self._number)
        elif space.guards.likely(value):
            self._last_row[space.number, value] = self._number
        number = self._values.setdefault(event.vma, len(self._values) + 1)
        return Kind.STORE, space.number, event.first, event.last, number, 0, 0, 0

    def _require_pages(self, event: Store | Erase, highest: int) -> None:
        """Raise TraceError for a range that no address space can hold."""
        whole = event.first % PAGE == 0 == (event.last + 1) % PAGE and event.last <= highest
        if self._for_spaces and not whole:
            where = f"{self._log.path}:{event.line}"
            raise TraceError(f"{where}: [{event.first:#x}, {event.last:#x}] is {NOT_PAGES}")

    def _search(self, search: Search, space: Space, answer: Answer) -> Row | None:
        """Return the row of a search, unless it cannot or need not be asked."""
        for value, growth in space.guards.settled:
            if growth is Growth.CERTAIN:
                self.grown.append(self._last_row[space.number, value])
        space.guards.settled.clear()
        if not space.exact:
            self.skipped += 1
            return None
        size = search.length + search.mask
        low, high = answer.low, answer.high
        if self._for_spaces:
            low, high = max(search.low, LOW_MIN), search.high
        if high - low < size or size > KEY_MAX:
            return None
        return (
            Kind.GAP_DOWN if search.topdown else Kind.GAP_UP,
            space.number,
            low,
            high - 1,
            size,
            search.mask,
            search.offset,
            NOWHERE if search.expected is None else search.expected,
        )

    def _end(self, space: Space) -> Row:
        """Return the row that ends a space, and give its tree to the next."""
        self.spaces.recycle(space)
        return (Kind.DESTROY, space.number, 0, 0, 0, 0, 0, 0)
