"""Which VMA is meant by an address."""

from __future__ import annotations

from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import PAGE


def find_vma(mm: AddressSpace, address: int) -> Vma | None:
    """Return the first VMA that ends above `address`; it may begin above it, too."""
    return next((vma for vma in mm.vmas if vma.end > address), None)


def find_vma_prev(mm: AddressSpace, address: int) -> tuple[Vma | None, Vma | None]:
    """Return the VMA before find_vma, which is the last of all if that finds none, and it."""
    below = [vma for vma in mm.vmas if vma.end <= address]
    return (below[-1] if below else None), find_vma(mm, address)


def find_vma_intersection(mm: AddressSpace, start: int, end: int) -> Vma | None:
    """Return the first VMA that has an address in [start, end)."""
    vma = find_vma(mm, start)
    return vma if vma is not None and vma.start < end else None


def vma_lookup(mm: AddressSpace, address: int) -> Vma | None:
    """Return the VMA that holds `address`."""
    vma = find_vma(mm, address)
    return vma if vma is not None and vma.start <= address else None


def find_exact_vma(mm: AddressSpace, start: int, end: int) -> Vma | None:
    """Return the VMA that is exactly [start, end)."""
    vma = find_vma(mm, start)
    return vma if vma is not None and (vma.start, vma.end) == (start, end) else None


def count_pages(mm: AddressSpace, start: int, end: int) -> int:
    """Return how many pages of [start, end) are mapped; parts of VMAs count as parts."""
    overlaps = (min(end, vma.end) - max(start, vma.start) for vma in mm.vmas)
    return sum(size for size in overlaps if size > 0) // PAGE
