"""Readers of address spaces: what is wrong with a record is seen, and said for what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from stressd.engine import Engine
from stressd.evidence import Finding
from stressd_kernels.counters import OUTCOME_ERROR, OUTCOME_MISS, OUTCOME_OK
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.judge import AGREEMENT, GAPS, ORDER, VALUES
from stressd_kernels.layout import MM_ENTRIES_AT, TREE_ENTRIES_AT
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_ID, MM_LIST_FIRST, MM_TREE
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.records import LIST_NEXT, VMA_END, VMA_FLAGS, VMA_MM, VMA_START
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import JUDGED, JUDGED_WORDS, NOW_OP, TIMING_ON
from tests.engine import standins
from tests.engine.build import arena_of, call, loaded, slot_of

SOURCE = "source: {kind: address-spaces, spaces: 1}"
READERS = ("load", "find", "scan", "find_vma", "count_pages", "gap_up", "gap_down", "unmapped_area")
MIX = f"{{name: read, mix: {{{', '.join(f'{name}: 1' for name in READERS)}}}}}"
ROUNDS = 600
FREED = "names a record that was freed under its reader"
FOREIGN = "belongs to another tree"
RANGE = "names a range that does not hold what was read"
RESERVED = "is a reserved word: a freed or foreign node was read"
GROWS_DOWN = 0x100


class Reader:
    """The only reader of the only address space, which nobody changes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.arena = arena_of(engine)
        self.words = self.arena.words
        self.slot = slot_of(engine, 0)
        (self.mm,) = engine._source.mms
        self.tree = int(self.words[self.mm + MM_TREE])

    def records(self) -> Iterator[int]:
        """Yield the word indexes of all records, ascending."""
        record = int(self.words[self.mm + MM_LIST_FIRST])
        while record:
            yield record
            record = int(self.words[record + LIST_NEXT])

    def run(self, name: str, times: int = ROUNDS, timed: bool = False) -> set[int]:
        """Run an operation as a slice would; return its answers."""
        self.words[self.slot + NOW_OP] = NUMBERS[name] + 1
        self.words[self.slot + TIMING_ON] = int(timed)
        answers = set()
        for _ in range(times):
            epoch_pin(self.words, self.slot)
            answers.add(call(self.arena, operations()[name].run.address, 0, self.slot))
            epoch_unpin(self.words, self.slot)
        return answers

    def found(self, name: str, timed: bool = False) -> list[Finding]:
        """Return what is found while an operation is run some times."""
        assert OUTCOME_ERROR in self.run(name, timed=timed)
        return self.engine.findings()

    def judged(self, oracle: int) -> int:
        """Return how many answers an oracle found right."""
        return int(self.words[self.slot + JUDGED + oracle * JUDGED_WORDS])


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A reader, in an engine of its own: what a test breaks stays broken."""
    with loaded(SOURCE, MIX) as engine:
        yield Reader(engine)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_finds_nothing_wrong_with_what_is_right(reader: Reader, name: str) -> None:
    """It finds something, and sometimes nothing; each look is counted as a good one."""
    answers = reader.run(name, timed=True)
    assert OUTCOME_OK in answers
    assert answers <= {OUTCOME_OK, OUTCOME_MISS}
    assert reader.engine.findings() == []
    oracle = {"count_pages": ORDER, "gap_up": GAPS, "gap_down": GAPS, "unmapped_area": GAPS}
    assert reader.judged(oracle.get(name, VALUES)) > 0
    assert reader.judged(AGREEMENT) > 0 or oracle.get(name) == GAPS


def freed(reader: Reader, record: int) -> None:
    """Let a record have another generation, as if it had been freed."""
    reader.words[record] += np.uint64(1 << 40)


def foreign(reader: Reader, record: int) -> None:
    """Let a record be another address space's."""
    reader.words[record + VMA_MM] = reader.words[reader.mm + MM_ID] + np.uint64(1)


def of_the_past(reader: Reader, record: int) -> None:
    """Let a record be of the address space that lived in the block before."""
    reader.words[record + VMA_MM] = reader.words[reader.mm + MM_ID] - np.uint64(1)


def shortened(reader: Reader, record: int) -> None:
    """Let a record end before its entry does."""
    reader.words[record + VMA_END] = reader.words[record + VMA_START] + np.uint64(1 << 12)


def ragged(reader: Reader, record: int) -> None:
    """Let a record begin off a page."""
    reader.words[record + VMA_START] -= np.uint64(1)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (freed, FREED),
        (foreign, FOREIGN),
        (of_the_past, FOREIGN),
        (shortened, RANGE),
        (ragged, RANGE),
    ],
    ids=lambda what: getattr(what, "__name__", None),
)
@pytest.mark.parametrize("name", ["load", "find", "scan", "find_vma"])
def test_a_wrong_record_is_seen(
    reader: Reader, name: str, damage: Callable[[Reader, int], None], fault: str
) -> None:
    """Whoever meets it says what is wrong with it."""
    for record in reader.records():
        damage(reader, record)
    found = reader.found(name)
    if (name, damage) == ("find_vma", shortened):  # which takes the record at its word
        assert {one.oracle for one in found} == {"order"}
        return
    messages = {one.message for one in found if one.oracle == "values"}
    assert messages
    assert {message.rpartition("which ")[2] for message in messages} == {fault}


@pytest.mark.parametrize(
    "stand_in", [standins.answers_poison, standins.answers_trap], ids=lambda one: one.name
)
def test_what_is_no_record_is_not_followed(reader: Reader, stand_in: standins.Entry) -> None:
    """A reserved word names nothing: it is reported, not looked at."""
    reader.words[reader.tree + TREE_ENTRIES_AT + Verb.LOAD] = stand_in.address
    assert {one.message.rpartition("which ")[2] for one in reader.found("load")} == {RESERVED}


def test_a_vma_that_was_not_asked_for_is_seen(reader: Reader) -> None:
    """All five questions answered with the first VMA of all."""
    fake = standins.answers_first_vma.address
    for question in range(Call.FIND_VMA, Call.FIND_EXACT + 1):
        reader.words[MM_ENTRIES_AT + question] = fake
    found = reader.found("find_vma", timed=True)
    assert {one.oracle for one in found} <= {"order", "agreement"}
    assert any("lies outside what was asked for" in one.message for one in found)
    assert any(one.oracle == "agreement" for one in found)


def test_a_vma_that_was_passed_over_is_seen(reader: Reader) -> None:
    """Nothing found where something is: only a second look can tell."""
    for question in range(Call.FIND_VMA, Call.FIND_EXACT + 1):
        reader.words[MM_ENTRIES_AT + question] = standins.none.address
    found = reader.found("find_vma", timed=True)
    assert {one.oracle for one in found} == {"agreement"}


@pytest.mark.parametrize(
    ("stand_in", "timed", "oracle"),
    [(standins.counts_one_page, True, "agreement"), (standins.counts_too_many, False, "order")],
    ids=["than a scan shows", "than the range has"],
)
def test_a_wrong_number_of_pages_is_seen(
    reader: Reader, stand_in: standins.Entry, timed: bool, oracle: str
) -> None:
    """Other than a scan of the tree shows, or more than there could be."""
    reader.words[MM_ENTRIES_AT + Call.COUNT_PAGES] = stand_in.address
    assert {one.oracle for one in reader.found("count_pages", timed=timed)} == {oracle}


def test_a_place_inside_a_guard_gap_is_seen(reader: Reader) -> None:
    """Everything grows down now, and nobody told the one who searches."""
    reader.words[MM_ENTRIES_AT + Call.LOOK] = standins.looks_right_below.address
    *_, last = reader.records()
    reader.words[last + VMA_FLAGS] &= ~np.uint64(GROWS_DOWN)
    assert OUTCOME_ERROR not in reader.run("unmapped_area")
    for record in reader.records():
        reader.words[record + VMA_FLAGS] |= np.uint64(GROWS_DOWN)
    found = [one for one in reader.found("unmapped_area") if one.oracle == "gaps"]
    assert found
    assert all("was not free" in one.message for one in found)
