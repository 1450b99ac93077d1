"""The address spaces of the kernels as models: every structure of a stage, validated as asked.

A block of an address space that has ended is used again by the next one that begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar
from weakref import WeakKeyDictionary

from stressd.replay.how import How
from stressd.replay.strace.model import PAGE, Defect, File, Held, Model, Start, TooMany
from stressd_kernels.address_space import AddressSpace, Broken
from stressd_kernels.address_space import File as KernelFile
from stressd_kernels.layout import TREES_MAX
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.memory import CAPACITY_MIN, Arena
from stressd_kernels.mm import CALLS, VERBS, with_steps
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import (
    MM_DATA_MAX,
    MM_LEGACY_BASE,
    MM_LOCKED_MAX,
    MM_MMAP_BASE,
    MM_SPACE_MAX,
    MM_STACK_MAX,
    MM_TOPDOWN,
)
from stressd_kernels.mm.words import (
    VM_ACCOUNT,
    VM_GROWSDOWN,
    VM_MAY_ACCESS,
    VM_MAYSHARE,
    VM_SHARED,
    VM_SPECIAL,
)
from stressd_kernels.spaces import Limits, Settings, begin_mm
from stressd_kernels.warm import warm

CAPACITY = 8 << 30  # bytes of nodes, reserved and not used; less where the system refuses
USED = (
    Call.MMAP, Call.MUNMAP, Call.MPROTECT, Call.MADVISE, Call.MLOCK, Call.MUNLOCK, Call.MLOCKALL,
    Call.BIND, Call.NAME, Call.MREMAP, Call.BRK, Call.POPULATE, Call.SHMAT, Call.SHMDT,
    Call.REMAP_PAGES, Call.PLACE, Call.FORK, Call.EXIT, Call.VALIDATE, Call.FIND_VMA,
)  # fmt: skip
LIMITS = {"STACK": MM_STACK_MAX, "AS": MM_SPACE_MAX, "DATA": MM_DATA_MAX, "MEMLOCK": MM_LOCKED_MAX}
WRITE = 2  # PROT_WRITE

Answer = TypeVar("Answer")


class KernelModels:
    """Makes models, all in one arena."""

    def __init__(self, how: How) -> None:
        self.how = how
        self.arena = _arena()
        self.spare: list[AddressSpace] = []
        self.opened = 0
        self.names: dict[str, int] = {}
        self._files: WeakKeyDictionary[File, KernelFile] = WeakKeyDictionary()  # those still open
        _compile()

    def __call__(self, start: Start) -> Model:
        """Return the model of an address space that begins like this."""
        return KernelModel(self, self.begun(self._settings(start), alive=True), start)

    def begun(self, settings: Settings, *, alive: bool) -> AddressSpace:
        """Return an empty address space."""
        if not self.spare:
            if self.opened == TREES_MAX:
                raise TooMany(f"more than {TREES_MAX:,} models of address spaces at a time")
            self.opened += 1
            return AddressSpace(settings, arena=self.arena, alive=alive)
        space = self.spare.pop()
        space.settings = settings
        begin_mm(self.arena, space.mm, settings, alive=alive)
        return space

    def file(self, file: File) -> KernelFile:
        """Return what the kernels know a file by."""
        if file not in self._files:
            self._files[file] = KernelFile(
                file.path, writable=file.writable, huge_aligned=file.huge_aligned,
                shmem=file.shmem, zero=file.zero, hugetlb=file.hugetlb, special=file.special,
            )  # fmt: skip
        return self._files[file]

    def _settings(self, start: Start) -> Settings:
        return Settings(
            stage=self.how.stage,
            validate=self.how.validate,
            mmap_base=start.mmap_base,
            legacy_base=start.legacy_base,
            topdown=start.topdown,
            start_brk=start.start_brk,
            brk=start.brk,
            limits=_limits(start.limits),
        )


class KernelModel:
    """One address space of the kernels."""

    def __init__(self, models: KernelModels, space: AddressSpace, start: Start | None) -> None:
        self._models = models
        self._space = space
        for held in start.mappings if start is not None else ():
            self._place(held)

    def mmap(
        self, address: int, length: int, prot: int, flags: int, file: File | None, offset: int
    ) -> int:
        known = None if file is None else self._models.file(file)
        return self._ask(
            lambda s: s.mmap(address, length, prot, flags, known, offset),
        )

    def munmap(self, address: int, length: int) -> None:
        self._ask(lambda s: s.munmap(address, length))

    def mprotect(self, address: int, length: int, prot: int) -> None:
        self._ask(lambda s: s.mprotect(address, length, prot))

    def madvise(self, address: int, length: int, advice: int) -> None:
        self._ask(lambda s: s.madvise(address, length, advice))

    def mlock(self, address: int, length: int, *, on_fault: bool = False) -> None:
        self._ask(lambda s: s.mlock(address, length, on_fault=on_fault))

    def munlock(self, address: int, length: int) -> None:
        self._ask(lambda s: s.munlock(address, length))

    def mlockall(self, flags: int) -> None:
        self._ask(lambda s: s.mlockall(flags))

    def mremap(
        self, address: int, length: int, new_length: int, flags: int, new_address: int
    ) -> int:
        return self._ask(lambda s: s.mremap(address, length, new_length, flags, new_address))

    def brk(self, address: int) -> int:
        return self._ask(lambda s: s.brk(address))

    def shmat(self, length: int, address: int, flags: int) -> int:
        return self._ask(lambda s: s.shmat(length, address, flags))

    def shmdt(self, address: int) -> None:
        self._ask(lambda s: s.shmdt(address))

    def remap_file_pages(self, address: int, length: int, page: int) -> None:
        self._ask(lambda s: s.remap_file_pages(address, length, page))

    def bind(self, address: int, length: int, policy: int) -> None:
        self._ask(lambda s: s.bind(address, length, policy))

    def name(self, address: int, length: int, name: str | None) -> None:
        names = self._models.names
        number = 0 if name is None else names.setdefault(name, len(names) + 1)
        self._ask(lambda s: s.name_range(address, length, number))

    def populate(self, start: int, end: int) -> None:
        self._ask(lambda s: s.populate(start, end))

    def layout(self, base: int, *, topdown: bool) -> None:
        self._set(MM_TOPDOWN, int(topdown))
        self._set(MM_MMAP_BASE if topdown else MM_LEGACY_BASE, base)

    def limit(self, resource: str, soft: int) -> None:
        self._set(LIMITS[resource], soft)

    def fork(self) -> Model:
        models = self._models
        child = models.begun(self._space.settings, alive=False)
        self._ask(lambda s: s.fork_into(child))
        return KernelModel(models, child, None)

    def held(self) -> Iterator[Held]:
        for vma in self._ask(lambda s: s.maps()):
            yield Held(vma.start, vma.end, grows=bool(vma.flags & int(VM_GROWSDOWN)))

    def close(self) -> None:
        if self._models.how.validate:
            self._ask(lambda s: s.validate())
        self._ask(lambda s: s.exit())
        self._models.spare.append(self._space)

    def _place(self, held: Held) -> None:
        """Put a mapping where a list says that it is; a stack has been written to."""
        flags = int(VM_MAY_ACCESS) | held.prot
        if held.shared:
            flags |= int(VM_SHARED | VM_MAYSHARE)
        elif held.prot & WRITE:
            flags |= int(VM_ACCOUNT)
        file, page, word = held.file, held.start // PAGE, 0
        if file is not None:
            word = self._models.file(file).word
            flags |= int(VM_SPECIAL) if file.special else 0
            page = page if file.special else held.offset // PAGE
        if held.grows:
            flags |= int(VM_GROWSDOWN)
        self._ask(lambda s: s.place(held.start, held.end, flags, word, page))
        if held.grows:
            self.populate(held.start, held.end)

    def _set(self, offset: int, word: int) -> None:
        """Write one word of the block; nobody else looks at it meanwhile."""
        self._space.words[self._space.mm + offset] = word

    def _ask(self, call: Callable[[AddressSpace], Answer]) -> Answer:
        """Make a call; what is found wrong with the structures is a defect."""
        try:
            return call(self._space)
        except Broken as found:
            raise Defect(str(found)) from None


def _limits(known: Mapping[str, int]) -> Limits:
    """Return limits; those that nobody told are infinite."""
    names = {"STACK": "stack", "AS": "address_space", "DATA": "data", "MEMLOCK": "locked"}
    return Limits(**{names[name]: soft for name, soft in known.items()})


def _compile() -> None:
    """Make everything ready, in several processes if much is missing in the cache."""
    calls = [CALLS[call] for call in with_steps(USED)]
    verbs = [STRUCTURE.entries[verb] for verb in STRUCTURE.with_helpers(VERBS)]
    warm([*calls, *verbs], lambda *_: None, len(os.sched_getaffinity(0)))


def _arena() -> Arena:
    """Reserve as much as the system lets us, CAPACITY at most."""
    capacity = CAPACITY
    while True:
        try:
            return Arena(capacity)
        except MemoryError:
            capacity //= 2
            if capacity < CAPACITY_MIN:
                raise
