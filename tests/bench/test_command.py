"""What the command prints, to people and to programs, alone and beside the reference."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stressd.bench import command
from stressd.bench.command import run
from stressd.bench.containers import Container
from stressd.bench.figure import BYTES, NS_PER_OP, PER_SECOND, Figure, WrongAnswer, figure
from stressd.bench.noise import BUSY, Meter
from stressd.bench.peer import Peer
from stressd.bench.report import print_report, size_name
from stressd.bench.results import Results
from stressd.bench.sections import SECTIONS, Effort, Section
from stressd.bench.targets import KERNEL
from stressd.errors import UsageError

QUICK = Effort(reps=1, share=0.01, mixed_s=0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short loops, no containers, no reference but the one that a test makes."""
    monkeypatch.setattr(
        command, "Effort", lambda reps, churn_s: Effort(reps, QUICK.share, QUICK.mixed_s, churn_s)
    )
    monkeypatch.setattr(command, "CONTAINERS", ())
    monkeypatch.delenv("STRESSD_PEER", raising=False)


def fake_peer(
    folder: Path, lines: list[dict[str, Any]], code: int = 0, name: str = "bench_qsbr"
) -> Path:
    """Make a program that prints the lines and ends with the code."""
    program = folder / name
    text = "\n".join(json.dumps(line) for line in lines)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\necho no luck >&2\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def peer_line(
    metric: str, median: float, impl: str = "linux-maple", others: float = 0.0
) -> dict[str, Any]:
    """Return what a reference prints of one figure."""
    spread = {"median": median, "min": median - 1, "max": median + 1, "other_cores": others}
    return {"impl": impl, "n": 1000, "metric": metric, "unit": NS_PER_OP, **spread}


def test_json_is_one_object_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Results with metric, entries, unit, median, min and max; readers where there are any."""
    code = run(entries="1e3", sections="iterate,mixed", reps=2, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert printed["implementation"] == "stressd.maple"
    assert printed["reps"] == 2
    assert printed["peers"] == []
    assert printed["peak_memory_bytes"] > 0
    assert {"processor", "python", "numba", "llvmlite"} <= set(printed["machine"])
    required = {"metric", "entries", "unit", "median", "min", "max"}
    assert all(required <= set(result) for result in printed["results"])
    with_readers = [result for result in printed["results"] if "readers" in result]
    assert [result["metric"].startswith("mixed_") for result in with_readers] == [True] * 15
    assert len(printed["results"]) == 16


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each metric, a column for each size, and no escape codes in a pipe."""
    assert run(entries="1e3,2e3", sections="iterate", reps=1) == 0
    out = capsys.readouterr().out
    assert "1e3" in out and "2,000" in out  # noqa: PT018
    assert any(line.startswith("iterate ") for line in out.splitlines())
    assert "\x1b" not in out


def test_a_wrong_answer_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed that could be taken for a figure."""

    def wrong(*_: object) -> Iterator[Figure]:
        raise WrongAnswer("lookup: wrong answers")
        yield

    broken = Section("iterate", wrong)
    monkeypatch.setitem(command.SECTIONS, "iterate", broken)
    assert run(entries="1e3", sections="iterate", as_json=True) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "wrong answers" in printed.err


def test_figures_of_the_reference_stand_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under our names, with what it prints besides left out."""
    lines = [peer_line("iterate_mas_for_each", 9.5), peer_line("iterate_mt_for_each", 30.0)]
    fake_peer(tmp_path, lines)
    assert run(entries="1e3", sections="iterate", reps=1, peer=tmp_path, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [peer["implementation"] for peer in printed["peers"]] == ["linux-maple"]
    theirs = printed["peers"][0]["results"]
    assert [(r["metric"], r["entries"], r["median"], r["min"]) for r in theirs] == [
        ("iterate", 1000, 9.5, 8.5)
    ]


def test_the_reference_is_asked_for_the_same_work(tmp_path: Path) -> None:
    """The number of entries, its section of that kind, the repetitions; readers by number."""
    program = tmp_path / "bench_qsbr"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    program.chmod(0o755)
    assert Peer(KERNEL, tmp_path).measure(SECTIONS["gap"], 1000, Effort(3)) == []
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:6] == ["--n", "1000", "--sections", "d", "--reps", "3"]
    fake_peer(tmp_path, [peer_line("mixed_2R_lat_p99", 140.0)])
    found = Peer(KERNEL, tmp_path).measure(SECTIONS["mixed"], 1000, Effort(3))
    assert [(f.metric, f.readers, f.median) for f in found] == [("mixed_p99", 2, 140.0)]


def test_the_references_and_ours_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, so often: a ratio is the median of what each turn gave."""
    log = tmp_path / "log"
    answers = tmp_path / "answers"
    for number, median in enumerate((8.0, 90.0, 20.0)):
        (tmp_path / f"answers{number}").write_text(
            json.dumps(peer_line("iterate_mas_for_each", median))
        )
    program = tmp_path / "bench_qsbr"
    count = f"$(grep -c theirs {log})"
    program.write_text(f"#!/bin/sh\ntouch {log}\ncat {answers}{count}\necho theirs >> {log}\n")
    program.chmod(0o755)
    ours = iter((2.0, 3.0, 10.0))

    def measured(*_: object) -> Iterator[Figure]:
        with log.open("a") as lines:
            lines.write("ours\n")
        yield figure("iterate", 1000, NS_PER_OP, [next(ours)])

    section = Section("iterate", measured, SECTIONS["iterate"].references)
    monkeypatch.setitem(command.SECTIONS, "iterate", section)
    assert run("1e3", "iterate", 1, tmp_path, as_json=True, turns=3) == 0
    assert log.read_text().split() == ["theirs", "ours"] * 3
    printed = json.loads(capsys.readouterr().out)
    assert printed["turns"] == 3
    row = printed["comparison"][0]
    assert (row["median"], row["min"], row["max"], row["turns"]) == (3.0, 2.0, 10.0, [2, 3, 10])
    assert (row["kernel"], row["times_better_than_kernel"]) == (20.0, 4.0)


def test_two_sections_share_one_run_of_the_reference(tmp_path: Path) -> None:
    """Readers beside a writer and readers alone are one section of its own."""
    peer = Peer(KERNEL, tmp_path)
    lines = [peer_line("mixed_1R_lat_p99", 140.0), peer_line("readonly_1R_reads_per_s", 7.0)]
    fake_peer(tmp_path, lines)
    assert [f.metric for f in peer.measure(SECTIONS["mixed"], 1000, QUICK)] == ["mixed_p99"]
    fake_peer(tmp_path, [], code=3)
    alone = peer.measure(SECTIONS["readers"], 1000, QUICK)
    assert [(f.metric, f.readers, f.median) for f in alone] == [("readers_per_second", 1, 7.0)]


def test_of_the_maps_in_cpp_one_is_compared_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other that its program measures is passed over; each figure bears its noise."""
    fake_peer(tmp_path, [peer_line("something_else", 1.0)])
    lines = [
        peer_line("iterate", 4.0, impl="std::map+shared_mutex"),
        peer_line("iterate", 2.0, impl="absl::btree_map+shared_mutex", others=1.5),
    ]
    fake_peer(tmp_path, lines, name="bench_cpp")
    assert run(entries="1e3", sections="iterate", reps=1, peer=tmp_path, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["references"] == {"absl": "absl::btree_map+shared_mutex"}
    (row,) = printed["comparison"]
    assert row["absl"] == 2.0
    assert row["times_better_than_absl"] == pytest.approx(2.0 / row["median"], rel=1e-2)
    assert row["target"]["than"] == "absl"
    assert printed["peers"][0]["results"][0]["other_cores"] == 1.5


def test_a_reference_that_was_not_built_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other one is measured all the same."""
    fake_peer(tmp_path, [peer_line("iterate_mas_for_each", 9.5)])
    assert run(entries="1e3", sections="iterate", reps=1, peer=tmp_path, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["references"] == {"kernel": "linux-maple"}
    assert printed["notes"] == [f"absl: there is no bench_cpp in {tmp_path.resolve()}, left out"]


def test_a_reference_that_fails_is_the_users_to_mend(tmp_path: Path) -> None:
    """The last thing it said is passed on."""
    fake_peer(tmp_path, [], code=3)
    with pytest.raises(UsageError, match="ended with 3: no luck"):
        run(entries="1e3", sections="iterate", reps=1, peer=tmp_path)


def test_a_container_that_is_not_installed_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is measured all the same."""
    missing = Container("no_such_package", "Dict", lambda made: made)
    monkeypatch.setattr(command, "CONTAINERS", (missing,))
    asked = command.options("1e3", "iterate,python", command.known_sections(), 1, None)
    results = command.measure(asked, QUICK, lambda _: None)
    assert results.peers == {}
    assert results.notes == [
        "no_such_package.Dict: not installed, skipped (pip install 'stressd[bench]')"
    ]
    assert [f.metric for f in results.ours] == ["iterate"]


def report_of(results: Results) -> list[str]:
    """Return the report as lines of a pipe."""
    console = Console(width=40, force_terminal=False)
    with console.capture() as captured:
        print_report(console, results)
    return captured.get().splitlines()


def test_a_ratio_above_one_means_that_we_are_ahead() -> None:
    """Less time is better, more operations a second are better."""
    results = Results(reps=3)
    results.ours = [
        figure("erase", 1000, NS_PER_OP, [10.0]),
        figure("mixed_reads_per_second", 1000, PER_SECOND, [3e6], readers=2),
    ]
    results.add_peer(
        "linux-maple",
        [
            figure("erase", 1000, NS_PER_OP, [25.0]),
            figure("mixed_reads_per_second", 1000, PER_SECOND, [4e6], readers=2),
        ],
        KERNEL,
    )
    lines = report_of(results)
    assert any(line.split()[-3:] == ["10.0", "25.0", "2.50"] for line in lines)
    mixed = next(line for line in lines if line.startswith("mixed_reads"))
    assert "2 readers" in mixed
    assert mixed.split()[-3:] == ["3.00M", "4.00M", "0.75"]


def test_trees_in_different_states_stand_side_by_side() -> None:
    """In a table of their own, beside the tree as it is loaded if that was measured too."""
    results = Results(reps=1)
    results.ours = [
        looked.on(setting)
        for looked, setting in (
            (figure("lookup", 1000, NS_PER_OP, [20.0]), "70 % full"),
            (figure("lookup", 1000, NS_PER_OP, [30.0]), "after churn"),
        )
    ]
    lines = report_of(results)
    assert "as loaded" not in lines[0]
    assert lines[1].split() == ["lookup", "1e3", "ns/op", "20.0", "30.0"]
    results.ours.append(figure("lookup", 1000, NS_PER_OP, [10.0]))
    lines = report_of(results)
    assert lines[1].split()[:4] == ["lookup", "1e3", "ns/op", "10.0"]
    assert any("as loaded" in line for line in lines)
    assert any(line.split() == ["lookup", "1e3", "ns/op", "10.0", "20.0", "30.0"] for line in lines)


def test_a_figure_taken_on_a_busy_machine_is_marked() -> None:
    """With a star, and a note that says why; the size of a tree is what it is."""
    results = Results(reps=3)
    quiet = figure("lookup", 1000, NS_PER_OP, [10.0]).beside(BUSY)
    results.ours = [quiet]
    assert not any("*" in line for line in report_of(results))
    results.ours = [quiet.beside(2.0)]
    lines = report_of(results)
    assert any("10.0*" in line for line in lines)
    assert any(line.startswith("* others used") and "up to 2.0" in line for line in lines)
    results.ours = [figure("bytes_per_entry", 1000, BYTES, [35.0]).beside(2.0)]
    assert not any("*" in line for line in report_of(results))


def test_the_meter_counts_what_others_use(tmp_path: Path) -> None:
    """Busy time of all processors less our own, over the time that passed."""
    stat_file = tmp_path / "stat"
    stat_file.write_text("cpu 0 0 0 0 0 0 0 0 0 0\n")
    meter = Meter(stat_file)
    began = meter._before
    stat_file.write_text("cpu 100000000 0 0 999 999 0 0 0 0 0\n")
    meter._before = began._replace(time=began.time - 10.0)
    first = meter.lap()
    assert first is not None
    assert 80_000 < first < 120_000  # 10**6 seconds in a little more than 10
    assert meter.lap() == first  # too soon for another
    meter._before = meter._before._replace(time=meter._before.time - 10.0)
    stat_file.write_text("nothing\n")
    assert meter.lap() is None


@pytest.mark.parametrize(
    ("entries", "name"), [(1000, "1e3"), (10**7, "1e7"), (2500, "2,500"), (250_000, "250,000")]
)
def test_sizes_are_named_briefly(entries: int, name: str) -> None:
    """Powers of ten as such."""
    assert size_name(entries) == name
