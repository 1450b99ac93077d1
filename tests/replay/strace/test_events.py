"""A log of calls as events: any reader of recordings reads it."""

from __future__ import annotations

from collections import Counter

import pytest

from stressd.replay.history import PlainTree
from stressd.replay.judge import replay
from stressd.replay.program import NOWHERE, Kind, load_program
from stressd.traces import open_recording
from stressd.traces.events import Destroy
from tests.naive import NaiveTree
from tests.replay.strace.following import paths_of
from tests.replay.tree_player import TreePlayer


@pytest.mark.parametrize("name", ["ls", "bashforks", "stackgrow"])
def test_searches_in_the_events_have_the_answers_of_the_kernel(name: str) -> None:
    """Another tree, which the events are applied to, gives each of them."""
    report = replay(open_recording(str(paths_of(name)[0])), TreePlayer(NaiveTree))
    assert report.counts.asked == report.counts.agreed > 0
    assert [finding.message for finding in report.findings] == []


def test_events_name_the_line_of_their_call() -> None:
    """So that a finding leads to it."""
    path = str(paths_of("ls")[0])
    events = list(open_recording(path))
    lines = [event.line for event in events]
    assert lines == sorted(lines)
    assert Counter(type(e) for e in events)[Destroy] == 2
    assert all(event.pid for event in events)


def test_a_log_of_calls_is_a_table_for_workers() -> None:
    """As a source of a run; each address space begins and ends in it."""
    program = load_program(str(paths_of("bashforks")[0]), PlainTree)
    kinds = Counter(Kind(kind) for kind in program.rows[:, 0].tolist())
    assert (program.spaces, kinds[Kind.DESTROY]) == (62, 62)
    assert kinds[Kind.GAP_DOWN] == 466
    assert program.skipped == 0
    searches = program.rows[program.rows[:, 0] == Kind.GAP_DOWN]
    assert not (searches[:, -1] == NOWHERE).any()
