"""Where a free range is found: highest or lowest, aligned, and clear of stacks.

A search is for `length` bytes in [low, high) whose start is `offset` modulo mask + 1; one for
nothing is EINVAL, as a mapping of nothing is. A gap must hold length + mask bytes, even if less
would do for its own alignment. Below a VMA that grows down, STACK_GUARD_GAP bytes are no free
range: a search that ends there tries again further away. So are those above a VMA that grows up,
unless what is above the free range grows down: then nobody looks below.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mm.spec.lookup import find_vma_prev
from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import INFINITY, STACK_GUARD_GAP, Failed, Vm


@dataclass(frozen=True)
class Search:
    """What is looked for, and where."""

    length: int
    low: int
    high: int
    mask: int = 0
    offset: int = 0

    @property
    def size(self) -> int:
        """How large a gap must be."""
        if self.length == 0:
            raise Failed("EINVAL")
        if self.length + self.mask > INFINITY:
            raise Failed("ENOMEM")
        return self.length + self.mask


def start_gap(vma: Vma) -> int:
    """Return where a VMA begins for its lower neighbours: 256 pages earlier if it grows down."""
    if not vma.flags & Vm.GROWSDOWN:
        return vma.start
    return vma.start - STACK_GUARD_GAP if vma.start >= STACK_GUARD_GAP else 0


def end_gap(vma: Vma | None) -> int:
    """Return where a VMA ends for its upper neighbours: 256 pages later if it grows up; none: 0."""
    if vma is None:
        return 0
    return vma.end + STACK_GUARD_GAP if vma.flags & Vm.GROWSUP else vma.end


def gaps(mm: AddressSpace, low: int, high: int) -> list[tuple[int, int]]:
    """Return the free ranges [start, end) inside [low, high), ascending."""
    found, at = [], low
    for vma in mm.vmas:
        if vma.start > at and at < high:
            found.append((at, min(vma.start, high)))
        at = max(at, vma.end)
    if at < high:
        found.append((at, high))
    return found


def topdown(mm: AddressSpace, search: Search) -> int:
    """Return the highest place: at the top of the highest gap that is large enough.

    Then aligned down. If the VMA above is a stack and the gap reaches into its guard gap, the
    search is repeated with the guard gap as its end. (Free ranges between the two, below
    another VMA, are passed over by that.) If else what is found begins inside the guard gap of
    a VMA that grows up, it is repeated below that VMA.
    """
    high, size = search.high, search.size
    while True:
        fits = [g for g in gaps(mm, max(search.low, mm.limits.min_addr), high) if _holds(g, size)]
        if not fits:
            raise Failed("ENOMEM")
        _, gap_end = fits[-1]
        found = gap_end - search.length
        found -= (found - search.offset) & search.mask
        below, above = find_vma_prev(mm, gap_end)
        if above is not None and above.flags & Vm.GROWSDOWN:
            if start_gap(above) >= gap_end:
                return found
            high = start_gap(above)
        elif below is None or end_gap(below) <= found:
            return found
        else:
            high = below.start


def bottomup(mm: AddressSpace, search: Search) -> int:
    """Return the lowest place: at the start of the lowest gap that is large enough.

    Then aligned up. If what is found reaches into the guard gap of the stack above, the search
    is repeated above that stack. (It reaches there if size - 1 bytes do.) If else it begins
    inside the guard gap of a VMA that grows up, it is repeated from there on.
    """
    low, size = max(search.low, mm.limits.min_addr), search.size
    while True:
        fits = [gap for gap in gaps(mm, low, search.high) if _holds(gap, size)]
        if not fits:
            raise Failed("ENOMEM")
        found, gap_end = fits[0]
        found += (search.offset - found) & search.mask
        below, above = find_vma_prev(mm, gap_end - 1)
        if above is not None and above.flags & Vm.GROWSDOWN:
            if start_gap(above) >= found + size - 1:
                return found
            low = above.end
        elif end_gap(below) <= found:
            return found
        else:
            low = end_gap(below)


def by_guarded_gaps(mm: AddressSpace, search: Search, *, from_top: bool) -> int:
    """Return what a search finds in gaps that end where guard gaps begin, as the rb-tree has them.

    Without alignment that is the same, but for one case. If a VMA lies inside the guard gap of
    a stack, the rb-tree's top-down search finds the free range right below that VMA. `topdown`
    does not: it goes on below the guard gap, as Linux 6.18 does.
    """
    fits = []
    for low, high in gaps(mm, max(search.low, mm.limits.min_addr), search.high):
        _, above = find_vma_prev(mm, high - 1)
        end = high if above is None else min(high, start_gap(above))
        if end - low >= search.size:
            fits.append((low, end))
    if not fits:
        raise Failed("ENOMEM")
    return fits[-1][1] - search.length if from_top else fits[0][0]


def _holds(gap: tuple[int, int], size: int) -> bool:
    """Tell whether a gap is large enough."""
    return gap[1] - gap[0] >= size
