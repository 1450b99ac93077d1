"""Random calls around mappings of huge pages, at their boundaries and off them."""

from __future__ import annotations

from collections.abc import Callable

from tests.mm.build import FIXED, at
from tests.mm.caller import ADVICE, Caller, World
from tests.mm.spec.change import Map
from tests.mm.spec.remap import MAYMOVE
from tests.mm.spec.words import PAGE, PMD, Vm

BASE = at(0) & -PMD
OFF = (0, 0, 0, 0, PAGE, PMD - PAGE)  # bytes beside a boundary
SHORT = (0, 0, 0, 1, PAGE, PMD - 1)  # bytes that a length lacks
OFFSETS = (0, 0, 0, 1, 512, 513, 1024)  # pages into the file
PLACES = (0, FIXED, FIXED, int(Map.FIXED_NOREPLACE))


class HugeCaller(Caller):
    """Makes random calls; `live.files` are of huge pages. No page need exist, none is touched."""

    def __init__(self, live: World, seed: int, *, touches: bool = False) -> None:
        super().__init__(live, seed)
        self.touches = touches
        self.bases = [BASE]

    def kinds(self) -> dict[Callable[[], None], int]:
        """Return what can be done, and how often."""
        touching = {self.touch: 4} if self.touches else {}
        return touching | {
            self.map_file: 8, self.map_here: 4, self.map_anywhere: 2, self.unmap: 6,
            self.protect: 8, self.advise: 5, self.lock: 2, self.remap: 6, self.move: 6,
            self.fork: 1,
        }  # fmt: skip

    def address(self) -> int:
        """Return an address near a boundary in one of the places in use."""
        base = self.dice.choice(self.bases) & -PMD
        return base + self.dice.randrange(6) * PMD + self.dice.choice(OFF)

    def length(self) -> int:
        """Return the length of a few huge pages, often not whole."""
        return self.dice.randrange(1, 4) * PMD - self.dice.choice(SHORT)

    def flags(self) -> int:
        """Return flags of a mapping that reserves nothing."""
        return int(Map.ANONYMOUS | Map.NORESERVE | self.dice.choice((Map.PRIVATE, Map.SHARED)))

    def maybe_huge(self) -> int:
        """Return MAP_HUGETLB, or nothing."""
        return self.dice.choice((0, int(Map.HUGETLB)))

    def map_here(self) -> None:
        flags = self.flags() | self.maybe_huge() | self.dice.choice(PLACES)
        self.placed(self.live.mmap(self.address(), self.length(), self.prot(), flags))

    def map_anywhere(self) -> None:
        flags = self.flags() | self.maybe_huge()
        self.placed(self.live.mmap(0, self.length(), self.prot(), flags))

    def map_file(self) -> None:
        number = self.dice.choice(list(self.live.files))
        offset = self.dice.choice(OFFSETS) * PAGE
        flags = self.flags() & ~Map.ANONYMOUS | self.maybe_huge()
        flags |= self.dice.choice((0, 0, 0, 0, int(Map.LOCKED)))
        address = 0
        if self.dice.random() < 0.7:
            address = self.address()
            flags |= self.dice.choice(PLACES)
        self.placed(self.live.mmap(address, self.length(), self.prot(), flags, number, offset))

    def advise(self) -> None:
        advice = self.dice.choice([advice for advice in ADVICE if advice not in (22, 23)])
        self.live.madvise(self.address(), self.length(), advice)

    def lock(self) -> None:
        """Lock huge pages only if they can be touched: they are, at once."""
        start, length = self.address(), self.length()
        inside = [v for v in self.live.mm.vmas if v.start < start + length + PMD and start < v.end]
        touches = any(v.flags & Vm.HUGETLB for v in inside)
        if self.dice.random() < 0.5:
            self.live.munlock(start, length)
        elif self.touches or not touches:
            self.live.mlock(start, length, on_fault=True)

    def remap(self) -> None:
        address, old = self.address(), self.length()
        mapped = [v for v in self.live.mm.vmas if v.start >= BASE][:-1]
        if self.dice.random() < 0.5 and mapped:
            vma = self.dice.choice(mapped)
            address, old = vma.start, vma.end - vma.start
        new = max(1, old + self.dice.choice((-PMD, -PAGE, 0, PAGE, PMD)))
        to = self.dice.choice((0, 0, self.address()))
        flags = self.dice.choice((0, MAYMOVE, MAYMOVE))
        self.placed(self.live.mremap(address, old, new, flags, to))
