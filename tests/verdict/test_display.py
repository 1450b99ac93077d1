"""What is printed: at 80 and at 120 columns, in colour and without."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stressd.builds import NAMES
from stressd.display import Frame, Live, Plain, print_closing, screen_for, units
from stressd.display.console import HumanConsole
from stressd.display.live import picture
from stressd.evidence import Compiled
from stressd.oracles import ORACLES
from stressd.outcome import Outcome, brief
from stressd.verdict import Cause, Ending, Evidence, exit_code, judge
from tests.verdict.evidence import HEALTHY, SPACES, evidence, finding, sample

TITLE = "stressd 0.1.0 · small.yaml · seed 1"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def console(width: int, terminal: bool = False, **extra: Any) -> HumanConsole:
    """Return a console that writes to memory."""
    memory = io.StringIO()
    return HumanConsole(file=memory, width=width, height=50, force_terminal=terminal, **extra)


def text(on: HumanConsole) -> str:
    """Return what was written."""
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def frame(**changes: Any) -> Frame:
    """Return a frame in the middle of a run."""
    running = Frame(
        title=TITLE,
        source="made up",
        metrics="http://127.0.0.1:9478/metrics",
        phase="running",
        kernels=2,
        compiled=(Compiled("load", 1.5, False), Compiled("store", 0.0, True)),
        elapsed_s=12.0,
        duration_s=20.0,
        sample=replace(sample(), monotonic_ns=2_000_000_000),
        previous=replace(sample(), monotonic_ns=1_000_000_000),
        history=(1.0, 2.0, 3.0),
        checks=4,
    )
    return replace(running, **changes)


def outcome(facts: Evidence = HEALTHY) -> Outcome:
    """Return what a run with these facts comes to."""
    verdict, opinions = judge(ORACLES, facts)
    return Outcome(
        verdict=verdict,
        exit_code=exit_code(verdict, facts.ending.cause),
        ending=facts.ending,
        opinions=opinions,
        sample=facts.sample,
        findings=facts.findings,
        findings_dropped=0,
        duration_s=20.0,
        planned_s=20.0,
        run_dir=Path("runs/20260131T235959Z-small-3fa91c"),
        repeat="stressd run --seed 1 small.yaml",
        facts={},
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_live_table_fits(width: int) -> None:
    """No line is wider than the terminal, and everything promised is in it."""
    on = console(width)
    on.print(picture(frame(), width))
    shown = text(on)
    assert max(map(len, shown.splitlines())) <= width
    wanted = ["load", "store", "p50", "p99", "p99.9", "max", "lag", "backlog", "arena", "checks"]
    assert [word for word in wanted if word not in shown] == []
    assert ("missed" in shown) == (width >= 100)


def test_long_names_do_not_break_the_table() -> None:
    """A workload of 64 characters is cut, not wrapped over its figures."""
    ops = tuple(replace(op, workload="w" * 64) for op in sample().ops)
    on = console(80)
    on.print(picture(frame(sample=sample(ops=ops)), 80))
    assert max(map(len, text(on).splitlines())) <= 80


def test_compiling_shows_how_far_it_is() -> None:
    """Which of how many, and for how long."""
    on = console(80)
    half = frame(phase="compiling", compiled=(Compiled("load", 1.5, False),), elapsed_s=0.0)
    on.print(picture(half, 80))
    assert "1/2" in text(on)
    assert "load" in text(on)


def test_no_colour_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours away and leaves the words."""
    monkeypatch.setenv("NO_COLOR", "1")
    on = console(80, terminal=True, color_system="standard")
    print_closing(on, outcome())
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", text(on)) is None
    assert "VALID" in text(on)


def test_colours_are_there_otherwise() -> None:
    """On a terminal."""
    on = console(80, terminal=True, color_system="standard")
    print_closing(on, outcome())
    assert COLOUR.search(text(on))


@pytest.mark.parametrize("width", [80, 120])
def test_the_summary_fits_and_says_everything(width: int) -> None:
    """Verdict, exit code, figures, oracles, memory, folder."""
    on = console(width)
    print_closing(on, outcome())
    shown = text(on)
    assert max(map(len, shown.splitlines())) <= width
    for part in ("VALID", "exit code 0", "load", "values 100 ok", "reclaimed", "runs/2026"):
        assert part in shown


@pytest.mark.parametrize("width", [80, 120])
def test_address_spaces_have_lines_of_their_own(width: int) -> None:
    """In the summary, in the live display and in plain lines; nowhere in a run without any."""
    facts = evidence(sample=sample(spaces=SPACES))
    live, closing, piped = console(width), console(width), console(width)
    now = replace(sample(spaces=SPACES), monotonic_ns=2_000_000_000)
    live.print(picture(frame(sample=now), width))
    print_closing(closing, outcome(facts))
    screen = Plain(piped)
    screen.update(frame())
    screen.update(frame(sample=now, elapsed_s=19.0))
    shown = " ".join(text(live).split())
    assert "spaces 3/4 mappings 250 validated 2.00k" in shown
    assert "spaces   3 of 4 address spaces, 250 mappings" in text(closing)
    assert "checked  address spaces 2,000 times in 1,000 calls" in text(closing)
    assert "merges in 8 of 8 cases" in " ".join(text(closing).split())
    assert "spaces 3 mappings 250 validated 2.00k" in text(piped)
    assert max(map(len, text(closing).splitlines())) <= width
    print_closing(without := console(width), outcome())
    assert "spaces" not in text(without)


@pytest.mark.parametrize(
    ("clock", "words"),
    [("tsc", "time stamp of the processor (tsc)"), ("monotonic", "with the monotonic clock")],
)
def test_the_summary_names_the_clock(clock: str, words: str) -> None:
    """Figures of a machine without a trusted time stamp are not taken for others."""
    on = console(120)
    print_closing(on, outcome(evidence(sample=replace(sample(), clock=clock))))
    assert words in text(on)
    assert brief(outcome(evidence(sample=replace(sample(), clock=clock))))["clock"] == clock


@pytest.mark.parametrize("build", NAMES)
def test_figures_of_other_builds_bear_a_warning(build: str) -> None:
    """In the summary, beside the figures, and in the object for scripts."""
    on = console(120)
    told = replace(outcome(evidence(build=build)), facts={"build": build})
    print_closing(on, told)
    assert ("not comparable" in text(on)) == (build != "fast")
    assert (brief(told)["build"], brief(told)["comparable"]) == (build, build == "fast")


def test_a_long_command_is_not_folded() -> None:
    """A command that is broken over two lines cannot be pasted."""
    command = "stressd run --seed 1 " + "x" * 200
    on = console(80)
    bad = evidence(findings=(finding("values"),))
    print_closing(on, replace(outcome(bad), repeat=command))
    assert text(on).splitlines()[-1].strip() == command


def test_a_run_without_a_sample_has_a_summary() -> None:
    """Stopped before anything ran."""
    on = console(80)
    facts = evidence(
        sample=None, ending=Ending(Cause.UNSTARTED, "stopped before the workers began")
    )
    print_closing(on, outcome(facts))
    assert "UNKNOWN" in text(on)
    assert brief(outcome(facts))["operations"] == {}


def test_markup_in_a_finding_is_shown_as_it_is() -> None:
    """Square brackets of a message are no styles."""
    on = console(80)
    odd = replace(finding("values"), message="range [1, 2] holds [bold]")
    print_closing(on, outcome(evidence(findings=(odd,))))
    assert "range [1, 2] holds [bold]" in text(on)


def test_plain_output_is_whole_lines() -> None:
    """A pipe gets no escape sequences and each fixed line once."""
    on = console(80)
    screen = Plain(on)
    for second in range(12):
        screen.update(frame(elapsed_s=float(second + 1)))
    screen.close()
    lines = text(on).splitlines()
    assert ESCAPE.search(text(on)) is None
    assert lines[0] == f"{TITLE} · source: made up"
    assert lines[1].split() == ["metrics", "http://127.0.0.1:9478/metrics"]
    assert sum(line.startswith("kernels") for line in lines) == 1
    assert sum(line.startswith("running") for line in lines) == 2


def test_the_live_screen_gives_the_terminal_back() -> None:
    """The cursor is shown again, and the fixed lines stay."""
    on = console(80, terminal=True)
    screen = Live(on)
    screen.update(frame())
    screen.update(frame(notices=("SIGINT: draining",)))
    screen.close()
    shown = text(on)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert ESCAPE.sub("", shown).count("SIGINT: draining") == 1


def test_a_live_screen_that_was_never_used_can_be_closed() -> None:
    """A run that is refused before its first frame."""
    on = console(80, terminal=True)
    Live(on).close()
    assert ESCAPE.sub("", text(on)).strip() == ""


@pytest.mark.parametrize(
    ("terminal", "environment", "kind"),
    [(True, {}, Live), (False, {}, Plain), (True, {"TERM": "dumb"}, Plain)],
)
def test_the_screen_suits_the_output(
    terminal: bool, environment: dict[str, str], kind: type
) -> None:
    """A table for terminals that can move the cursor, lines for everything else."""
    chosen = screen_for(console(80, terminal, _environ=environment), quiet=False)
    assert isinstance(chosen, kind)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (units.count(0), "0"),
        (units.count(999), "999"),
        (units.count(1_000), "1.00k"),
        (units.count(999_499), "999k"),
        (units.count(999_500), "1.00M"),
        (units.count(12_345_678), "12.3M"),
        (units.count(10**19), "10.0E"),
        (units.span(None), "-"),
        (units.span(84), "84ns"),
        (units.span(1_234), "1.23µs"),
        (units.span(999_600), "1.00ms"),
        (units.span(4_000_000_000), "4.00s"),
        (units.size(512), "512 B"),
        (units.size(4 << 30), "4.00 GiB"),
        (units.size(1023 << 20), "1.00 GiB"),
        (units.clock(7.9), "0:07"),
        (units.clock(3_723), "1:02:03"),
        (units.clock(180_000), "2d 02:00:00"),
        (units.share(0, 0), "0%"),
        (units.share(1, 10_000), "<0.1%"),
        (units.share(1, 8), "12.5%"),
    ],
)
def test_numbers_have_three_digits_and_a_unit(shown: str, expected: str) -> None:
    """Every column stays as narrow as its widest unit."""
    assert shown == expected
