"""SysV shared memory, and the pages of a file mapping in another order."""

from __future__ import annotations

from contextlib import suppress

from tests.mm.spec.change import Map, mmap, munmap
from tests.mm.spec.lookup import find_vma_intersection, vma_lookup
from tests.mm.spec.space import AddressSpace, File, Vma
from tests.mm.spec.words import PAGE, Failed, Vm, page_down, page_up

SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC = 0o10000, 0o20000, 0o40000, 0o100000


def shmat(mm: AddressSpace, length: int, address: int, flags: int) -> int:
    """Map a segment of `length` bytes and return where.

    Each attachment is an open file of its own, which wants to be told when a VMA goes. An
    address is rounded down with SHM_RND, else EINVAL off a page; EINVAL if something is there,
    unless SHM_REMAP says so, which needs an address.
    """
    if flags & SHM_RND and address:
        address = page_down(address)
        if not address and flags & SHM_REMAP:
            raise Failed("EINVAL")
    if address % PAGE or (flags & SHM_REMAP and not address):
        raise Failed("EINVAL")
    replaces = bool(flags & SHM_REMAP)
    if address and not replaces and find_vma_intersection(mm, address, address + length):
        raise Failed("EINVAL")
    read_only = bool(flags & SHM_RDONLY)
    file = File("/SYSV", writable=not read_only, shmem=True, segment=page_up(length))
    prot = (1 if read_only else 3) | (4 if flags & SHM_EXEC else 0)
    how = Map.SHARED | (Map.FIXED if address else 0)
    return mmap(mm, address, length, prot, how, file)


def shmdt(mm: AddressSpace, address: int) -> None:
    """Unmap what is left of the attachment at `address`: EINVAL if nothing is.

    Its first VMA need not begin there, but must show the page that belongs where it begins. Of
    what follows, as far as the segment reaches, all that does so too goes. What is sealed stays,
    and nobody is told.
    """
    if address % PAGE:
        raise Failed("EINVAL")
    parts = [v for v in mm.vmas if v.start >= address and _in_place(v, address)]
    if not parts:
        raise Failed("EINVAL")
    first, *others = parts
    assert first.file is not None
    end = address + first.file.segment
    for vma in [first, *(v for v in others if v.file is first.file and v.end <= end)]:
        with suppress(Failed):
            munmap(mm, vma.start, vma.end - vma.start)


def _in_place(vma: Vma, address: int) -> bool:
    """Tell whether a VMA shows that page of a segment which belongs where it begins."""
    attached = vma.file is not None and vma.file.closes
    return attached and (vma.start - address) // PAGE == vma.pgoff


def remap_file_pages(mm: AddressSpace, address: int, length: int, pgoff: int) -> None:
    """Show other pages of the file in a range of a shared mapping: mapped again, from `pgoff` on.

    EINVAL if the range is empty, not shared, or reaches over a hole or into another kind of
    mapping.
    """
    start, end = page_down(address), page_down(address) + page_down(length)
    vma = vma_lookup(mm, start)
    if end <= start or vma is None or not vma.flags & Vm.SHARED:
        raise Failed("EINVAL")
    at = vma.end
    while at < end:
        following = vma_lookup(mm, at)
        if following is None or following.file is not vma.file or following.flags != vma.flags:
            raise Failed("EINVAL")
        at = following.end
    prot = sum(bit for bit, f in ((1, Vm.READ), (2, Vm.WRITE), (4, Vm.EXEC)) if vma.flags & f)
    flags = Map.SHARED | Map.FIXED | (Map.LOCKED if vma.flags & Vm.LOCKED else 0)
    mmap(mm, start, end - start, prot, flags, vma.file, pgoff * PAGE)
