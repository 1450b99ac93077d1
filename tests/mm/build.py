"""Small address spaces for tests, in pages from BASE."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import HEAP_FLAGS, MAY_ACCESS, PAGE, Failed, Vm

BASE = 0x10_0000_0000
READ_ONLY = Vm.READ | MAY_ACCESS
WRITABLE = HEAP_FLAGS  # private anonymous memory as mmap makes it
GROWING = WRITABLE | Vm.GROWSDOWN
PRIVATE_ANON = 0x22  # MAP_PRIVATE|MAP_ANONYMOUS
FIXED = 0x10
R, RW, RWX, RX, NONE = 1, 3, 7, 5, 0


def at(page: int) -> int:
    """Return the address of a page."""
    return BASE + page * PAGE


def vma(
    start: int,
    end: int,
    flags: Vm = WRITABLE,
    *,
    file: File | None = None,
    pgoff: int | None = None,
    anon: Anon | None = None,
    chain: int | None = None,
) -> Vma:
    """Return a VMA of pages [start, end); without pgoff, that of anonymous memory made there."""
    pgoff = at(start) // PAGE if pgoff is None else pgoff
    chain = (1 if anon else 0) if chain is None else chain
    return Vma(at(start), at(end), flags, file, pgoff, anon, chain)


def space(*vmas: Vma) -> AddressSpace:
    """Return an address space of these VMAs; searches end at page 100,000."""
    return AddressSpace(sorted(vmas, key=lambda v: v.start), mmap_base=at(100_000))


def shape(mm: AddressSpace) -> list[tuple[int, int]]:
    """Return the pages [start, end) of all VMAs."""
    assert mm.check() is None
    return [((v.start - BASE) // PAGE, (v.end - BASE) // PAGE) for v in mm.vmas]


def fails(name: str, call: Callable[[], object]) -> None:
    """Expect a call to fail with this error."""
    with pytest.raises(Failed) as caught:
        call()
    assert caught.value.name == name
