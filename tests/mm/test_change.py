"""mmap and munmap: the order of checks, what decides flags, and what is left."""

from __future__ import annotations

import pytest

from tests.mm.build import (
    FIXED,
    NONE,
    PRIVATE_ANON,
    RW,
    RX,
    WRITABLE,
    R,
    at,
    fails,
    shape,
    space,
    vma,
)
from tests.mm.spec.change import Map, mmap, munmap
from tests.mm.spec.modify import madvise, mlock
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import MAY_ACCESS, PAGE, TASK_SIZE, Limits, Vm

NOREPLACE = Map.FIXED_NOREPLACE
SHARED_ANON = 0x21
DROPPABLE_ANON = 0x28
WORD = 1 << 64


def mapped(mm: AddressSpace, start: int, pages: int, prot: int, flags: int) -> None:
    """Map pages at a fixed place."""
    assert mmap(mm, at(start), pages * PAGE, prot, flags | FIXED) == at(start)


def flags_of(prot: int, flags: int, file: File | None = None) -> Vm:
    """Return the flags of a new mapping, but for the MAY flags."""
    mm = space()
    mmap(mm, 0, PAGE, prot, flags, file)
    return mm.vmas[0].flags & ~MAY_ACCESS


# -- errors ------------------------------------------------------------------------------------


def test_empty_is_einval() -> None:
    """Before all else, but for the offset."""
    fails("EINVAL", lambda: mmap(space(), 0, 0, RW, PRIVATE_ANON))
    fails("EINVAL", lambda: mmap(space(), 0, PAGE, RW, PRIVATE_ANON, None, 1))


def test_a_length_that_rounds_to_0_is_enomem() -> None:
    """The last, partial page of all."""
    fails("ENOMEM", lambda: mmap(space(), 0, WORD - 1, RW, PRIVATE_ANON))
    fails("ENOMEM", lambda: mmap(space(), 0, TASK_SIZE + PAGE, RW, PRIVATE_ANON))


def test_map_count_may_be_exceeded_by_one() -> None:
    """The limit is checked with >, so one more than the limit can exist."""
    mm = space(vma(0, 1), vma(2, 3))
    mm.limits = Limits(map_count=2)
    mapped(mm, 10, 1, RW, PRIVATE_ANON)
    assert mm.map_count == 3
    fails("ENOMEM", lambda: mmap(mm, at(20), PAGE, RW, PRIVATE_ANON | FIXED))
    fails("ENOMEM", lambda: mmap(mm, at(11), PAGE, RW, PRIVATE_ANON | FIXED))


def test_noreplace_is_eexist_where_something_is() -> None:
    """And FIXED where nothing is, so not EEXIST but ENOMEM beyond user space."""
    mm = space(vma(5, 6))
    fails("EEXIST", lambda: mmap(mm, at(4), 2 * PAGE, RW, PRIVATE_ANON | NOREPLACE))
    assert mmap(mm, at(4), PAGE, RW, PRIVATE_ANON | NOREPLACE) == at(4)
    fails("ENOMEM", lambda: mmap(mm, TASK_SIZE, PAGE, RW, PRIVATE_ANON | NOREPLACE))


def test_neither_shared_nor_private_is_einval() -> None:
    """SHARED_VALIDATE is for files only."""
    fails("EINVAL", lambda: mmap(space(), 0, PAGE, RW, Map.ANONYMOUS))
    fails("EINVAL", lambda: mmap(space(), 0, PAGE, RW, Map.ANONYMOUS | Map.SHARED_VALIDATE))
    assert mmap(space(), 0, PAGE, RW, Map.SHARED_VALIDATE, File())


def test_a_file_permits_what_it_was_opened_for() -> None:
    """Shared and writable needs a writable file; anything needs a readable one."""
    fails("EACCES", lambda: mmap(space(), 0, PAGE, RW, Map.SHARED, File(writable=False)))
    fails("EACCES", lambda: mmap(space(), 0, PAGE, R, Map.PRIVATE, File(readable=False)))
    assert mmap(space(), 0, PAGE, RW, Map.PRIVATE, File(writable=False))


def test_only_private_anonymous_memory_grows_down() -> None:
    """EINVAL for files and shared memory."""
    for flags, file in ((Map.PRIVATE, File()), (SHARED_ANON, None)):
        fails("EINVAL", lambda f=flags, x=file: mmap(space(), 0, PAGE, RW, f | Map.GROWSDOWN, x))  # type: ignore[misc]


def test_limits_of_memory() -> None:
    """RLIMIT_AS counts all, RLIMIT_DATA private writable memory, MEMLOCK what is locked."""
    full = space(vma(0, 10))
    full.limits = Limits(address_space=12 * PAGE)
    fails("ENOMEM", lambda: mmap(full, 0, 3 * PAGE, R, PRIVATE_ANON))
    mapped(full, 8, 4, R, PRIVATE_ANON)
    data = space(vma(0, 10))
    data.limits = Limits(data=12 * PAGE)
    fails("ENOMEM", lambda: mmap(data, 0, 3 * PAGE, RW, PRIVATE_ANON))
    assert mmap(data, 0, 3 * PAGE, R, PRIVATE_ANON)
    assert mmap(data, 0, 3 * PAGE, RW, PRIVATE_ANON | Map.GROWSDOWN)
    locked = space()
    locked.limits = Limits(locked=2 * PAGE)
    fails("EAGAIN", lambda: mmap(locked, 0, 3 * PAGE, R, PRIVATE_ANON | Map.LOCKED))
    locked.limits = Limits(locked=0)
    fails("EPERM", lambda: mmap(locked, 0, PAGE, R, PRIVATE_ANON | Map.LOCKED))


def test_an_offset_that_wraps_is_eoverflow() -> None:
    """In pages of 64 bits; the length may be far beyond the end of the file otherwise."""
    fails("EOVERFLOW", lambda: mmap(space(), 0, PAGE, R, Map.PRIVATE, File(), (WORD - 1) * PAGE))


# -- what is made ------------------------------------------------------------------------------

FLAGS = {
    "private writable memory is accounted for": (RW, PRIVATE_ANON, WRITABLE & ~MAY_ACCESS),
    "unwritable memory is not": (R, PRIVATE_ANON, Vm.READ),
    "NORESERVE memory is not": (RW, 0x4022, Vm.READ | Vm.WRITE | Vm.NORESERVE),
    "shared memory is not": (RW, SHARED_ANON, Vm.READ | Vm.WRITE | Vm.SHARED | Vm.MAYSHARE),
    "MAP_STACK means no huge pages": (NONE, 0x20022, Vm.NOHUGEPAGE),
    "MAP_LOCKED locks": (RX, 0x2022, Vm.READ | Vm.EXEC | Vm.LOCKED),
    "MAP_GROWSDOWN grows": (R, 0x122, Vm.READ | Vm.GROWSDOWN),
    "what to do at once is no flag": (R, 0x18022, Vm.READ),
}


@pytest.mark.parametrize("rule", FLAGS)
def test_flags_that_decide_merging(rule: str) -> None:
    """What a mapping is, for its neighbours."""
    prot, flags, expected = FLAGS[rule]
    assert flags_of(prot, flags) == expected


def test_a_shared_mapping_of_an_unwritable_file_is_not_shared_for_merging() -> None:
    """It only shows as shared, and can never become writable."""
    mm = space()
    mmap(mm, 0, PAGE, R, Map.SHARED, File(writable=False))
    flags = mm.vmas[0].flags
    assert flags & (Vm.SHARED | Vm.MAYSHARE | Vm.MAYWRITE) == Vm.MAYSHARE


def test_pgoff_of_a_new_mapping() -> None:
    """Private anonymous memory: its address in pages; shared: 0; a file: its offset."""
    for flags, file, offset, pgoff in (
        (PRIVATE_ANON, None, 0, at(3) // PAGE),
        (SHARED_ANON, None, 0, 0),
        (Map.PRIVATE, File(), 7 * PAGE, 7),
    ):
        mm = space()
        mmap(mm, at(3), PAGE, RW, flags | FIXED, file, offset)
        assert mm.vmas[0].pgoff == pgoff


def test_neighbours_of_the_same_kind_merge() -> None:
    """Private anonymous memory does, shared anonymous memory is a file of its own each."""
    mm = space()
    mapped(mm, 0, 2, RW, PRIVATE_ANON)
    mapped(mm, 2, 2, RW, PRIVATE_ANON)
    mapped(mm, 4, 2, RW, SHARED_ANON)
    mapped(mm, 6, 2, RW, SHARED_ANON)
    assert shape(mm) == [(0, 4), (4, 6), (6, 8)]


def test_fixed_replaces_what_is_there() -> None:
    """Parts of VMAs, whole ones, and holes between them."""
    mm = space(vma(0, 4), vma(5, 6), vma(8, 12))
    mapped(mm, 2, 8, R, PRIVATE_ANON)
    assert shape(mm) == [(0, 2), (2, 10), (10, 12)]


def test_a_hint_is_rounded() -> None:
    """Down to a page, but up to the lowest address allowed."""
    mm = space()
    assert mmap(mm, at(3) + 5, PAGE, RW, PRIVATE_ANON) == at(3)
    mm.limits = Limits(min_addr=65536)
    assert mmap(mm, PAGE + 1, PAGE, RW, PRIVATE_ANON) == 65536


# -- munmap ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "length"),
    [(at(1) + 1, PAGE), (at(1), 0), (TASK_SIZE, PAGE), (at(1), WORD - 1), (WORD - PAGE, PAGE)],
)
def test_munmap_refuses(address: int, length: int) -> None:
    """Off a page, empty, or beyond user space."""
    fails("EINVAL", lambda: munmap(space(), address, length))


def test_munmap_of_nothing_is_no_error() -> None:
    """There is nothing to do."""
    mm = space(vma(0, 1))
    munmap(mm, at(1), 5 * PAGE)
    assert shape(mm) == [(0, 1)]


def test_munmap_cuts_and_removes() -> None:
    """VMAs at both ends are cut, pgoff of what is left above stays right."""
    mm = space(vma(0, 4), vma(5, 6), vma(8, 12))
    munmap(mm, at(2), 7 * PAGE)
    assert shape(mm) == [(0, 2), (9, 12)]
    assert mm.vmas[1].pgoff == at(9) // PAGE
    munmap(mm, at(10), PAGE - 1)
    assert shape(mm) == [(0, 2), (9, 10), (11, 12)]


def test_munmap_at_the_limit() -> None:
    """Whole VMAs and ends of VMAs go; a hole in the middle of one is ENOMEM."""
    mm = space(vma(0, 4), vma(5, 8), vma(9, 10))
    mm.limits = Limits(map_count=3)
    fails("ENOMEM", lambda: munmap(mm, at(1), PAGE))
    munmap(mm, at(3), 3 * PAGE)
    assert shape(mm) == [(0, 3), (6, 8), (9, 10)]
    munmap(mm, at(9), PAGE)
    assert mm.map_count == 2


def test_munmap_of_a_part_of_the_vdso_is_einval() -> None:
    """It goes whole or not at all."""
    mm = space(vma(0, 2, file=File("[vdso]", special=True)))
    fails("EINVAL", lambda: munmap(mm, at(0), PAGE))
    fails("EINVAL", lambda: munmap(mm, at(1), PAGE))
    munmap(mm, at(0), 2 * PAGE)
    assert shape(mm) == []


def test_droppable_memory() -> None:
    """Private and anonymous; never accounted for, dumped or inherited, never locked nor grown."""
    droppable = Vm.DROPPABLE | Vm.NORESERVE | Vm.WIPEONFORK | Vm.DONTDUMP
    assert flags_of(RW, DROPPABLE_ANON) == Vm.READ | Vm.WRITE | droppable
    fails("EINVAL", lambda: flags_of(RW, DROPPABLE_ANON | Map.LOCKED))
    fails("EINVAL", lambda: flags_of(RW, DROPPABLE_ANON | Map.GROWSDOWN))
    fails("EINVAL", lambda: flags_of(RW, Map.DROPPABLE, File()))


def test_droppable_memory_stays_so() -> None:
    """It cannot be made inherited or dumped, and is passed over by mlock."""
    mm = space()
    mapped(mm, 0, 4, RW, DROPPABLE_ANON)
    for advice in (17, 19):
        fails("EINVAL", lambda a=advice: madvise(mm, at(0), PAGE, a))  # type: ignore[misc]
    mlock(mm, at(0), 4 * PAGE)
    assert not mm.vmas[0].flags & Vm.LOCKED
