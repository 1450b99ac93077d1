"""Which VMA an address means, and where a free range is found."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.mm.build import GROWING, WRITABLE, at, fails, space, vma
from tests.mm.spec.gaps import (
    Search,
    bottomup,
    by_guarded_gaps,
    end_gap,
    start_gap,
    topdown,
)
from tests.mm.spec.lookup import (
    count_pages,
    find_exact_vma,
    find_vma,
    find_vma_intersection,
    find_vma_prev,
    vma_lookup,
)
from tests.mm.spec.space import AddressSpace, Vma
from tests.mm.spec.words import PAGE, PMD, STACK_GUARD_GAP, Failed, Vm

GUARD = STACK_GUARD_GAP // PAGE


def test_lookups_differ_in_what_they_take() -> None:
    """find_vma may begin above, find_vma_intersection must reach in, vma_lookup must hold."""
    low, high = vma(10, 20), vma(30, 40)
    mm = space(low, high)
    assert [find_vma(mm, at(page)) for page in (0, 19, 20, 39, 40)] == [low, low, high, high, None]
    assert [vma_lookup(mm, at(page)) for page in (9, 10, 25, 39)] == [None, low, None, high]
    assert find_vma_intersection(mm, at(20), at(30)) is None
    assert find_vma_intersection(mm, at(20), at(31)) is high
    assert find_exact_vma(mm, at(10), at(20)) is low
    assert find_exact_vma(mm, at(10), at(19)) is None
    assert find_vma_prev(mm, at(20)) == (low, high)
    assert find_vma_prev(mm, at(40)) == (high, None)
    assert find_vma_prev(mm, at(10)) == (None, low)


def test_count_pages_counts_parts() -> None:
    """The pages of a range, even where a VMA begins before it."""
    mm = space(vma(10, 20), vma(30, 40))
    assert count_pages(mm, at(15), at(32)) == 7
    assert count_pages(mm, at(20), at(30)) == 0


def test_the_highest_gap_is_taken_at_its_top() -> None:
    """And the lowest one at its bottom, in a bottom-up search."""
    mm = space(vma(10, 20), vma(30, 40))
    window = Search(5 * PAGE, at(0), at(50))
    assert topdown(mm, window) == at(45)
    assert bottomup(mm, window) == at(0)
    large = Search(11 * PAGE, at(0), at(50))
    fails("ENOMEM", lambda: topdown(mm, large))
    fails("ENOMEM", lambda: bottomup(mm, large))


def test_alignment_is_within_the_gap_found() -> None:
    """A gap must hold length + mask, though less would do; the place is offset modulo mask + 1."""
    mm = AddressSpace()
    window = Search(3 * PAGE, at(1), at(2000), mask=PMD - 1, offset=5 * PAGE)
    high, low = topdown(mm, window), bottomup(mm, window)
    assert high % PMD == low % PMD == 5 * PAGE
    assert at(2000) - PMD < high + 3 * PAGE <= at(2000)
    assert at(1) <= low < at(1) + PMD
    exact = Search(PMD, at(0), at(512), mask=PMD - 1)
    fails("ENOMEM", lambda: topdown(mm, exact))


def test_a_length_that_wraps_is_refused() -> None:
    """length + mask must fit into a word."""
    wrapping = Search((1 << 64) - PAGE, 0, at(10), mask=PMD - 1)
    fails("ENOMEM", lambda: topdown(AddressSpace(), wrapping))


def test_a_search_for_nothing_is_refused() -> None:
    """Whatever its alignment, and whether anything is free or not."""
    mm = space(vma(10, 20))
    for search in (Search(0, at(0), at(50)), Search(0, at(0), at(50), PMD - 1)):
        fails("EINVAL", lambda s=search: topdown(mm, s))  # type: ignore[misc]
        fails("EINVAL", lambda s=search: bottomup(mm, s))  # type: ignore[misc]
    fails("EINVAL", lambda: topdown(mm, Search(0, at(10), at(20))))
    fails("EINVAL", lambda: bottomup(mm, Search(0, at(10), at(20))))


def test_nothing_is_found_below_the_lowest_address_allowed() -> None:
    """The window begins at mmap_min_addr at the earliest."""
    mm = AddressSpace()
    mm.limits = type(mm.limits)(min_addr=65536)
    assert bottomup(mm, Search(PAGE, 0, at(0))) == 65536
    fails("ENOMEM", lambda: topdown(mm, Search(2 * PAGE, 0, 65536 + PAGE)))


def test_guard_gap_is_256_pages_below_a_stack_only() -> None:
    """start_gap is start for all else, and does not go below 0."""
    assert start_gap(vma(1000, 1010)) == at(1000)
    assert start_gap(vma(1000, 1010, GROWING)) == at(1000 - GUARD)
    assert start_gap(Vma(PAGE, 2 * PAGE, GROWING)) == 0


def test_a_topdown_search_keeps_the_guard_gap() -> None:
    """A range ends where the guard gap begins, or in a lower gap."""
    mm = space(vma(1000, 1010, GROWING))
    assert topdown(mm, Search(PAGE, at(0), at(1000))) == at(1000 - GUARD - 1)
    assert topdown(mm, Search(PAGE, at(0), at(1010))) == at(1000 - GUARD - 1)


def test_a_vma_inside_a_guard_gap_does_not_end_the_search() -> None:
    """The search goes on below the guard gap, although the rb-tree has a free range above it."""
    near = space(vma(800, 810), vma(1000, 1010, GROWING))
    window = Search(PAGE, at(0), at(1000))
    assert topdown(near, window) == at(1000 - GUARD - 1)
    assert by_guarded_gaps(near, window, from_top=True) == at(799)


def test_a_bottomup_search_keeps_the_guard_gap() -> None:
    """A range that would reach into it is put above the stack."""
    mm = space(vma(1000, 1010, GROWING))
    room = 1000 - GUARD - 500
    assert bottomup(mm, Search(room * PAGE, at(500), at(3000))) == at(500)
    assert bottomup(mm, Search((room + 1) * PAGE, at(500), at(3000))) == at(1010)


def test_what_grows_up_has_its_guard_gap_above() -> None:
    """It is kept in both directions, but for a gap below a stack: there nobody looks below."""
    upward = WRITABLE | Vm.GROWSUP
    mm = space(vma(100, 110, upward), vma(1000, 1010))
    assert end_gap(mm.vmas[0]) == at(110 + GUARD)
    window = Search(700 * PAGE, at(0), at(1000))
    fails("ENOMEM", lambda: topdown(mm, window))
    assert topdown(mm, Search(100 * PAGE, at(0), at(400))) == at(0)
    assert bottomup(mm, Search(101 * PAGE, at(0), at(1000))) == at(110 + GUARD)
    mm.vmas[1].flags |= Vm.GROWSDOWN
    assert topdown(mm, Search(600 * PAGE, at(0), at(1000))) == at(1000 - GUARD - 600)
    assert bottomup(mm, Search(600 * PAGE, at(0), at(1000))) == at(110)


@st.composite
def spaces(draw: st.DrawFn) -> AddressSpace:
    """A few VMAs, some of which grow down."""
    cuts = sorted(draw(st.sets(st.integers(0, 3000), max_size=16)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return space(*(vma(a, b, draw(st.sampled_from((WRITABLE, GROWING)))) for a, b in pairs))


def answer(search: object) -> object:
    """Return what a search finds, or None."""
    try:
        return search()  # type: ignore[operator]
    except Failed:
        return None


@given(
    mm=spaces(),
    pages=st.integers(1, 30) | st.integers(1, 1500),
    low=st.integers(0, 3000),
    size=st.integers(1, 3000),
)
def test_gaps_with_guards_inside_give_the_same_answers(
    mm: AddressSpace, pages: int, low: int, size: int
) -> None:
    """A tree of gaps that end at guard gaps need not try again, and finds the same."""
    window = Search(pages * PAGE, at(low), at(low + size))
    if not any(a.end > start_gap(b) for a, b in pairwise(mm.vmas)):
        assert answer(lambda: topdown(mm, window)) == answer(
            lambda: by_guarded_gaps(mm, window, from_top=True)
        )
    assert answer(lambda: bottomup(mm, window)) == answer(
        lambda: by_guarded_gaps(mm, window, from_top=False)
    )


def test_the_invariants_of_a_space_are_checked() -> None:
    """What every other test relies on can fail."""
    assert space(vma(1, 2), vma(2, 3)).check() is None
    assert "begins before" in str(space(vma(1, 3), vma(2, 4)).check())
    assert "no range of pages" in str(space(vma(3, 3)).check())
    assert "chain" in str(space(vma(1, 2, chain=1)).check())
    assert WRITABLE & Vm.ACCOUNT
