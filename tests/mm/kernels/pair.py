"""Two address spaces that are made to do the same: the rules in plain Python, and the kernels.

Each call of `Pair` is made on both; the answers, or the errors, must be the same, and so must be
all VMAs afterwards: range, flags, file, pgoff, anon, chain, policy, name. Identities (of anons, of
files that an address space makes for itself) are compared as equal or different.

A new kind of call is one method: what the rules do, what the kernels do.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import cache
from typing import Any

from stressd_kernels import AddressSpace as Real
from stressd_kernels import Arena
from stressd_kernels.address_space import FIELDS
from stressd_kernels.address_space import CannotKnow as RealCannotKnow
from stressd_kernels.address_space import File as RealFile
from stressd_kernels.address_space import Vma as RealVma
from stressd_kernels.mm import words
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_BRK, MM_DEF_FLAGS
from stressd_kernels.spaces import Limits as RealLimits
from stressd_kernels.spaces import Settings
from tests.mm.kernels.steps import plant, records
from tests.mm.spec import gaps
from tests.mm.spec.change import Map, mmap, munmap, vma_flags
from tests.mm.spec.gaps import Search
from tests.mm.spec.grow import brk, fault, populate
from tests.mm.spec.modify import bind, madvise, mlock, mlockall, mprotect, munlock, name_range
from tests.mm.spec.process import fork, install_special
from tests.mm.spec.remap import mremap
from tests.mm.spec.shm import remap_file_pages, shmat, shmdt
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import INFINITY, PAGE, CannotKnow, Failed, Vm, page_up

POLICIES = (None, object(), object())  # the kernels know them by number
NAMES = (None, "one", "two")
KINDS = (  # of a file: what the rules call it, what the kernels do
    ("readable", words.FILE_READABLE),
    ("writable", words.FILE_WRITABLE),
    ("huge_aligned", words.FILE_HUGE_ALIGNED),
    ("shmem", words.FILE_SHMEM),
    ("zero", words.FILE_ZERO),
    ("hugetlb", words.FILE_HUGETLB),
    ("special", words.FILE_SPECIAL),
    ("closes", words.FILE_CLOSES),
)
FLAGS = {flag: int(getattr(words, f"VM_{flag.name}")) for flag in Vm if flag}

Spec = Callable[[AddressSpace], object]
Kernels = Callable[[Real], object]


@cache
def flags_word(flags: Vm) -> int:
    """Return the VM_* word of the rules' flags."""
    return sum(word for flag, word in FLAGS.items() if flags & flag)


@cache
def kind_word(file: File) -> int:
    """Return the FILE_* bits of a file."""
    return sum(int(bit) for name, bit in KINDS if getattr(file, name))


def settings_of(mm: AddressSpace, stage: str, validate: int = 1) -> Settings:
    """Return how the kernels' address space begins, to be like that of the rules."""
    return Settings(
        stage=stage,
        validate=validate,
        mmap_base=mm.mmap_base,
        legacy_base=mm.legacy_base,
        topdown=mm.topdown,
        start_brk=mm.start_brk,
        brk=mm.brk,
        huge_pages=mm.huge_pages,
        limits=RealLimits(**vars(mm.limits)),
    )


class Pair:
    """One address space twice; both are changed through this alone."""

    def __init__(
        self, spec: AddressSpace, stage: str = "all", arena: Arena | None = None, validate: int = 1
    ) -> None:
        """Begin as `spec` is."""
        self.mm = spec
        self.real = Real(settings_of(spec, stage, validate), arena=arena)
        self.files: dict[int, File] = {}
        self.history: list[str] = []
        self._twins: dict[File, RealFile] = {}
        self._anons: dict[Anon, int] = {}
        self._parents: list[tuple[AddressSpace, Real]] = []
        self._ended: list[Real] = []
        for vma in spec.vmas:
            self._place(vma)
        self.compare()

    # -- calls -------------------------------------------------------------------------------

    def mmap(
        self, address: int, length: int, prot: int, flags: int, number: int = -1, offset: int = 0
    ) -> object:
        """Map in both, a file by its number; what is locked or populated is touched."""
        file, address = self.files.get(number), address & INFINITY

        def rules(mm: AddressSpace) -> int:
            start = mmap(mm, address, length, prot, flags, file, offset)
            populates = flags & (Map.POPULATE | Map.NONBLOCK) == Map.POPULATE
            if populates or vma_flags(mm, prot, flags) & Vm.LOCKED:
                populate(mm, start, start + page_up(length))
            return start

        return self.both(
            f"mmap {address:#x} {length:#x} {prot} {flags:#x} {number} {offset:#x}",
            rules,
            lambda mm: mm.mmap(address, length, prot, flags, self.file(file), offset),
        )

    def munmap(self, address: int, length: int) -> object:
        """Unmap in both."""
        return self._plain(munmap, "munmap", address, length)

    def mprotect(self, address: int, length: int, prot: int) -> object:
        """Protect in both."""
        return self._plain(mprotect, "mprotect", address, length, prot)

    def madvise(self, address: int, length: int, advice: int) -> object:
        """Advise both."""
        return self._plain(madvise, "madvise", address, length, advice)

    def mlock(self, address: int, length: int, *, on_fault: bool) -> object:
        """Lock in both."""
        return self.both(
            f"mlock {address:#x} {length:#x} {on_fault}",
            lambda mm: mlock(mm, address, length, on_fault=on_fault),
            lambda mm: mm.mlock(address, length, on_fault=on_fault),
        )

    def munlock(self, address: int, length: int) -> object:
        """Unlock in both."""
        return self._plain(munlock, "munlock", address, length)

    def mlockall(self, flags: int) -> object:
        """Lock everything in both."""
        return self._plain(mlockall, "mlockall", flags)

    def bind(self, address: int, length: int, policy: int) -> object:
        """Set the policy of a range in both."""
        return self.both(
            f"bind {address:#x} {length:#x} {policy}",
            lambda mm: bind(mm, address, length, POLICIES[policy]),
            lambda mm: mm.bind(address, length, policy),
        )

    def name_range(self, address: int, length: int, name: int) -> object:
        """Name a range in both."""
        return self.both(
            f"name {address:#x} {length:#x} {name}",
            lambda mm: name_range(mm, address, length, NAMES[name]),
            lambda mm: mm.name_range(address, length, name),
        )

    def mremap(self, address: int, old: int, new: int, flags: int, to: int = 0) -> object:
        """Remap in both."""
        return self._plain(mremap, "mremap", address, old, new, flags, to)

    def brk(self, address: int) -> object:
        """Move the end of the heap in both."""
        return self._plain(brk, "brk", address)

    def shmat(self, pages: int, address: int, flags: int) -> object:
        """Attach a new segment in both."""
        return self._plain(shmat, "shmat", pages * PAGE, address, flags)

    def shmdt(self, address: int) -> object:
        """Detach in both."""
        return self._plain(shmdt, "shmdt", address)

    def remap_file_pages(self, address: int, length: int, pgoff: int) -> object:
        """Show other pages in both."""
        return self._plain(remap_file_pages, "remap_file_pages", address, length, pgoff)

    def special(self, address: int, length: int, flags: Vm, file: File) -> object:
        """Install a special mapping in both."""
        return self.both(
            f"special {address:#x} {length:#x}",
            lambda mm: install_special(mm, address, length, flags, file),
            lambda mm: mm.special(address, length, flags_word(flags), self.file(file)),
        )

    def touch(self, address: int, *, write: bool) -> object:
        """Touch an address in both; below 0 is at the very end."""
        address &= INFINITY
        return self.both(
            f"touch {address:#x} {write}",
            lambda mm: fault(mm, address, write=write),
            lambda mm: mm.fault(address, write=write),
        )

    def search(self, search: Search, *, topdown: bool) -> object:
        """Search for a free range in both: with the lock, and without."""
        asked = search.length, search.low, search.high, search.mask, search.offset
        rule = gaps.topdown if topdown else gaps.bottomup

        def kernels(mm: Real) -> int:
            found = mm._call(Call.SEARCH, *asked, offset=int(topdown))
            assert mm._call(Call.LOOK, *asked, offset=int(topdown)) == found
            return found

        return self.both(f"{search} {topdown}", lambda mm: rule(mm, search), kernels)

    def fork(self) -> None:
        """Go on in a child, in both."""
        child = self._ended.pop() if self._ended else None
        if child is None:
            child = Real(self.real.settings, arena=self.real.arena, alive=False)
        self.real.fork_into(child)
        self._parents.append((self.mm, self.real))
        self.mm, self.real = fork(self.mm), child
        self.history.append("fork")
        self.compare()

    def exit(self) -> bool:
        """Go back to the parent, if there is one."""
        if not self._parents:
            return False
        self.real.exit()
        self._ended.append(self.real)
        self.mm, self.real = self._parents.pop()
        self.history.append("exit")
        self.compare()
        return True

    # -- both --------------------------------------------------------------------------------

    def both(self, what: str, spec: Spec, kernels: Kernels) -> object:
        """Make a call on both; return the answer, or the name of the error."""
        self.history.append(what)
        expected, answer = _asked(spec, self.mm), _asked(kernels, self.real)
        assert answer == expected, f"{what}: {answer} and not {expected}\n{self.show()}"
        self.compare()
        return answer

    def _plain(self, rule: Callable[..., object], name: str, *words: int) -> object:
        """Make a call that takes and returns numbers alone on both."""
        words = tuple(word & INFINITY for word in words)
        return self.both(
            " ".join([name, *map(hex, words)]),
            lambda mm: rule(mm, *words),
            lambda mm: getattr(mm, name)(*words),
        )

    def compare(self) -> None:
        """Require the same VMAs in both, the same end of the heap, the same flags to come."""
        block = self.real.words[self.real.mm :]
        apart = int(block[MM_BRK]), int(block[MM_DEF_FLAGS])
        assert apart == (self.mm.brk, flags_word(self.mm.def_flags)), self.show()
        anons: dict[Anon, int] = {}
        files: dict[File, int] = {}
        real = [RealVma(*row) for row in records(self.real, FIELDS)]
        assert len(real) == len(self.mm.vmas), self.show()
        for vma, found in zip(self.mm.vmas, real, strict=True):
            assert found[:3] == (vma.start, vma.end, flags_word(vma.flags)), self.show()
            word = 0 if vma.file is None else files.setdefault(vma.file, found.file)
            kind = 0 if vma.file is None else kind_word(vma.file)
            assert (found.file, found.file & 0xFFFF) == (word, kind), self.show()
            anon = 0 if vma.anon is None else anons.setdefault(vma.anon, found.anon)
            assert (found.anon, found.chain) == (anon, vma.chain), self.show()
            chosen = POLICIES.index(vma.policy), NAMES.index(vma.name)
            assert (found.pgoff, found.policy, found.name) == (vma.pgoff, *chosen), self.show()
        assert len({0, *anons.values()}) == len(anons) + 1, self.show()
        assert len({0, *files.values()}) == len(files) + 1, self.show()
        self._anons = anons

    def show(self) -> str:
        """Return both, and what led there."""
        lines = [*self.history[-20:], "the rules:", *map(_spec_line, self.mm.vmas)]
        return "\n".join([*lines, "the kernels:", *map(_real_line, self.real.maps())])

    # -- words -------------------------------------------------------------------------------

    def file(self, file: File | None) -> Any:
        """Return the kernels' file for one of the rules'."""
        if file is None:
            return None
        if file not in self._twins:
            kinds = {name: getattr(file, name) for name, _ in KINDS}
            self._twins[file] = RealFile(file.path, **kinds)
        return self._twins[file]

    def anon(self, anon: Anon) -> int:
        """Return the kernels' number for an anon of the rules; one that nobody has is new."""
        return self._anons.setdefault(anon, anon.number)

    def _place(self, vma: Vma) -> None:
        """Let there be a VMA in the kernels' address space."""
        file = self.file(vma.file)
        word = 0 if file is None else file.word
        self.real.place(vma.start, vma.end, flags_word(vma.flags), word, vma.pgoff)
        anon = 0 if vma.anon is None else self.anon(vma.anon)
        apart = POLICIES.index(vma.policy), NAMES.index(vma.name)
        plant(self.real, vma.start, anon, vma.chain, *apart)


def _asked(call: Callable[[object], object], mm: object) -> object:
    """Return the answer of a call, or the name of its error."""
    try:
        return call(mm)
    except Failed as failed:
        return failed.name
    except (CannotKnow, RealCannotKnow):
        return "CannotKnow"
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _spec_line(vma: Vma) -> str:
    """Return a VMA of the rules as a line."""
    anon = vma.anon.number if vma.anon else 0
    tail = f"pgoff {vma.pgoff:#x} anon {anon} {vma.chain} {POLICIES.index(vma.policy)} {vma.name}"
    kind = "-" if vma.file is None else f"{kind_word(vma.file):#x}"
    return f"  {vma.start:#x}-{vma.end:#x} {flags_word(vma.flags):#x} {kind} {tail}"


def _real_line(vma: RealVma) -> str:
    """Return a VMA of the kernels as a line."""
    tail = f"pgoff {vma.pgoff:#x} anon {vma.anon} {vma.chain} {vma.policy} {vma.name}"
    return f"  {vma.start:#x}-{vma.end:#x} {vma.flags:#x} {vma.file:#x} {tail}"
