"""The kernel's search for a free range, asked of a tree.

The tree knows nothing of alignment as the kernel does it, nor of guard gaps. So the kernel's
way is followed: search for length + mask, move the start to the wanted alignment inside what
was found, and if the next mapping above keeps a guard gap that reaches into it, move the end of
the window and search again.

    top-down    the highest range of the window; start = end - length, moved down to the
                alignment. Guarded: the window ends where the gap begins
    bottom-up   the lowest range; start moved up to the alignment. Guarded: the window begins
                behind that mapping

`low` and `high` of an answer are the window of the last try: asked with it, a tree gives the
answer without any knowledge of guard gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stressd.replay.guards import GUARD_GAP, PAGE, Growth, Guards
from stressd.replay.trees import RangeTree
from stressd.traces.events import KEY_MAX, Search

LOW_MIN = PAGE  # the kernel never looks below


class Answer(NamedTuple):
    """Where a range was found (None: nowhere), in which window, past which guarded mappings."""

    address: int | None
    low: int
    high: int  # exclusive
    passed: tuple[int, ...]  # values of the mappings whose guard gap moved the window


def answer(tree: RangeTree, search: Search, guarded: Callable[[int], bool]) -> Answer:
    """Search `tree` as the kernel does; `guarded` tells which values keep a guard gap."""
    size = search.length + search.mask
    low, high = max(search.low, LOW_MIN), search.high
    passed: list[int] = []
    while size <= KEY_MAX and high - low >= size:
        if search.topdown:
            start = tree.empty_area_rev(low, high - 1, size)
        else:
            start = tree.empty_area(low, high - 1, size)
        if start is None:
            break
        address = aligned(search, start)
        above = tree.find(start)
        if above is None or not guarded(above[2]):
            return Answer(address, low, high, tuple(passed))
        gap = max(above[0] - GUARD_GAP, 0)
        if search.topdown and gap < start + size:
            high = gap
        elif not search.topdown and gap < address + size - 1:
            low = above[1] + 1
        else:
            return Answer(address, low, high, tuple(passed))
        passed.append(above[2])
    return Answer(None, low, high, tuple(passed))


def aligned(search: Search, start: int) -> int:
    """Return the address inside the `length + mask` free keys that begin at `start`."""
    if search.topdown:
        address = start + search.mask
        return address - ((address - search.offset) & search.mask)
    return start + ((search.offset - start) & search.mask)


def settled_answer(tree: RangeTree, search: Search, guards: Guards) -> Answer:
    """Search `tree`, and let the recorded answer settle what `guards` leaves open."""
    plain = answer(tree, search, guards.certain)
    if not guards.undecided:
        return plain
    wary = answer(tree, search, guards.likely)
    if wary.address == plain.address:
        return plain
    open_questions = [value for value in wary.passed if not guards.certain(value)]
    if wary.address == search.expected:
        for value in open_questions:
            guards.settle(value, Growth.CERTAIN)
        return wary
    if plain.address == search.expected:
        guards.settle(open_questions[0], Growth.NEVER)
    return plain
