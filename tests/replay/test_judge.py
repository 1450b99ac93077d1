"""One replay: incarnations, residents, losses, broken trees, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd.replay.judge import replay
from stressd.replay.report import FINDINGS_KEPT, Report
from stressd.replay.trees import MakeTree
from stressd.traces import open_recording
from stressd.traces.textfile import TraceError
from stressd.verdict import Verdict
from tests.naive import NaiveTree
from tests.replay.players import TWO, on
from tests.traces.writing import by, destroy, erase, recording, search, store

PAGE = 4096


def page(number: int) -> tuple[int, int]:
    """Return the range of one page."""
    return number * PAGE, number * PAGE + PAGE - 1


@pytest.fixture(autouse=True, params=TWO)
def player(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let every test pass with either player."""
    monkeypatch.setitem(TWO, "used", TWO[request.param])
    return str(request.param)


def replayed(
    folder: Path, *lines: str, maps: str | None = None, make_tree: MakeTree | None = None
) -> Report:
    """Replay lines, and final maps that are given as text."""
    make_player = on(make_tree) if make_tree else TWO["used"]
    path = None
    if maps is not None:
        path = str(folder / "made.maps")
        Path(path).write_text(maps)
    return replay(open_recording(recording(folder, *lines)), make_player(), path)


def final(pid: int, *pages: int) -> str:
    """Return the final snapshot of a process that maps single pages."""
    mapped = [f"{n * PAGE:x}-{n * PAGE + PAGE:x} rw-p 00000000 00:00 0 \n" for n in pages]
    return f"# snapshot pid={pid} kind=exit_group t=1.0\n" + "".join(mapped)


def messages(report: Report) -> list[str]:
    """Return what was found, without the name of the recording."""
    return [f.message.replace(report.file, "R") for f in report.findings]


def test_a_pointer_after_destroy_is_another_space(tmp_path: Path) -> None:
    """The second tree begins empty, although its mm has the same address."""
    free = search(1, 9 * PAGE, length=PAGE, low=PAGE, high=10 * PAGE)
    taken = search(1, 8 * PAGE, length=PAGE, low=PAGE, high=10 * PAGE)
    lines = [store(1, 2, *page(9)), taken, destroy(1), store(1, 2, *page(3)), free]
    report = replayed(tmp_path, *lines)
    assert (report.counts.spaces, report.counts.agreed, report.verdict) == (2, 2, Verdict.VALID)


def test_trees_are_used_again(tmp_path: Path) -> None:
    """A thousand processes, one after the other, need one tree."""
    made = []

    def make_tree() -> NaiveTree:
        made.append(NaiveTree())
        return made[-1]

    lines = [line for mm in range(1, 1000) for line in (store(mm, 2, *page(mm)), destroy(mm))]
    report = replayed(tmp_path, *lines, make_tree=make_tree)
    assert report.counts.spaces == 999
    assert [len(tree) for tree in made] == [0]


def test_spaces_do_not_share_entries(tmp_path: Path) -> None:
    """Lines of several address spaces are interleaved in any order."""
    lines = [
        by(1, store(1, 5, *page(1))),
        by(2, store(2, 5, *page(2))),
        by(1, erase(1, *page(2))),
        by(2, store(2, 6, *page(4))),
        by(1, destroy(1)),
        by(2, destroy(2)),
    ]
    report = replayed(tmp_path, *lines, maps=final(1, 1) + final(2, 2, 4))
    assert (report.compared, report.equal, report.verdict) == (2, 2, Verdict.VALID)


def test_a_process_that_never_ended_is_compared_at_the_end(tmp_path: Path) -> None:
    """A recording may stop before its programs do."""
    report = replayed(tmp_path, by(1, store(1, 5, *page(1))), maps=final(1, 1))
    assert (report.compared, report.equal) == (1, 1)


def test_the_threads_of_a_process_share_its_space(tmp_path: Path) -> None:
    """The thread group is what a snapshot names."""
    lines = [by(1, store(1, 5, *page(1)), tid=77), by(1, destroy(1), tid=78)]
    report = replayed(tmp_path, *lines, maps=final(1, 1))
    assert (report.compared, report.equal) == (1, 1)


def test_a_forked_child_that_only_ends_is_compared(tmp_path: Path) -> None:
    """The parent filled its tree; the child touches it for the first time to destroy it."""
    lines = [
        by(1, store(1, 5, *page(1))),
        by(1, store(2, 6, *page(1))),
        by(2, destroy(2)),
        by(1, store(1, 7, *page(2))),
        by(1, destroy(1)),
    ]
    report = replayed(tmp_path, *lines, maps=final(2, 1) + final(1, 1, 2))
    assert (report.compared, report.equal) == (2, 2)


def test_after_exec_a_process_lives_in_the_new_space(tmp_path: Path) -> None:
    """Its old tree is destroyed in its name, and is not how it ended."""
    top, base = 0x7FFFFFFFF000, 0x7FFF00000000
    lines = [
        by(1, store(1, 5, *page(1))),
        by(1, store(2, 6, top - PAGE, top - 1)),
        by(1, store(2, 6, base - PAGE, top - 1)),
        by(1, destroy(1)),
        by(1, store(2, 6, *page(7))),
        by(1, erase(2, 8 * PAGE, (1 << 64) - 1)),
        by(1, destroy(2)),
    ]
    report = replayed(tmp_path, *lines, maps=final(1, 7))
    assert (report.compared, report.equal) == (1, 1)


def test_another_process_may_destroy_a_space(tmp_path: Path) -> None:
    """The last reference may be that of somebody who looked at it."""
    lines = [by(1, store(1, 5, *page(1))), by(2, store(2, 5, *page(2))), by(2, destroy(1))]
    report = replayed(tmp_path, *lines, maps=final(1, 1))
    assert (report.compared, report.equal) == (1, 1)


def test_a_number_of_a_process_may_be_used_again(tmp_path: Path) -> None:
    """The second process of that number is compared with the second snapshot."""
    lines = [
        by(1, store(1, 5, *page(1))),
        by(1, destroy(1)),
        by(1, store(2, 5, *page(2))),
        by(1, destroy(2)),
    ]
    report = replayed(tmp_path, *lines, maps=final(1, 1) + final(1, 2))
    assert (report.compared, report.equal) == (2, 2)


def test_a_final_map_that_differs_says_where(tmp_path: Path) -> None:
    """The finding names the snapshot and what is only on one side."""
    report = replayed(tmp_path, by(1, store(1, 5, *page(1))), by(1, destroy(1)), maps=final(1, 2))
    assert report.verdict is Verdict.INVALID
    assert messages(report) == [
        f"{tmp_path}/made.maps:1: process 1 ended with other mappings than its tree: "
        "0x2000-0x2fff only in the mappings, 0x1000-0x1fff only in the tree"
    ]
    assert report.findings[0].details["only_in_tree"] == ["0x1000-0x1fff"]


def test_neighbours_are_not_one_mapping(tmp_path: Path) -> None:
    """The same keys in other pieces are other mappings."""
    lines = [by(1, store(1, 5, *page(1))), by(1, store(1, 6, *page(2))), by(1, destroy(1))]
    text = "# snapshot pid=1 kind=exit_group\n1000-3000 rw-p 00000000 00:00 0 \n"
    assert replayed(tmp_path, *lines, maps=text).verdict is Verdict.INVALID


def test_exec_snapshots_are_not_compared(tmp_path: Path) -> None:
    """Only how a process ended can be told from the end of its tree."""
    text = final(1, 9).replace("exit_group", "exec") + final(1, 1)
    report = replayed(tmp_path, by(1, store(1, 5, *page(1))), by(1, destroy(1)), maps=text)
    assert (report.compared, report.equal) == (1, 1)


def test_a_bare_list_is_compared_with_every_end(tmp_path: Path) -> None:
    """A saved /proc/PID/maps names no process: some tree must have ended like that."""
    lines = [by(1, store(1, 5, *page(1))), by(1, destroy(1)), by(2, store(2, 5, *page(2)))]
    bare = "2000-3000 rw-p 00000000 00:00 0 \n"
    assert replayed(tmp_path, *lines, maps=bare).equal == 1
    other = replayed(tmp_path, *lines, maps="3000-4000 rw-p 00000000 00:00 0 \n")
    assert (other.compared, other.equal, other.verdict) == (1, 0, Verdict.INVALID)
    assert messages(other) == [
        f"{tmp_path}/made.maps:1: no tree of the recording ended with these mappings"
    ]


def test_lost_events_leave_the_verdict_open(tmp_path: Path) -> None:
    """Even if nothing differs: what was lost may have been wrong."""
    report = replayed(tmp_path, store(1, 5, *page(1)), "CPU:1 [LOST 7 EVENTS]", destroy(1))
    assert report.verdict is Verdict.UNKNOWN
    assert messages(report) == [
        "R:2: events are missing from here on (got CPU:1 [LOST 7 EVENTS])",
        "R: events lost while recording: 7",
    ]


def test_what_begins_after_a_loss_is_exact(tmp_path: Path) -> None:
    """A program that starts later is seen from its first page on, so it can be wrong."""
    top = 0x7FFFFFFFF000
    lines = [
        store(1, 5, *page(1)),
        "CPU:1 [LOST 7 EVENTS]",
        search(1, 8 * PAGE, length=PAGE, low=PAGE, high=10 * PAGE),
        store(2, 6, top - PAGE, top - 1),
        store(2, 6, top - 2 * PAGE, top - 1),
    ]
    assert replayed(tmp_path, *lines).verdict is Verdict.UNKNOWN
    wrong = search(2, 8 * PAGE, length=PAGE, low=PAGE, high=10 * PAGE)
    assert replayed(tmp_path, *lines, wrong).verdict is Verdict.INVALID


def test_an_event_that_cannot_be_read_is_lost(tmp_path: Path) -> None:
    """Damage in the file leaves the verdict open, and the finding shows the line."""
    report = replayed(tmp_path, store(1, 5, *page(1)), "mt_mod 1, (5), STORE, 4096")
    assert report.verdict is Verdict.UNKNOWN
    assert messages(report) == [
        "R:2: two numbers were expected, each with a comma behind it "
        "(got mt_mod 1, (5), STORE, 4096)",
        "R: events that could not be read: 1",
    ]


def test_hidden_pointers_prove_nothing(tmp_path: Path) -> None:
    """All trees printed as (____ptrval____) look like one."""
    line = "mt_mod (____ptrval____), (____ptrval____), STORE, 4096, 8191,"
    wrong = search(1, 0, length=PAGE, low=PAGE, high=10 * PAGE)
    hidden = wrong.replace(f"mm={1:016x}", "mm=(____ptrval____)")
    assert replayed(tmp_path, line, hidden).verdict is Verdict.UNKNOWN


def test_searches_that_cannot_be_asked_are_mentioned(tmp_path: Path) -> None:
    """A recording of a plain kernel is still good for its final maps."""
    nameless = search(1, 0, length=PAGE, low=PAGE, high=10 * PAGE).partition(" mm=")[0]
    report = replayed(tmp_path, store(1, 5, *page(1)), nameless, nameless)
    assert (report.counts.asked, report.verdict) == (0, Verdict.VALID)
    first, count = messages(report)
    assert first.startswith("R:2: a search without mm=: nobody knows in which tree (got addr=")
    assert count == "R: gap searches not asked, as mm= is missing: 2"


def test_an_unknown_tree_may_be_destroyed(tmp_path: Path) -> None:
    """The recording began after it was filled."""
    report = replayed(tmp_path, destroy(9), store(1, 5, *page(1)), *map(destroy, range(10, 20)))
    assert (report.counts.spaces, report.verdict) == (1, Verdict.VALID)
    found = "R: trees destroyed but never mentioned before: 11 (line 1, 3, 4, 5, 6, ...)"
    assert messages(report) == [found]


def test_nothing_stored_proves_nothing(tmp_path: Path) -> None:
    """A recording without a change has not shown that anything works."""
    report = replayed(tmp_path, destroy(9))
    assert report.verdict is Verdict.UNKNOWN
    assert messages(report)[-1] == "R: nothing was stored: nothing to judge"


def test_a_broken_tree_is_invalid(tmp_path: Path) -> None:
    """Every tree is checked as it ends, whatever the searches gave."""

    class Broken(NaiveTree):
        def check(self) -> str | None:
            return "gaps of an inner node are wrong"

    lines = [store(1, 5, *page(1)), destroy(1), store(2, 5, *page(1))]
    report = replayed(tmp_path, *lines, make_tree=Broken)
    assert report.verdict is Verdict.INVALID
    assert messages(report) == [
        "R:2: the tree of an address space is broken: gaps of an inner node are wrong",
        "R:3: the tree of an address space is broken: gaps of an inner node are wrong",
    ]


def test_a_full_arena_names_the_line(tmp_path: Path) -> None:
    """A recording that is too large ends with a message and no traceback."""

    class Full(NaiveTree):
        def store(self, first: int, last: int, value: int | None) -> None:
            raise MemoryError("the arena is full")

    with pytest.raises(TraceError) as caught:
        replayed(tmp_path, "# a comment", store(1, 5, *page(1)), make_tree=Full)
    place = f"{tmp_path}/made.trace:2"
    assert str(caught.value) == f"{place}: the trees do not fit in memory (the arena is full)"


def test_findings_are_bounded(tmp_path: Path) -> None:
    """One wrong store may make thousands of answers wrong; a report stays readable."""
    wrong = search(1, 0, length=PAGE, low=PAGE, high=10 * PAGE)
    report = replayed(tmp_path, store(1, 5, *page(1)), *[wrong] * 500)
    assert len(report.findings) == FINDINGS_KEPT + 1
    assert report.findings[-1].message == f"further findings, not kept: {500 - FINDINGS_KEPT}"
    assert report.counts.asked - report.counts.agreed == 500


def test_a_report_is_json(tmp_path: Path) -> None:
    """Scripts rely on these keys."""
    wrong = search(1, 0, length=PAGE, low=PAGE, high=10 * PAGE)
    report = replayed(tmp_path, store(1, 5, *page(1)), wrong, maps=final(1, 1))
    found = json.loads(json.dumps(report.as_json()))
    assert list(found) == [
        "file",
        "format",
        "stage",
        "validate",
        "stores",
        "erases",
        "spaces",
        "gap_searches",
        "validations",
        "operations",
        "seconds",
        "operations_per_second",
        "snapshots",
        "findings",
        "trace",
        "verdict",
    ]
    assert found["format"] == "mt_mod"
    assert found["gap_searches"].keys() == {"asked", "agreed", "of_two_structures"}
    assert (found["gap_searches"]["asked"], found["gap_searches"]["agreed"]) == (1, 0)
    assert found["operations"] == 3
    assert found["snapshots"] == {"compared": 1, "equal": 1}
    assert found["verdict"] == "INVALID"
    assert set(found["findings"][0]) == {"oracle", "grade", "message", "details"}
