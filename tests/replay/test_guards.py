"""Which mappings grow down: what exec, fork, faults and searches show."""

from __future__ import annotations

from pathlib import Path

from stressd.replay.guards import GUARD_GAP
from stressd.replay.judge import replay
from stressd.traces import open_recording
from stressd.verdict import Verdict
from tests.replay.players import PLAYERS, MakePlayer
from tests.traces.writing import by, destroy, erase, recording, search, store

PAGE = 4096
TOP = 0x7FFFFFFFF000  # where exec puts the first page of a stack
A, B, C = 0xA, 0xB, 0xC  # mappings
STACK = 0x5
BASE = 0x7FFF00000000
EXEC = [
    store(1, STACK, TOP - PAGE, TOP - 1),
    store(1, STACK, BASE - PAGE, TOP - 1),
    erase(1, BASE, (1 << 64) - 1),
    store(1, STACK, BASE - 32 * PAGE, BASE - 1),
]
STACK_START = BASE - 32 * PAGE


def near(mm: int, address: int, high: int, length: int = PAGE) -> str:
    """Return a top-down search in a window that ends at `high`."""
    return search(mm, address, length=length, low=PAGE, high=high)


def disagreements(folder: Path, *lines: str) -> int:
    """Return how many searches gave another answer than recorded, by any player."""
    missed = {_disagreements(folder, make, *lines) for make in PLAYERS.values()}
    assert len(missed) == 1
    return missed.pop()


def _disagreements(folder: Path, make_player: MakePlayer, *lines: str) -> int:
    report = replay(open_recording(recording(folder, *lines)), make_player())
    assert (report.verdict is Verdict.VALID) == (report.counts.asked == report.counts.agreed)
    return report.counts.asked - report.counts.agreed


def test_the_stack_of_exec_keeps_its_distance(tmp_path: Path) -> None:
    """The first mapping that exec makes is the stack, and it is the only one guarded."""
    guarded = near(1, STACK_START - GUARD_GAP - PAGE, STACK_START)
    touching = near(1, STACK_START - PAGE, STACK_START)
    assert disagreements(tmp_path, *EXEC, guarded) == 0
    assert disagreements(tmp_path, *EXEC, touching) == 1


def test_a_stack_stays_one_when_it_grows(tmp_path: Path) -> None:
    """Growth by a fault moves the guard gap."""
    grown = STACK_START - 10 * PAGE
    lines = [
        *EXEC,
        store(1, STACK, grown, BASE - 1),
        near(1, grown - GUARD_GAP - PAGE, STACK_START),
    ]
    assert disagreements(tmp_path, *lines) == 0


def test_a_page_stored_first_is_not_yet_a_stack(tmp_path: Path) -> None:
    """A tree may begin with any page; only growth right after it looks like exec."""
    lines = [
        store(1, A, 0x900000, 0x900FFF),
        store(1, B, 0xA00000, 0xA00FFF),
        near(1, 0x8FF000, 0x900000),
    ]
    assert disagreements(tmp_path, *lines) == 0


def test_fork_copies_the_stack(tmp_path: Path) -> None:
    """The child's mapping with the range of the parent's stack is the child's stack."""
    lines = [
        *[by(70, event) for event in EXEC],
        by(70, store(2, A, 0x400000, 0x400FFF)),
        by(70, store(2, B, STACK_START, BASE - 1)),
        by(71, near(2, STACK_START - GUARD_GAP - PAGE, STACK_START)),
    ]
    assert disagreements(tmp_path, *lines) == 0


def test_a_child_may_fork_before_it_does_anything_else(tmp_path: Path) -> None:
    """Its own tree is not known to be its own yet, but whose it may be is."""
    lines = [
        *[by(70, event) for event in EXEC],
        by(70, store(2, B, STACK_START, BASE - 1)),
        by(71, store(3, C, STACK_START, BASE - 1)),
        by(72, near(3, STACK_START - GUARD_GAP - PAGE, STACK_START)),
    ]
    assert disagreements(tmp_path, *lines) == 0


def test_another_process_mapping_the_same_range_has_no_stack_there(tmp_path: Path) -> None:
    """Only the maker of a tree copies; a store by the child itself is a new mapping."""
    lines = [
        *[by(70, event) for event in EXEC],
        by(70, store(2, A, 0x400000, 0x400FFF)),
        by(71, store(2, B, STACK_START, BASE - 1)),
        by(71, near(2, STACK_START - PAGE, STACK_START)),
    ]
    assert disagreements(tmp_path, *lines) == 0


START = 0x40000000
MADE = [
    near(1, START, START + 2 * PAGE, 2 * PAGE),
    store(1, A, START, START + 2 * PAGE - 1),
]
FAULT = store(1, A, START - PAGE, START + 2 * PAGE - 1)
FAR = near(1, START - PAGE - GUARD_GAP - PAGE, START)
CLOSE = near(1, START - 2 * PAGE, START)
HIGHER = store(1, A, START - 3 * PAGE, START + 2 * PAGE - 1)


def test_growth_by_a_fault_shows_a_stack(tmp_path: Path) -> None:
    """A mapping that reaches further down without a search may keep a guard gap."""
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, FAR) == 0


def test_growth_by_a_fault_may_be_something_else(tmp_path: Path) -> None:
    """A mapping put there by address, and merged, keeps none: the search tells."""
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, CLOSE) == 0


def test_what_a_search_has_shown_stays(tmp_path: Path) -> None:
    """Nothing is a stack in one search and none in the next."""
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, FAR, CLOSE) == 1
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, CLOSE, FAR) == 1


def test_a_third_answer_is_wrong_either_way(tmp_path: Path) -> None:
    """A mapping that may grow allows two answers, not any."""
    wrong = near(1, START - PAGE - GUARD_GAP, START)
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, wrong) == 1


def test_a_mapping_made_by_a_search_and_merged_is_no_stack(tmp_path: Path) -> None:
    """The keys were returned by the search before: nothing grew by itself."""
    lines = [*EXEC, *MADE, near(1, START - PAGE, START), FAULT]
    assert disagreements(tmp_path, *lines, CLOSE) == 0
    assert disagreements(tmp_path, *lines, FAR) == 1


def test_growth_over_mapped_keys_is_no_fault(tmp_path: Path) -> None:
    """mprotect moves the border between two mappings; a fault only takes free keys."""
    below = store(1, B, START - PAGE, START - 1)
    assert disagreements(tmp_path, *EXEC, *MADE, below, FAULT, CLOSE) == 0
    assert disagreements(tmp_path, *EXEC, *MADE, below, FAULT, FAR) == 1


def test_a_mapping_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    """Its pointer comes back for another mapping, which keeps no guard gap."""
    gone = erase(1, START - PAGE, START + 2 * PAGE - 1)
    again = store(1, A, START - PAGE, START + 2 * PAGE - 1)
    assert disagreements(tmp_path, *EXEC, *MADE, FAULT, FAR, gone, again, CLOSE) == 0


def test_a_part_of_a_stack_may_be_one(tmp_path: Path) -> None:
    """A store inside a stack splits it; the part below grows down, or it is something new."""
    split = store(1, B, STACK_START, STACK_START + PAGE - 1)
    guarded = near(1, STACK_START - GUARD_GAP - PAGE, STACK_START)
    touching = near(1, STACK_START - PAGE, STACK_START)
    assert disagreements(tmp_path, *EXEC, split, guarded) == 0
    assert disagreements(tmp_path, *EXEC, split, touching) == 0


def test_a_stack_that_lost_its_lower_part_still_grows(tmp_path: Path) -> None:
    """What is cut off from below moves the start, no more."""
    cut = erase(1, STACK_START, STACK_START + PAGE - 1)
    guarded = near(1, STACK_START + PAGE - GUARD_GAP - PAGE, STACK_START + PAGE)
    assert disagreements(tmp_path, *EXEC, cut, guarded) == 0


def test_a_new_tree_knows_nothing_of_the_old_one(tmp_path: Path) -> None:
    """DESTROY ends everything that was known of a pointer."""
    plain = store(1, STACK, START, START + PAGE - 1)
    lines = [*EXEC, destroy(1), plain, near(1, START - PAGE, START)]
    assert disagreements(tmp_path, *lines) == 0
