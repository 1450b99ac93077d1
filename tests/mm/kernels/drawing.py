"""Random calls on a pair: those of the live kernel's test, and what cannot be done there.

Odd lengths and addresses, files of every kind, NUMA policies and names, limits, huge and special
mappings, and gap searches with windows of their own.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from stressd_kernels import Arena
from tests.mm.build import FIXED, at
from tests.mm.caller import WHOLE, Caller
from tests.mm.huge import HugeCaller
from tests.mm.kernels.pair import Pair
from tests.mm.spec.change import Map
from tests.mm.spec.gaps import Search
from tests.mm.spec.space import AddressSpace, File, Vma
from tests.mm.spec.words import (
    INFINITY,
    MAY_ACCESS,
    PAGE,
    PMD,
    SPECIAL,
    STACK_FLAGS,
    TASK_SIZE,
    Limits,
    Vm,
)

FILES = {
    3: File("memfd", shmem=True),
    4: File("/dev/zero", zero=True),
    5: File("/data", writable=False),
    6: File("/data"),
    7: File("/data"),
    8: File("/proc/1/mem", huge_aligned=False),
    9: File("/unreadable", readable=False),
    10: File("/huge", hugetlb=True),
}
ODD_LENGTHS = (0, 1, PMD - 1, TASK_SIZE, TASK_SIZE + 1, 1 << 63, INFINITY - 4096, INFINITY)
ODD_ADDRESSES = (0, 1, PAGE, 65536, TASK_SIZE - PAGE, TASK_SIZE, TASK_SIZE + PAGE, 1 << 63)
ODD_FLAGS = (
    0, 0x22 | 0x40, 0x22 | 0x80, 0x23, 3, 1, 2, 0x22 | 0x40000, 0x21 | 0x40000,
    0x22 | 0x100, 0x21 | 0x100, 0x32 | 0x100, 0x22 | 0x18000, 0x22 | 0x8000, 0x100022,
)  # fmt: skip


def begin(dice: random.Random) -> AddressSpace:
    """Return an address space as a program begins with it: itself, a heap, the vdso, a stack."""
    tight = dice.random() < 0.3
    limits = Limits(
        map_count=dice.choice((20, 40)) if tight else 65530,
        address_space=dice.choice((INFINITY, 600 << 12, 64 << 20)) if tight else INFINITY,
        data=dice.choice((INFINITY, 100 << 12, 16 << 20)) if tight else INFINITY,
        stack=dice.choice((8 << 20, 400 << 12)),
        memory=dice.choice((INFINITY, 8 << 20)),
        min_addr=dice.choice((PAGE, 65536)),
        locked=dice.choice((INFINITY, 30 << 12)) if tight else INFINITY,
    )
    top = 0x7F00_0000_0000 + dice.choice((0, 0, PAGE, PMD // 2, 7 * PAGE))
    mm = AddressSpace(
        mmap_base=top,
        legacy_base=0x2AAA_0000_0000 + dice.choice((0, PAGE)),
        topdown=dice.random() < 0.75,
        start_brk=at(4000),
        brk=at(4000),
        huge_pages=dice.choice(("always", "madvise", "never")),
        limits=limits,
    )
    code = Vm.READ | Vm.EXEC | MAY_ACCESS
    vdso = Vma(top, top + 2 * PAGE, code | SPECIAL, File("[vdso]", special=True), 0)
    stack = Vma(TASK_SIZE - 34 * PAGE, TASK_SIZE - PAGE, STACK_FLAGS, None, 0x7FFFFFFDD)
    mm.insert(Vma(at(3990), at(4000), code, File("/bin/true"), 0))
    mm.insert(vdso)
    mm.insert(stack)
    return mm


class Drawing(Caller):
    """Makes random calls on a pair."""

    def __init__(self, seed: int, stage: str, arena: Arena, validate: int = 1) -> None:
        self.pair = Pair(begin(random.Random(seed)), stage, arena, validate)
        self.pair.files = FILES
        super().__init__(self.pair, seed)
        self.dice = random.Random(seed)

    def kinds(self) -> dict[Callable[[], None], int]:
        """Return what can be done, and how often."""
        more: dict[Callable[[], None], int] = {
            self.oddly: 2, self.policy: 2, self.name: 2, self.lock_all: 1, self.search: 4,
            self.special: 1, self.huge: 1, self.near_stack: 2, self.clear: 1,
        }  # fmt: skip
        return super().kinds() | more

    def oddly(self) -> None:
        """Make a call with unusual arguments."""
        address = self.dice.choice((*ODD_ADDRESSES, self.address(), self.address() + 1))
        length = self.dice.choice((*ODD_LENGTHS, self.length()))
        number = self.dice.choice((-1, -1, *FILES))
        offset = self.dice.choice((0, 0, 1, PAGE, INFINITY - 4095))
        pair, prot = self.pair, self.prot()
        self.dice.choice((
            lambda: pair.mmap(address, length, prot, self.dice.choice(ODD_FLAGS), number, offset),
            lambda: pair.mmap(address, length, prot, self.flags() | FIXED, number, offset),
            lambda: pair.mmap(address, self.length(), prot, self.flags(), number, offset),
            lambda: pair.munmap(address, self.dice.choice((length, self.length()))),
            lambda: pair.mprotect(address, length, self.dice.choice((prot, 16, 3 << 24, 1 << 24))),
            lambda: pair.madvise(address, self.length(), self.dice.choice((5, 7, 14, 99))),
        ))()  # fmt: skip

    def policy(self) -> None:
        """Set a NUMA policy."""
        self.pair.bind(self.address(), self.length(), self.dice.randrange(3))

    def name(self) -> None:
        """Name a range."""
        self.pair.name_range(self.address(), self.length(), self.dice.randrange(3))

    def lock_all(self) -> None:
        """Lock what is mapped or will be; mostly not."""
        self.pair.mlockall(self.dice.choice((0, 0, 0, 1, 2, 3, 4, 5, 6, 7)))

    def search(self) -> None:
        """Search in a window around something."""
        low = self.dice.choice((0, self.address(), self.address() - 300 * PAGE))
        size = self.dice.choice((1, 30, 600, 5000)) * PAGE
        length = self.dice.choice((1, 2, 5, 40, 300)) * PAGE
        mask = self.dice.choice((0, 0, PMD - 1, 16 * PAGE - 1))
        offset = self.dice.choice((0, 0, 3 * PAGE)) & mask
        search = Search(length, low, low + size, mask, offset)
        self.pair.search(search, topdown=self.dice.random() < 0.5)

    def special(self) -> None:
        """Install a special mapping, somewhere or here; now and then with odd arguments."""
        address = self.dice.choice((0, 0, self.address(), 1, TASK_SIZE - PAGE))
        length = self.dice.choice((1, 2, 512)) * PAGE - self.dice.choice((0, 0, 1))
        length = self.dice.choice((length,) * 9 + (0, TASK_SIZE, INFINITY))
        code = Vm.READ | Vm.EXEC | MAY_ACCESS
        self.placed(self.pair.special(address, length, code, File("[own]", special=True)))

    def huge(self) -> None:
        """Map huge pages, or change a part of some."""
        huge = [v for v in self.pair.mm.vmas if v.flags & Vm.HUGETLB]
        if huge and self.dice.random() < 0.6:
            vma = self.dice.choice(huge)
            start = vma.start + self.dice.choice((0, PMD, PAGE))
            self.dice.choice((
                lambda: self.pair.munmap(start, self.dice.choice((PMD, PAGE))),
                lambda: self.pair.mprotect(start, PMD, self.prot()),
            ))()  # fmt: skip
            return
        length = self.dice.choice((1, 3)) * PMD - self.dice.choice((0, 0, 1, PAGE))
        self.placed(self.pair.mmap(0, length, 3, 0x40022))

    def near_stack(self) -> None:
        """Map something not far below a stack."""
        growing = [v for v in self.pair.mm.vmas if v.flags & Vm.GROWSDOWN]
        if growing:
            below = self.dice.choice((1, 100, 255, 256, 257, 300))
            start = self.dice.choice(growing).start - below * PAGE
            self.pair.mmap(start, PAGE, self.prot(), 0x22 | self.dice.choice((0, FIXED)))

    def clear(self) -> None:
        """Unmap a lot, so that there are never too many."""
        base = self.dice.choice(self.bases)
        self.pair.munmap(base, 24 * PAGE)
        if len(self.pair.mm.vmas) > 60:
            for vma in [v for v in self.pair.mm.vmas if v.start > at(5000)][1:-1:2]:
                self.pair.munmap(vma.start, vma.end - vma.start)

    def far(self) -> None:
        """Map a whole number of huge pages somewhere."""
        self.placed(self.pair.mmap(0, self.dice.choice(WHOLE) * PAGE, 3, int(Map.PRIVATE) | 0x20))


class HugeDrawing(HugeCaller):
    """Makes random calls around huge pages, on a pair."""

    def __init__(self, seed: int, stage: str, arena: Arena) -> None:
        self.pair = Pair(begin(random.Random(seed)), stage, arena)
        self.pair.files = {number: file for number, file in FILES.items() if file.hugetlb}
        super().__init__(self.pair, seed, touches=True)
