"""What a look-up says of itself while writes overtake it: held here by a version that stays odd.

An odd version is a write under way. Whoever reads two leaves then tries three times and answers
all the same, marked loose; a gap search has no answer; whoever needs one leaf does not look.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.calls import five, invoke
from stressd_kernels.layout import RESULT_FIRST, RESULT_TRIES, RESULT_VERSION, TREE_VERSION
from stressd_kernels.maple.gaps import TRIES
from stressd_kernels.maple.search import CROSSING_TRIES
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.tree.keys import MAX
from tests.tree.nodes import leaves

WALL = 200  # reserved entries side by side, over several leaves
END = 10 * WALL + 10
MIDDLE = 5 * WALL

# what is asked, with which arguments, and where the entry begins that is the answer
CROSSING: dict[str, tuple[Verb, tuple[int, ...], int | None]] = {
    "find": (Verb.FIND, (MIDDLE, MAX), END),
    "find, no further": (Verb.FIND, (MIDDLE, END - 1), None),
    "find_rev": (Verb.FIND_REV, (MIDDLE, 0), 0),
    "find_rev, no further": (Verb.FIND_REV, (MIDDLE, 10), None),
    "next": (Verb.NEXT, (MIDDLE,), END),
    "next of the first": (Verb.NEXT, (5,), END),
    "prev": (Verb.PREV, (MIDDLE,), 0),
    "prev of the last": (Verb.PREV, (END,), 0),
}
IN_ONE_LEAF: dict[str, tuple[Verb, tuple[int, ...], int | None]] = {
    "find": (Verb.FIND, (5, MAX), 0),
    "find, no further": (Verb.FIND, (END + 12, END + 15), None),
    "find_rev": (Verb.FIND_REV, (5, 0), 0),
    "find_rev of the last": (Verb.FIND_REV, (MAX, 0), END),
    "next": (Verb.NEXT, (END + 2,), None),
    "prev": (Verb.PREV, (MAX,), END),
    "prev of the first": (Verb.PREV, (5,), None),
    "walk": (Verb.WALK, (MIDDLE,), MIDDLE),
    "seek": (Verb.SEEK, (MIDDLE, MAX), MIDDLE),
    "seek_rev": (Verb.SEEK_REV, (MIDDLE, 0), MIDDLE),
}


class Overtaken:
    """A tree, a seat to ask from, and a version that can be made odd."""

    def __init__(self) -> None:
        self.tree = MapleTree(arena=Arena(16 << 20))
        self.tree.store(0, 9, 1)
        for number in range(1, WALL + 1):
            self.tree.reserve(number * 10, number * 10 + 9)
        self.tree.store(END, END + 9, 2)
        self.words = self.tree.arena.words
        self.seat = self.tree.arena.seat()

    def ask(self, verb: Verb, *arguments: int) -> tuple[int, int | None, int]:
        """Return the answer, where the entry begins if there is one, and the tries."""
        address = self.tree._calls.address(verb)
        numbers = five(*arguments)
        status = int(invoke(self.words, address, self.tree._block, self.seat, True, *numbers))
        first = int(self.words[self.seat + RESULT_FIRST]) if status == Status.OK else None
        return status, first, int(self.words[self.seat + RESULT_TRIES])

    def turn(self, by: int) -> None:
        """Move the version."""
        at = self.tree._block + TREE_VERSION
        self.words[at] = int(self.words[at]) + by


@pytest.fixture
def still() -> Overtaken:
    """A tree that nobody writes to."""
    return Overtaken()


@pytest.fixture
def overtaken(still: Overtaken) -> Iterator[Overtaken]:
    """A tree in the middle of a write."""
    still.turn(1)
    yield still
    still.turn(1)


@pytest.mark.parametrize("name", CROSSING)
def test_an_answer_from_several_leaves_is_loose_when_overtaken(
    overtaken: Overtaken, name: str
) -> None:
    """It says that it has tried three times, and brings what is there."""
    verb, arguments, first = CROSSING[name]
    status = Status.NOT_FOUND if first is None else Status.OK
    assert overtaken.ask(verb, *arguments) == (status, first, CROSSING_TRIES)


@pytest.mark.parametrize("name", CROSSING)
def test_it_is_exact_when_nothing_happens(still: Overtaken, name: str) -> None:
    """One try."""
    verb, arguments, first = CROSSING[name]
    status = Status.NOT_FOUND if first is None else Status.OK
    assert still.ask(verb, *arguments) == (status, first, 0)


@pytest.mark.parametrize("name", IN_ONE_LEAF)
def test_an_answer_from_one_leaf_is_exact_whatever_happens(overtaken: Overtaken, name: str) -> None:
    """Even if the look-up before it in this seat was loose."""
    loose = overtaken.ask(Verb.FIND, MIDDLE, MAX)
    assert loose == (Status.OK, END, CROSSING_TRIES)
    verb, arguments, first = IN_ONE_LEAF[name]
    if verb in (Verb.WALK, Verb.SEEK):  # which never are: they do not say
        overtaken.words[overtaken.seat + RESULT_TRIES] = 0
    status = Status.NOT_FOUND if first is None else Status.OK
    assert overtaken.ask(verb, *arguments) == (status, first, 0)


def test_a_cursor_that_looks_down_from_the_hole_before_a_leaf(overtaken: Overtaken) -> None:
    """seek_rev needs a second leaf only there."""
    tree = overtaken.tree
    overtaken.turn(1)
    tree.store(MIDDLE - 400, MIDDLE - 1, None)
    leaf = next(node for node in leaves(tree) if node.low == MIDDLE - 400 and node.slots[0] == 0)
    overtaken.turn(1)
    assert overtaken.ask(Verb.SEEK_REV, MIDDLE - 1, 0) == (Status.OK, leaf.low - 10, CROSSING_TRIES)
    assert overtaken.ask(Verb.SEEK_REV, MIDDLE, 0) == (Status.OK, MIDDLE, 0)


@pytest.mark.parametrize("verb", [Verb.GAP_UP, Verb.GAP_DOWN])
def test_a_gap_search_that_is_overtaken_has_no_answer(still: Overtaken, verb: Verb) -> None:
    """It says so, and how often it tried; else it names the version that it is of."""
    question = (0, END + 99, 10, 0, 0)
    version = int(still.words[still.tree._block + TREE_VERSION])
    first = END + (10 if verb == Verb.GAP_UP else 90)
    assert still.ask(verb, *question) == (Status.OK, first, 0)
    assert still.words[still.seat + RESULT_VERSION] == version
    still.turn(1)
    assert still.ask(verb, *question) == (Status.RETRY, None, TRIES)
    assert still.tree.empty_area(*question) == END + 10  # under the lock, where nobody writes
    still.turn(1)
    assert still.ask(verb, *question) == (Status.OK, first, 0)
    assert still.words[still.seat + RESULT_VERSION] == version + 2
