"""Any sequence of operations leaves the tree and the interval model with equal contents."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from stressd_kernels import ZERO, Cursor, MapleTree
from stressd_kernels.library import default_arena
from tests.naive import NaiveTree
from tests.tree.cursors import NaiveCursor
from tests.tree.keys import (
    MAX,
    PAGE,
    REACHES,
    TOKENS,
    VALUES,
    Entry,
    Token,
    key_of,
    layout,
    range_of,
)

SMALL = 300  # up to here every step compares everything
SIZES = st.one_of(st.just(0), st.integers(1, 40), st.integers(400, 4000))
MASKS = st.sampled_from([0, 0, 0, 1, 7, 0xFFF, 0x1FFFFF, 2**40 - 1, MAX])
SPANS = st.one_of(
    st.integers(1, 10), st.integers(1, 40).map(lambda pages: pages * 4096), st.integers(1, MAX)
)


CONTENTS = st.one_of(st.none(), st.just(ZERO), VALUES)
STEPS = ("find", "find_rev", "next", "prev", "walk", "pause", "reset")


def overwrite(
    cursor: Cursor | NaiveCursor, every: int, reach: int, value: int | None
) -> list[Entry]:
    """Walk up to 100 entries, and store over every few of them; return what was seen."""
    seen: list[Entry] = []
    while len(seen) < 100 and (entry := cursor.find()):
        seen.append(entry)
        if len(seen) % every == 0:
            middle = (entry[0] + entry[1]) // 2
            cursor.store(value, middle, min(entry[1] + reach * PAGE, MAX))
    return seen


def tracks(machine: RangeMap) -> bool:
    """Tell whether gaps can be asked for."""
    return machine.gaps


class RangeMap(RuleBasedStateMachine):
    """Every method of the tree beside the same method of the model."""

    gaps = True  # whether the tree keeps track of them

    def __init__(self) -> None:
        super().__init__()
        self.model = NaiveTree()
        self.go_on_with(MapleTree(gaps=self.gaps))

    def go_on_with(self, tree: MapleTree) -> None:
        """Test another tree from now on, which holds the same."""
        self.tree = tree
        if self.gaps:
            self.circle_of(0, MAX)
        self.cursor_of(0, MAX)

    def circle_of(self, low: int, high: int) -> None:
        """Have tree and model allocate in circles around [low, high] from now on."""
        self.circle, self.model_circle = self.tree.cyclic(low, high), self.model.cyclic(low, high)

    def cursor_of(self, index: int, last: int) -> None:
        """Have a cursor in tree and model that keeps to [index, last]."""
        self.cursor = self.tree.cursor(index, last)
        self.model_cursor = NaiveCursor(self.model, index, last)

    @initialize(
        count=SIZES,
        fill=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
        order=st.sampled_from(["up", "down", "random", "copied", "built"]),
        seed=st.integers(0, 2**32),
    )
    def fill(self, count: int, fill: float, order: str, seed: int) -> None:
        """Start from any fill: entry by entry, or at once by copy() or build()."""
        entries = layout(seed, count, fill)
        for entry in entries:
            self.model.store(*entry)
        if order == "built":
            self.tree.build(entries)
            return
        if order == "down":
            entries.reverse()
        elif order == "random":
            random.Random(seed).shuffle(entries)
        for first, last, value in entries:
            self.tree.store(first, last, value)
        if order == "copied":
            self.go_on_with(self.tree.copy())

    @property
    def entries(self) -> list[Entry]:
        return self.model.ranges()

    def key(self, token: Token) -> int:
        return key_of(token, self.entries)

    @rule(start=TOKENS, end=TOKENS, reach=REACHES, value=VALUES)
    def store(self, start: Token, end: Token, reach: int, value: int) -> None:
        first, last = range_of(start, end, reach, self.entries)
        self.tree.store(first, last, value)
        self.model.store(first, last, value)

    @rule(token=TOKENS, value=VALUES)
    def store_one(self, token: Token, value: int) -> None:
        key = self.key(token)
        self.tree.store(key, key, value)
        self.model.store(key, key, value)

    @rule(start=TOKENS, end=TOKENS, reach=REACHES)
    def store_none(self, start: Token, end: Token, reach: int) -> None:
        first, last = range_of(start, end, reach, self.entries)
        self.tree.store(first, last, None)
        self.model.store(first, last, None)

    @rule(start=TOKENS, end=TOKENS, reach=REACHES)
    def reserve(self, start: Token, end: Token, reach: int) -> None:
        first, last = range_of(start, end, reach, self.entries)
        self.tree.reserve(first, last)
        self.model.reserve(first, last)

    @rule(token=TOKENS, count=st.integers(1, 60), length=st.integers(1, 3))
    def reserve_in_a_row(self, token: Token, count: int, length: int) -> None:
        """Enough of them, side by side, to fill whole leaves with what no look-up sees."""
        first = min(self.key(token), MAX - count * length)
        for at in range(first, first + count * length, length):
            self.tree.reserve(at, at + length - 1)
            self.model.reserve(at, at + length - 1)

    @rule(start=TOKENS, end=TOKENS, reach=REACHES, value=st.none() | VALUES)
    def insert(self, start: Token, end: Token, reach: int, value: int | None) -> None:
        first, last = range_of(start, end, reach, self.entries)
        try:
            self.model.insert(first, last, value)
        except FileExistsError:
            with pytest.raises(FileExistsError):
                self.tree.insert(first, last, value)
        else:
            self.tree.insert(first, last, value)

    @rule(token=TOKENS)
    def erase(self, token: Token) -> None:
        key = self.key(token)
        assert self.tree.erase(key) == self.model.erase(key)

    @rule(token=TOKENS, end=TOKENS)
    def read(self, token: Token, end: Token) -> None:
        key, last = range_of(token, end, 0, self.entries)
        assert self.tree.load(key) == self.model.load(key)
        assert self.tree.find(key) == self.model.find(key)
        assert self.tree.find(key, last) == self.model.find(key, last)
        assert self.tree.find_rev(last) == self.model.find_rev(last)
        assert self.tree.find_rev(last, key) == self.model.find_rev(last, key)
        assert (key in self.tree) == (self.model.load(key) is not None)
        assert self.tree.next(key) == self.model.next(key)
        assert self.tree.prev(key) == self.model.prev(key)

    @rule(tokens=st.lists(TOKENS, max_size=40))
    def load_many(self, tokens: list[Token]) -> None:
        keys = [self.key(token) for token in tokens]
        assert self.tree.load_many(keys).tolist() == self.model.load_many(keys).tolist()

    @rule(start=TOKENS, end=TOKENS, reach=REACHES)
    def items(self, start: Token, end: Token, reach: int) -> None:
        first, last = range_of(start, end, reach, self.entries)
        assert list(self.tree.items(first, last)) == list(self.model.items(first, last))

    @precondition(tracks)
    @rule(start=TOKENS, end=TOKENS, reach=REACHES, size=SPANS, mask=MASKS, offset=SPANS)
    def gaps_in_a_window(
        self, start: Token, end: Token, reach: int, size: int, mask: int, offset: int
    ) -> None:
        window = range_of(start, end, reach, self.entries)
        request = (*window, size, mask, offset)
        assert self.tree.empty_area(*request) == self.model.empty_area(*request)
        assert self.tree.empty_area_rev(*request) == self.model.empty_area_rev(*request)

    @precondition(tracks)
    @rule(size=SPANS, mask=MASKS)
    def gaps_anywhere(self, size: int, mask: int) -> None:
        request = (0, MAX, size, mask, 0)
        assert self.tree.empty_area(*request) == self.model.empty_area(*request)
        assert self.tree.empty_area_rev(*request) == self.model.empty_area_rev(*request)

    @precondition(tracks)
    @rule(start=TOKENS, end=TOKENS, size=SPANS, value=st.none() | VALUES, top=st.booleans())
    def allocate(self, start: Token, end: Token, size: int, value: int | None, top: bool) -> None:
        window = range_of(start, end, 0, self.entries)
        placed = self.tree.allocate(*window, size, value, from_top=top)
        assert placed == self.model.allocate(*window, size, value, from_top=top)

    @precondition(tracks)
    @rule(size=SPANS, mask=MASKS, offset=SPANS, value=VALUES, top=st.booleans())
    def allocate_aligned(self, size: int, mask: int, offset: int, value: int, top: bool) -> None:
        request, aligned = (0, MAX, size, value, top), {"align_mask": mask, "align_offset": offset}
        placed = self.tree.allocate(*request, **aligned)
        assert placed == self.model.allocate(*request, **aligned)

    @precondition(tracks)
    @rule(start=TOKENS, end=TOKENS)
    def begin_a_circle(self, start: Token, end: Token) -> None:
        self.circle_of(*range_of(start, end, 0, self.entries))

    @precondition(tracks)
    @rule(size=SPANS, value=st.none() | VALUES, times=st.integers(1, 5))
    def allocate_in_a_circle(self, size: int, value: int | None, times: int) -> None:
        for _ in range(times):
            assert self.circle.allocate(size, value) == self.model_circle.allocate(size, value)
            assert self.circle.next == self.model_circle.next

    @rule()
    def go_on_with_a_copy(self) -> None:
        """The copy replaces the original, which is cleared and must not take the copy with it."""
        twin = self.tree.copy()
        assert twin.nodes == self.tree.nodes
        assert len(twin) == len(self.tree)
        self.tree.clear()
        assert len(self.tree) == 0
        assert self.tree.check() is None
        self.go_on_with(twin)

    # -- cursors -----------------------------------------------------------------------------

    @rule(start=TOKENS, end=TOKENS, token=TOKENS)
    def begin_a_cursor(self, start: Token, end: Token, token: Token) -> None:
        self.cursor_of(*range_of(start, end, 0, self.entries))
        key = self.key(token)
        self.cursor.set(key)
        self.model_cursor.set(key)

    @rule(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8))
    def step(self, steps: list[str]) -> None:
        for name in steps:
            assert getattr(self.cursor, name)() == getattr(self.model_cursor, name)()
            self.same_place()

    @rule(name=st.sampled_from(["find", "find_rev", "walk", "set"]), token=TOKENS)
    def step_to(self, name: str, token: Token) -> None:
        key = self.key(token)
        assert getattr(self.cursor, name)(key) == getattr(self.model_cursor, name)(key)
        self.same_place()

    @rule(value=CONTENTS)
    def store_here(self, value: int | None) -> None:
        try:
            self.model_cursor.store(value)
        except RuntimeError:
            with pytest.raises(RuntimeError, match="FLOW"):
                self.cursor.store(value)
        else:
            self.cursor.store(value)
        self.same_place()

    @rule(before=st.integers(-2, 3), after=st.integers(-2, 3), value=CONTENTS)
    def store_around(self, before: int, after: int, value: int | None) -> None:
        """A part of where the cursor stands, some keys beside it, or both."""
        ends = sorted((self.cursor.first - before, self.cursor.last + after))
        first, last = (min(max(key, 0), MAX) for key in ends)
        self.cursor.store(value, first, last)
        self.model_cursor.store(value, first, last)
        self.same_place()

    @rule(every=st.integers(1, 4), reach=REACHES, value=CONTENTS)
    def overwrite_while_iterating(self, every: int, reach: int, value: int | None) -> None:
        """Each few entries store over a part of the entry, or over the next ones too."""
        walks = []
        for cursor in (self.cursor, self.model_cursor):
            cursor.reset()
            walks.append(overwrite(cursor, every, reach, value))
        assert walks[0] == walks[1]
        self.same_place()

    def same_place(self) -> None:
        cursor = self.cursor
        state = (cursor.status.name, cursor.first, cursor.last, cursor.value)
        assert state == self.model_cursor.state

    # -- refusals ----------------------------------------------------------------------------

    @rule(start=TOKENS, end=TOKENS, reach=REACHES, value=VALUES)
    def run_out_of_nodes(self, start: Token, end: Token, reach: int, value: int) -> None:
        """No write gets a node, and none leaves a trace."""
        first, last = range_of(start, end, reach, self.entries)
        before, version = self.tree.dump(), self.tree.stats()["version"]
        writes: list[Callable[[], object]] = [
            lambda: self.tree.store(first, last, value),
            lambda: self.tree.store(first, last, None),
            lambda: self.tree.reserve(first, last),
            lambda: self.tree.insert(first, last, value),
            lambda: self.tree.erase(first),
            lambda: self.cursor.store(value, first, last),
            self.tree.copy,
        ]
        if self.gaps:
            writes.append(lambda: self.tree.allocate(first, last, 1, value))
            writes.append(lambda: self.circle.allocate(1, value))
        with default_arena().failing():
            for write in writes:
                with pytest.raises(MemoryError):
                    write()
        assert (self.tree.dump(), self.tree.stats()["version"]) == (before, version)
        self.same_place()
        assert not self.gaps or self.circle.next == self.model_circle.next

    @rule(sure=st.integers(0, 9))
    def clear(self, sure: int) -> None:
        if sure == 9:
            self.tree.clear()
            self.model.clear()

    @invariant()
    def structure_holds(self) -> None:
        assert self.tree.check() is None
        assert len(self.tree) == len(self.model)

    @invariant()
    def small_maps_are_equal(self) -> None:
        if len(self.model) <= SMALL:
            assert list(self.tree.items()) == list(self.model.items())

    def teardown(self) -> None:
        assert list(self.tree.items()) == list(self.model.items())


class PlainRangeMap(RangeMap):
    """The same of a tree that keeps no track of gaps, but for what needs them."""

    gaps = False


TestRangeMap = RangeMap.TestCase
TestPlainRangeMap = PlainRangeMap.TestCase
