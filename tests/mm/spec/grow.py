"""What grows: the heap, stacks, and the hidden state that faults leave.

A fault never shows in a list of mappings, but it decides which of them merge later: the first
write to a private VMA gives it an anon.
"""

from __future__ import annotations

from contextlib import suppress

from tests.mm.spec.change import munmap
from tests.mm.spec.gaps import start_gap
from tests.mm.spec.lookup import find_vma, find_vma_intersection, find_vma_prev, vma_lookup
from tests.mm.spec.merge import Part, merge_new
from tests.mm.spec.space import AddressSpace, Anon, Vma
from tests.mm.spec.words import (
    ACCESS,
    HEAP_FLAGS,
    PAGE,
    PMD,
    STACK_GUARD_GAP,
    TASK_SIZE,
    Failed,
    Vm,
    page_down,
    page_up,
)


def brk(mm: AddressSpace, address: int) -> int:
    """Move the end of the heap and return where it is; where it was, if that cannot be.

    Below start_brk nothing happens; within the same page only the number changes; down is a
    munmap, if the heap is still there. Up needs room: the next VMA, with its guard gap, must
    leave one page free.
    """
    old, new = page_up(mm.brk), page_up(address)
    if not mm.start_brk <= address <= TASK_SIZE or address - mm.start_brk > mm.limits.data:
        return mm.brk
    if new < old:
        heap = find_vma(mm, new)
        if heap is None or heap.start >= old:
            return mm.brk
    try:
        if new < old:
            munmap(mm, new, old - new)
        elif new > old:
            _grow_heap(mm, old, new)
    except Failed:
        return mm.brk
    mm.brk = address
    return mm.brk


def _grow_heap(mm: AddressSpace, old: int, new: int) -> None:
    """Add [old, new) to the heap; it joins only the heap below it, never what ends at start_brk."""
    if new > TASK_SIZE:
        raise Failed("ENOMEM")
    above = find_vma(mm, old)
    if above is not None and start_gap(above) < new + PAGE:
        raise Failed("ENOMEM")
    flags = HEAP_FLAGS | mm.def_flags
    if not mm.may_lock(flags, new - old) or not mm.may_expand(flags, (new - old) // PAGE):
        raise Failed("ENOMEM")
    if not mm.enough_memory(flags, new - old):
        raise Failed("ENOMEM")
    if mm.map_count > mm.limits.map_count:
        raise Failed("ENOMEM")
    part = Part(old, new, flags, None, old // PAGE)
    if old <= mm.start_brk or merge_new(mm, part, left_only=True) is None:
        mm.insert(Vma(old, new, flags, None, part.pgoff))
    if flags & Vm.LOCKED:
        populate(mm, old, new)


def fault(mm: AddressSpace, address: int, *, write: bool) -> bool:
    """Touch an address; tell whether that is allowed (else it is a SIGSEGV).

    In a hole the VMA below may grow up, else the one above grow down. Whatever is accessible at
    all can be read. The first write to a private VMA gives it an anon. Reading does not, unless
    what is read is a huge page.
    """
    vma = vma_lookup(mm, address) or _grown(mm, address)
    if vma is None:
        return False
    if not vma.flags & (Vm.WRITE if write else ACCESS):
        return False
    private = not vma.flags & (Vm.SHARED | Vm.MAYSHARE)
    if private and (write or _is_huge(mm, vma, address)):
        prepare_anon(mm, vma)
    return True


def _grown(mm: AddressSpace, address: int) -> Vma | None:
    """Return the stack that has grown until it holds `address`."""
    below, above = find_vma_prev(mm, address)
    for vma, grow in ((below, grow_up), (above, grow_down)):
        if vma is not None:
            with suppress(Failed):
                grow(mm, vma, address)
                return vma
    return None


def _is_huge(mm: AddressSpace, vma: Vma, address: int) -> bool:
    """Tell whether a fault in anonymous memory maps a huge page: allowed, and room for it."""
    block = address & -PMD
    wanted = mm.huge_pages == "always" or (mm.huge_pages == "madvise" and vma.flags & Vm.HUGEPAGE)
    fits = vma.start <= block and block + PMD <= vma.end
    return vma.anonymous and bool(wanted) and fits and not vma.flags & Vm.NOHUGEPAGE


def prepare_anon(mm: AddressSpace, vma: Vma) -> None:
    """Give a VMA an anon, if it has none: that of a neighbour it might merge with, or a new one.

    The next VMA is asked first, then the previous one. It must be adjacent, of the same file,
    with pgoff continuous and flags equal but for R, W and X, and its chain must be its own
    anon alone.
    """
    if vma.anon is not None:
        return
    above, below = mm.next_of(vma), mm.prev_of(vma)
    if above is not None and _could_share(vma, above) and above.chain == 1:
        vma.anon = above.anon
    elif below is not None and _could_share(below, vma) and below.chain == 1:
        vma.anon = below.anon
    else:
        vma.anon = Anon()
    vma.chain = 1


def _could_share(low: Vma, high: Vma) -> bool:
    """Tell whether two VMAs might be one if their access were the same."""
    return (
        low.end == high.start
        and low.policy is high.policy
        and low.file is high.file
        and not (low.flags ^ high.flags) & ~ACCESS
        and high.pgoff == low.pgoff + low.pages
    )


def populate(mm: AddressSpace, start: int, end: int) -> None:
    """Touch every page, as MAP_POPULATE and mlock do: writing where that is private and allowed.

    What is to be locked only on a fault is passed over.
    """
    for vma in mm.vmas:
        overlaps = vma.start < end and start < vma.end
        kind = vma.flags & (Vm.WRITE | Vm.SHARED | Vm.LOCKONFAULT)
        if overlaps and kind == Vm.WRITE and not vma.flags & Vm.MAYSHARE:
            prepare_anon(mm, vma)


def grow_down(mm: AddressSpace, vma: Vma, address: int) -> None:
    """Let a stack reach down to `address`, any distance.

    Fails if it does not grow, if an accessible VMA that does not grow is less than 1 MiB below,
    if it would be larger than RLIMIT_STACK, or if RLIMIT_AS forbids it. pgoff moves with the
    start. It has an anon before it grows.
    """
    if not vma.flags & Vm.GROWSDOWN:
        raise Failed("EFAULT")
    address = page_down(address)
    if address < mm.limits.min_addr:
        raise Failed("EPERM")
    below = mm.prev_of(vma)
    ordinary = below is not None and below.accessible and not below.flags & Vm.GROWSDOWN
    if ordinary and address - below.end < STACK_GUARD_GAP:
        raise Failed("ENOMEM")
    prepare_anon(mm, vma)
    pages = (vma.start - address) // PAGE
    if pages > vma.pgoff:
        raise Failed("ENOMEM")
    _may_grow(mm, vma, pages)
    vma.start, vma.pgoff = address, vma.pgoff - pages


def grow_up(mm: AddressSpace, vma: Vma, address: int) -> None:
    """Let a stack reach up to the end of the page of `address`, any distance.

    Fails if it does not grow up, if an accessible VMA that does not grow up either is less than
    1 MiB above, or for the limits that hold for growing down. It has an anon before it grows.
    """
    if not vma.flags & Vm.GROWSUP:
        raise Failed("EFAULT")
    end = page_down(address) + PAGE
    if end > TASK_SIZE:
        raise Failed("ENOMEM")
    guarded = min(end + STACK_GUARD_GAP, TASK_SIZE)
    above = find_vma_intersection(mm, vma.end, guarded)
    if above is not None and above.accessible and not above.flags & Vm.GROWSUP:
        raise Failed("ENOMEM")
    prepare_anon(mm, vma)
    _may_grow(mm, vma, (end - vma.end) // PAGE)
    vma.end = end


def _may_grow(mm: AddressSpace, vma: Vma, pages: int) -> None:
    """Fail with ENOMEM if a limit forbids a stack to grow by so many pages."""
    if (vma.pages + pages) * PAGE > mm.limits.stack or not mm.may_expand(vma.flags, pages):
        raise Failed("ENOMEM")
    if not mm.may_lock(vma.flags, pages * PAGE):
        raise Failed("ENOMEM")
