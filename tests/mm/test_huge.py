"""Files of huge pages (hugetlbfs): what is rounded up to 2 MiB, and what is refused off them.

All of it was seen on Linux 6.18 (test_live.py).
"""

from __future__ import annotations

import pytest

from tests.mm.build import FIXED, PRIVATE_ANON, RW, R, at, fails, shape, space, vma
from tests.mm.spec.change import Map, mmap, munmap
from tests.mm.spec.modify import madvise, mlock, mprotect
from tests.mm.spec.remap import FIXED as TO
from tests.mm.spec.remap import MAYMOVE, mremap
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import PAGE, PMD, Vm

PAGES = PMD // PAGE
SHARED = int(Map.SHARED | Map.NORESERVE)
WORD = 1 << 64
DONTFORK, DONTNEED, DONTNEED_LOCKED = 10, 4, 24


def mapped(length: int) -> AddressSpace:
    """Return an address space with `length` bytes of a file of huge pages at page 0."""
    mm = space()
    assert mmap(mm, at(0), length, RW, SHARED | FIXED, File("h", hugetlb=True)) == at(0)
    return mm


@pytest.mark.parametrize("length", [1, PAGE, PMD - 1, PMD])
def test_huge_pages_are_mapped_whole(length: int) -> None:
    """A file of them, and memory of them, whatever length is asked for."""
    mm = mapped(length)
    mmap(mm, at(PAGES), length, RW, PRIVATE_ANON | FIXED | Map.HUGETLB)
    assert shape(mm) == [(0, PAGES), (PAGES, 2 * PAGES)]


def test_what_rounds_up_to_all_addresses_is_empty() -> None:
    """EINVAL for huge pages, where others say ENOMEM."""
    huge = File("h", hugetlb=True)
    for length in (WORD - PMD + 1, WORD - 1):
        fails("EINVAL", lambda n=length: mmap(space(), 0, n, R, SHARED, huge))  # type: ignore[misc]
    fails("ENOMEM", lambda: mmap(space(), 0, WORD - PMD, R, SHARED, huge))


def test_other_files_have_no_huge_pages() -> None:
    """MAP_HUGETLB with one of them is refused."""
    flags = Map.SHARED | Map.HUGETLB
    for file in (File("f"), File("m", shmem=True), File("/dev/zero", zero=True)):
        fails("EINVAL", lambda f=file: mmap(space(), 0, PMD, R, flags, f))  # type: ignore[misc]
    assert mmap(space(), at(0), PMD, R, flags | FIXED, File("h", hugetlb=True)) == at(0)


def test_a_file_is_mapped_from_a_huge_page_on() -> None:
    """That is looked at last: what was in the way is gone then."""
    mm = space(vma(PAGES - 2, PAGES + 2))
    huge = File("h", hugetlb=True)
    fails("EINVAL", lambda: mmap(mm, at(0), PMD, R, SHARED | FIXED, huge, PAGE))
    assert shape(mm) == [(PAGES, PAGES + 2)]


def test_a_place_off_a_huge_page_is_refused_before_anything_changes() -> None:
    """A hint is rounded up instead."""
    mm = space(vma(0, 8))
    huge = File("h", hugetlb=True)
    fails("EINVAL", lambda: mmap(mm, at(1), PAGE, R, SHARED | FIXED, huge))
    assert shape(mm) == [(0, 8)]
    assert mmap(mm, at(1), PAGE, R, SHARED, huge) == at(PAGES)


def test_a_gap_of_one_page_less_than_two_huge_ones_is_enough() -> None:
    """The search's mask leaves out what is inside a page."""
    mm = AddressSpace([vma(-1, 1), vma(2 * PAGES, 2 * PAGES + 1)], mmap_base=at(2 * PAGES))
    mm.legacy_base = at(2 * PAGES)
    assert mmap(mm, 0, PMD, R, SHARED, File("h", hugetlb=True)) == at(PAGES)


def test_huge_pages_are_never_cut() -> None:
    """Neither by what is unmapped or changed, nor by what drops pages; lengths are not rounded."""
    mm = mapped(2 * PMD)
    fails("EINVAL", lambda: munmap(mm, at(0), PAGE))
    fails("EINVAL", lambda: munmap(mm, at(PAGES - 1), PMD))
    fails("EINVAL", lambda: mprotect(mm, at(0), PMD + PAGE, R))
    fails("EINVAL", lambda: madvise(mm, at(0), PMD - PAGE, DONTFORK))
    for advice in (DONTNEED, DONTNEED_LOCKED):
        fails("EINVAL", lambda a=advice: madvise(mm, at(1), PMD, a))  # type: ignore[misc]
        madvise(mm, at(0), PAGE, advice)
    assert shape(mm) == [(0, 2 * PAGES)]
    mprotect(mm, at(PAGES), PMD, R)
    munmap(mm, at(0), PMD)
    assert shape(mm) == [(PAGES, 2 * PAGES)]


def test_lengths_of_mremap_are_rounded_up_and_addresses_are_not() -> None:
    """It shrinks and moves, and never grows."""
    mm = mapped(3 * PMD)
    fails("EINVAL", lambda: mremap(mm, at(0), 3 * PMD, 3 * PMD + 1, MAYMOVE))
    fails("EINVAL", lambda: mremap(mm, at(1), PMD, PMD, MAYMOVE))
    fails("EINVAL", lambda: mremap(mm, at(0), PMD, PMD, MAYMOVE | TO, at(8 * PAGES + 1)))
    fails("EINVAL", lambda: mremap(mm, at(0), PMD, PMD, 0, PAGE))
    mremap(mm, at(0), 3 * PMD, PMD + 1, 0)
    assert shape(mm) == [(0, 2 * PAGES)]
    mremap(mm, at(PAGES), 1, PAGE, MAYMOVE | TO, at(8 * PAGES))
    assert shape(mm) == [(0, PAGES), (8 * PAGES, 9 * PAGES)]


def test_locking_on_a_fault_touches_huge_pages_at_once() -> None:
    """They cannot be locked; if they cannot be accessed either, that is told."""
    mm = mapped(PMD)
    mlock(mm, at(0), PMD, on_fault=True)
    assert not mm.vmas[0].flags & Vm.LOCKED
    mprotect(mm, at(0), PMD, 0)
    fails("ENOMEM", lambda: mlock(mm, at(0), PMD, on_fault=True))
