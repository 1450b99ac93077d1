"""Recordings on address spaces: what is found wrong, what cannot be held, and how much it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stressd.replay.ground import Ground
from stressd.replay.guards import GUARD_GAP
from stressd.replay.how import STAGES, How, stages_of, validate_of
from stressd.replay.judge import replay
from stressd.replay.mms import BATCH, MmPlayer, MmPlayers
from stressd.replay.report import Report
from stressd.traces import open_recording
from stressd.traces.events import Destroy, Event, Lost, Search, Store
from stressd.traces.textfile import TraceError
from stressd.verdict import Verdict
from stressd_kernels.layout import FAULT, TREES_MAX
from stressd_kernels.memory import CAPACITY_MIN
from stressd_kernels.mm.layout import MM_TOTAL
from stressd_kernels.mm.odd import Odd
from tests.replay.folder import path_of
from tests.replay.players import mms
from tests.replay.test_guards import EXEC, STACK_START
from tests.traces.writing import destroy, erase, recording, search, store

PAGE = 4096
KEY_MAX = (1 << 64) - 1
TOP = (KEY_MAX // PAGE) * PAGE  # the last page of all


class Log:
    """A recording that is made up as it is read."""

    path = "made"
    format = "mt_mod"
    unread = odd = unattributed = 0
    problems: list[str] = []  # noqa: RUF012

    def __init__(self, make: Callable[[], Iterator[Event]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Event]:
        """Yield the events."""
        return self._make()


def page(number: int) -> tuple[int, int]:
    """Return the range of one page."""
    return number * PAGE, number * PAGE + PAGE - 1


def replayed(folder: Path, *lines: str) -> Report:
    """Replay lines, with all structures, compared around each change."""
    return replay(open_recording(recording(folder, *lines)), mms()(How(validate=1)))


def messages(report: Report) -> list[str]:
    """Return what was found, without the name of the recording."""
    return [f.message.replace(report.file, "R") for f in report.findings]


# -- something is wrong --------------------------------------------------------------------------


def broken(stage: str, validate: int, *, at: int, events: int) -> Report:
    """Replay one store after the other; before number `at`, a count is changed under way."""
    ground = Ground()

    def stores() -> Iterator[Event]:
        for number in range(1, events + 1):
            if number == at:
                yield Search(1, PAGE, PAGE, PAGE, 0, 0, True, 0, -12, 1, number)  # plays what waits
                ground._words[ground._mm(0) + MM_TOTAL] += np.uint64(1)
            yield Store(1, number, *page(2 * number), 1, number)

    return replay(Log(stores), MmPlayer(ground, How(stage, validate)))


@pytest.mark.parametrize("stage", STAGES)
def test_a_finding_ends_the_recording(stage: str) -> None:
    """It is INVALID at that line, with what was compared and all structures."""
    report = broken(stage, 1, at=20, events=50)
    assert report.verdict is Verdict.INVALID
    assert report.counts.stores == 20
    first, rest = report.findings
    assert first.oracle == "structure"
    assert first.message.startswith("made:20: TOTAL: ")
    assert "0x2000" in first.message
    assert rest.message == "what follows was not replayed"


@pytest.mark.parametrize(("validate", "line"), [(8, 24), (1000, 50)])
def test_a_finding_waits_for_the_next_validation(validate: int, line: int) -> None:
    """At intervals the line is that of the validation; the last one is the end of the space."""
    report = broken("all", validate, at=20, events=50)
    assert report.findings[0].message.startswith(f"made:{line}: TOTAL: ")


FAULTS = {
    Odd.ODD_4: search(1, PAGE, length=PAGE, low=PAGE, high=STACK_START, topdown=False),
    Odd.ODD_5: search(1, 0x7000, length=PAGE, low=PAGE, high=0x8000, mask=0x3FFF, offset=0x3000),
    Odd.ODD_6: search(1, STACK_START - GUARD_GAP - PAGE, length=PAGE, low=PAGE, high=STACK_START),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_faults_of_the_original_are_noticed(tmp_path: Path, fault: Odd) -> None:
    """A wrong search of the maple tree differs from the rb-tree's, whatever the recording says."""
    path = recording(tmp_path, *EXEC, FAULTS[fault], store(1, 7, *page(1)))
    assert replay(open_recording(path), mms()(How())).verdict is Verdict.VALID
    ground = Ground()
    ground._words[FAULT] = fault
    found, rest = replay(open_recording(path), MmPlayer(ground, How())).findings
    assert found.oracle == "structure"
    different = "GAP: a gap search of the maple tree and one of the rb-tree found different"
    assert found.message.startswith(f"{path}:5: {different}")
    for part in ("Gap was found: mt 0x", "window was 0x", "maple tree", "list", "rb-tree"):
        assert part in found.message
    assert rest.message == "what follows was not replayed"


def test_without_validation_nothing_is_compared() -> None:
    """Off is off, also as a space ends."""
    report = broken("all", 0, at=20, events=50)
    assert (report.verdict, report.counts.validated) == (Verdict.VALID, 0)


def test_the_next_recording_has_another_arena() -> None:
    """What was found stays as it is, and is in nobody's way."""
    players = MmPlayers()
    first = players(How(validate=1))

    def bad() -> Iterator[Event]:
        yield Store(1, 1, *page(1), 1, 1)
        yield Lost(0, 1)
        first._ground._words[first._ground._mm(0) + MM_TOTAL] += np.uint64(1)
        yield Store(1, 2, *page(3), 1, 2)

    assert replay(Log(bad), first).verdict is Verdict.INVALID
    second = players(How(validate=1))
    assert second._ground is not first._ground
    assert replay(open_recording(path_of("ls")), second).verdict is Verdict.VALID


def test_validations_are_counted() -> None:
    """Inline there are two around each call, and one more as a space ends; searches are calls."""
    calls = 101 + 8 + 27
    for validate, at_least, at_most in ((1, 2 * calls + 2, 2 * calls + 2), (50, 3, 4), (0, 0, 0)):
        counts = replay(open_recording(path_of("ls")), mms()(How(validate=validate))).counts
        assert at_least <= counts.validated <= at_most


# -- what no address space can hold --------------------------------------------------------------


@pytest.mark.parametrize(
    "ends", [(TOP, KEY_MAX), (0, KEY_MAX), (1, PAGE - 1), (0, PAGE - 2), (PAGE, PAGE)]
)
def test_a_store_of_no_pages_is_refused(tmp_path: Path, ends: tuple[int, int]) -> None:
    """With its line; its space is not known from there on, so nothing is proved."""
    wrong = search(1, 0, length=PAGE, low=PAGE, high=10 * PAGE)
    report = replayed(tmp_path, store(1, 5, *page(1)), store(1, 6, *ends), wrong)
    assert report.verdict is Verdict.UNKNOWN
    assert (report.counts.stores, report.counts.asked) == (1, 1)
    assert messages(report)[0] == (
        f"R:2: [{ends[0]:#x}, {ends[1]:#x}] is no whole pages, or the last ones of all: "
        "an address space cannot hold it"
    )
    assert messages(report)[-1] == "R: events that could not be applied: 1"


def test_many_refusals_make_a_short_list(tmp_path: Path) -> None:
    """The count is whole."""
    report = replayed(tmp_path, *[store(1, 6, 1, 2)] * 500, store(1, 5, *page(1)))
    assert len(report.findings) == 11
    assert messages(report)[-1] == "R: events that could not be applied: 500"


def test_an_erase_may_reach_the_last_address(tmp_path: Path) -> None:
    """As every exec does."""
    lines = [store(1, 5, *page(1)), erase(1, PAGE, KEY_MAX), destroy(1)]
    assert replayed(tmp_path, *lines).verdict is Verdict.VALID


def test_hidden_mappings_are_never_the_same(tmp_path: Path) -> None:
    """Without pointers nothing is resized: each store is another mapping."""
    line = "mt_mod 0000000000000001, ((____ptrval____)), STORE, {}, {},"
    lines = [line.format(*page(1)), line.format(*page(2)), line.format(PAGE, 3 * PAGE - 1)]
    report = replayed(tmp_path, *lines, destroy(1))
    assert (report.counts.stores, report.verdict) == (3, Verdict.VALID)


def test_too_many_spaces_are_an_error_with_its_line(tmp_path: Path) -> None:
    """A recording without a single DESTROY comes to an end, and says why."""

    def spaces() -> Iterator[Event]:
        for number in range(1, TREES_MAX + 2):
            yield Store(number, 1, *page(1), None, number)

    with pytest.raises(TraceError, match=r"^made:4097: more than 4,096 address spaces at a time$"):
        replay(Log(spaces), MmPlayers()(How()))


def test_a_full_arena_is_an_error_with_its_line() -> None:
    """So many mappings that they do not fit."""

    def stores() -> Iterator[Event]:
        for number in range(1, 100_000):
            yield Store(1, number, *page(2 * number), None, number)

    player = MmPlayer(Ground(CAPACITY_MIN), How(validate=0))
    with pytest.raises(TraceError, match=r"^made:\d+: the trees do not fit in memory"):
        replay(Log(stores), player)
    assert 1_000 < player.line < 100_000


# -- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [BATCH - 1, BATCH, BATCH + 1, 3 * BATCH])
def test_a_wrong_answer_is_found_wherever_a_batch_ends(events: int) -> None:
    """The line is right, and what comes after it is replayed as well."""
    wrong = events - 1

    def stores() -> Iterator[Event]:
        for line in range(1, events + 1):
            if line == wrong:
                yield Search(1, PAGE, 2 * PAGE, PAGE, 0, 0, True, 0, -12, 1, line)
            else:
                yield Store(1, line, *page(2 * (line % 500) + 2), 1, line)
        yield Destroy(1, 1, events + 1)

    report = replay(Log(stores), mms()(How()))
    assert [finding.details["line"] for finding in report.findings] == [wrong]
    assert report.counts.stores == events - 1
    assert (report.counts.asked, report.counts.agreed) == (1, 0)


PEAK = """
import resource, sys
from stressd.replay.command import Request, run
run(Request([sys.argv[1]]), lambda text: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(path: Path) -> int:
    """Return the peak memory of a process that replays a file."""
    command = [sys.executable, "-c", PEAK, str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """Twenty times as many lines take no more memory: 300,000 of them, 25 MB of text."""
    lines = []
    for number in range(15_000):
        first, last = page(2 * (number % 700) + 2)
        lines.append(store(1, number % 300 + 1, first, last))
    once = "\n".join(lines) + "\n"
    short, long = tmp_path / "short.trace", tmp_path / "long.trace"
    short.write_text(once)
    with long.open("w") as out:
        for _ in range(20):
            out.write(once)
    assert peak_kib(long) < peak_kib(short) + 8 * 1024


# -- options -------------------------------------------------------------------------------------


def test_stages_and_intervals_have_names() -> None:
    """As they are written on the command line."""
    assert stages_of("no-list") == ("no-list",)
    assert stages_of("every") == STAGES
    assert [validate_of(text) for text in ("off", "inline", "250")] == [0, 1, 250]


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "never", str(1 << 63)])
def test_an_interval_is_a_number_of_calls(text: str) -> None:
    """Anything else is refused, and the message says what there is."""
    from stressd.errors import UsageError

    with pytest.raises(UsageError, match="--validate: must be inline, off or a number of calls"):
        validate_of(text)


def test_a_stage_is_one_of_four() -> None:
    """Anything else is refused, and the message lists them."""
    from stressd.errors import UsageError

    with pytest.raises(UsageError, match=r"--stage: must be all, no-rbtree, .* \(got rb\)"):
        stages_of("rb")
