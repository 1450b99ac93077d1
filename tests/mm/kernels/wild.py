"""Random calls that no program makes: odd arguments, stacks that grow up, limits that change.

`Wild` adds to `Drawing` what only a model can be asked: arguments at the edges of user space and
of a word, for calls that move, lock or grow as well; VMAs that are simply there (a stack that
grows up, device memory); other limits from one call to the next. The heap's end and the flags
of what is to come are compared after each call, too.
"""

from __future__ import annotations

from collections.abc import Callable

from stressd_kernels.mm.layout import MM_BRK, MM_DEF_FLAGS
from tests.mm.build import WRITABLE, R
from tests.mm.caller import GUARD
from tests.mm.kernels.drawing import Drawing
from tests.mm.kernels.pair import flags_word, settings_of
from tests.mm.spec.change import Map, munmap
from tests.mm.spec.grow import populate
from tests.mm.spec.modify import mseal
from tests.mm.spec.remap import MAYMOVE
from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import INFINITY, PAGE, TASK_SIZE, Limits, Vm

PROTS = (0, R, 3, 3, 7, 5, 0x10, 3 | 0x0100_0000, 1 | 0x0200_0000, 0x0300_0000)
ADVICE = (0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 21, 22, 23, 77, 100)
STANDING = (Vm.GROWSUP, Vm.GROWSUP, Vm.GROWSDOWN, Vm.IO | Vm.PFNMAP, Vm.MIXEDMAP)
ODD = (0, 1, PAGE - 1, PAGE + 1, TASK_SIZE, TASK_SIZE + PAGE, 1 << 63, INFINITY - PAGE, INFINITY)


class Wild(Drawing):
    """Makes any call, on a pair."""

    def kinds(self) -> dict[Callable[[], None], int]:
        """Return what can be done, and how often."""
        return super().kinds() | {
            self.locked: 3, self.touched: 2, self.stand: 2, self.limit: 1,
            self.odd: 6, self.beyond: 4, self.seal: 1, self.droppable: 2,
        }  # fmt: skip

    def call(self) -> None:
        """Make one call, and compare what is no VMA."""
        super().call()
        mm, real = self.pair.mm, self.pair.real
        kept = int(real.words[real.mm + MM_BRK]), int(real.words[real.mm + MM_DEF_FLAGS])
        assert kept == (mm.brk, flags_word(mm.def_flags)), self.pair.show()

    def protect(self) -> None:
        """Protect, also what grows."""
        self.pair.mprotect(self.address(), self.length(), self.dice.choice(PROTS))

    def advise(self) -> None:
        """Give any advice."""
        self.pair.madvise(self.address(), self.length(), self.dice.choice(ADVICE))

    def locked(self) -> None:
        """Lock and touch, off a page, or unlock."""
        if self.dice.random() < 0.4:
            self.pair.munlock(self.address(), 4 * self.length())
        else:
            self.pair.mlock(self.address() + 7, self.length(), on_fault=False)

    def touched(self) -> None:
        """Touch all pages of a range, holes or not."""
        start = self.address()
        end = start + self.dice.choice((0, self.length(), 8 * self.length()))
        self.pair.both(
            f"populate {start:#x} {end:#x}",
            lambda mm: populate(mm, start, end),
            lambda mm: mm.populate(start, end),
        )

    def stand(self) -> None:
        """Let there be a stack, or what is like a device, whatever is there."""
        start, flags = self.address(), WRITABLE | self.dice.choice(STANDING)
        end = start + self.dice.choice((1, 2, 3)) * PAGE

        def rules(mm: AddressSpace) -> None:
            munmap(mm, start, end - start)
            mm.insert(Vma(start, end, flags, None, start // PAGE))

        self.pair.both(
            f"stand {start:#x} {end:#x} {flags!r}",
            rules,
            lambda mm: mm.place(start, end, flags_word(flags), 0, start // PAGE),
        )

    def beyond(self) -> None:
        """Touch near what grows."""
        growing = [v for v in self.pair.mm.vmas if v.flags & (Vm.GROWSUP | Vm.GROWSDOWN)]
        if growing:
            vma = self.dice.choice(growing)
            far = self.dice.choice((0, 1, 2, GUARD - 1, GUARD, GUARD + 1, 300)) * PAGE
            up = vma.flags & Vm.GROWSUP
            self.pair.touch(vma.end + far if up else max(0, vma.start - PAGE - far), write=True)

    def seal(self) -> None:
        """Seal a little, for good."""
        address, length, flags = self.address(), self.length(), self.dice.choice((0, 0, 0, 1))
        self.pair.both(
            f"mseal {address:#x} {length:#x} {flags}",
            lambda mm: mseal(mm, address, length, flags),
            lambda mm: mm.mseal(address, length, flags),
        )

    def droppable(self) -> None:
        """Map what the kernel may drop; rarely with flags that this does not go with."""
        unusual = self.dice.choice((0, 0, 0, Map.LOCKED, Map.GROWSDOWN, Map.STACK))
        flags = int(Map.DROPPABLE | Map.FIXED | unusual)
        number = self.dice.choice((-1, -1, -1, 3))
        flags |= int(Map.ANONYMOUS) if number < 0 else 0
        self.pair.mmap(self.address(), self.length(), self.prot(), flags, number)

    def limit(self) -> None:
        """Have other limits from now on, at times none."""
        mm, few = self.pair.mm, self.dice.randrange(40)
        mm.limits = self.dice.choice((
            Limits(),
            Limits(),
            Limits(map_count=len(mm.vmas) + few // 6),
            Limits(locked=few * PAGE),
            Limits(data=few * 2 * PAGE),
            Limits(address_space=few * 8 * PAGE),
            Limits(stack=300 * PAGE, memory=6 * PAGE),
        ))  # fmt: skip
        self.pair.history.append(repr(mm.limits))
        real = self.pair.real
        for offset, word in settings_of(mm, real.settings.stage).words().items():
            if offset != MM_BRK:
                real.words[real.mm + offset] = word

    def odd(self) -> None:
        """Make a call with one odd argument."""
        address, length, odd = self.address(), self.length(), self.dice.choice(ODD)
        if self.dice.random() < 0.5:
            address = odd
        else:
            length = odd
        pair, other, to = self.pair, self.length(), self.address()
        flags = self.dice.choice((3, 5, 7))
        self.dice.choice((
            lambda: pair.mprotect(address, length, R),
            lambda: pair.madvise(address, length, self.dice.choice((10, 23))),
            lambda: pair.mlock(address, length, on_fault=False),
            lambda: pair.munlock(address, length),
            lambda: pair.bind(address, length, 1),
            lambda: pair.name_range(address, length, 1),
            lambda: pair.mremap(address, length, other, MAYMOVE),
            lambda: pair.mremap(to, other, odd, MAYMOVE),
            lambda: pair.mremap(address, length, other, flags, to),
            lambda: pair.mremap(to, length, length, flags, odd),
            lambda: pair.brk(odd),
            lambda: pair.touch(odd, write=True),
            lambda: pair.shmat(length // PAGE, address, self.dice.choice((0, 0o20000, 0o40000))),
            lambda: pair.shmdt(odd),
            lambda: pair.remap_file_pages(address, length, odd),
        ))()  # fmt: skip
