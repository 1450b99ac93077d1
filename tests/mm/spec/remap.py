"""mremap: shrink, grow in place, move, and move without unmapping."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.mm.spec.change import munmap
from tests.mm.spec.lookup import find_vma, find_vma_intersection, vma_lookup
from tests.mm.spec.merge import Part, merge_new
from tests.mm.spec.place import Request, place
from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import LOCKED_MASK, PAGE, PMD, TASK_SIZE, Failed, Vm, page_up

MAYMOVE, FIXED, DONTUNMAP = 1, 2, 4
MOVE_VMAS = 3  # a move may cut one VMA into three before it unmaps anything


@dataclass
class Remap:
    """One mremap, with lengths in pages."""

    address: int
    length: int
    new_length: int
    flags: int
    new_address: int

    @property
    def has_target(self) -> bool:
        """Whether the caller says where to."""
        return bool(self.flags & (FIXED | DONTUNMAP))


def mremap(
    mm: AddressSpace, address: int, length: int, new_length: int, flags: int, new_address: int = 0
) -> int:
    """Change the size of a mapping or move it, and return where it is."""
    call = Remap(address, page_up(length), page_up(new_length), flags, new_address)
    _check_arguments(mm, call)
    if flags & FIXED and call.length == call.new_length:
        return _move_all(mm, call)
    vma = _checked(mm, call)
    if call.has_target:
        return _to_target(mm, call)
    if call.new_length == call.length:
        return address
    if call.new_length < call.length:
        munmap(mm, address + call.new_length, call.length - call.new_length)
        return address
    return _grow(mm, call, vma)


def _check_arguments(mm: AddressSpace, call: Remap) -> None:
    """Refuse what needs no look at the mappings.

    EINVAL for unknown flags, an address off a page, an empty or too large new length; and with
    a target: off a page, beyond user space, without MAYMOVE, DONTUNMAP with another length, or
    overlapping the old range. ENOMEM if so few VMAs are left that a move may fail half way.
    """
    if call.flags & ~(MAYMOVE | FIXED | DONTUNMAP) or call.address % PAGE:
        raise Failed("EINVAL")
    if not 0 < call.new_length <= TASK_SIZE:
        raise Failed("EINVAL")
    if not call.has_target:
        return
    if call.new_address % PAGE or call.new_address > TASK_SIZE - call.new_length:
        raise Failed("EINVAL")
    if not call.flags & MAYMOVE:
        raise Failed("EINVAL")
    if call.flags & DONTUNMAP and call.length != call.new_length:
        raise Failed("EINVAL")
    old_end, new_end = call.address + call.length, call.new_address + call.new_length
    if call.address < new_end and call.new_address < old_end:
        raise Failed("EINVAL")
    if mm.map_count + 2 >= mm.limits.map_count - MOVE_VMAS:
        raise Failed("ENOMEM")


def _checked(mm: AddressSpace, call: Remap) -> Vma:
    """Return the VMA at the old address, if it may do what is asked.

    EFAULT if there is none; EPERM if it is sealed; EFAULT if what is to be kept reaches over its
    end (which does not matter to a range that stays where it is). An old length of 0 duplicates a
    shared mapping: EINVAL for a private one. What grows must be allowed to: DONTEXPAND and PFNMAP
    memory is not (EFAULT), limits may forbid it (ENOMEM).
    """
    vma = vma_lookup(mm, call.address)
    if vma is None:
        raise Failed("EFAULT")
    if vma.flags & Vm.SEALED:
        raise Failed("EPERM")
    if vma.flags & Vm.HUGETLB:
        _round_to_huge(call)
    if not call.length and not vma.flags & (Vm.SHARED | Vm.MAYSHARE):
        raise Failed("EINVAL")
    if call.flags & DONTUNMAP and vma.flags & (Vm.DONTEXPAND | Vm.PFNMAP):
        raise Failed("EINVAL")
    if call.new_length <= call.length and not call.has_target:
        return vma
    if min(call.length, call.new_length) > vma.end - call.address:
        raise Failed("EFAULT")
    if call.new_length <= call.length:
        return vma
    if vma.flags & (Vm.DONTEXPAND | Vm.PFNMAP):
        raise Failed("EFAULT")
    more = call.new_length - call.length
    if not mm.may_lock(vma.flags, more):
        raise Failed("EAGAIN")
    if not mm.may_expand(vma.flags, more // PAGE) or not mm.enough_memory(vma.flags, more):
        raise Failed("ENOMEM")
    return vma


def _round_to_huge(call: Remap) -> None:
    """Round lengths of huge pages up; EINVAL if an address is not aligned, or if they grow.

    The new address is looked at even where it means nothing.
    """
    call.length = -(-call.length // PMD) * PMD
    call.new_length = -(-call.new_length // PMD) * PMD
    if call.address % PMD or call.new_address % PMD:
        raise Failed("EINVAL")
    if call.new_length > call.length:
        raise Failed("EINVAL")


def _grow(mm: AddressSpace, call: Remap, vma: Vma) -> int:
    """Grow in place if the range ends where the VMA does and there is room, else move.

    In place it may join the next VMA, and then it does not matter whether this one was written
    to before a fork. Without MAYMOVE: ENOMEM.
    """
    more = call.new_length - call.length
    end = vma.end + more
    at_end = call.address + call.length == vma.end
    if at_end and end <= TASK_SIZE and not find_vma_intersection(mm, vma.end, end):
        part = replace(Part.of(vma, vma.end, end), source=None)
        if merge_new(mm, part) is None:
            raise Failed("ENOMEM")
        return call.address
    if not call.flags & MAYMOVE:
        raise Failed("ENOMEM")
    return _move(mm, call, vma, _new_place(mm, call, vma, 0))


def _new_place(mm: AddressSpace, call: Remap, vma: Vma, hint: int) -> int:
    """Return where the mapping goes, as a new mapping of its file would."""
    offset = vma.pgoff_at(call.address) * PAGE
    shared = bool(vma.flags & Vm.MAYSHARE)
    fixed = bool(call.flags & FIXED)
    return place(mm, Request(hint, call.new_length, vma.file, offset, fixed, shared))


def _move_all(mm: AddressSpace, call: Remap) -> int:
    """Move every VMA of a range to a fixed place, with the holes between them.

    EFAULT if the range begins in a hole, or if there is a file in it that places its mappings
    by a rule of its own, unless that is all that is moved. What was moved before an error stays
    moved.
    """
    end, distance = call.address + call.length, call.new_address - call.address
    at = call.address
    while at < end and (vma := find_vma(mm, at)) is not None and vma.start < end:
        if at == call.address and vma.start > at:
            raise Failed("EFAULT")
        alone = at == call.address and vma.end >= end
        if not _moves_with_others(vma) and not alone:
            raise Failed("EFAULT")
        at = max(at, vma.start)
        length = min(vma.end, end) - at
        part = Remap(at, length, length, call.flags, at + distance)
        _checked(mm, part)
        _to_target(mm, part)
        at += length
    if at == call.address:
        raise Failed("EFAULT")
    return call.new_address


def _moves_with_others(vma: Vma) -> bool:
    """Tell whether a VMA can be one of several: not if its file has a rule of its own for places.

    That of ext4 and its kin (huge pages), of shared memory and of hugetlb are known to do no
    harm; private /dev/zero and SysV segments are not among them.
    """
    return vma.file is None or not (vma.file.zero or vma.file.closes)


def _to_target(mm: AddressSpace, call: Remap) -> int:
    """Move to where the caller says: the target is unmapped first, then the tail, if it shrinks."""
    if call.flags & FIXED:
        munmap(mm, call.new_address, call.new_length)
    if call.new_length < call.length:
        munmap(mm, call.address + call.new_length, call.length - call.new_length)
        call.length = call.new_length
    vma = vma_lookup(mm, call.address)
    if vma is None:
        raise Failed("EFAULT")
    if call.flags & DONTUNMAP and not mm.may_expand(vma.flags, call.length // PAGE):
        raise Failed("ENOMEM")
    return _move(mm, call, vma, _new_place(mm, call, vma, call.new_address))


def _move(mm: AddressSpace, call: Remap, vma: Vma, new: int) -> int:
    """Copy the VMA to `new`, then unmap the old range.

    Anonymous memory that was never written to takes the pgoff of its new place, so it can merge
    there, even with what it is copied from. The copy keeps flags and anon.
    """
    if mm.map_count >= mm.limits.map_count - MOVE_VMAS:
        raise Failed("ENOMEM")
    for edge in (call.address, call.address + call.length):
        special = vma.file is not None and vma.file.special
        if special and edge not in (vma.start, vma.end):
            raise Failed("EINVAL")
    pgoff = vma.pgoff_at(call.address)
    if vma.anonymous and vma.anon is None:
        pgoff = new // PAGE
    part = Part(
        new, new + call.new_length, vma.flags, vma.file, pgoff,
        vma.anon, vma.policy, vma.name, vma,
    )  # fmt: skip
    start, end = vma.start, vma.end
    copy = merge_new(mm, part)
    if copy is None:
        copy = vma.copy(start=part.start, end=part.end, pgoff=pgoff)
        mm.insert(copy)
    if call.flags & DONTUNMAP:
        _keep_source(mm, call, copy, (start, end))
    elif call.length:
        munmap(mm, call.address, call.length)
    return new


def _keep_source(mm: AddressSpace, call: Remap, copy: Vma, was: tuple[int, int]) -> None:
    """Leave the source mapped but empty: unlocked, and without anon if all of it was moved."""
    source = vma_lookup(mm, call.address)
    assert source is not None
    source.flags &= ~LOCKED_MASK
    if source is not copy and (call.address, call.address + call.length) == was:
        source.anon, source.chain = None, 0
