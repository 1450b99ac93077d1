"""SysV shared memory, and remap_file_pages."""

from __future__ import annotations

from tests.mm.build import READ_ONLY, RW, R, at, fails, shape, space, vma
from tests.mm.spec.modify import mprotect, mseal
from tests.mm.spec.remap import mremap
from tests.mm.spec.shm import SHM_RDONLY, SHM_REMAP, SHM_RND, remap_file_pages, shmat, shmdt
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import PAGE, Vm

SHARED = READ_ONLY | Vm.WRITE | Vm.SHARED | Vm.MAYSHARE


def attached(page: int, pages: int) -> AddressSpace:
    """Return an address space with one segment."""
    mm = space()
    assert shmat(mm, pages * PAGE, at(page), 0) == at(page)
    return mm


def test_shmat_goes_where_it_is_told_or_anywhere() -> None:
    """Without an address it is placed like any mapping; its length is rounded to pages."""
    mm = space()
    assert shmat(mm, 2 * PAGE - 1, 0, SHM_RDONLY) == at(100_000 - 2)
    assert not mm.vmas[0].flags & (Vm.WRITE | Vm.MAYWRITE)
    assert shmat(mm, PAGE, at(5) + 7, SHM_RND) == at(5)
    assert shape(mm) == [(5, 6), (100_000 - 2, 100_000)]


def test_shmat_refuses() -> None:
    """EINVAL off a page, where something is, and REMAP without an address."""
    mm = space(vma(5, 6))
    fails("EINVAL", lambda: shmat(mm, PAGE, at(0) + 1, 0))
    fails("EINVAL", lambda: shmat(mm, 2 * PAGE, at(4), 0))
    fails("EINVAL", lambda: shmat(mm, PAGE, 0, SHM_REMAP))
    assert shmat(mm, 2 * PAGE, at(4), SHM_REMAP) == at(4)
    assert shape(mm) == [(4, 6)]


def test_attachments_never_merge() -> None:
    """Not with each other, and the parts of one only as far as none vanishes."""
    mm = attached(0, 4)
    shmat(mm, 4 * PAGE, at(4), 0)
    mprotect(mm, at(1), PAGE, R)
    mprotect(mm, at(1), PAGE, RW)
    assert shape(mm) == [(0, 1), (1, 2), (2, 4), (4, 8)]


def test_shmdt_unmaps_all_parts_of_one_attachment() -> None:
    """Only where it begins, or where its first part is gone, in its place."""
    mm = attached(0, 4)
    shmat(mm, 4 * PAGE, at(4), 0)
    mprotect(mm, at(1), PAGE, R)
    fails("EINVAL", lambda: shmdt(mm, at(1)))
    fails("EINVAL", lambda: shmdt(mm, at(0) + 1))
    shmdt(mm, at(0))
    assert shape(mm) == [(4, 8)]
    shmdt(mm, at(4))
    fails("EINVAL", lambda: shmdt(mm, at(4)))


def test_shmdt_ends_where_the_segment_does() -> None:
    """What has grown beyond it stays, though it shows the right pages."""
    mm = attached(0, 4)
    mprotect(mm, at(1), 3 * PAGE, R)
    mremap(mm, at(1), 3 * PAGE, 4 * PAGE, 0)
    shmdt(mm, at(0))
    assert shape(mm) == [(1, 5)]


def test_shmdt_leaves_what_is_sealed() -> None:
    """And tells nobody."""
    mm = attached(0, 4)
    mseal(mm, at(1), PAGE)
    shmdt(mm, at(0))
    assert shape(mm) == [(1, 2)]
    fails("EPERM", lambda: shmat(mm, 4 * PAGE, at(0), SHM_REMAP))
    fails("EPERM", lambda: remap_file_pages(mm, at(1), PAGE, 2))


def test_remap_file_pages_maps_again() -> None:
    """The same open file from another page on; back in order the parts are one again."""
    file = File()
    mm = space(vma(0, 6, SHARED, file=file, pgoff=0))
    remap_file_pages(mm, at(2), 2 * PAGE, 9)
    assert [(v.pgoff, v.file) for v in mm.vmas] == [(0, file), (9, file), (4, file)]
    remap_file_pages(mm, at(2), 2 * PAGE, 2)
    assert shape(mm) == [(0, 6)]


def test_remap_file_pages_refuses() -> None:
    """EINVAL for private memory, holes, an empty range, and two kinds of mapping."""
    file = File()
    mm = space(
        vma(0, 2, SHARED, file=file, pgoff=0), vma(2, 4, READ_ONLY, file=file, pgoff=2), vma(4, 5)
    )
    for start, pages in ((4, 1), (9, 1), (0, 0), (1, 2), (2, 1)):
        fails("EINVAL", lambda s=start, p=pages: remap_file_pages(mm, at(s), p * PAGE, 0))  # type: ignore[misc]
