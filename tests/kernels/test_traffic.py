"""Made-up memory calls: what is drawn is what was asked for, and mostly makes sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import SupportsInt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.sources.address_spaces import MEANINGS, dealt
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.ops import operations
from stressd_kernels.traffic.asking import (
    DRAW_BRK,
    DRAW_MMAP,
    DRAW_RANGE,
    DRAW_REMAP,
    DRAW_TOUCH,
    DRAW_UNMAP,
)
from stressd_kernels.traffic.layout import (
    FIFTH,
    KINDS,
    PICK_END,
    PICK_REACH,
    PICK_START,
    SIXTH,
    TABLE_WORDS,
    VMAS,
)
from stressd_kernels.worker import NOW_FIRST, NOW_MASK, NOW_OFFSET, NOW_SIZE, NOW_TREE, SOURCE_DRAW
from tests.engine.build import arena_of, call, loaded, slot_of

SOURCE = """source:
  kind: address-spaces
  spaces: 2
  mappings: {anonymous: 60, file: 30, hugetlb: 10, shared_file: 0, shared: 0, noreserve: 0,
             stack: 0, grows_down: 0, locked: 0, populate: 0}
  places: {anywhere: 70, hint: 0, fixed: 30, noreplace: 0}
  lengths: {small: 80, medium: 0, large: 0, huge: 20}"""
DRAWS = 4000
PAGE = 4096
HUGE = 2 << 20
FIXED = 0x10


class Drawing:
    """One worker that draws, and does not call."""

    def __init__(self, arena: Arena, slot: int) -> None:
        self.arena = arena
        self.words = arena.words
        self.slot = slot

    def word(self, offset: int) -> int:
        """Return a word of the worker's slot."""
        return int(self.words[self.slot + offset])

    def draw(self, what: SupportsInt) -> tuple[int, int, int, int]:
        """Draw arguments; return the first four."""
        address = self.word(SOURCE_DRAW)
        assert call(self.arena, address, 0, self.slot, int(what)) == 0
        offsets = (NOW_FIRST, NOW_SIZE, NOW_MASK, NOW_OFFSET)
        first, second, third, fourth = (self.word(offset) for offset in offsets)
        return first, second, third, fourth


@pytest.fixture(scope="module")
def drawing() -> Iterator[Drawing]:
    """A worker with address spaces that nobody changes."""
    with loaded(SOURCE, "{name: w, mix: {load: 1}}") as engine:
        yield Drawing(arena_of(engine), slot_of(engine, 0))


@given(
    st.dictionaries(st.integers(0, 20), st.just(0.0) | st.floats(0.1, 1e3), min_size=1).filter(
        lambda weights: sum(weights.values()) > 0
    )
)
def test_a_table_holds_what_is_wanted_as_often_as_it_is(weights: dict[int, float]) -> None:
    """Each word in proportion, but at least once; what weighs nothing never."""
    row = Counter(dealt(weights, TABLE_WORDS))
    assert sum(row.values()) == TABLE_WORDS
    assert set(row) == {word for word, weight in weights.items() if weight}
    total = sum(weights.values())
    slack = len(row) + 1
    assert all(abs(n - TABLE_WORDS * weights[w] / total) <= slack for w, n in row.items())


def test_every_kind_of_mapping_has_a_meaning() -> None:
    """Its MAP_* flags: private or shared, never both."""
    assert set(MEANINGS) == set(KINDS)
    assert all(flags & 3 in (1, 2) for flags in MEANINGS.values())


def test_mappings_are_of_the_kinds_that_were_asked_for(drawing: Drawing) -> None:
    """In their shares, with a file where there should be one, and nowhere else."""
    drawn = []
    for _ in range(DRAWS):
        *_, flags = drawing.draw(DRAW_MMAP)
        drawn.append((flags, drawing.word(FIFTH), drawing.word(SIXTH)))
    anywhere = [one for one in drawn if not one[0] & FIXED]
    assert 0.65 < len(anywhere) / DRAWS < 0.75
    kinds = Counter(flags for flags, _, _ in anywhere)
    assert set(kinds) == {MEANINGS[kind] for kind in ("anonymous", "file", "hugetlb")}
    assert 0.55 < kinds[MEANINGS["anonymous"]] / len(anywhere) < 0.65
    assert all((file != 0) == (flags == MEANINGS["file"]) for flags, file, _ in anywhere)
    assert all(offset % PAGE == 0 for _, _, offset in drawn)
    assert all(offset == 0 for _, file, offset in drawn if not file)


def test_lengths_are_of_the_classes_that_were_asked_for(drawing: Drawing) -> None:
    """Up to 16 pages, or whole multiples of 2 MiB; and some nonsense."""
    lengths = [drawing.draw(DRAW_MMAP)[1] for _ in range(DRAWS)]
    small = sum(PAGE <= length <= 16 * PAGE for length in lengths)
    huge = sum(length % HUGE == 0 and 0 < length <= 16 * HUGE for length in lengths)
    assert 0.74 < small / DRAWS < 0.86
    assert 0.14 < huge / DRAWS < 0.26
    assert 0 < lengths.count(0) < DRAWS / 50
    assert small + huge + lengths.count(0) + lengths.count(1 << 48) == DRAWS


def test_ranges_are_parts_of_what_was_picked(drawing: Drawing) -> None:
    """Half of the time all of it; sometimes they reach further; few make no sense."""
    whole = inside = beyond = nonsense = 0
    for _ in range(DRAWS):
        address, length, _, _ = drawing.draw(DRAW_RANGE)
        start, end = drawing.word(PICK_START), drawing.word(PICK_END)
        if address % PAGE or length == 0 or length >= 1 << 48:
            nonsense += 1
        elif (address, length) == (start, end - start):
            whole += 1
        elif address + length <= end:
            inside += 1
        else:
            beyond += 1
        assert start <= address < end + PAGE
    assert whole > inside > DRAWS / 8
    assert beyond > DRAWS / 20
    assert 0 < nonsense < DRAWS / 20


def test_a_full_address_space_is_made_smaller(drawing: Drawing) -> None:
    """Then whole stretches of mappings are unmapped."""
    bound = drawing.word(VMAS)
    drawing.words[drawing.slot + VMAS] = 1
    longer = 0
    for _ in range(400):
        address, length, _, _ = drawing.draw(DRAW_UNMAP)
        start, reach = drawing.word(PICK_START), drawing.word(PICK_REACH)
        assert (address, length) == (start, reach - start)
        longer += reach > drawing.word(PICK_END)
    drawing.words[drawing.slot + VMAS] = bound
    assert longer > 20


@pytest.mark.parametrize("what", [DRAW_REMAP, DRAW_BRK, DRAW_TOUCH], ids=["remap", "brk", "touch"])
def test_what_is_drawn_is_an_address_of_user_space(drawing: Drawing, what: SupportsInt) -> None:
    """Whatever is to be done there; NOW names the tree of the same address space."""
    trees = set()
    for _ in range(DRAWS):
        assert drawing.draw(what)[0] < 1 << 47
        trees.add(drawing.word(NOW_TREE))
    assert len(trees) == 2


def test_every_call_of_the_operations_can_be_made() -> None:
    """Each names calls, and each call has an entry."""
    asked = {call for module in operations().values() for call in getattr(module, "CALLS", ())}
    assert asked
    assert asked <= set(CALLS)
