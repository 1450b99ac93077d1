"""Address spaces under the calls of real threads: seats, counts, checks, seeded faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stressd.engine import Engine
from stressd.evidence import SpacesSample
from stressd_kernels.counters import OUTCOME_MISS, OUTCOME_OK
from stressd_kernels.layout import FAULT, MM_COUNT
from stressd_kernels.lock import BROKEN
from stressd_kernels.mm.layout import MM_ALIVE, MM_ID, MM_NONE, MM_STATE, MM_TREE
from stressd_kernels.mm.odd import Odd
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.ops.catalog import OPS, SPACES
from stressd_kernels.status import Status
from stressd_kernels.traffic.layout import LEAST, SEATS_LIVING
from stressd_kernels.worker import NOW_OP
from tests.engine.build import arena_of, call, loaded, slot_of, work

SPACES_4 = "source: {kind: address-spaces, spaces: 4, vmas: 40, %s}"
CHANGES = [op.name for op in OPS if op.sources == SPACES and not op.reads]
PROCESSES = "{name: process, mix: {fork: 1, exec: 1, exit: 1}}"
LOOKS = "load: 1, find: 1, scan: 1, gap_up: 1, gap_down: 1"
LOOKS_OWN = "find_vma: 2, count_pages: 1, unmapped_area: 1"
READ = f"{{name: read, threads: %d, mix: {{{LOOKS}, {LOOKS_OWN}}}}}"
WEIGHTS = {"mmap": 20, "munmap": 8, "fault": 10, "fork": 1, "exit": 0.5, "exec": 0.5}
MIX = ", ".join(f"{name}: {WEIGHTS.get(name, 4)}" for name in CHANGES)
CHANGE = f"{{name: change, threads: %d, mix: {{{MIX}}}}}"
SLICES = 25


class Process:
    """One worker alone with the address spaces of its engine."""

    def __init__(self, engine: Engine) -> None:
        self.arena = arena_of(engine)
        self.words = self.arena.words
        self.slot = slot_of(engine, 0)
        self.mms = list(engine._source.mms)
        self.seats = engine._source._seats  # type: ignore[attr-defined]

    def run(self, name: str) -> int:
        """Run one operation as a slice would."""
        self.words[self.slot + NOW_OP] = NUMBERS[name] + 1
        return call(self.arena, operations()[name].run.address, 0, self.slot)

    def alive(self) -> set[int]:
        """Return the blocks in which something lives."""
        return {mm for mm in self.mms if int(self.words[mm + MM_STATE]) == MM_ALIVE}


@pytest.fixture
def process() -> Iterator[Process]:
    """A worker that forks, execs and exits."""
    with loaded(SPACES_4 % "at_start: 2", PROCESSES) as engine:
        yield Process(engine)


def test_some_address_spaces_exist_at_the_start(process: Process) -> None:
    """With the mappings of a program; the others wait for forks."""
    assert process.alive() == set(process.mms[:2])
    assert all(process.words[mm + MM_COUNT] > 20 for mm in process.mms[:2])
    assert all(int(process.words[mm + MM_STATE]) == MM_NONE for mm in process.mms[2:])


def test_forks_take_free_seats_and_no_more(process: Process) -> None:
    """One block after the other; when all are taken there is no room."""
    answers = [process.run("fork") for _ in range(200)]
    assert answers.count(OUTCOME_OK) == 2
    assert process.alive() == set(process.mms)
    counts = {int(process.words[mm + MM_COUNT]) for mm in process.mms[2:]}
    assert counts <= {int(process.words[mm + MM_COUNT]) for mm in process.mms[:2]}
    assert len({int(process.words[mm + MM_ID]) for mm in process.mms}) == 4


def test_exits_leave_as_many_as_must_be_left(process: Process) -> None:
    """A quarter of the seats, and their trees are as they were; the seats are free again."""
    least = int(process.words[process.slot + LEAST])
    answers = [process.run("exit") for _ in range(200)]
    assert answers.count(OUTCOME_OK) == 2 - least == 1
    (left,) = process.alive()
    assert process.words[left + MM_COUNT] > 20
    assert int(process.seats[SEATS_LIVING]) == 1
    while process.run("fork") != OUTCOME_OK:
        pass
    assert len(process.alive()) == 2


def test_a_new_program_takes_the_place_of_the_old(process: Process) -> None:
    """Another identity, in another block, and as many address spaces as before."""
    before = {int(process.words[mm + MM_ID]) for mm in process.alive()}
    assert {process.run("exec") for _ in range(50)} == {OUTCOME_OK, OUTCOME_MISS}
    after = {int(process.words[mm + MM_ID]) for mm in process.alive()}
    assert len(after) == 2
    assert before.isdisjoint(after)
    assert all(process.words[mm + MM_COUNT] >= 4 for mm in process.alive())


def test_the_last_address_space_never_ends() -> None:
    """However many threads fork, exec and exit at once, and few seats as there are."""
    few = "source: {kind: address-spaces, spaces: 2, vmas: 20, validation: off}"
    with loaded(few, "{name: w, threads: 4, mix: {fork: 2, exec: 2, exit: 3}}") as engine:
        for _ in range(SLICES):
            assert work(engine, 1) == {Status.OK}
            assert sampled(engine).alive >= 1
            words, seats = arena_of(engine).words, engine._source._seats  # type: ignore[attr-defined]
            living = [mm for mm in engine._source.mms if int(words[mm + MM_STATE]) == MM_ALIVE]
            assert int(seats[SEATS_LIVING]) == len(living)
        assert engine.finish() == []


def sampled(engine: Engine) -> SpacesSample:
    """Return what a sample says of the address spaces."""
    spaces = engine.sample().spaces
    assert spaces is not None
    return spaces


@contextmanager
def crowd(source: str) -> Iterator[Engine]:
    """Yield an engine whose workers do everything there is."""
    with loaded(SPACES_4 % source, CHANGE % 2, READ % 2) as engine:
        yield engine


@pytest.mark.parametrize("stage", ["all", "no-rbtree", "no-list", "no-cache"])
def test_nothing_differs_whatever_threads_do(stage: str) -> None:
    """All calls and all readers at once, compared around each call, in each stage."""
    with crowd(f"stage: {stage}, topdown: 0.5") as engine:
        assert work(engine, SLICES) == {Status.OK}
        assert engine.check() == []
        sample = engine.sample()
        assert engine.finish() == []
        assert engine.findings() == []
        spaces = sampled(engine)
        arena = engine.sample().arena
    done = {op.op: op.outcomes for op in sample.ops}
    assert all(done[name]["ok"] for name in CHANGES)
    assert not any(outcomes["error"] or outcomes["conflict"] for outcomes in done.values())
    assert spaces.validations > spaces.calls > 1000
    assert (spaces.comparisons > 0) == (stage == "all")
    assert spaces.splits > 0
    assert sum(spaces.merges) > 0
    assert arena.limbo == 0
    assert arena.live + arena.cached + arena.free == arena.carved
    judged = {one.oracle: one.grades for one in sample.judged}
    assert judged["address-spaces"]["ok"] > 0


@pytest.mark.parametrize(("validation", "rate"), [("off", 0), ("50", 0.02)])
def test_validation_is_as_rare_as_asked_for(validation: str, rate: float) -> None:
    """Never, or after so many calls but forks; the checks of the engine come on top."""
    with crowd(f"validation: {validation}") as engine:
        work(engine, 3)
        spaces = sampled(engine)
        assert spaces.validation == validation
        assert spaces.calls * rate * 0.9 <= spaces.validations <= spaces.calls * rate
        engine.check()
        assert spaces.validations < sampled(engine).validations <= spaces.validations + 8


def test_a_sample_counts_what_is_there() -> None:
    """Mappings and pages, as the blocks themselves say, when nothing changes any more."""
    with crowd("at_start: 3") as engine:
        work(engine, 3)
        spaces, words = sampled(engine), arena_of(engine).words
        alive = [mm for mm in engine._source.mms if int(words[mm + MM_STATE]) == MM_ALIVE]
        assert spaces.alive == len(alive)
        assert spaces.at_most == 4
        assert spaces.vmas == sum(int(words[mm + MM_COUNT]) for mm in alive)
        assert spaces.mapped_bytes > spaces.vmas * 4096
        trees = engine.sample().trees
    assert [(tree.tree, tree.trees) for tree in trees] == [("address spaces", 4)]
    assert trees[0].entries == spaces.vmas


def broken_by(fault: Odd, worker: str) -> list[str]:
    """Switch a fault of the original on, and work until it shows; return the messages."""
    with loaded(SPACES_4 % "at_start: 2", worker) as engine:
        words = arena_of(engine).words
        words[FAULT] = int(fault)
        for _ in range(200):
            if engine.run_slice(0) is not Status.OK:
                break
        found = engine.findings()
        assert engine.findings() == []
        mms = [mm for mm in engine._source.mms if words[int(words[mm + MM_TREE]) + 64] == BROKEN]
        assert len(mms) == 1
        assert engine.run_slice(0) in (Status.BROKEN, Status.OK)
    assert {one.oracle for one in found} == {"address-spaces"}
    assert {one.grade for one in found} == {"forbidden"}
    assert all(len(one.details["report"]) > 10 for one in found)  # type: ignore[arg-type]
    return [one.message for one in found]


def test_what_validation_finds_ends_the_slice_and_is_told_with_a_report() -> None:
    """Half of a split VMA is missing in the tree: both structures are dumped."""
    (message,) = broken_by(Odd.HALF_SPLIT, "{name: w, mix: {munmap: 1, mprotect: 1}}")
    assert message.startswith("address space ")


def test_a_child_that_shares_with_its_parent_is_found() -> None:
    """The tree of a child names a VMA of the parent."""
    (message,) = broken_by(Odd.FORK_SHARES, "{name: w, mix: {fork: 1, exit: 1}}")
    assert "VMA_OWNER" in message or "another" in message


@pytest.mark.parametrize("fault", [Odd.ODD_4, Odd.ODD_5, Odd.ODD_6])
def test_gap_searches_that_differ_are_found(fault: Odd) -> None:
    """Those of the original: the wrong end, the wrong alignment, a stack without room."""
    mix = "{mmap: 20, munmap: 8, mprotect: 2, unmapped_area: 20}"
    more = "topdown: 0.5, mappings: {hugetlb: 5, grows_down: 20}, places: {fixed: 10}"
    with loaded(SPACES_4 % more, f"{{name: w, mix: {mix}}}") as engine:
        arena_of(engine).words[FAULT] = int(fault)
        for _ in range(400):
            if engine.run_slice(0) is not Status.OK:
                break
        (found,) = engine.findings()
    assert (found.oracle, found.details["code"]) == ("address-spaces", "GAP")


def test_a_stop_ends_calls_too() -> None:
    """In the middle of a long slice, from another thread."""
    with crowd("at_start: 2") as engine:
        threads = [threading.Thread(target=engine.run_slice, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        engine.stop()
        for thread in threads:
            thread.join()
        assert engine.finish() == []
