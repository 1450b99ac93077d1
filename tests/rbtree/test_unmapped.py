"""Gap searches of the rb-tree give the address that the rules give, from free ranges alone."""

from __future__ import annotations

import random

import pytest

from stressd_kernels.rbtree.guard import VM_GROWSDOWN, VM_GROWSUP
from tests.mm.build import BASE, GROWING, WRITABLE, at, space, vma
from tests.mm.spec.gaps import Search, bottomup, by_guarded_gaps, topdown
from tests.mm.spec.space import AddressSpace
from tests.mm.spec.words import PAGE, PMD, Failed, Vm
from tests.rbtree.planted import DOWN, UP, Planted

TOP = 3000  # pages from BASE that the VMAs of a test may lie in
UPWARD = WRITABLE | Vm.GROWSUP


@pytest.fixture(scope="module")
def tree() -> Planted:
    """One arena for all tests of the file."""
    return Planted()


def plant(tree: Planted, mm: AddressSpace) -> None:
    """Make the tree hold what the address space holds."""
    tree.clear()
    for v in mm.vmas:
        flags = int(VM_GROWSDOWN) if v.flags & Vm.GROWSDOWN else 0
        tree.insert(v.start, v.end, flags | (int(VM_GROWSUP) if v.flags & Vm.GROWSUP else 0))


def answers(tree: Planted, mm: AddressSpace, search: Search) -> None:
    """Compare both directions."""
    low = max(search.low, mm.limits.min_addr)
    for what, rule in ((DOWN, topdown), (UP, bottomup)):
        try:
            expected: int | None = rule(mm, search)
        except Failed:
            expected = None
        window, align = (low, search.high), (search.mask, search.offset)
        assert tree.unmapped(what, window, search.length, align) == expected, (
            f"{rule.__name__} {search} in {mm.ranges()}"
        )


def random_space(draw: random.Random, grows: float, dense: bool) -> AddressSpace:
    """Return VMAs with gaps of all sizes between them, a share of them growing."""
    vmas, page = [], draw.randrange(400)
    while page < TOP and len(vmas) < 40:
        size = draw.choice((1, 1, 2, 5, 60))
        flags = draw.choice((GROWING, GROWING, UPWARD)) if draw.random() < grows else WRITABLE
        vmas.append(vma(page, page + size, flags))
        page += size + draw.choice((0, 1, 2, 9, 30) if dense else (0, 1, 20, 255, 256, 257, 700))
    return space(*vmas)


def random_search(draw: random.Random) -> Search:
    """Return a search in a window somewhere around the VMAs."""
    low = draw.choice((0, draw.randrange(TOP)))
    high = draw.choice((TOP + 300, low + draw.randrange(TOP), draw.randrange(TOP)))
    mask = draw.choice((0, 0, 0, 16 * PAGE - 1, PMD - 1))
    offset = draw.randrange(512) * PAGE if mask else 0
    length = draw.choice((1, 1, 2, 3, 10, 250, 256, 300)) * PAGE
    return Search(length, at(low), at(high), mask, offset)


@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
@pytest.mark.parametrize("grows", [0.0, 0.15, 0.6])
def test_the_same_address_as_by_the_rules(tree: Planted, grows: float, dense: bool) -> None:
    """Random layouts with stacks in one another's guard gaps; windows, masks and offsets."""
    draw = random.Random(int(grows * 100) + dense)
    for _ in range(150):
        mm = random_space(draw, grows, dense)
        plant(tree, mm)
        for _ in range(40):
            answers(tree, mm, random_search(draw))


def test_large_layouts(tree: Planted) -> None:
    """Thousands of VMAs: the search prunes by the largest gap of a subtree."""
    draw = random.Random(9)
    page, vmas = 0, []
    for _ in range(150):
        size = draw.choice((1, 2, 40))
        vmas.append(vma(page, page + size, GROWING if draw.random() < 0.01 else WRITABLE))
        page += size + draw.choice((0, 1, 2, 3, draw.choice((1, 300))))
    mm = space(*vmas)
    plant(tree, mm)
    for _ in range(100):
        low = draw.randrange(page)
        length = draw.choice((1, 2, 3, 100, 290)) * PAGE
        answers(tree, mm, Search(length, at(low), at(low + draw.randrange(page))))


def test_an_empty_tree_is_one_gap(tree: Planted) -> None:
    """The window itself, aligned."""
    plant(tree, AddressSpace())
    assert tree.unmapped(DOWN, (at(1), at(10)), 3 * PAGE) == at(7)
    assert tree.unmapped(UP, (at(1), at(10)), 3 * PAGE) == at(1)
    assert tree.unmapped(DOWN, (at(1), at(10)), 10 * PAGE) is None
    assert tree.unmapped(UP, (at(10), at(1)), PAGE) is None


def test_a_vma_inside_a_guard_gap_is_passed_over(tree: Planted) -> None:
    """The gaps of the tree alone would answer page 799: the case where they differ."""
    mm = space(vma(800, 810), vma(1000, 1010, GROWING))
    plant(tree, mm)
    search = Search(PAGE, at(0), at(1000))
    assert by_guarded_gaps(mm, search, from_top=True) == at(799)
    assert tree.unmapped(DOWN, (at(0), at(1000)), PAGE) == at(743) == topdown(mm, search)


def test_a_length_that_wraps_finds_nothing(tree: Planted) -> None:
    """length + mask must fit into a word."""
    plant(tree, AddressSpace())
    for what in (DOWN, UP):
        assert tree.unmapped(what, (0, BASE), (1 << 64) - PAGE, (PMD - 1, 0)) is None
