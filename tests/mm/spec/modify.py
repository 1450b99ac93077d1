"""mprotect, madvise, mlock and their kin: calls that change what a range is.

Each walks the VMAs of its range from below. For each one that really changes, `merge.modify`
joins or splits. What was changed before an error stays changed.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.mm.spec.change import access_flags, may_access
from tests.mm.spec.grow import populate, prepare_anon
from tests.mm.spec.lookup import count_pages, find_vma, vma_lookup
from tests.mm.spec.merge import modify
from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import (
    ACCESS,
    INFINITY,
    LOCKED_MASK,
    PAGE,
    PMD,
    SPECIAL,
    Failed,
    Vm,
    page_down,
    page_up,
)

PROT_ALL, PROT_GROWSDOWN, PROT_GROWSUP = 0xF, 0x01000000, 0x02000000
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
MADV_POPULATE_WRITE = 23
DISCARDS = frozenset(
    {4, 8, 9, 10, 18, 24, 102}
)  # DONTNEED, FREE, REMOVE, DONTFORK, WIPEONFORK, ...
FREE = 8
REFUSED_BY = {  # advice about pages alone: flags of VMAs that do not take it
    4: Vm.LOCKED | Vm.PFNMAP,  # DONTNEED
    FREE: Vm.LOCKED | Vm.PFNMAP,
    20: Vm.LOCKED | Vm.PFNMAP | Vm.HUGETLB,  # COLD
    21: Vm.LOCKED | Vm.PFNMAP | Vm.HUGETLB,  # PAGEOUT
    24: Vm.PFNMAP,  # DONTNEED_LOCKED
}
WITHOUT_LAYOUT = frozenset({3, 4, 8, 9, 20, 21, 22, 23, 24, 25, 100, 101, 102, 103})


def mseal(mm: AddressSpace, address: int, length: int, flags: int = 0) -> None:
    """Seal a range: it can never be unmapped, moved, replaced, or given other access (EPERM).

    EINVAL for any flag, off a page, or if the range wraps. ENOMEM if there is a hole in it, before
    anything changes.
    """
    end = address + page_up(length)
    if flags or address % PAGE or end > INFINITY or (length and end == address):
        raise Failed("EINVAL")
    if count_pages(mm, address, end) != (end - address) // PAGE:
        raise Failed("ENOMEM")
    while address < end:
        vma = vma_lookup(mm, address)
        assert vma is not None
        stop, flags = min(vma.end, end), vma.flags | Vm.SEALED
        same = flags == vma.flags
        address = stop if same else modify(mm, vma, address, stop, flags=flags).end


def mprotect(mm: AddressSpace, address: int, length: int, prot: int) -> None:
    """Change the protection of a range.

    EINVAL off a page, both GROWS flags, or unknown bits; nothing to do if empty; ENOMEM if it
    wraps. Stops at the first hole with ENOMEM, at the first VMA that may not have this access
    with EACCES, and at the first that is sealed with EPERM. With PROT_GROWSDOWN it begins where
    the VMA does, which must grow down; with PROT_GROWSUP it ends where the VMA does, which must
    grow up.
    """
    grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP)
    if grows == PROT_GROWSDOWN | PROT_GROWSUP or address % PAGE:
        raise Failed("EINVAL")
    if length == 0:
        return
    end = address + page_up(length)
    if end <= address or end > INFINITY:
        raise Failed("ENOMEM")
    if prot & ~(PROT_ALL | grows):
        raise Failed("EINVAL")
    if grows:
        address, end = _growing(mm, address, end, grows)
    while address < end:
        vma = vma_lookup(mm, address)
        if vma is None:
            raise Failed("ENOMEM")
        address = _protect(mm, vma, address, min(vma.end, end), access_flags(prot))


def _growing(mm: AddressSpace, address: int, end: int, grows: int) -> tuple[int, int]:
    """Return where mprotect begins and ends for a VMA that grows."""
    vma = find_vma(mm, address)
    up = bool(grows & PROT_GROWSUP)
    if vma is None or vma.start >= end or (up and vma.start > address):
        raise Failed("ENOMEM")
    if not vma.flags & (Vm.GROWSUP if up else Vm.GROWSDOWN):
        raise Failed("EINVAL")
    return (address, vma.end) if up else (vma.start, end)


def _protect(mm: AddressSpace, vma: Vma, start: int, end: int, access: Vm) -> int:
    """Change the access of a part of one VMA; return up to where that is done.

    Made writable, private memory is accounted for from now on, unless it is already, was
    writable, or is NORESERVE or huge. Made unwritable, it stays so, but for anonymous memory
    that was never written to. So whether memory was ever written to shows in the layout.
    Locked private memory that becomes writable is written to at once.
    """
    if not may_access(vma, access):
        raise Failed("EACCES")
    if vma.flags & Vm.SEALED:
        raise Failed("EPERM")
    flags = vma.flags & ~ACCESS | access
    if flags == vma.flags:
        return end
    if access & Vm.WRITE:
        pages = (end - start) // PAGE
        if not mm.may_expand(flags, pages) and mm.may_expand(vma.flags, pages):
            raise Failed("ENOMEM")
        if not vma.flags & (Vm.ACCOUNT | Vm.WRITE | Vm.HUGETLB | Vm.SHARED | Vm.NORESERVE):
            flags |= Vm.ACCOUNT
            if not mm.enough_memory(flags, end - start):
                raise Failed("ENOMEM")
    elif vma.anonymous and vma.anon is None:
        flags &= ~Vm.ACCOUNT
    locked = vma.flags & (Vm.WRITE | Vm.SHARED | Vm.LOCKED) == Vm.LOCKED
    changed = modify(mm, vma, start, end, flags=flags)
    if locked and flags & Vm.WRITE:
        populate(mm, start, end)
    return changed.end


def advised(vma: Vma, advice: int) -> Vm:
    """Return the flags of a VMA that was given advice, or fail.

    EINVAL for WIPEONFORK on files and shared memory, DOFORK on device memory, DODUMP on special
    memory, and both DODUMP and KEEPONFORK on droppable memory; and for what would drop the pages
    of locked or device memory.
    """
    forbidden = {
        11: vma.flags & Vm.IO,
        17: (vma.flags & SPECIAL and not vma.flags & Vm.HUGETLB) or vma.flags & Vm.DROPPABLE,
        18: vma.has_file or vma.flags & Vm.SHARED,
        19: vma.flags & Vm.DROPPABLE,
    }
    refused = vma.flags & REFUSED_BY.get(advice, Vm.NONE) or (advice == FREE and not vma.anonymous)
    if forbidden.get(advice) or refused:
        raise Failed("EINVAL")
    cleared, added = ADVICE.get(advice, (Vm.NONE, Vm.NONE))
    return vma.flags & ~cleared | added


DROPS = (4, 24)  # DONTNEED, DONTNEED_LOCKED
READING = Vm.SEQ_READ | Vm.RAND_READ
ADVICE = {  # advice: flags cleared, flags set
    0: (READING, Vm.NONE),  # NORMAL
    1: (READING, Vm.RAND_READ),  # RANDOM
    2: (READING, Vm.SEQ_READ),  # SEQUENTIAL
    10: (Vm.NONE, Vm.DONTCOPY),  # DONTFORK
    11: (Vm.DONTCOPY, Vm.NONE),  # DOFORK
    14: (Vm.NOHUGEPAGE, Vm.HUGEPAGE),  # HUGEPAGE
    15: (Vm.HUGEPAGE, Vm.NOHUGEPAGE),  # NOHUGEPAGE
    16: (Vm.NONE, Vm.DONTDUMP),  # DONTDUMP
    17: (Vm.DONTDUMP, Vm.NONE),  # DODUMP
    18: (Vm.NONE, Vm.WIPEONFORK),  # WIPEONFORK
    19: (Vm.WIPEONFORK, Vm.NONE),  # KEEPONFORK
}


def madvise(mm: AddressSpace, address: int, length: int, advice: int) -> None:
    """Give advice on a range: some of it are flags of the VMA.

    EINVAL off a page, for unknown advice, or if the range wraps; and where pages are to be dropped
    from inside a huge one on. EPERM at memory that is sealed
    against what would discard its pages. Holes are skipped, and told with ENOMEM at the end.
    """
    if advice not in ADVICE and advice not in WITHOUT_LAYOUT:
        raise Failed("EINVAL")
    end = address + page_up(length)
    if address % PAGE or end > INFINITY or (length and end == address):
        raise Failed("EINVAL")
    if advice == MADV_POPULATE_WRITE:
        _write_all(mm, address, end)
    if advice not in ADVICE and advice not in REFUSED_BY:
        within = [v for v in mm.vmas if v.start < end and address < v.end]
        if advice in DISCARDS and any(map(_keeps_pages, within)):
            raise Failed("EPERM")
        return

    def change(vma: Vma, start: int, stop: int) -> int:
        if advice in DISCARDS and _keeps_pages(vma):
            raise Failed("EPERM")
        flags = advised(vma, advice)
        if vma.flags & Vm.HUGETLB and advice in DROPS and start % PMD:
            raise Failed("EINVAL")
        return stop if flags == vma.flags else modify(mm, vma, start, stop, flags=flags).end

    _over_holes(mm, address, end, change)


def _keeps_pages(vma: Vma) -> bool:
    """Tell whether a VMA is sealed against discarding: anonymous, and not to be written to."""
    return bool(vma.flags & Vm.SEALED) and vma.anonymous and not vma.flags & Vm.WRITE


def _write_all(mm: AddressSpace, start: int, end: int) -> None:
    """Write to a range; stops at a hole with ENOMEM, at what is not writable with EINVAL."""
    while start < end:
        vma = vma_lookup(mm, start)
        if vma is None:
            raise Failed("ENOMEM")
        if not vma.flags & Vm.WRITE or vma.flags & (Vm.IO | Vm.PFNMAP):
            raise Failed("EINVAL")
        if not vma.flags & Vm.MAYSHARE:
            prepare_anon(mm, vma)
        start = vma.end


def _over_holes(
    mm: AddressSpace, start: int, end: int, change: Callable[[Vma, int, int], int]
) -> None:
    """Change every VMA in a range; ENOMEM at the end if there was a hole."""
    hole = False
    while start < end:
        vma = find_vma(mm, start)
        if vma is None or vma.start >= end:
            raise Failed("ENOMEM")
        hole = hole or vma.start > start
        start = max(start, vma.start)
        start = change(vma, start, min(vma.end, end))
    if hole:
        raise Failed("ENOMEM")


def name_range(mm: AddressSpace, address: int, length: int, name: str | None) -> None:
    """Give anonymous memory a name (PR_SET_VMA_ANON_NAME); files have theirs: EBADF.

    EINVAL off a page, or if the range wraps.
    """
    end = address + page_up(length)
    if address % PAGE or end > INFINITY or (length and end == address):
        raise Failed("EINVAL")

    def change(vma: Vma, start: int, stop: int) -> int:
        if vma.has_file:
            raise Failed("EBADF")
        return stop if vma.name == name else modify(mm, vma, start, stop, name=name).end

    _over_holes(mm, address, end, change)


def bind(mm: AddressSpace, address: int, length: int, policy: object) -> None:
    """Set the NUMA policy of a range: it parts neighbours of another policy.

    EINVAL off a page, or if the range wraps. EFAULT at a hole before the end; what was changed
    before stays.
    """
    end = address + page_up(length)
    if address % PAGE or end > INFINITY:
        raise Failed("EINVAL")
    while address < end:
        vma = vma_lookup(mm, address)
        if vma is None:
            raise Failed("EFAULT")
        stop = min(vma.end, end)
        same = vma.policy is policy
        address = stop if same else modify(mm, vma, address, stop, policy=policy).end


def mlock(mm: AddressSpace, address: int, length: int, *, on_fault: bool = False) -> None:
    """Lock a range in memory, which writes to its private writable pages.

    EPERM if RLIMIT_MEMLOCK is 0, ENOMEM if it is more than that, where what is locked already
    counts once; stops at the first hole with ENOMEM. Memory that cannot be accessed is locked,
    but ENOMEM is returned all the same. With `on_fault` nothing is touched but what is passed
    over, huge pages for one.
    """
    if not mm.limits.locked:
        raise Failed("EPERM")
    start, size = _whole_pages(address, length)
    locked = [vma for vma in mm.vmas if vma.flags & LOCKED_MASK]
    outside = sum(
        v.end - v.start - max(0, min(start + size, v.end) - max(start, v.start)) for v in locked
    )
    if mm.limits.locked != INFINITY and outside + size > mm.limits.locked:
        raise Failed("ENOMEM")
    flags = LOCKED_MASK if on_fault else Vm.LOCKED
    _set_locked(mm, start, size, flags)
    for vma in mm.vmas:
        untouched = vma.flags & (Vm.IO | Vm.PFNMAP | Vm.LOCKONFAULT)
        if vma.start < start + size and start < vma.end and not untouched:
            if not vma.accessible:
                raise Failed("ENOMEM")
            populate(mm, vma.start, vma.end)


def munlock(mm: AddressSpace, address: int, length: int) -> None:
    """Unlock a range; stops at the first hole with ENOMEM."""
    _set_locked(mm, *_whole_pages(address, length), Vm.NONE)


def _whole_pages(address: int, length: int) -> tuple[int, int]:
    """Return start and size of a range rounded outwards to pages."""
    return page_down(address), page_up(length + address % PAGE)


def _set_locked(mm: AddressSpace, start: int, size: int, flags: Vm) -> None:
    """Set the lock flags of every VMA in a range without holes; EINVAL if it wraps."""
    end = start + size
    if end > INFINITY:
        raise Failed("EINVAL")
    while start < end:
        vma = vma_lookup(mm, start)
        if vma is None:
            raise Failed("ENOMEM")
        start = _lock(mm, vma, start, min(vma.end, end), flags)


def _lock(mm: AddressSpace, vma: Vma, start: int, end: int, flags: Vm) -> int:
    """Set the lock flags of a part; special, huge and droppable memory is passed over."""
    changed = vma.flags & ~LOCKED_MASK | flags
    if changed == vma.flags or vma.flags & (SPECIAL | Vm.HUGETLB | Vm.DROPPABLE):
        return end
    return modify(mm, vma, start, end, flags=changed).end


def mlockall(mm: AddressSpace, flags: int) -> None:
    """Lock what is mapped (CURRENT), what will be (FUTURE), or both; 0 is munlockall.

    Without FUTURE nothing that comes is locked any more. Errors of single VMAs are passed over.
    EINVAL for unknown flags, and for ONFAULT alone; EPERM if RLIMIT_MEMLOCK is 0; CURRENT is
    ENOMEM if all there is would be more than that. What is mapped is touched, with ONFAULT what
    was passed over alone: so droppable memory is written to.
    """
    if flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or flags == MCL_ONFAULT:
        raise Failed("EINVAL")
    if flags and not mm.limits.locked:
        raise Failed("EPERM")
    if flags & MCL_CURRENT and sum(v.pages for v in mm.vmas) > mm.limits.locked // PAGE:
        raise Failed("ENOMEM")
    wanted = LOCKED_MASK if flags & MCL_ONFAULT else Vm.LOCKED
    mm.def_flags = mm.def_flags & ~LOCKED_MASK | (wanted if flags & MCL_FUTURE else Vm.NONE)
    if flags & MCL_FUTURE and not flags & MCL_CURRENT:
        return
    address = 0
    while (vma := find_vma(mm, address)) is not None:
        now = wanted if flags & MCL_CURRENT else Vm.NONE
        try:
            address = _lock(mm, vma, vma.start, vma.end, now)
        except Failed:
            address = vma.end
    if flags & MCL_CURRENT:
        populate(mm, 0, INFINITY)
