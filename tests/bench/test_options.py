"""What the options of the benchmark mean, and how they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from stressd.bench.command import run
from stressd.bench.options import (
    ENTRIES_DEFAULT,
    available_bytes,
    left_in_group,
    options,
    refuse_if_too_large,
)
from stressd.cli import app
from stressd.errors import UsageError

KNOWN = {"lookup": True, "write": True, "churned": False, "mixed": True}


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (ENTRIES_DEFAULT, (1_000, 100_000, 1_000_000)),
        ("1000,100000", (1_000, 100_000)),
        ("2.5e3", (2_500,)),
        (" 1e3 , 1_000 ", (1_000,)),
    ],
)
def test_entries_are_numbers_as_people_write_them(text: str, entries: tuple[int, ...]) -> None:
    """Powers of ten, digits, underscores; one that is named twice is measured once."""
    assert options(text, None, KNOWN, 1, None).entries == entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--entries: must be a list such as 1e3,1e5,1e6 (got '')"),
        ("1e3,,1e5", "--entries: must be a list such as 1e3,1e5,1e6 (got '1e3,,1e5')"),
        ("many", "--entries: 'many' is not a number"),
        ("1.5", "--entries: must be whole numbers (got 1.5)"),
        ("nan", "--entries: must be whole numbers (got nan)"),
        ("inf", "--entries: must be whole numbers (got inf)"),
        ("0", "--entries: must be 100 .. 100,000,000 (got 0)"),
        ("-1e3", "--entries: must be 100 .. 100,000,000 (got -1e3)"),
        ("1e12", "--entries: must be 100 .. 100,000,000 (got 1e12)"),
    ],
)
def test_bad_entries_are_refused(text: str, message: str) -> None:
    """One clear line and exit code 2, before anything is measured."""
    with pytest.raises(UsageError) as refused:
        run(entries=text)
    assert str(refused.value) == message
    assert refused.value.exit_code == 2


def test_the_command_line_ends_with_exit_code_2() -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    result = CliRunner().invoke(app, ["bench", "--entries", "many", "--json"])
    assert result.exit_code == 2
    assert result.stderr == "--entries: 'many' is not a number\n"
    assert result.stdout == ""


def test_sections_run_in_their_own_order() -> None:
    """Whatever the order in which they are named; if none is, those that are quick."""
    asked = options("1e3", "mixed,churned,lookup", KNOWN, 1, None)
    assert asked.sections == ("lookup", "churned", "mixed")
    assert options("1e3", None, KNOWN, 1, None).sections == ("lookup", "write", "mixed")


def test_the_time_of_churn_is_a_duration() -> None:
    """With a unit, and longer than nothing."""
    assert options("1e3", None, KNOWN, 1, None).churn_s == 60
    assert options("1e3", None, KNOWN, 1, None, "1h30m").churn_s == 5400
    with pytest.raises(UsageError, match=r"--churn: is not a duration .* \(got 'long'\)"):
        options("1e3", None, KNOWN, 1, None, "long")
    with pytest.raises(UsageError, match=r"--churn: must be longer than 0 \(got '0'\)"):
        options("1e3", None, KNOWN, 1, None, "0")


def test_an_unknown_section_is_refused() -> None:
    """The message lists those that there are."""
    with pytest.raises(UsageError, match=r"--sections: must be some of lookup, .*\(got 'look'\)"):
        options("1e3", "look", KNOWN, 1, None)


@pytest.mark.parametrize("turns", [0, -1, 101])
def test_bad_turns_are_refused(turns: int) -> None:
    """One at least; not for ever."""
    with pytest.raises(UsageError, match=rf"--turns: must be 1 \.\. 100 \(got {turns}\)"):
        options("1e3", None, KNOWN, 1, None, turns=turns)


@pytest.mark.parametrize("reps", [0, -1, 1001])
def test_bad_repetitions_are_refused(reps: int) -> None:
    """At least one, and not for ever."""
    with pytest.raises(UsageError, match=rf"--reps: must be 1 \.\. 1000 \(got {reps}\)"):
        options("1e3", None, KNOWN, reps, None)


def test_a_folder_without_the_reference_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the option names it or the environment."""
    with pytest.raises(UsageError, match="--peer: there is no program bench_qsbr in"):
        options("1e3", None, KNOWN, 1, tmp_path)
    monkeypatch.setenv("STRESSD_PEER", str(tmp_path))
    with pytest.raises(UsageError, match="STRESSD_PEER: there is no program bench_qsbr in"):
        options("1e3", None, KNOWN, 1, None)


def test_the_reference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option or by the environment; without either there is none."""
    program = tmp_path / "bench_qsbr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("STRESSD_PEER", raising=False)
    assert options("1e3", None, KNOWN, 1, None).peer is None
    assert options("1e3", None, KNOWN, 1, tmp_path).peer == tmp_path.resolve()
    monkeypatch.setenv("STRESSD_PEER", str(tmp_path))
    assert options("1e3", None, KNOWN, 1, None).peer == tmp_path.resolve()


def test_a_size_that_does_not_fit_the_memory_is_refused(tmp_path: Path) -> None:
    """It says how much it takes and how much there is."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9999999 kB\nMemAvailable:    1048576 kB\n")
    refuse_if_too_large(1_000_000, meminfo, tmp_path)
    with pytest.raises(UsageError, match=r"10,000,000 need about 1\.7 GiB .* 1\.0 GiB"):
        refuse_if_too_large(10_000_000, meminfo, tmp_path)
    refuse_if_too_large(10_000_000, tmp_path / "missing", tmp_path)
    assert available_bytes(tmp_path / "missing") is None
    meminfo.write_text("MemTotal: 1 kB\n")
    assert available_bytes(meminfo) is None


def test_a_control_group_may_leave_less(tmp_path: Path) -> None:
    """A container is killed at its own limit, whatever the machine has left."""
    assert left_in_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{1 << 30}\n")
    assert left_in_group(tmp_path) is None
    (tmp_path / "memory.max").write_text(f"{3 << 29}\n")
    assert left_in_group(tmp_path) == 1 << 29
    with pytest.raises(UsageError, match=r"1,000,000 need about 0\.9 GiB .* 0\.5 GiB"):
        refuse_if_too_large(1_000_000, tmp_path / "missing", tmp_path)
