"""Recordings of real programs: every search and every final map, on either tree."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.replay.finals import maps_beside
from stressd.replay.judge import replay
from stressd.replay.report import Report
from stressd.replay.spaces import AddressSpaces
from stressd.traces import open_recording
from stressd.traces.events import Destroy, Erase, Search, Store
from stressd.verdict import Verdict
from tests.naive import NaiveTree
from tests.replay.folder import KNOWN, SMALL, path_of
from tests.replay.players import PLAYERS


def replayed(path: str, player: str = "all", maps: str | None = None) -> Report:
    """Replay one file with the final maps beside it, or others."""
    return replay(open_recording(path), PLAYERS[player](), maps or maps_beside(path))


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", KNOWN)
def test_a_real_recording_agrees_completely(name: str, player: str) -> None:
    """Each search gives the address that the kernel chose, each process ends as /proc said.

    With each set of structures alike, all of them compared around each change.
    """
    report = replayed(path_of(name), player)
    known = KNOWN[name]
    assert report.findings == ()
    assert report.verdict is Verdict.VALID
    assert (report.counts.stores, report.counts.erases, report.counts.spaces) == known[:3]
    assert (report.counts.asked, report.counts.agreed) == (known.searches, known.searches)
    assert (report.compared, report.equal) == (known.snapshots, known.snapshots)


@pytest.mark.parametrize("name", KNOWN)
def test_the_stack_of_every_program_is_known(name: str) -> None:
    """exec shows which mapping is the stack, and every fork copies it: none is left out."""
    spaces = AddressSpaces(NaiveTree)
    stacks = []
    for event in open_recording(path_of(name)):
        if isinstance(event, Store):
            spaces.store(event)
        elif isinstance(event, Erase):
            spaces.erase(event)
        elif isinstance(event, Search):
            spaces.search(event)
        elif isinstance(event, Destroy) and (space := spaces.destroy(event)):
            entries = list(space.tree.items())
            stacks.append([e[0] for e in entries if space.guards.certain(e[2])])
            assert stacks[-1] == [entries[-1][0]]
            spaces.recycle(space)
    assert len(stacks) == KNOWN[name].spaces


def tampered(
    folder: Path, name: str, change: Callable[[str], str | None], at: Callable[[str], bool]
) -> tuple[str, int]:
    """Copy a shipped recording with one line changed (None: dropped); return the line too.

    The line is the last one of those that `at` holds for.
    """
    with gzip.open(path_of(name), "rt") as source:
        lines = source.read().splitlines()
    number = max(n for n, line in enumerate(lines) if at(line))
    changed = change(lines[number])
    lines[number : number + 1] = [] if changed is None else [changed]
    path = folder / f"{name}.trace"
    path.write_text("\n".join(lines) + "\n")
    (folder / f"{name}.maps.gz").write_bytes(
        Path(path_of(name).replace(".trace.gz", ".maps.gz")).read_bytes()
    )
    return str(path), number + 1


def is_search(line: str) -> bool:
    """Tell a search from a change."""
    return "vm_unmapped_area" in line


def is_store(line: str) -> bool:
    """Tell a store from the rest."""
    return "STORE" in line


@pytest.mark.parametrize("pages", [-1, 1, -256, 256, -1000])
@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_address_is_found(tmp_path: Path, name: str, pages: int) -> None:
    """A recording whose kernel had chosen another address is INVALID, at that line."""

    def moved(line: str) -> str:
        address = line.split("addr=")[1].split()[0]
        return line.replace(f"addr={address}", f"addr={int(address, 16) + pages * 4096:#x}")

    path, number = tampered(tmp_path, name, moved, is_search)
    report = replayed(path)
    assert report.verdict is Verdict.INVALID
    assert report.counts.asked - report.counts.agreed == 1
    (finding,) = report.findings
    assert (finding.oracle, finding.grade) == ("gap_search", "forbidden")
    assert finding.message.startswith(f"{path}:{number}: top-down search for ")
    assert {"line", "low", "high", "recorded", "found", "around"} == set(finding.details)


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_error_is_found(tmp_path: Path, name: str) -> None:
    """A kernel that had found nothing where something is would be wrong as well."""
    path, number = tampered(
        tmp_path, name, lambda line: line.replace("err=0", "err=-12"), is_search
    )
    (finding,) = replayed(path).findings
    assert f"{path}:{number}: " in finding.message
    assert "the kernel failed with -12, the tree found 0x7f" in finding.message


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_store_is_found(tmp_path: Path, name: str) -> None:
    """A process whose last store is missing ends with other mappings than it had."""
    path, _ = tampered(tmp_path, name, lambda _: None, is_store)
    report = replayed(path)
    assert report.verdict is Verdict.INVALID
    assert (report.compared - report.equal) == 1
    finding = report.findings[-1]
    assert finding.oracle == "final_maps"
    assert "maps.gz:" in finding.message
    assert "ended with other mappings than its tree" in finding.message


@pytest.mark.parametrize("name", SMALL)
def test_after_lost_events_nothing_is_proved(tmp_path: Path, name: str) -> None:
    """The same missing store, admitted by the recording, makes the verdict UNKNOWN."""
    path, _ = tampered(tmp_path, name, lambda _: "CPU:0 [LOST 1 EVENTS]", is_store)
    report = replayed(path)
    assert report.verdict is Verdict.UNKNOWN
    assert report.compared - report.equal == 1
    assert {finding.grade for finding in report.findings} == {"interesting"}
    assert any("events lost while recording: 1" in f.message for f in report.findings)


@pytest.mark.parametrize("name", SMALL)
def test_prefixes_are_not_needed(tmp_path: Path, name: str) -> None:
    """Without processes each final map still has to be equal to the end of some tree."""
    path = tmp_path / f"{name}.trace"
    with gzip.open(path_of(name), "rt") as source:
        path.write_text("".join(line.split(": ", 2)[2] for line in source))
    report = replayed(str(path), maps=path_of(name).replace(".trace.gz", ".maps.gz"))
    assert report.findings == ()
    assert report.compared == report.equal == KNOWN[name].snapshots


def test_the_maps_of_another_program_are_not_equal() -> None:
    """Final maps of processes that the recording never saw leave the verdict open."""
    report = replayed(path_of("ls"), maps=maps_beside(path_of("gcc")))
    assert report.verdict is Verdict.UNKNOWN
    assert (report.compared, report.equal) == (0, 0)
    assert [f.message.split(": ")[1] for f in report.findings] == [
        "process 5850 left no tree in the recording",
        "process 5851 left no tree in the recording",
        "process 5844 left no tree in the recording",
    ]
