"""Gap searches of address spaces: both trees and the lock-free one, where guard gaps meet.

Layouts and searches are those that the rb-tree alone is held against the rules with: stacks that
grow either way, in one another's guard gaps; windows, masks and offsets.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from stressd_kernels import AddressSpace
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_COMPARED
from tests.mm.build import at
from tests.mm.kernels.pair import Pair
from tests.mm.spec import space
from tests.mm.spec.gaps import Search, bottomup, topdown
from tests.mm.spec.words import PMD, Failed
from tests.rbtree.test_unmapped import random_search, random_space

LAYOUTS = 12
SEARCHES = 60


def expected(mm: space.AddressSpace, search: Search, *, down: bool) -> int | None:
    """Return what the rules find."""
    try:
        return topdown(mm, search) if down else bottomup(mm, search)
    except Failed:
        return None


def asked(call: Callable[[], int]) -> int | None:
    """Return what is found, or None for ENOMEM."""
    try:
        return call()
    except OSError:
        return None


def search_held(mm: AddressSpace, search: Search, *, down: bool) -> int | None:
    """Search under the lock: both trees."""
    window = (search.low, search.high, search.mask, search.offset)
    return asked(lambda: mm._call(Call.SEARCH, search.length, *window, offset=int(down)))


def look(mm: AddressSpace, search: Search, *, down: bool) -> int | None:
    """Search without the lock."""
    window = (search.low, search.high, search.mask, search.offset)
    return asked(lambda: mm.unmapped_area(search.length, *window, topdown=down))


@pytest.mark.parametrize("stage", ["all", "no-rbtree"])
@pytest.mark.parametrize("grows", [0.2, 0.6])
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_all_searches_find_what_the_rules_find(stage: str, grows: float, dense: bool) -> None:
    """With both trees each search is compared, and nothing is found wrong."""
    draw = random.Random(int(grows * 10) + dense)
    for _ in range(LAYOUTS):
        pair = Pair(random_space(draw, grows, dense), stage)
        for _ in range(SEARCHES):
            search, down = random_search(draw), draw.random() < 0.5
            want = expected(pair.mm, search, down=down)
            assert search_held(pair.real, search, down=down) == want, search
            assert look(pair.real, search, down=down) == want, search
        compared = int(pair.real.words[pair.real.mm + MM_COMPARED])
        assert compared == (SEARCHES if stage == "all" else 0)


@pytest.mark.parametrize("call", [Call.LOOK, Call.SEARCH])
@pytest.mark.parametrize("topdown", [0, 1])
def test_a_search_for_nothing_is_refused_with_the_lock_and_without(
    call: Call, topdown: int
) -> None:
    """Both answer EINVAL, aligned or not, in any window."""
    mm = AddressSpace()
    mm.place(at(10), at(20), 0)
    for window in ((at(0), at(50)), (at(10), at(20)), (at(50), at(0))):
        for mask in (0, PMD - 1):
            with pytest.raises(OSError, match="Invalid argument"):
                mm._call(call, 0, *window, mask, 0, offset=topdown)
