"""Recordings replayed into address spaces: every structure, every turn, and readers on top."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stressd.engine import Engine, EngineError
from stressd.replay.how import How
from stressd.replay.judge import replay
from stressd.traces import open_recording
from stressd.verdict import Verdict
from stressd_kernels.counters import (
    OUTCOME_CONFLICT,
    OUTCOME_ERROR,
    OUTCOME_MISS,
    OUTCOME_OK,
)
from stressd_kernels.layout import MM_ENTRIES_AT, TREE_COUNT
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_COUNT,
    MM_ID,
    MM_LIST_FIRST,
    MM_STATE,
    MM_TOTAL,
    MM_TREE,
    STAGES,
)
from stressd_kernels.ops import NUMBERS, operations
from stressd_kernels.records import VMA_END, VMA_START
from stressd_kernels.sources.recording import (
    INSTANCE_DONE,
    INSTANCE_WORDS,
    ROW_KIND,
    ROW_OF_POSITION,
    TURN_AT,
    certify,
)
from stressd_kernels.status import Status
from stressd_kernels.traffic.layout import CHOSEN_MM, ID_BEFORE
from stressd_kernels.values import FAULT_FREED, FAULT_RANGE, FAULT_RESERVED, FAULT_TREE
from stressd_kernels.worker import NOW_OP
from tests.engine import standins
from tests.engine.build import READS, REPLAYS, arena_of, call, config_of, loaded, slot_of, work
from tests.replay.players import mms
from tests.traces.writing import recording, store

SOURCE = "source: {kind: recording, files: [%s], stage: %s, validation: %s}"
GAP_DOWN = 4  # kinds of rows: searches are these and above


class Player:
    """The only worker that replays, and its instances."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.words = arena_of(engine).words
        self.slot = slot_of(engine, 0)
        self.tables = engine._source._tables  # type: ignore[attr-defined]
        self.blocks = engine._source._blocks.reshape(-1, INSTANCE_WORDS)  # type: ignore[attr-defined]

    def play(self, rows: int) -> set[int]:
        """Replay some rows; return the answers."""
        self.words[self.slot + NOW_OP] = NUMBERS["replay"] + 1
        address = operations()["replay"].run.address
        return {call(arena_of(self.engine), address, 0, self.slot) for _ in range(rows)}

    def counted(self, word: int) -> list[int]:
        """Return one word of each address space."""
        return [int(self.words[mm + word]) for mm in self.engine._source.mms]


@pytest.fixture
def player() -> Iterator[Player]:
    """A player of two recordings with all structures, compared around each call."""
    with loaded(SOURCE % ("ls, sqlite", "all", "inline"), REPLAYS % 1, READS % 1) as engine:
        yield Player(engine)


@pytest.mark.parametrize("stage", STAGES)
def test_every_turn_is_right(stage: str) -> None:
    """Three turns of programs that fork and exec: each search agrees, nothing is found."""
    with loaded(SOURCE % ("ls, gcc", stage, "inline"), REPLAYS % 1, READS % 1) as engine:
        player = Player(engine)
        total = sum(len(table) for table in player.tables)
        assert player.play(3 * total) <= {OUTCOME_OK, OUTCOME_MISS}
        assert engine.findings() == []
        spaces = engine.sample().spaces
        searches = sum(int((table[:, ROW_KIND] >= GAP_DOWN).sum()) for table in player.tables)
    assert min(player.blocks[:, INSTANCE_DONE]) >> int(TURN_AT) >= 2
    assert spaces is not None
    assert (spaces.comparisons >= 2 * searches) == (stage == "all")
    assert spaces.validations > 2 * total


def test_between_turns_every_space_is_empty() -> None:
    """After its last row a recording has left nothing; the next programs find empty spaces."""
    source = "source: {kind: recording, files: [ls], loop: false, stage: all}"
    with loaded(source, REPLAYS % 1, READS % 1) as engine:
        player = Player(engine)
        assert player.play(len(player.tables[0])) <= {OUTCOME_OK, OUTCOME_MISS}
        assert set(player.counted(MM_STATE)) == {MM_ALIVE}
        assert set(player.counted(MM_COUNT)) == {0}
        assert all(
            player.words[mm] and not player.words[player.words[mm] + TREE_COUNT]
            for mm in map(np.uint64, engine._source.mms)
        )
        assert engine.finish() == []


def test_a_wrong_address_is_found(player: Player) -> None:
    """By the oracle `replay`, with the address that was recorded."""
    player.words[MM_ENTRIES_AT + Call.SEARCH] = standins.looks_right_below.address
    assert OUTCOME_ERROR in player.play(300)
    (found, *_) = player.engine.findings()
    assert found.oracle == "replay"
    assert "is not the answer that was recorded: 0x" in found.message


def test_structures_that_differ_end_the_run(player: Player) -> None:
    """The lock is broken, and the finding says what differs."""
    player.play(100)
    (mm,) = (mm for mm in player.engine._source.mms[:1])
    player.words[mm + MM_TOTAL] += np.uint64(1)
    answers = player.play(200)
    assert max(answers) > OUTCOME_CONFLICT
    found = [finding for finding in player.engine.findings() if "TOTAL" in finding.message]
    assert found


def test_a_row_that_was_not_done_is_done_again(player: Player) -> None:
    """A call that has to wait for readers does not count."""
    player.words[MM_ENTRIES_AT + Call.RECORD_STORE] = standins.behind.address
    before = player.blocks[:, INSTANCE_DONE].copy()
    assert player.play(5) == {OUTCOME_CONFLICT}
    assert np.array_equal(player.blocks[:, INSTANCE_DONE], before)


def test_an_entry_is_the_record_of_a_vma(player: Player) -> None:
    """Of the space that was asked, with the range that was read; anything else is a fault."""
    player.play(150)
    words = player.words
    mms = [mm for mm in player.engine._source.mms if words[mm + MM_LIST_FIRST]]
    record = int(words[mms[0] + MM_LIST_FIRST])
    first, last = int(words[record + VMA_START]), int(words[record + VMA_END]) - 1
    value = int(words[record]) | record

    def fault(mm: int, first: int, last: int, value: int) -> int:
        words[player.slot + CHOSEN_MM] = mm
        words[player.slot + ID_BEFORE] = words[mm + MM_ID]
        tree = int(words[mm + MM_TREE])
        address = certify.address
        return call(arena_of(player.engine), address, tree, player.slot, first, last, value)

    assert fault(mms[0], first, last, value) == 0
    assert fault(mms[0], first, last + 1, value) == FAULT_RANGE
    assert fault(mms[0], first - 1, last, value) == FAULT_RANGE
    assert fault(mms[-1], first, last, value) == FAULT_TREE
    assert fault(mms[0], first, last, value + (1 << 40)) == FAULT_FREED
    assert fault(mms[0], first, last, 1 << 63) == FAULT_RESERVED


def test_readers_and_players_at_once() -> None:
    """What is read while programs come and go is always right."""
    source = SOURCE % ("ls, sqlite, gcc", "all", "50")
    with loaded(source, REPLAYS % 2, READS % 3) as engine:
        assert work(engine, 20) == {Status.OK}
        assert engine.findings() == []
        engine.stop()
        assert engine.finish() == []


def test_the_trace_of_a_replay_replays(tmp_path: Path) -> None:
    """Workers that replay programs leave a recording of them, in which every search agrees."""
    path = tmp_path / "again.trace"
    more = f"tree: {{arena: 64MiB}}\noutput: {{trace: {path}}}"
    with loaded(SOURCE % ("ls, gcc", "all", "off"), REPLAYS % 2, READS % 1, more=more) as engine:
        player = Player(engine)
        total = sum(len(table) for table in player.tables)
        for _ in range(200):
            if work(engine, 1) != {Status.OK} or done_of(player) > 2 * total:
                break
        engine.stop()
        assert engine.finish() == []
    report = replay(open_recording(str(path)), mms()(How(validate=50)))
    assert (report.verdict, [f for f in report.findings if f.grade == "forbidden"]) == (
        Verdict.VALID,
        [],
    )
    assert report.counts.stores > 400
    assert 0 < report.counts.asked == report.counts.agreed


def done_of(player: Player) -> int:
    """Return how many rows were done in all turns."""
    position = player.blocks[:, INSTANCE_DONE]
    counts = np.array([len(table) for table in player.tables])
    return int((((position >> TURN_AT) - 1) * counts + (position & ROW_OF_POSITION)).sum())


def test_what_no_space_can_hold_is_an_error_with_its_line(tmp_path: Path) -> None:
    """A soak cannot leave it out, or everything after it would be another program."""
    path = recording(tmp_path, store(1, 2, 0x1000, 0x1FFF), store(1, 3, 0x3001, 0x3FFF))
    with pytest.raises(EngineError, match=r"made\.trace:2: \[0x3001, 0x3fff\] is no whole pages"):
        Engine(config_of(SOURCE % (path, "all", "off"), REPLAYS % 1))
    Engine(config_of(f"source: {{kind: recording, files: [{path}]}}", REPLAYS % 1)).close()
