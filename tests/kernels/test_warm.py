"""Warming up: every entry is made ready and told of once, elsewhere if that is possible."""

from __future__ import annotations

import io
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from stressd_kernels import warm
from stressd_kernels.door import Entry
from stressd_kernels.ops import operations
from stressd_kernels.sources import sources

Told = list[tuple[str, float, bool]]


@pytest.fixture
def entries() -> list[Entry]:
    """A few small ones, as a fresh process sees them."""
    certify = [module.certify for module in sources().values()]
    return [Entry(one.function) for one in [*certify, operations()["load"].run]]


def told_by(entries: list[Entry], processes: int) -> Told:
    """Return what is told while `entries` are made ready."""
    told: Told = []
    warm.warm(entries, lambda *line: told.append(line), processes)
    return told


@pytest.mark.parametrize("processes", [1, 3])
def test_each_entry_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, entries: list[Entry], processes: int
) -> None:
    """By whichever process compiled it; afterwards all of them have addresses here."""
    monkeypatch.setattr(warm, "is_cached", lambda entry: False)
    told = told_by(entries, processes)
    assert Counter(name for name, _, _ in told) == Counter(entry.name for entry in entries)
    assert all(entry.address for entry in entries)


def test_what_is_cached_starts_no_process(
    monkeypatch: pytest.MonkeyPatch, entries: list[Entry]
) -> None:
    """A warm start is a matter of milliseconds."""
    told_by(entries, 1)

    def never() -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(warm, "_child", never)
    again = [Entry(entry.function) for entry in entries]
    assert all(cached for _, _, cached in told_by(again, 3))


@pytest.mark.parametrize(
    "program",
    [None, "import sys; sys.exit(3)", "print('rubbish', flush=True); input()"],
    ids=["cannot start", "dies", "talks rubbish"],
)
def test_processes_that_fail_are_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entries: list[Entry], program: str | None
) -> None:
    """Everything is compiled here then, and told of all the same."""
    monkeypatch.setattr(warm, "is_cached", lambda entry: False)
    executable = tmp_path / "python"
    if program is not None:
        executable.write_text(f"#!{sys.executable}\n{textwrap.dedent(program)}\n")
        executable.chmod(0o755)
    monkeypatch.setattr(warm.sys, "executable", str(executable))
    told = told_by(entries, 2)
    assert sorted(name for name, _, _ in told) == sorted(entry.name for entry in entries)


def test_the_program_answers_each_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, seconds, and whether the cache had it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("ops.load.run\nsources.maps.certify\n"))
    warm.main()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _, _ in lines] == ["ops.load.run", "sources.maps.certify"]
    assert all(float(seconds) >= 0 and cached in "01" for _, seconds, cached in lines)


def test_only_entries_have_names() -> None:
    """What is not one is not run for asking."""
    with pytest.raises(TypeError, match=r"ops\.load\.spec is not an entry"):
        warm.entry_named("ops.load.spec")
