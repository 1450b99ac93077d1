"""mmap and munmap."""

from __future__ import annotations

from dataclasses import replace
from enum import IntFlag

from tests.mm.spec.lookup import find_vma_intersection
from tests.mm.spec.merge import Part, merge_new
from tests.mm.spec.place import Request, place
from tests.mm.spec.space import AddressSpace, File, Vma
from tests.mm.spec.words import (
    ACCESS,
    INFINITY,
    LOCKED_MASK,
    MAY_ACCESS,
    PAGE,
    PMD,
    SPECIAL,
    TASK_SIZE,
    Failed,
    Vm,
    page_down,
    page_up,
)

PROT_FLAGS = ((1, Vm.READ), (2, Vm.WRITE), (4, Vm.EXEC))
MAP_TYPE = 0xF
OFFSET_PAGES = 1 << 64  # pgoff wraps here


class Map(IntFlag):
    """The flags of mmap, as on x86-64."""

    SHARED = 0x1
    PRIVATE = 0x2
    SHARED_VALIDATE = 0x3
    DROPPABLE = 0x8
    FIXED = 0x10
    ANONYMOUS = 0x20
    BELOW_2G = 0x40
    ABOVE_4G = 0x80
    GROWSDOWN = 0x100
    LOCKED = 0x2000
    NORESERVE = 0x4000
    POPULATE = 0x8000
    NONBLOCK = 0x10000
    STACK = 0x20000
    HUGETLB = 0x40000
    FIXED_NOREPLACE = 0x100000


def access_flags(prot: int) -> Vm:
    """Return R, W and X of a protection."""
    flags = Vm.NONE
    for bit, flag in PROT_FLAGS:
        flags |= flag if prot & bit else Vm.NONE
    return flags


def mmap(
    mm: AddressSpace,
    address: int,
    length: int,
    prot: int,
    flags: int,
    file: File | None = None,
    offset: int = 0,
) -> int:
    """Map `length` bytes and return where.

    Huge pages are mapped whole: the length of a mapping of a hugetlbfs file, as that of anonymous
    huge memory, is rounded up to 2 MiB before anything else, and what rounds up to 2^64 is empty.
    HUGETLB with any other file is EINVAL.

    In this order: empty EINVAL; NOREPLACE means FIXED; a hint is rounded down to a page and up
    to the lowest address allowed; a length that rounds up to 0 ENOMEM; an offset that wraps
    EOVERFLOW; more VMAs than the limit ENOMEM (so one more than the limit can exist); the
    address; NOREPLACE and something there EEXIST; LOCKED where nothing may be locked EPERM; more
    locked memory than allowed EAGAIN; what the file does not permit. Then the range is unmapped
    and mapped.
    """
    if offset % PAGE:
        raise Failed("EINVAL")
    if flags & Map.ANONYMOUS and flags & Map.HUGETLB:
        file = File("anon_hugepage", hugetlb=True)
    if file is not None and file.hugetlb:
        length = -(-length // PMD) * PMD % (INFINITY + 1)
    elif flags & Map.HUGETLB:
        raise Failed("EINVAL")
    if length == 0:
        raise Failed("EINVAL")
    fixed = bool(flags & (Map.FIXED | Map.FIXED_NOREPLACE))
    hint = address if fixed else _rounded_hint(mm, address)
    length = page_up(length)
    if length == 0:
        raise Failed("ENOMEM")
    if offset // PAGE + length // PAGE >= OFFSET_PAGES:
        raise Failed("EOVERFLOW")
    if mm.map_count > mm.limits.map_count:
        raise Failed("ENOMEM")
    shared = bool(flags & Map.SHARED)
    want = Request(
        hint, length, file, offset, fixed, shared,
        bool(flags & Map.BELOW_2G), bool(flags & Map.ABOVE_4G),
    )  # fmt: skip
    start = place(mm, want)
    if flags & Map.FIXED_NOREPLACE and find_vma_intersection(mm, start, start + length):
        raise Failed("EEXIST")
    vm_flags = vma_flags(mm, prot, flags)
    if flags & Map.LOCKED and not mm.limits.locked:
        raise Failed("EPERM")
    if not mm.may_lock(vm_flags, length):
        raise Failed("EAGAIN")
    vm_flags = permitted(vm_flags, prot, flags, file)
    pgoff = start // PAGE if file is None and not shared else offset // PAGE
    if shared and (file is None or file.zero):
        pgoff = 0 if file is None else pgoff
        file = File("/dev/zero", shmem=True)  # one of its own
        if not vm_flags & Vm.NORESERVE and length > mm.limits.memory:
            munmap(mm, start, length)  # too late: what was there is gone
            raise Failed("ENOMEM")
    map_region(mm, Part(start, start + length, vm_flags, file, pgoff))
    return start


def _rounded_hint(mm: AddressSpace, hint: int) -> int:
    """Return a hint on a page, and not below the lowest address allowed; 0 is none."""
    hint = page_down(hint)
    return page_up(mm.limits.min_addr) if 0 < hint < mm.limits.min_addr else hint


def vma_flags(mm: AddressSpace, prot: int, flags: int) -> Vm:
    """Return what the caller asks for: access, GROWSDOWN, LOCKED, STACK, NORESERVE, SHARED.

    MAP_STACK means no huge pages.
    """
    found = access_flags(prot) | MAY_ACCESS | mm.def_flags
    for wanted, flag in (
        (Map.GROWSDOWN, Vm.GROWSDOWN),
        (Map.LOCKED, Vm.LOCKED),
        (Map.STACK, Vm.NOHUGEPAGE),
        (Map.NORESERVE, Vm.NORESERVE),
        (Map.SHARED, Vm.SHARED | Vm.MAYSHARE),
    ):
        if flags & wanted:
            found |= flag
    return found


def permitted(vm_flags: Vm, prot: int, flags: int, file: File | None) -> Vm:
    """Return the flags that the open file leaves, or fail.

    A shared mapping of a file not open for writing can never be written to, and is not SHARED
    for merging (/proc still shows it as such). EACCES if it is asked for, or if the file cannot
    be read at all. Only private anonymous memory grows down: EINVAL. So is a mapping neither
    shared nor private. What the kernel may drop must be anonymous, and neither be locked nor
    grow; it is not accounted for, dumped, or inherited.
    """
    own = Map.DROPPABLE if file is None else Map.SHARED_VALIDATE
    if flags & MAP_TYPE not in (Map.SHARED, Map.PRIVATE, own):
        raise Failed("EINVAL")
    if flags & MAP_TYPE == Map.DROPPABLE:
        if flags & Map.LOCKED or vm_flags & Vm.GROWSDOWN:
            raise Failed("EINVAL")
        vm_flags |= Vm.DROPPABLE | Vm.NORESERVE | Vm.WIPEONFORK | Vm.DONTDUMP
    if file is not None and not file.hugetlb:
        if flags & Map.SHARED and not file.writable:
            if prot & 2:
                raise Failed("EACCES")
            vm_flags &= ~(Vm.MAYWRITE | Vm.SHARED)
        if not file.readable:
            raise Failed("EACCES")
    if vm_flags & Vm.GROWSDOWN and (file is not None or flags & Map.SHARED):
        raise Failed("EINVAL")
    if file is not None and file.hugetlb:
        vm_flags |= Vm.HUGETLB | Vm.DONTEXPAND
    return vm_flags


def map_region(mm: AddressSpace, part: Part) -> Vma:
    """Unmap what is in the way, then join the range with its neighbours or make a new VMA.

    ENOMEM if RLIMIT_AS or RLIMIT_DATA forbid it, or if it is more than there is at all. Private
    writable memory that is not NORESERVE is accounted for: ACCOUNT. What is special or huge
    cannot be locked. Of a file of huge pages the offset must be one of them, EINVAL: that is
    seen when what was in the way is gone.
    """
    replaced = [v for v in mm.vmas if v.start < part.end and part.start < v.end]
    sizes = [min(v.end, part.end) - max(v.start, part.start) for v in replaced]
    given_back = sum(size for v, size in zip(replaced, sizes, strict=True) if v.flags & Vm.ACCOUNT)
    isolate(mm, part.start, part.end)
    length = part.end - part.start
    if not mm.may_expand(part.flags, (length - sum(sizes)) // PAGE):
        raise Failed("ENOMEM")
    part = _accounted(part)
    if not mm.enough_memory(part.flags, length - given_back):
        raise Failed("ENOMEM")
    munmap(mm, part.start, length)
    if part.file is not None and part.file.hugetlb and part.pgoff * PAGE % PMD:
        raise Failed("EINVAL")
    merged = merge_new(mm, part)
    if merged is not None:
        return merged
    vma = Vma(part.start, part.end, part.flags, part.file, part.pgoff)
    if vma.flags & SPECIAL:
        vma.flags &= ~LOCKED_MASK
    mm.insert(vma)
    return vma


def _accounted(part: Part) -> Part:
    """Return the part with ACCOUNT, if it is private, writable and not NORESERVE."""
    huge = part.file is not None and part.file.hugetlb
    if huge or part.flags & (Vm.NORESERVE | Vm.SHARED | Vm.WRITE) != Vm.WRITE:
        return part
    return replace(part, flags=part.flags | Vm.ACCOUNT)


def munmap(mm: AddressSpace, address: int, length: int) -> None:
    """Unmap [address, address + length), rounded up to pages.

    EINVAL off a page, beyond user space, or if empty. Nothing there: nothing to do. The VMAs at
    both ends are split first.
    """
    if address % PAGE or address > TASK_SIZE or length > TASK_SIZE - address:
        raise Failed("EINVAL")
    end = address + page_up(length)
    if end == address:
        raise Failed("EINVAL")
    isolate(mm, address, end)
    mm.vmas = [vma for vma in mm.vmas if vma.end <= address or end <= vma.start]


def isolate(mm: AddressSpace, start: int, end: int) -> None:
    """Split the VMAs that reach over `start` or `end`.

    ENOMEM only if one VMA would become three and the limit is reached: munmap may go over it
    for a moment. EPERM if there is a sealed VMA in the range; a first one that is not is split
    before that is seen. If the second split fails the first one stays.
    """
    vma = find_vma_intersection(mm, start, end)
    if vma is None:
        return
    if vma.start < start:
        if end < vma.end and mm.map_count >= mm.limits.map_count:
            raise Failed("ENOMEM")
        if vma.flags & Vm.SEALED:
            raise Failed("EPERM")
        mm.split(vma, start, checked=False)
    if any(v.flags & Vm.SEALED for v in mm.vmas if v.start < end and start < v.end):
        raise Failed("EPERM")
    last = find_vma_intersection(mm, end - 1, end)
    if last is not None and last.end > end:
        mm.split(last, end, checked=False)


def may_access(vma: Vma, access: Vm) -> bool:
    """Tell whether a VMA may have this access at all (the MAY flags)."""
    missing = {Vm.READ: Vm.MAYREAD, Vm.WRITE: Vm.MAYWRITE, Vm.EXEC: Vm.MAYEXEC}
    return all(vma.flags & may for flag, may in missing.items() if access & flag & ACCESS)
