"""Whole address spaces: blocks for as many as there may be at a time, some of them alive at first.

Those begin as a program that has just been loaded: its segments, a heap, some libraries, the vdso
and a stack, at places that the seed draws. What they are asked is drawn from the tables that
are made here, by kernels (stressd_kernels.traffic).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stressd.config.model import AddressSpaces, Config
from stressd.sources.base import (
    Begin,
    Ground,
    Seat,
    Source,
    SourceError,
    Words,
    interval_of,
    table_of,
)
from stressd_kernels.address_space import File
from stressd_kernels.layout import LINE_WORDS, TREES_MAX
from stressd_kernels.memory import Arena
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_TREE
from stressd_kernels.mm.words import (
    HEAP_FLAGS,
    PAGE,
    STACK_FLAGS,
    TASK_SIZE,
    VM_ACCOUNT,
    VM_EXEC,
    VM_MAY_ACCESS,
    VM_READ,
    VM_WRITE,
)
from stressd_kernels.spaces import INFINITY, Limits, Settings, open_mm
from stressd_kernels.traffic import layout as traffic

LABEL = "address spaces"
LEAST_SHARE = 4  # a quarter of the address spaces is always there, one at least
LIBRARIES = 5
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PROTS = {1: 4, 3: 9, 5: 2, 7: 1, 0: 2}  # R, RW, RX, RWX, none: as often as that
ADVICE = {
    **dict.fromkeys((0, 1, 2), 2),  # NORMAL, RANDOM, SEQUENTIAL
    **dict.fromkeys((10, 11), 2),  # DONTFORK, DOFORK
    **dict.fromkeys((14, 15), 2),  # HUGEPAGE, NOHUGEPAGE
    **dict.fromkeys((16, 17), 1),  # DONTDUMP, DODUMP
    **dict.fromkeys((18, 19), 1),  # WIPEONFORK, KEEPONFORK
    **dict.fromkeys((3, 4, 8, 22, 23), 1),  # WILLNEED, DONTNEED, FREE, POPULATE_*
    77: 1,  # unknown
}
MEANINGS = {  # MAP_* flags of each kind of mapping
    "anonymous": 0x22,
    "file": 0x02,
    "shared_file": 0x01,
    "shared": 0x21,
    "noreserve": 0x4022,
    "stack": 0x20022,
    "grows_down": 0x122,
    "locked": 0x2022,
    "populate": 0x8022,
    "hugetlb": 0x40022,
}
SEGMENTS = tuple(map(int, (VM_READ, VM_READ | VM_EXEC, VM_READ, VM_READ | VM_WRITE | VM_ACCOUNT)))
OF_FILES = ("file", "shared_file")


class Region(NamedTuple):
    """One mapping that is there at first."""

    start: int
    end: int
    flags: int
    file: int = 0
    pgoff: int = 0


class AddressSpacesSource(Source):
    """Blocks of address spaces, and what is asked of them."""

    calls = (Call.PLACE, Call.VALIDATE)

    def __init__(self, config: Config, seats: Sequence[Seat]) -> None:
        assert isinstance(config.source, AddressSpaces)
        self._config = config.source
        self._random = random.Random(f"{config.run.seed}/address-spaces")
        self.places = self._config.spaces
        self._alive = self._config.at_start or -(-self.places // 2)
        self.trees = [LABEL] * self.places
        if self.places > TREES_MAX:
            raise SourceError(f"does not fit: at most {TREES_MAX:,} trees", "source.spaces")
        self._files = _files()
        self.line = (
            f"address spaces: {self._alive} of {self.places} at the start, "
            f"stage {self._config.stage}, validation {self._config.validation}"
        )

    def open(self, arena: Arena, gaps: bool) -> list[int]:
        """Open a block for each address space, and one tree with it."""
        assert gaps
        self._settings = [self._setting(number) for number in range(self.places)]
        alive = [number < self._alive for number in range(self.places)]
        self.mms = [
            open_mm(arena, one, alive=is_so)
            for one, is_so in zip(self._settings, alive, strict=True)
        ]
        return [int(arena.words[mm + MM_TREE]) for mm in self.mms]

    def _setting(self, number: int) -> Settings:
        """Return how address space `number` begins; places as a kernel would draw them."""
        source, draw = self._config, self._random
        task, page = int(TASK_SIZE), int(PAGE)
        heap = 0x5555_5555_0000 + draw.randrange(1 << 24) * page
        return Settings(
            stage=source.stage,
            validate=interval_of(source.validation),
            mmap_base=task - 128 * MIB - 16 * GIB - draw.randrange(1 << 28) * page,
            legacy_base=(task // 3 & -page) + draw.randrange(1 << 24) * page,
            topdown=number % self._alive < round(source.topdown * self._alive),
            start_brk=heap,
            brk=heap + 33 * page,
            limits=_limits(source),
        )

    def settle(self, ground: Ground) -> None:
        """Lay out the seats and the tables."""
        self._seats = table_of(LINE_WORDS + self.places * traffic.SPACE_WORDS)
        self._seats[traffic.SEATS_LIVING] = self._alive
        rows = self._seats[LINE_WORDS:].reshape(-1, traffic.SPACE_WORDS)
        rows[:, traffic.SPACE_MM] = self.mms
        rows[: self._alive, traffic.SPACE_TAKEN] = 1
        self._tables = self._filled()
        self._at = ground.place_of(self._seats), ground.place_of(self._tables)

    def _filled(self) -> Words:
        """Return the tables: rows of what may be drawn, each as often as it is wanted."""
        source = self._config
        tables = table_of(traffic.TABLES_WORDS)
        wanted: dict[int, Mapping[int, float]] = {
            traffic.ROW_KIND: _numbered(traffic.KINDS, source.mappings.model_dump()),
            traffic.ROW_PLACE: _numbered(traffic.PLACES, source.places.model_dump()),
            traffic.ROW_LENGTH: _numbered(traffic.LENGTHS, source.lengths.model_dump()),
            traffic.ROW_PROT: PROTS,
            traffic.ROW_FILE: dict.fromkeys(self._files, 1),
            traffic.ROW_ADVICE: ADVICE,
        }
        for row, weights in wanted.items():
            at = row * traffic.TABLE_WORDS
            tables[at : at + traffic.TABLE_WORDS] = dealt(weights, traffic.TABLE_WORDS)
        for number, kind in enumerate(traffic.KINDS):
            with_file = int(traffic.WITH_FILE) if kind in OF_FILES else 0
            tables[traffic.MEANINGS + number] = MEANINGS[kind] | with_file
        tables[traffic.VDSO] = File(special=True).word
        return tables

    def begin(self, call: Begin) -> None:
        """Load a program into each address space that is alive at first; the others wait."""
        for mm, setting in list(zip(self.mms, self._settings, strict=True))[: self._alive]:
            for region in self._program(setting):
                call(Call.PLACE, mm, *region)

    def _program(self, setting: Settings) -> Iterator[Region]:
        """Yield the mappings of a program that has just been loaded."""
        draw, page = self._random, int(PAGE)
        yield from self._image(setting.start_brk - MIB - draw.randrange(256) * page)
        heap = Region(setting.start_brk, setting.brk, int(HEAP_FLAGS))
        yield heap._replace(pgoff=heap.start // page)
        base = setting.mmap_base if setting.topdown else setting.legacy_base + 256 * MIB
        for library in range(LIBRARIES):
            yield from self._image(base - (library + 1) * 8 * MIB)
        top = int(TASK_SIZE) - draw.randrange(1 << 12) * page
        stack = Region(top - 132 * KIB, top, int(STACK_FLAGS))
        yield stack._replace(pgoff=stack.start // page)

    def _image(self, start: int) -> Iterator[Region]:
        """Yield the four segments of one file, and the memory behind them."""
        file, page = self._random.choice(self._files), int(PAGE)
        may = int(VM_MAY_ACCESS)
        at = 0
        for access in SEGMENTS:
            pages = self._random.randint(1, 40)
            yield Region(start + at * page, start + (at + pages) * page, access | may, file, at)
            at += pages
        begin, end = start + at * page, start + (at + 4) * page
        yield Region(begin, end, int(HEAP_FLAGS), 0, begin // page)

    def own_words(self, seat: Seat) -> Mapping[int, int]:
        """Return where seats and tables are, and the bounds."""
        seats, tables = self._at
        return {
            traffic.SPACES: seats,
            traffic.TABLES: tables,
            traffic.VMAS: self._config.vmas,
            traffic.LEAST: max(1, self.places // LEAST_SHARE),
        }


def dealt(weights: Mapping[int, float], places: int) -> list[int]:
    """Return `places` words, each as often as it weighs, and once if it weighs anything."""
    wanted = {word: weight for word, weight in weights.items() if weight}
    total = sum(wanted.values())
    counts = {word: max(1, int(places * weight / total)) for word, weight in wanted.items()}
    while (missing := places - sum(counts.values())) != 0:
        step = 1 if missing > 0 else -1
        short = {word: step * (places * wanted[word] / total - n) for word, n in counts.items()}
        able = [word for word, n in counts.items() if n + step > 0]
        counts[max(able, key=lambda word: short[word])] += step
    return [word for word, count in counts.items() for _ in range(count)]


def _numbered(names: Sequence[str], weights: Mapping[str, float]) -> dict[int, float]:
    """Return the weights by the number of what they weigh."""
    return {number: weights[name] for number, name in enumerate(names)}


def _files() -> list[int]:
    """Return the words of some open files, of all the kinds that matter."""
    files = [File() for _ in range(5)]  # placed as huge pages would like
    files += [File(writable=False) for _ in range(3)]
    files += [File(huge_aligned=False) for _ in range(3)]
    files += [File(huge_aligned=False, writable=False), File(readable=False)]
    return [file.word for file in (*files, File(zero=True), File(shmem=True))]


def _limits(source: AddressSpaces) -> Limits:
    """Return what an address space may have."""
    asked = source.limits
    sizes = {"address_space": asked.address_space, "data": asked.data, "locked": asked.locked}
    bounds = {name: INFINITY if size is None else size.bytes for name, size in sizes.items()}
    return Limits(map_count=asked.map_count, stack=asked.stack.bytes, **bounds)
