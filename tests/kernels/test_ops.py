"""Operations: one at a time, each answers and changes what its `spec` says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stressd.engine import Engine
from stressd_kernels.counters import ANSWER_ENDS, ANSWER_IDLE, OUTCOME_MISS, OUTCOME_OK
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    SLOT_WORKER,
    TREE_ENTRIES_AT,
)
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.ops.catalog import OPS as CATALOG
from stressd_kernels.ops.scan import SCAN_LIMIT
from stressd_kernels.status import KEY_MAX
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import (
    ENTRIES,
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_OP,
    NOW_SIZE,
    NOW_VALUE,
)
from tests.engine.build import arena_of, call, loaded, slot_of, trees_of

SOURCES = {
    "synthetic": "source: {kind: synthetic, entries: 100, cell: 64B, fill: 0.6, wide: 0.3}",
    "zipfian": "source: {kind: synthetic, entries: 100, cell: 64B, fill: 0.6, wide: 0.3}",
    "maps": "source: {kind: maps, pid: self}",
}
MIX = "mix: {load: 1, find: 1, scan: 1, gap_up: 1, gap_down: 1, store: 1, erase: 1}"
KEYS = {"zipfian": "keys: {kind: zipfian}, "}
ROUNDS = 400

Entries = list[tuple[int, int, int]]


class Alone:
    """One worker of an engine, and a plain list of what its tree must hold."""

    def __init__(self, engine: Engine) -> None:
        self.arena = arena_of(engine)
        self.slot = slot_of(engine, 0)
        (self.tree,) = trees_of(engine)
        self.entries = self.scan_all()
        self.missed: set[str] = set()
        self.answered: set[str] = set()

    def scan_all(self) -> Entries:
        """Read the whole tree from the engine's own slot."""
        words = self.arena.words
        address = int(words[self.tree + TREE_ENTRIES_AT + Verb.SCAN])
        with self.arena.seated() as slot:
            output = slot + SLOT_WORKER
            epoch_pin(words, slot)
            count = call(self.arena, address, self.tree, slot, 0, KEY_MAX, 100_000, output)
            epoch_unpin(words, slot)
            rows = words[output : output + 3 * count].reshape(-1, 3).tolist()
        return [(first, last, value) for first, last, value in rows]

    def word(self, offset: int) -> int:
        """Return a word of the worker's slot."""
        return int(self.arena.words[self.slot + offset])

    def run(self, name: str) -> int:
        """Run one operation as a slice would."""
        words = self.arena.words
        words[self.slot + NOW_OP] = NUMBERS[name] + 1
        reads = CATALOG[NUMBERS[name]].reads
        if reads:
            epoch_pin(words, self.slot)
        answer = call(self.arena, operations()[name].run.address, 0, self.slot)
        if reads:
            epoch_unpin(words, self.slot)
        (self.missed if answer == OUTCOME_MISS else self.answered).add(name)
        return answer

    def asked(self) -> tuple[int, int]:
        """Return the key, range or window that was drawn."""
        return self.word(NOW_FIRST), self.word(NOW_LAST)

    def answer(self) -> tuple[int, int, int]:
        """Return the entry that was answered."""
        return self.word(RESULT_FIRST), self.word(RESULT_LAST), self.word(RESULT_VALUE)


@pytest.fixture(scope="module", params=SOURCES)
def alone(request: pytest.FixtureRequest) -> Iterator[Alone]:
    """A worker of each kind of source, alone with its tree."""
    worker = f"{{name: all, {KEYS.get(request.param, '')}{MIX}}}"
    with loaded(SOURCES[request.param], worker) as engine:
        yield Alone(engine)


def check_load(alone: Alone) -> None:
    """load: the value at the key drawn."""
    outcome = alone.run("load")
    expected = operations()["load"].spec(alone.entries, alone.asked()[0])
    assert alone.word(RESULT_VALUE) == expected
    assert outcome == (OUTCOME_OK if expected else OUTCOME_MISS)


def check_find(alone: Alone) -> None:
    """find: the first entry in the window drawn."""
    outcome = alone.run("find")
    expected = operations()["find"].spec(alone.entries, *alone.asked())
    assert outcome == (OUTCOME_MISS if expected is None else OUTCOME_OK)
    assert expected is None or alone.answer() == expected


def check_scan(alone: Alone) -> None:
    """scan: the entries in the window drawn."""
    outcome = alone.run("scan")
    expected = operations()["scan"].spec(alone.entries, *alone.asked())
    assert outcome == (OUTCOME_OK if expected else OUTCOME_MISS)
    at = alone.slot + ENTRIES
    got = alone.arena.words[at : at + 3 * len(expected)].reshape(-1, 3).tolist()
    assert [tuple(row) for row in got] == expected


def check_gap(alone: Alone, name: str) -> None:
    """gap_up, gap_down: the lowest or highest fit for what was drawn."""
    outcome = alone.run(name)
    low, high = alone.asked()
    question = (alone.word(offset) for offset in (NOW_SIZE, NOW_MASK, NOW_OFFSET))
    expected = operations()[name].spec(alone.entries, low, high, *question)
    assert outcome == (OUTCOME_MISS if expected is None else OUTCOME_OK)
    assert expected is None or alone.word(RESULT_FIRST) == expected


def check_store(alone: Alone) -> None:
    """store: the range drawn is overwritten."""
    assert alone.run("store") == OUTCOME_OK
    value = alone.word(NOW_VALUE)
    alone.entries = operations()["store"].spec(alone.entries, *alone.asked(), value)


def check_erase(alone: Alone) -> None:
    """erase: the entry at the key drawn is gone, and was answered."""
    outcome = alone.run("erase")
    left = operations()["erase"].spec(alone.entries, alone.asked()[0])
    assert outcome == (OUTCOME_OK if len(left) < len(alone.entries) else OUTCOME_MISS)
    assert outcome == OUTCOME_MISS or alone.answer() in alone.entries
    alone.entries = left


def test_each_operation_does_what_its_spec_says(alone: Alone) -> None:
    """In turn, some hundred times: same answers, same contents; hits and misses were seen."""
    for _ in range(ROUNDS):
        check_store(alone)
        check_load(alone)
        check_find(alone)
        check_scan(alone)
        check_gap(alone, "gap_up")
        check_gap(alone, "gap_down")
        check_erase(alone)
    assert alone.scan_all() == alone.entries
    assert alone.answered == {op.name for op in CATALOG if "synthetic" in op.sources}
    assert alone.missed >= {"load", "erase", "gap_up", "gap_down"}


def test_what_is_stored_fits_the_scan() -> None:
    """A block of 64 scans must not visit more nodes than one pin may."""
    assert SCAN_LIMIT * 64 <= 4096


def test_the_catalogue_and_the_modules_agree() -> None:
    """Every listed operation has a module with the parts that others rely on."""
    assert list(operations()) == [op.name for op in CATALOG]
    for name, module in operations().items():
        assert module.run.name == f"ops.{name}.run"
        assert module.VERBS or module.CALLS
        assert callable(module.spec)


def test_answers_are_told_apart() -> None:
    """Outcomes, idleness and statuses do not overlap."""
    assert OUTCOME_OK < OUTCOME_MISS < ANSWER_IDLE < ANSWER_ENDS
