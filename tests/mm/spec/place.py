"""Where a new mapping goes (get_unmapped_area).

    FIXED          where it was told, if that is inside user space and on a page
    a hint         there, if it is free up to the guard gap of the next VMA
    MAP_32BIT      the lowest place between 1 and 2 GiB; where that begins is random: CannotKnow
    else           the highest place below mmap_base, or the lowest above legacy_base in a
                   bottom-up layout and when there is nothing below mmap_base

Huge pages: a file of a file system that asks for it is placed so that file offset and address
agree modulo 2 MiB, and so are private mappings of /dev/zero, and private anonymous memory whose
length is a multiple of 2 MiB.
This does not depend on whether huge pages are enabled.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mm.spec import gaps
from tests.mm.spec.lookup import find_vma
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import INFINITY, PAGE, PMD, TASK_SIZE, CannotKnow, Failed, page_up


@dataclass(frozen=True)
class Request:
    """What is to be placed."""

    address: int  # the hint, 0 for none; with `fixed` the place
    length: int
    file: File | None = None
    offset: int = 0  # bytes into the file
    fixed: bool = False
    shared: bool = False
    below_2g: bool = False  # MAP_32BIT
    above_4g: bool = False  # MAP_ABOVE4G


def place(mm: AddressSpace, want: Request) -> int:
    """Return the address of a new mapping, or fail.

    ENOMEM if it does not fit into user space, EINVAL if it is fixed off a page.
    """
    if want.length > TASK_SIZE:
        raise Failed("ENOMEM")
    address = _chosen(mm, want)
    if address > TASK_SIZE - want.length:
        raise Failed("ENOMEM")
    if address % PAGE:
        raise Failed("EINVAL")
    return address


def _chosen(mm: AddressSpace, want: Request) -> int:
    """Return the address by the rule of the file, or of anonymous memory."""
    file = want.file
    if file is not None and file.hugetlb:
        return _hugetlb(mm, want)
    plain = file is not None and (file.shmem or file.special or (file.zero and want.shared))
    if file is not None and file.huge_aligned and not plain:
        return _huge_aligned(mm, want, want.offset)
    if file is None and not want.shared and not want.address and want.length % PMD == 0:
        return _huge_aligned(mm, want, 0)
    return _searched(mm, want, want.length)


def _huge_aligned(mm: AddressSpace, want: Request, offset: int) -> int:
    """Return a place that agrees with `offset` modulo 2 MiB.

    Looks for 2 MiB more than wanted and moves up to the next agreeing address. If what was
    found agrees already, a top-down layout moves up by 2 MiB nevertheless. A hint that is free
    for the larger length wins as it is. All this only if [offset, offset + length) holds an
    aligned block of 2 MiB, and the plain rule if the larger length finds no place.
    """
    first_block = -(-offset // PMD) * PMD
    if offset + want.length - first_block < PMD or offset + want.length + PMD > INFINITY:
        return _searched(mm, want, want.length)
    try:
        found = _searched(mm, want, want.length + PMD)
    except Failed:
        return _searched(mm, want, want.length)
    if found == want.address:
        return found
    missing = (offset - found) % PMD
    return found + (PMD if mm.topdown and missing == 0 else missing)


def _hugetlb(mm: AddressSpace, want: Request) -> int:
    """Return a place for huge pages: aligned to 2 MiB, by the mask of the search.

    The mask says nothing of what is inside a page, so 4 MiB less a page hold 2 MiB aligned.
    """
    if want.length % PMD or (want.fixed and want.address % PMD):
        raise Failed("EINVAL")
    return _searched(mm, want, want.length, mask=PMD - PAGE)


def _searched(mm: AddressSpace, want: Request, length: int, mask: int = 0) -> int:
    """Return a place by the layout: fixed, hint, top-down, bottom-up."""
    if length > TASK_SIZE:
        raise Failed("ENOMEM")
    if want.fixed:
        return want.address
    if want.below_2g:
        raise CannotKnow
    hint = -(-want.address // PMD) * PMD if mask else want.address
    if hint and _hint_is_free(mm, page_up(hint), length):
        return page_up(hint)
    if mm.topdown:
        low = 4 << 30 if want.above_4g else PAGE
        try:
            return gaps.topdown(mm, gaps.Search(length, low, mm.mmap_base, mask))
        except Failed:
            pass
    return gaps.bottomup(mm, gaps.Search(length, mm.legacy_base, TASK_SIZE, mask))


def _hint_is_free(mm: AddressSpace, hint: int, length: int) -> bool:
    """Tell whether [hint, hint + length) is free, up to where the next VMA's guard gap begins."""
    above = find_vma(mm, hint)
    return hint + length <= TASK_SIZE and (above is None or hint + length <= gaps.start_gap(above))
