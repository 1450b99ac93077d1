"""Replayed recordings: what a value may be is known to the row, and when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from stressd.engine import Engine
from stressd.evidence import Finding
from stressd.sources.recording import RecordingSource
from stressd_kernels.counters import ANSWER_IDLE, OUTCOME_ERROR, OUTCOME_MISS, OUTCOME_OK
from stressd_kernels.door import Entry
from stressd_kernels.layout import TREE_COUNT, TREE_ENTRIES_AT
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.ops.replay import spec
from stressd_kernels.sources.recording import (
    FIRST_POSITION,
    GONE_AT,
    INSTANCE_DONE,
    INSTANCE_PUBLISHED,
    INSTANCE_WORDS,
    KIND_GAP_DOWN,
    KIND_STORE,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAST,
    ROW_TREE,
    certify,
)
from stressd_kernels.status import Status
from stressd_kernels.values import (
    FAULT_EARLY,
    FAULT_RANGE,
    FAULT_STALE,
    FAULT_TREE,
    FAULT_WRITER,
    ORIGIN_AT,
    WRITER_AT,
    sequence_floor,
    sequence_rounded,
)
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import KNOWN, KNOWN_AT_DRAW, NOW_OP
from tests.engine import standins
from tests.engine.build import (
    READS,
    RECORDING,
    REPLAYS,
    arena_of,
    call,
    loaded,
    slot_of,
    trees_of,
    work,
)

TURN = FIRST_POSITION
FINE = 0


class Player:
    """The only worker that replays, and its instances."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.arena = arena_of(engine)
        self.slot = slot_of(engine, 0)
        self.trees = trees_of(engine)
        source = engine._source
        assert isinstance(source, RecordingSource)
        self.blocks = source._blocks.reshape(-1, INSTANCE_WORDS)
        self.rows = source._tables[0]  # of instance 0

    def step(self) -> int:
        """Replay one row of some instance."""
        self.arena.words[self.slot + NOW_OP] = NUMBERS["replay"] + 1
        return call(self.arena, operations()["replay"].run.address, 0, self.slot)

    def at(self, row: int, turn: int = 1) -> None:
        """Say that instance 0 has begun `row` rows of a turn, and that this is known."""
        position = turn * TURN + row
        self.blocks[0, [INSTANCE_DONE, INSTANCE_PUBLISHED]] = position
        self.arena.words[self.slot + KNOWN + 1] = position
        self.arena.words[self.slot + KNOWN_AT_DRAW] = position

    def fault(self, word: int, first: int, last: int, tree: int | None = None) -> int:
        """Certify an entry of a tree; by default that of instance 0's first."""
        at = self.trees[0] if tree is None else tree
        return call(self.arena, certify.address, at, self.slot, first, last, word)

    def store(self, number: int = 0) -> tuple[int, int, int]:
        """Return (row number, first, last) of the n-th store of instance 0 into its tree 0."""
        stores = (self.rows[:, ROW_KIND] == KIND_STORE) & (self.rows[:, ROW_TREE] == 0)
        row = int(np.flatnonzero(stores)[number])
        return row, int(self.rows[row, ROW_FIRST]), int(self.rows[row, ROW_LAST])


def value(row: int, turn: int = 1, writer: int = 1) -> int:
    """Return the word that a store of that row in that turn writes."""
    return row << int(ORIGIN_AT) | writer << int(WRITER_AT) | int(sequence_rounded(np.uint64(turn)))


@pytest.fixture
def player() -> Iterator[Player]:
    """A player of two recordings that loops."""
    with loaded(RECORDING, REPLAYS % 1, READS % 1) as engine:
        yield Player(engine)


def test_a_value_of_its_row(player: Player) -> None:
    """On the keys that the row stored, or a part of them, once it was begun."""
    row, first, last = player.store()
    player.at(row + 1)
    assert player.fault(value(row), first, last) == FINE
    assert player.fault(value(row), first + 1, last - 1) == FINE


def test_a_value_of_another_range(player: Player) -> None:
    """One key too many, at either end; or of a row that stores nothing."""
    row, first, last = player.store()
    player.at(len(player.rows))
    assert player.fault(value(row), first - 1, last) == FAULT_RANGE
    assert player.fault(value(row), first, last + 1) == FAULT_RANGE
    search = int(np.flatnonzero(player.rows[:, ROW_KIND] == KIND_GAP_DOWN)[0])
    assert player.fault(value(search), first, last) in (FAULT_RANGE, FAULT_TREE)
    assert player.fault(value(len(player.rows)), first, last) == FAULT_RANGE


def test_a_value_of_another_tree(player: Player) -> None:
    """Of the same recording or of another instance."""
    row, first, last = player.store()
    player.at(row + 1)
    assert player.fault(value(row), first, last, player.trees[1]) == FAULT_TREE
    assert player.fault(value(row), first, last, player.trees[-1]) == FAULT_TREE


@pytest.mark.parametrize("writer", [0, 3, 255])
def test_a_value_of_nobody(player: Player, writer: int) -> None:
    """There are two instances, numbered from 1."""
    row, first, last = player.store()
    assert player.fault(value(row, writer=writer), first, last) == FAULT_WRITER


def test_a_value_of_the_future(player: Player) -> None:
    """Its row has not begun, or not in this turn."""
    row, first, last = player.store()
    player.at(row)
    assert player.fault(value(row), first, last) == FAULT_EARLY
    player.at(row + 1)
    assert player.fault(value(row, turn=2), first, last) == FAULT_EARLY


def test_what_is_begun_meanwhile_is_looked_up(player: Player) -> None:
    """The reader knows of an older position; the instance has gone on."""
    row, first, last = player.store()
    player.at(row + 1)
    player.arena.words[player.slot + KNOWN + 1] = TURN
    player.arena.words[player.slot + KNOWN_AT_DRAW] = TURN
    assert player.fault(value(row), first, last) == FINE


def test_a_value_that_is_gone(player: Player) -> None:
    """Known to be gone when the operation was drawn: two rows on, for the last may be running."""
    row, first, last = player.store()
    gone = int(player.rows[row, GONE_AT])
    assert gone > row
    player.at(gone + 1)
    assert player.fault(value(row), first, last) == FINE
    player.at(gone + 2)
    assert player.fault(value(row), first, last) == FAULT_STALE


def test_a_value_of_an_earlier_turn(player: Player) -> None:
    """All trees were empty between the turns."""
    row, first, last = player.store()
    player.at(row + 1, turn=2)
    assert player.fault(value(row, turn=1), first, last) == FAULT_STALE


def test_a_turn_that_began_meanwhile_is_not_taken_for_an_old_one(player: Player) -> None:
    """Turns are rounded: of equal ones, the later may have stored it again since the draw."""
    row, first, last = player.store()
    turn = 1 << 20
    later = turn + 1
    assert sequence_rounded(np.uint64(turn)) == sequence_rounded(np.uint64(later))
    player.at(int(player.rows[row, GONE_AT]) + 2, turn)
    player.blocks[0, INSTANCE_PUBLISHED] = later * TURN + row + 1
    assert player.fault(value(row, later), first, last) == FINE
    player.at(int(player.rows[row, GONE_AT]) + 2, turn)
    assert player.fault(value(row, turn), first, last) == FAULT_STALE


def play(player: Player, rows: int) -> set[int]:
    """Replay some rows; return the answers."""
    return {player.step() for _ in range(rows)}


def replay_findings(player: Player, stand_in: Entry) -> list[Finding]:
    """Return what is found when the trees answer gap searches with something else."""
    for tree in player.trees:
        for verb in (Verb.GAP_UP, Verb.GAP_DOWN):
            player.arena.words[tree + TREE_ENTRIES_AT + verb] = stand_in.address
    answers = play(player, 300)
    assert OUTCOME_ERROR in answers
    return player.engine.findings()


def test_a_turn_leaves_all_trees_empty_and_begins_again(player: Player) -> None:
    """Every search agrees on the way, in every turn."""
    total = sum(len(table) for table in player.engine._source._tables)  # type: ignore[attr-defined]
    assert play(player, 3 * total) <= {OUTCOME_OK, OUTCOME_MISS}
    assert player.engine.findings() == []
    assert min(player.blocks[:, INSTANCE_DONE]) >= TURN


@pytest.mark.parametrize("stand_in", [standins.gap_anywhere, standins.none])
def test_another_address_than_the_kernel_gave(player: Player, stand_in: Entry) -> None:
    """A wrong one, or none: found by the oracle `replay`, with the recorded address."""
    (found, *_) = replay_findings(player, stand_in)
    assert found.oracle == "replay"
    assert "is not the answer that was recorded: 0x" in found.message


def test_a_row_that_was_not_done_is_done_again(player: Player) -> None:
    """A store that gives up does not count: the next one is the same row."""
    words = player.arena.words
    for tree in player.trees:
        words[tree + TREE_ENTRIES_AT + Verb.STORE] = standins.behind.address
    before = player.blocks[:, INSTANCE_DONE].copy()
    play(player, 5)
    assert np.array_equal(player.blocks[:, INSTANCE_DONE], before)
    assert int(player.blocks[:, INSTANCE_PUBLISHED].max()) == TURN + 1


def test_without_a_loop_there_is_an_end() -> None:
    """Each instance is played once, then the worker is idle, which is no stall."""
    source = "source: {kind: recording, files: [ls, sqlite], loop: false}"
    with loaded(source, REPLAYS % 1, READS % 1) as engine:
        player = Player(engine)
        total = sum(len(table) for table in engine._source._tables)  # type: ignore[attr-defined]
        assert play(player, total) <= {OUTCOME_OK, OUTCOME_MISS}
        assert play(player, 3) == {ANSWER_IDLE}
        assert all(player.arena.words[tree + TREE_COUNT] == 0 for tree in player.trees)
        engine.stop()
        assert engine.run_slice(0) is Status.STOPPED
        player.arena.go_on()
        assert engine.run_slice(0) is Status.OK
        states = {worker.workload: worker.state for worker in engine.sample().workers}
    assert states["replay"] == "idle"


def test_more_recordings_than_players() -> None:
    """One player plays all of them; more players than recordings play some twice."""
    source = "source: {kind: recording, files: [ls, sqlite, gcc]}"
    with loaded(source, REPLAYS % 1, READS % 1) as engine:
        assert work(engine, 10) == {Status.OK}
        trees = {tree.tree: tree for tree in engine.sample().trees}
    assert set(trees) == {"ls", "sqlite", "gcc"}
    assert min(tree.version for tree in trees.values()) > 0


@pytest.mark.parametrize(
    ("kind", "start", "size", "mask", "offset", "address"),
    [
        ("gap_up", 0x1000, 0x1000, 0, 0, 0x1000),
        ("gap_up", 0x1000, 0x200FFF, 0x1FFFFF, 0, 0x200000),
        ("gap_down", 0x1000, 0x1000, 0, 0, 0x1000),
        ("gap_down", 0x1000, 0x200FFF, 0x1FFFFF, 0, 0x200000),
        ("gap_down", 0x1000, 0x200FFF, 0x1FFFFF, 0x3000, 0x3000),
        ("gap_up", None, 1, 0, 0, None),
    ],
)
def test_alignment_as_the_kernel_does_it(
    kind: str, start: int | None, size: int, mask: int, offset: int, address: int | None
) -> None:
    """Inside length + mask free keys there is always an aligned start."""
    assert spec(kind, start, size, mask, offset) == address


@pytest.mark.parametrize("sequence", [1, 2, 16_383, 16_384, 16_385, 1 << 20, (1 << 45) - 1])
def test_rounded_sequences_are_never_above_the_truth(sequence: int) -> None:
    """Exact up to 16,383; then right to one part in 8,192; and ordered as sequences are."""
    rounded = sequence_rounded(np.uint64(sequence))
    floor = int(sequence_floor(rounded))
    assert floor <= sequence < floor + max(1, sequence >> 13)
    assert sequence_rounded(np.uint64(sequence + 1)) >= rounded
    assert sequence > 16_383 or floor == sequence
