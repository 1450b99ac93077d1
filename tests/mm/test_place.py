"""Where a new mapping goes."""

from __future__ import annotations

import pytest

from tests.mm.build import GROWING, at, fails, space, vma
from tests.mm.spec.place import Request, place
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import PAGE, PMD, STACK_GUARD_GAP, TASK_SIZE, CannotKnow

TOP = 0x7F00_0000_0000  # an aligned mmap_base


def empty(top: int = TOP, topdown: bool = True) -> AddressSpace:
    """Return an address space without any mapping."""
    return AddressSpace(mmap_base=top, legacy_base=0x2AAA_0000_0000, topdown=topdown)


def test_topdown_ends_at_mmap_base() -> None:
    """The first mapping ends there."""
    assert place(empty(), Request(0, 3 * PAGE)) == TOP - 3 * PAGE


def test_bottomup_begins_at_legacy_base() -> None:
    """In the old layout; and in the new one, when nothing is free below mmap_base."""
    assert place(empty(topdown=False), Request(0, 3 * PAGE)) == 0x2AAA_0000_0000
    full = empty(top=at(100))
    full.vmas = [vma(-at(0) // PAGE + 1, 100)]
    assert place(full, Request(0, 3 * PAGE)) == 0x2AAA_0000_0000


@pytest.mark.parametrize("length", [PMD - PAGE, PMD + PAGE, PAGE])
def test_thp_rule_is_for_whole_huge_pages(length: int) -> None:
    """Anonymous memory of any other length goes right below mmap_base."""
    assert place(empty(TOP + PAGE), Request(0, length)) == TOP + PAGE - length


def test_thp_rule_aligns_anonymous_memory() -> None:
    """A multiple of 2 MiB begins at a multiple of 2 MiB, below what was found."""
    for top in (TOP + PAGE, TOP + PMD - PAGE, TOP + 7 * PAGE):
        assert place(empty(top), Request(0, 2 * PMD)) == TOP - 2 * PMD


def test_thp_rule_moves_up_by_2_mib_what_is_aligned_already() -> None:
    """It was found 2 MiB too low: the larger length ended at the top, an aligned one."""
    assert place(empty(TOP), Request(0, 2 * PMD)) == TOP - 2 * PMD


def test_thp_rule_bottomup_does_not_move_what_is_aligned() -> None:
    """There what was found is the lowest place as it is."""
    low = empty(topdown=False)
    assert place(low, Request(0, PMD)) == low.legacy_base
    low.legacy_base += PAGE
    assert place(low, Request(0, PMD)) == low.legacy_base - PAGE + PMD


def test_thp_rule_falls_back_if_only_the_exact_length_is_free() -> None:
    """The place need not be aligned then."""
    mm = space(vma(-at(0) // PAGE + 1, 100), vma(100 + 512, 100_000))
    mm.vmas.append(vma(100_000, (TASK_SIZE - at(0)) // PAGE))
    assert place(mm, Request(0, PMD)) == at(100)


def test_thp_rule_is_not_for_hints_or_shared_memory() -> None:
    """A hint that is taken leads to the plain search."""
    mm = empty(TOP + PAGE)
    mm.vmas = [vma(0, 10)]
    assert place(mm, Request(at(5), PMD)) == TOP + PAGE - PMD
    assert place(mm, Request(0, PMD, shared=True)) == TOP + PAGE - PMD


@pytest.mark.parametrize("offset", [0, PAGE, PMD - PAGE, PMD])
def test_thp_rule_of_files_agrees_with_the_offset(offset: int) -> None:
    """Address and offset are equal modulo 2 MiB, if the file part holds a whole huge page."""
    found = place(empty(), Request(0, 2 * PMD, File(), offset))
    assert (found - offset) % PMD == 0
    assert TOP - 3 * PMD <= found <= TOP - 2 * PMD


def test_thp_rule_of_files_needs_an_aligned_block() -> None:
    """2 MiB of a file from one page on hold no block, 2 MiB less a page from 0 neither."""
    assert place(empty(), Request(0, PMD, File(), PAGE)) == TOP - PMD
    assert place(empty(), Request(0, PMD - PAGE, File(), 0)) == TOP - PMD + PAGE


def test_thp_rule_of_files_lets_a_free_hint_win() -> None:
    """As it is, aligned or not, if 2 MiB more are free there."""
    assert place(empty(), Request(at(5), PMD, File())) == at(5)
    mm = empty()
    mm.vmas = [vma(5 + 512, 5 + 513)]
    assert place(mm, Request(at(5), PMD, File())) == TOP - PMD


def test_thp_rule_is_for_dev_zero_and_not_for_memfd() -> None:
    """Private /dev/zero is placed like a file; shared memory by the plain search."""
    zero, memfd = File("/dev/zero", zero=True), File("m", shmem=True)
    assert place(empty(TOP + PAGE), Request(0, PMD, zero)) == TOP - PMD
    assert place(empty(TOP + PAGE), Request(0, PMD, zero, shared=True)) == TOP + PAGE - PMD
    assert place(empty(TOP + PAGE), Request(0, PMD, memfd)) == TOP + PAGE - PMD


def test_hugetlb_is_aligned_by_the_mask_of_the_search() -> None:
    """Its length must be whole huge pages."""
    huge = File("h", hugetlb=True)
    assert place(empty(TOP + PAGE), Request(0, PMD, huge)) == TOP - PMD
    fails("EINVAL", lambda: place(empty(), Request(0, PAGE, huge)))
    fails("EINVAL", lambda: place(empty(), Request(PAGE, PMD, huge, fixed=True)))


def test_a_hint_is_taken_if_it_is_free() -> None:
    """Up to the next VMA, or to its guard gap."""
    mm = empty()
    mm.vmas = [vma(10, 20), vma(1000, 1010, GROWING)]
    assert place(mm, Request(at(5), 5 * PAGE)) == at(5)
    assert place(mm, Request(at(5), 6 * PAGE)) == TOP - 6 * PAGE
    assert place(mm, Request(at(15), PAGE)) == TOP - PAGE
    guard = 1000 - STACK_GUARD_GAP // PAGE
    assert place(mm, Request(at(guard - 1), PAGE)) == at(guard - 1)
    assert place(mm, Request(at(guard), PAGE)) == TOP - PAGE
    assert place(mm, Request(TASK_SIZE - PAGE, 2 * PAGE)) == TOP - 2 * PAGE


def test_fixed_goes_where_it_is_told() -> None:
    """If that is a page of user space; what is there does not matter, nor a guard gap."""
    mm = space(vma(10, 20), vma(30, 31, GROWING))
    assert place(mm, Request(at(15), PAGE, fixed=True)) == at(15)
    assert place(mm, Request(at(29), PAGE, fixed=True)) == at(29)
    assert place(mm, Request(TASK_SIZE - PAGE, PAGE, fixed=True)) == TASK_SIZE - PAGE
    fails("ENOMEM", lambda: place(mm, Request(TASK_SIZE, PAGE, fixed=True)))
    fails("EINVAL", lambda: place(mm, Request(at(1) + 1, PAGE, fixed=True)))


def test_too_long_is_refused() -> None:
    """Longer than user space, or than any gap."""
    fails("ENOMEM", lambda: place(empty(), Request(0, TASK_SIZE + PAGE)))
    fails("ENOMEM", lambda: place(empty(), Request(0, TASK_SIZE)))


def test_map_32bit_cannot_be_known() -> None:
    """Where the search begins is random; a free hint decides nothing, a fixed place does."""
    with pytest.raises(CannotKnow):
        place(empty(), Request(0, PAGE, below_2g=True))
    assert place(empty(), Request(at(1), PAGE, fixed=True, below_2g=True)) == at(1)


def test_map_above_4g_keeps_the_search_up_there() -> None:
    """What does not fit between 4 GiB and mmap_base goes to the bottom-up search."""
    mm = empty(top=(4 << 30) + 2 * PAGE)
    assert place(mm, Request(0, 3 * PAGE)) == (4 << 30) - PAGE
    assert place(mm, Request(0, 3 * PAGE, above_4g=True)) == mm.legacy_base
