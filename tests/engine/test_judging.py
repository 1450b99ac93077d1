"""Judging: each wrong answer that a structure could give is seen, and said for what it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stressd.engine import Engine
from stressd.evidence import Finding
from stressd_kernels.counters import (
    ANSWER_ENDS,
    OUTCOME_CONFLICT,
    OUTCOME_ERROR,
    OUTCOME_OK,
    RETRY_BACKLOG,
    RETRY_LOCK,
    RETRY_VERSION,
)
from stressd_kernels.door import Entry
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.judge import AGREEMENT, GAPS, INTERESTING, ORDER, UNJUDGED
from stressd_kernels.judge import OK as GRADE_OK
from stressd_kernels.layout import TREE_ENTRIES_AT
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.ops.catalog import OPS as CATALOG
from stressd_kernels.status import KEY_MAX, ZERO, Status
from stressd_kernels.values import LENGTH_AT, ORIGIN_AT, WRITER_AT
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import (
    FINDINGS,
    FINDINGS_MAX,
    JUDGED,
    JUDGED_WORDS,
    NOW_OP,
    OP_RETRIES,
    OP_WORDS,
    OPS,
    ORACLES_MAX,
    SOURCE_CERTIFY,
    TIMING_ON,
)
from tests.engine import standins
from tests.engine.build import arena_of, call, loaded, slot_of, trees_of

SOURCE = "source: {kind: synthetic, entries: 8, cell: 16B, fill: 0}"
MIX = "{name: all, mix: {load: 1, find: 1, scan: 1, gap_up: 1, gap_down: 1, store: 1, erase: 1}}"
UNITS = 8 * 16  # one key each
GAP_OPS = ("gap_up", "gap_down")
RANGE = "names a range that does not hold what was read"
NOBODY = "names a writer or a write that does not exist"
EARLY = "was read before its write had begun"


def value(origin: int, length: int, writer: int = 0, sequence: int = 1) -> int:
    """Return a value word; small sequences stand in it as they are."""
    place = origin << int(ORIGIN_AT) | length << int(LENGTH_AT)
    return place | writer << int(WRITER_AT) | sequence


class Bench:
    """One worker, one tree, and the means to put anything into it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.arena = arena_of(engine)
        self.slot = slot_of(engine, 0)
        (self.tree,) = trees_of(engine)
        self.verbs = self.arena.words[self.tree + TREE_ENTRIES_AT :][: len(Verb)]
        self.genuine = self.verbs.copy()
        self.certify = int(self.arena.words[self.slot + SOURCE_CERTIFY])

    def fake(self, stand_in: Entry, *verbs: Verb) -> None:
        """Let the tree answer some verbs with something else."""
        for verb in verbs:
            self.verbs[verb] = stand_in.address

    def restore(self) -> None:
        """Put the real structure back, empty the tree, forget what was judged and found."""
        self.verbs[:] = self.genuine
        self.put(0, KEY_MAX, 0)
        assert self.arena.drain()
        self.engine.findings()
        words = self.arena.words
        words[self.slot + JUDGED :][: ORACLES_MAX * JUDGED_WORDS] = 0
        words[self.slot + OPS :][: len(CATALOG) * OP_WORDS] = 0
        words[self.slot + FINDINGS] = 0
        words[self.slot + TIMING_ON] = 0
        words[self.slot + SOURCE_CERTIFY] = self.certify
        self.engine._findings._seen[0] = 0

    def put(self, first: int, last: int, word: int) -> None:
        """Store a word as it is, from a slot of nobody's."""
        address = int(self.genuine[Verb.STORE])
        with self.arena.seated() as slot:
            assert call(self.arena, address, self.tree, slot, first, last, word) == Status.OK

    def run(self, name: str, times: int = 1) -> set[int]:
        """Run an operation as a slice would; return its answers."""
        words, answers = self.arena.words, set()
        words[self.slot + NOW_OP] = NUMBERS[name] + 1
        for _ in range(times):
            if CATALOG[NUMBERS[name]].reads:
                epoch_pin(words, self.slot)
            answers.add(call(self.arena, operations()[name].run.address, 0, self.slot))
            if CATALOG[NUMBERS[name]].reads:
                assert self.arena.epoch()[2] == 1, "left as it was called: pinned"
                epoch_unpin(words, self.slot)
        return answers

    def findings(self, name: str, oracle: str, times: int = 3000) -> list[Finding]:
        """Return what an oracle found in an operation that is run some times."""
        self.run(name, times)
        return [found for found in self.engine.findings() if found.oracle == oracle]

    def retries(self, name: str, reason: int) -> int:
        """Return how often an operation tried again, and why."""
        return int(
            self.arena.words[self.slot + OPS + NUMBERS[name] * OP_WORDS + OP_RETRIES + reason]
        )

    def judged(self, oracle: int, grade: int) -> int:
        """Return how often an oracle gave a grade."""
        return int(self.arena.words[self.slot + JUDGED + oracle * JUDGED_WORDS + grade])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine with one worker that could do anything, and an empty tree of 128 keys."""
    with loaded(SOURCE, MIX, more="tree: {arena: 64MiB}") as engine:
        yield engine


@pytest.fixture
def bench(engine: Engine) -> Iterator[Bench]:
    """The worker, with the real structure and nothing found."""
    bench = Bench(engine)
    yield bench
    bench.restore()


@pytest.mark.parametrize("name", ["load", "find", "scan", "erase"])
@pytest.mark.parametrize(
    ("word", "fault"),
    [
        (value(0, UNITS - 1), RANGE),
        (value(1, UNITS - 1), RANGE),
        (value(0, UNITS + 1), RANGE),
        (value(0, 0), RANGE),
        (value(0, UNITS, writer=2), NOBODY),
        (value(0, UNITS, writer=1, sequence=0), NOBODY),
        (value(0, UNITS, writer=1, sequence=16_000), EARLY),
        (value(0, UNITS, sequence=2), EARLY),
    ],
)
def test_a_value_that_may_not_stand_there(bench: Bench, name: str, word: int, fault: str) -> None:
    """Whichever operation meets it: another range, an unknown writer, a write of the future."""
    bench.put(0, UNITS - 1, word)
    found = bench.findings(name, "values")[0]
    assert found.grade == "forbidden"
    assert found.message.startswith(f"{name} of 0x")
    assert found.message.endswith(f"holds {word:#x}, which {fault}")
    assert (found.details["value"], found.details["workload"]) == (hex(word), "all")


@pytest.mark.parametrize("name", ["load", "find", "scan"])
def test_a_value_that_may(bench: Bench, name: str) -> None:
    """The same operations on what may stand there find nothing."""
    bench.put(0, UNITS - 1, value(0, UNITS))
    assert bench.run(name, 200) == {OUTCOME_OK}
    assert bench.engine.findings() == []


@pytest.mark.parametrize(
    ("name", "verb", "stand_in"),
    [
        ("load", Verb.LOAD, standins.answers_nothing),
        ("find", Verb.FIND, standins.finds_nothing),
        ("scan", Verb.SCAN, standins.answers_nothing),
    ],
)
def test_an_entry_that_is_left_out(bench: Bench, name: str, verb: Verb, stand_in: Entry) -> None:
    """No value can tell; the same question asked in another way does, if the operation is timed."""
    bench.put(0, UNITS - 1, value(0, UNITS))
    bench.fake(stand_in, verb)
    assert bench.findings(name, "agreement", 20) == []
    bench.arena.words[bench.slot + TIMING_ON] = 1
    found = bench.findings(name, "agreement", 20)
    assert len(found) == 20
    assert found[0].message.endswith("is not the answer to the same question asked in another way")


@pytest.mark.parametrize("name", ["load", "find", "scan"])
def test_a_second_look_agrees_with_the_first(bench: Bench, name: str) -> None:
    """Entries, holes between them, and the ends of the window."""
    for first in range(3, UNITS - 8, 9):
        bench.put(first, first + 4, value(first, 5))
    bench.arena.words[bench.slot + TIMING_ON] = 1
    bench.run(name, 2000)
    assert bench.engine.findings() == []
    assert bench.judged(AGREEMENT, GRADE_OK) == 2000


@pytest.mark.parametrize("name", ["load", "find", "scan", "gap_up", "erase"])
def test_reserved_entries_are_no_fault(bench: Bench, name: str) -> None:
    """No look-up answers with one, an erasure may, and none of them is found to be wrong."""
    bench.put(0, KEY_MAX, ZERO)
    bench.put(3, 7, value(3, 5))
    bench.arena.words[bench.slot + TIMING_ON] = 1
    bench.run(name, 2000)
    assert bench.engine.findings() == []


@pytest.mark.parametrize(
    "stand_in", [standins.answers_poison, standins.answers_trap, standins.answers_zero]
)
def test_freed_memory(bench: Bench, stand_in: Entry) -> None:
    """A reserved word is never a value, that of a reserved entry no more than the others."""
    bench.fake(stand_in, Verb.LOAD)
    (found, *_) = bench.findings("load", "values", 1)
    assert found.message.endswith("is a reserved word: a freed or foreign node was read")


@pytest.mark.parametrize(
    ("name", "verb", "stand_in", "fault"),
    [
        ("scan", Verb.SCAN, standins.scans_backwards, "is out of order"),
        ("scan", Verb.SCAN, standins.scans_elsewhere, "lies outside what was asked for"),
        ("find", Verb.FIND, standins.finds_elsewhere, "lies outside what was asked for"),
    ],
)
def test_entries_out_of_order(
    bench: Bench, name: str, verb: Verb, stand_in: Entry, fault: str
) -> None:
    """Entries must ascend, and have to do with what was asked for."""
    bench.fake(stand_in, verb)
    found = bench.findings(name, "order", 10)
    assert found
    assert all(finding.message.endswith(fault) for finding in found)


def test_a_scan_that_returns_too_much(bench: Bench) -> None:
    """More entries than were asked for is an error of its own."""
    bench.fake(standins.scans_too_much, Verb.SCAN)
    assert bench.run("scan") == {OUTCOME_ERROR}


def test_a_scan_that_met_a_change(bench: Bench) -> None:
    """Overlapping entries with ascending ends are interesting, and no finding."""
    bench.fake(standins.scans_overlapping, Verb.SCAN)
    bench.arena.words[bench.slot + SOURCE_CERTIFY] = 0  # the entries' values are no matter
    assert bench.findings("scan", "order", 20) == []
    assert bench.judged(ORDER, INTERESTING) == 20


@pytest.mark.parametrize("name", GAP_OPS)
@pytest.mark.parametrize(
    ("stand_in", "fault"),
    [
        (standins.gap_below, "lies outside the window"),
        (standins.gap_beyond, "lies outside the window"),
        (standins.gap_misaligned, "is not aligned as asked"),
        (standins.gap_anywhere, "was not free"),
    ],
)
def test_a_gap_that_is_none(bench: Bench, name: str, stand_in: Entry, fault: str) -> None:
    """Outside the window, misaligned, or taken in the very state that it was answered from."""
    bench.put(0, UNITS - 1, value(0, UNITS))
    bench.fake(stand_in, Verb.GAP_UP, Verb.GAP_DOWN)
    found = bench.findings(name, "gaps")
    assert any(finding.message.endswith(fault) for finding in found)
    assert all(f"{name} of 0x" in finding.message for finding in found)


@pytest.mark.parametrize("name", GAP_OPS)
def test_a_gap_of_a_state_that_has_passed(bench: Bench, name: str) -> None:
    """It may have been free then: not judged, so no finding."""
    bench.put(0, UNITS - 1, value(0, UNITS))
    bench.fake(standins.gap_of_another_state, Verb.GAP_UP, Verb.GAP_DOWN)
    found = bench.findings(name, "gaps")
    assert not any(finding.message.endswith("was not free") for finding in found)
    assert bench.judged(GAPS, UNJUDGED) > 0


@pytest.mark.parametrize("name", GAP_OPS)
def test_a_search_that_writers_overtake(bench: Bench, name: str) -> None:
    """It is asked again under the lock, and all of it is counted."""
    bench.fake(standins.gap_overtaken, Verb.GAP_UP, Verb.GAP_DOWN)
    bench.run(name, 5)
    assert bench.retries(name, RETRY_LOCK) == 5
    assert bench.retries(name, RETRY_VERSION) == 15
    assert bench.engine.findings() == []


@pytest.mark.parametrize("name", ["store", "erase"])
def test_a_write_that_waits_for_readers_gives_up_with_its_slice(bench: Bench, name: str) -> None:
    """The deadline has passed: one retry is counted, and the conflict."""
    bench.fake(standins.behind, Verb.STORE, Verb.ERASE)
    assert bench.run(name) == {OUTCOME_CONFLICT}
    assert bench.retries(name, RETRY_BACKLOG) == 1


def test_a_full_arena_ends_the_worker(bench: Bench) -> None:
    """There is nothing to wait for: the structure says BACKLOG while readers hold nodes."""
    bench.fake(standins.full, Verb.STORE)
    assert bench.run("store") == {ANSWER_ENDS + Status.ARENA_FULL}


def test_a_stop_ends_a_write_that_waits(bench: Bench) -> None:
    """Nobody waits longer than the run."""
    bench.fake(standins.behind, Verb.STORE)
    bench.arena.stop()
    answers = bench.run("store")
    bench.arena.go_on()
    assert answers == {ANSWER_ENDS + Status.STOPPED}


def test_findings_are_bounded_and_their_number_is_not(bench: Bench) -> None:
    """The first ones are kept; all are counted."""
    bench.put(0, UNITS - 1, value(0, UNITS + 1))
    assert len(bench.findings("load", "values", FINDINGS_MAX + 50)) == FINDINGS_MAX
    assert bench.engine.findings() == []
    judged = next(j for j in bench.engine.sample().judged if j.oracle == "values")
    assert judged.grades["forbidden"] == FINDINGS_MAX + 50


def test_findings_come_once(bench: Bench) -> None:
    """What was returned is not returned again; what is new is."""
    bench.put(0, UNITS - 1, value(0, UNITS + 1))
    assert len(bench.findings("load", "values", 2)) == 2
    assert len(bench.findings("load", "values", 1)) == 1
