"""The specification of the rules, as a model that logs of system calls are followed with."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from stressd.replay.strace.model import File, Held, Start
from tests.mm.spec import change, grow, modify, process, remap, shm
from tests.mm.spec import space as spaces
from tests.mm.spec.words import MAY_ACCESS, PAGE, SPECIAL, Failed, Limits, Vm

Files = WeakKeyDictionary[File, spaces.File]
LIMITS = {"STACK": "stack", "AS": "address_space", "DATA": "data", "MEMLOCK": "locked"}


@contextmanager
def errors() -> Iterator[None]:
    """Raise OSError where the specification says that a call fails."""
    try:
        yield
    except Failed as failure:
        raise OSError(getattr(errno, failure.name), failure.name) from None


class SpecModel:
    """One address space, as the specification has it."""

    def __init__(self, mm: spaces.AddressSpace, files: Files) -> None:
        self.mm = mm
        self._files = files
        self._policies: dict[int, object] = {}

    def _file(self, file: File | None) -> spaces.File | None:
        if file is None:
            return None
        if file not in self._files:
            self._files[file] = spaces.File(
                file.path, writable=file.writable, huge_aligned=file.huge_aligned,
                shmem=file.shmem, zero=file.zero, hugetlb=file.hugetlb, special=file.special,
            )  # fmt: skip
        return self._files[file]

    def mmap(
        self, address: int, length: int, prot: int, flags: int, file: File | None, offset: int
    ) -> int:
        with errors():
            return change.mmap(self.mm, address, length, prot, flags, self._file(file), offset)

    def munmap(self, address: int, length: int) -> None:
        with errors():
            change.munmap(self.mm, address, length)

    def mprotect(self, address: int, length: int, prot: int) -> None:
        with errors():
            modify.mprotect(self.mm, address, length, prot)

    def madvise(self, address: int, length: int, advice: int) -> None:
        with errors():
            modify.madvise(self.mm, address, length, advice)

    def mlock(self, address: int, length: int, *, on_fault: bool = False) -> None:
        with errors():
            modify.mlock(self.mm, address, length, on_fault=on_fault)

    def munlock(self, address: int, length: int) -> None:
        with errors():
            modify.munlock(self.mm, address, length)

    def mlockall(self, flags: int) -> None:
        with errors():
            modify.mlockall(self.mm, flags)

    def mremap(
        self, address: int, length: int, new_length: int, flags: int, new_address: int
    ) -> int:
        with errors():
            return remap.mremap(self.mm, address, length, new_length, flags, new_address)

    def brk(self, address: int) -> int:
        return grow.brk(self.mm, address)

    def shmat(self, length: int, address: int, flags: int) -> int:
        with errors():
            return shm.shmat(self.mm, length, address, flags)

    def shmdt(self, address: int) -> None:
        with errors():
            shm.shmdt(self.mm, address)

    def remap_file_pages(self, address: int, length: int, page: int) -> None:
        with errors():
            shm.remap_file_pages(self.mm, address, length, page)

    def bind(self, address: int, length: int, policy: int) -> None:
        with errors():
            known = self._policies.setdefault(policy, object())
            modify.bind(self.mm, address, length, known)

    def name(self, address: int, length: int, name: str | None) -> None:
        with errors():
            modify.name_range(self.mm, address, length, name)

    def populate(self, start: int, end: int) -> None:
        grow.populate(self.mm, start, end)

    def layout(self, base: int, *, topdown: bool) -> None:
        self.mm.topdown = topdown
        if topdown:
            self.mm.mmap_base = base
        else:
            self.mm.legacy_base = base

    def limit(self, resource: str, soft: int) -> None:
        self.mm.limits = limits_with(self.mm.limits, {resource: soft})

    def fork(self) -> SpecModel:
        return SpecModel(process.fork(self.mm), self._files)

    def held(self) -> Iterator[Held]:
        for vma in self.mm.vmas:
            yield Held(vma.start, vma.end, grows=bool(vma.flags & Vm.GROWSDOWN))

    def close(self) -> None:
        self.mm.vmas.clear()

    def add(self, held: Held) -> None:
        """Put a mapping where nothing is."""
        flags = MAY_ACCESS | change.access_flags(held.prot)
        if held.shared:
            flags |= Vm.SHARED | Vm.MAYSHARE
        elif flags & Vm.WRITE:
            flags |= Vm.ACCOUNT
        file, pgoff = self._file(held.file), held.start // PAGE
        if file is not None and file.special:
            flags |= SPECIAL
        elif file is not None:
            pgoff = held.offset // PAGE
        vma = spaces.Vma(held.start, held.end, flags, file, pgoff)
        if held.grows:
            vma.flags |= Vm.GROWSDOWN
            vma.anon, vma.chain = spaces.Anon(), 1
        self.mm.insert(vma)


def limits_with(limits: Limits, changes: dict[str, int]) -> Limits:
    """Return limits with those changed that these names say."""
    fields = {**limits.__dict__, **{LIMITS[n]: v for n, v in changes.items()}}
    return Limits(**fields)


def spec_model(start: Start) -> SpecModel:
    """Return the model of an address space that begins like this."""
    mm = spaces.AddressSpace(
        [], start.mmap_base, start.legacy_base, start.topdown, start.start_brk, start.brk,
        limits=limits_with(Limits(), dict(start.limits)),
    )  # fmt: skip
    model = SpecModel(mm, WeakKeyDictionary())
    for held in start.mappings:
        model.add(held)
    return model
