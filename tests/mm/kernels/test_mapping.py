"""mmap: what it stores, where it searches, and what is left when nodes run out."""

from __future__ import annotations

import pytest

from stressd_kernels import AddressSpace, Arena, File
from stressd_kernels.spaces import STAGES, Settings
from tests.mm.build import FIXED, PRIVATE_ANON, RW, R, at
from tests.mm.kernels.steps import searched, traced
from tests.mm.spec.words import PAGE, PMD, TASK_SIZE

TOP = 0x7F00_0000_0000
LEGACY = 0x2AAA_0000_0000
HERE = PRIVATE_ANON | FIXED
HUGETLB = 0x40000
ENOMEM = 12


@pytest.fixture(scope="module")
def arena() -> Arena:
    """One arena for all."""
    return Arena(64 << 20)


@pytest.fixture(params=STAGES)
def mm(request: pytest.FixtureRequest, arena: Arena) -> AddressSpace:
    """An empty address space at each stage."""
    return AddressSpace(Settings(request.param, mmap_base=TOP, legacy_base=LEGACY), arena=arena)


def in_pages(seen: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Return stores in pages from BASE."""
    return [(kind, (start - at(0)) // PAGE, (end - at(0)) // PAGE) for kind, start, end in seen]


def test_a_new_mapping_is_one_store(mm: AddressSpace) -> None:
    """Where nothing is, nothing is erased."""
    with traced(mm) as seen:
        mm.mmap(at(2), 2 * PAGE, RW, HERE)
    assert in_pages(seen) == [("STORE", 2, 4)]


def test_a_mapping_over_the_middle_of_another(mm: AddressSpace) -> None:
    """That is split at both ends, then the piece between is erased, then the new one stored."""
    mm.mmap(at(0), 9 * PAGE, RW, HERE)
    with traced(mm) as seen:
        mm.mmap(at(3), 3 * PAGE, R, HERE)
    lower = [("SNULL", 3, 9), ("STORE", 0, 3), ("STORE", 3, 9)]
    upper = [("SNULL", 6, 9), ("STORE", 3, 6), ("STORE", 6, 9)]
    assert in_pages(seen) == [*lower, *upper, ("SNULL", 3, 6), ("STORE", 3, 6)]


def test_a_mapping_over_several_erases_them_as_one(mm: AddressSpace) -> None:
    """VMAs and the holes between them; what is then alike is joined."""
    for page in (0, 3, 6):
        mm.mmap(at(page), 2 * PAGE, RW, HERE)
    with traced(mm) as seen:
        mm.mmap(at(3), 3 * PAGE, RW, HERE)
    assert in_pages(seen) == [("SNULL", 3, 6), ("STORE", 3, 8)]


def test_a_search_from_the_top_is_traced(mm: AddressSpace) -> None:
    """With the window of the layout and the answer."""
    with searched(mm) as seen:
        mm.mmap(0, 3 * PAGE, RW, PRIVATE_ANON)
    assert seen == [(1, 3 * PAGE, PAGE, TOP, 0, 0, TOP - 3 * PAGE, 0)]


def test_a_search_that_fails_is_followed_by_one_from_the_bottom(mm: AddressSpace) -> None:
    """Both are traced, the first with its error."""
    mm.mmap(PAGE, TOP - PAGE, R, HERE | 0x4000)
    mm.munmap(LEGACY + PAGE, PAGE)
    with searched(mm) as seen:
        mm.mmap(0, 2 * PAGE, R, PRIVATE_ANON)
    down = (1, 2 * PAGE, PAGE, TOP, 0, 0, 0, ENOMEM)
    assert seen == [down, (0, 2 * PAGE, LEGACY, TASK_SIZE, 0, 0, TOP, 0)]


def test_huge_pages_are_searched_for_with_a_mask_or_with_more_room(mm: AddressSpace) -> None:
    """Those that are asked for, and those that the kernel would like to use."""
    with searched(mm) as seen:
        mm.mmap(0, PMD, RW, PRIVATE_ANON | HUGETLB)
        mm.mmap(0, PMD, RW, PRIVATE_ANON)
    asked = (1, PMD, PAGE, TOP, PMD - PAGE, 0, TOP - PMD, 0)
    assert seen == [asked, (1, 2 * PMD, PAGE, TOP, 0, 0, TOP - 3 * PMD, 0)]


def test_a_free_hint_needs_no_search(mm: AddressSpace) -> None:
    """Nor does a fixed address."""
    with searched(mm) as seen:
        assert mm.mmap(at(1), PAGE, RW, PRIVATE_ANON) == at(1)
        mm.mmap(at(9), PAGE, RW, HERE)
    assert seen == []


def test_nothing_changes_if_nodes_run_out(mm: AddressSpace) -> None:
    """A call reserves all it can need before it begins."""
    mm.mmap(at(0), 9 * PAGE, RW, HERE)
    before = mm.maps()
    for after in range(3):
        with mm.arena.failing(after):
            try:
                mm.mmap(at(3), 3 * PAGE, R, HERE)
            except MemoryError:
                assert mm.maps() == before
            else:
                break
    assert after == 1
    assert len(mm.maps()) == 3
    mm.validate()


def test_memory_of_its_own_is_a_file_nobody_else_has(mm: AddressSpace) -> None:
    """Two shared anonymous mappings side by side are two files, so they stay two VMAs."""
    shared = 0x31  # MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED
    mm.mmap(at(0), PAGE, RW, shared)
    mm.mmap(at(1), PAGE, RW, shared)
    low, high = mm.maps()
    assert low.file != high.file
    assert low.pgoff == high.pgoff == 0


def test_a_special_mapping_stays_apart(mm: AddressSpace) -> None:
    """Two of them, of the same object, side by side; neither can be cut."""
    own = File("[vdso]", special=True)
    first = mm.special(0, PAGE, 5, own)
    second = mm.special(first - 2 * PAGE, 2 * PAGE, 5, own)
    assert [vma.start for vma in mm.maps()] == [second, first]
    with pytest.raises(OSError, match="Invalid"):
        mm.munmap(second, PAGE)
    with pytest.raises(OSError, match="memory"):
        mm.special(second, PAGE, 5, own)
