"""`stressd replay FILE... [--maps FILE] [--stage S] [--validate V] [--json]`: replay recordings.

A file is a path, or the name of a recording that comes with stressd; what kind it is, is told by
its content: the changes of trees (judge.py), or a log of system calls (strace/). Its mappings are
looked for beside it (ls.trace.gz -> ls.maps.gz) unless they are named. With `--stage every` each
file is replayed once for each stage.

The exit code is the worst verdict of all: 0 VALID, 1 INVALID, 5 UNKNOWN. A file that cannot be
read to its end keeps none of the others from being replayed; its error is raised after the last,
and makes the exit code 2.
"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressd import resources
from stressd.display.lines import trace_text
from stressd.errors import UsageError, UserError
from stressd.evidence import Finding
from stressd.replay.finals import maps_beside
from stressd.replay.how import VALIDATE_DEFAULT, How
from stressd.replay.judge import replay
from stressd.replay.player import Counts, Player
from stressd.replay.report import Report
from stressd.replay.strace import table as calls_table
from stressd.replay.strace.model import MakeModel
from stressd.replay.strace.report import CallReport, follow
from stressd.traces import open_log
from stressd.traces.calls import CallLog
from stressd.tracing.file import TraceFile
from stressd.verdict import Exit, Verdict

EXITS = {Verdict.VALID: Exit.VALID, Verdict.UNKNOWN: Exit.UNKNOWN, Verdict.INVALID: Exit.INVALID}
STYLES = {Verdict.VALID: "bold green", Verdict.UNKNOWN: "bold yellow", Verdict.INVALID: "bold red"}
NUMBERS = (
    "stores",
    "erases",
    "spaces",
    "searches agreed",
    "final maps equal",
    "validations",
    "ops/s",
)
PIPED_WIDTH = 10_000  # columns: a line of a pipe is never folded


MakePlayer = Callable[[How], Player]
MakeModels = Callable[[How], MakeModel]
AnyReport = Report | CallReport


@dataclass(frozen=True)
class Request:
    """What is to be replayed, and how."""

    files: Sequence[str]
    maps: str | None = None
    as_json: bool = False
    stages: Sequence[str] = ("all",)
    validate: int = VALIDATE_DEFAULT
    trace: Path | None = None  # where to write trace events
    trace_max: int = 1 << 30  # bytes


def run(
    request: Request,
    write: Callable[[str], object],
    make_player: MakePlayer | None = None,
    make_models: MakeModels | None = None,
) -> int:
    """Replay and return the exit code; `write` takes text with its newlines."""
    files = request.files
    if not files:
        raise UsageError("replay: name at least one recording")
    if request.maps is not None and len(files) > 1:
        raise UsageError(f"--maps belongs to one recording (got {len(files)} of them)")
    if request.trace is not None and len(files) * len(request.stages) > 1:
        raise UsageError("--trace belongs to one recording and one stage")
    trace = TraceFile(request.trace, request.trace_max) if request.trace else None
    try:
        players, models = make_player or mm_players(trace), make_models or mm_models
        return _run(request, write, _Replay(players, models, trace is not None))
    finally:
        if trace is not None:
            trace.forget()


def _run(request: Request, write: Callable[[str], object], replayed: _Replay) -> int:
    """Replay every file on every stage and return the exit code."""
    files = request.files
    reports: list[AnyReport] = []
    errors: list[str] = []
    for file in files:
        how = How(request.stages[0], request.validate)
        try:
            for stage in request.stages:
                how = How(stage, request.validate)
                reports.append(report := replayed(file, request.maps, how))
                if request.as_json:
                    write(json.dumps(report.as_json()) + "\n")
        except UserError as error:
            errors.append(str(error))
            if request.as_json:
                write(json.dumps(unread(file, how, str(error)).as_json()) + "\n")
    if reports and not request.as_json:
        write(rendered(reports, sys.stdout.isatty(), len(errors)))
    if errors:
        raise UsageError("\n".join(errors))
    return EXITS[max(report.verdict for report in reports)]


def mm_players(trace: TraceFile | None) -> MakePlayer:
    """Return what makes players on address spaces of the kernels, all in one arena."""
    from stressd.replay.mms import MmPlayers  # here, because it brings the compiler with it

    return MmPlayers(trace)


def mm_models(how: How) -> MakeModel:
    """Return what makes models of address spaces out of the kernels, all in one arena."""
    from stressd.replay.strace.kernels import KernelModels  # as above

    return KernelModels(how)


@dataclass(frozen=True)
class _Replay:
    """What files are replayed on."""

    make_player: MakePlayer
    make_models: MakeModels
    traces: bool = False  # a trace was asked for

    def __call__(self, file: str, maps: str | None, how: How) -> AnyReport:
        """Replay one file in one way; the report names it as the user does."""
        path = resources.recording(file)
        log = open_log(path)
        maps = maps or maps_beside(path)
        if isinstance(log, CallLog):
            if self.traces:
                raise UsageError(f"--trace belongs to changes of trees; {file} is a log of calls")
            return dataclasses.replace(follow(log, how, self.make_models(how), maps), file=file)
        player = self.make_player(how)
        report = replay(log, player, maps)
        return dataclasses.replace(report, file=file, trace=player.traced)


def unread(file: str, how: How, message: str) -> Report:
    """Return the report of a file that could not be read: that, and why."""
    return Report(
        file=file,
        format=None,
        how=how,
        counts=Counts(),
        compared=0,
        equal=0,
        seconds=0.0,
        findings=(Finding("file", "interesting", message),),
        verdict=Verdict.UNKNOWN,
    )


def rendered(reports: Sequence[AnyReport], terminal: bool, unread: int = 0) -> str:
    """Return the reports as a table of each kind, their findings, and one closing line.

    unread  how many more files there were, which could not be read
    """
    out = io.StringIO()
    width = None if terminal else PIPED_WIDTH
    console = Console(file=out, force_terminal=terminal, width=width, highlight=False)
    events = [report for report in reports if isinstance(report, Report)]
    calls = [report for report in reports if isinstance(report, CallReport)]
    if events:
        console.print(_table(events, terminal))
    if calls:
        console.print(calls_table.table(calls, STYLES, terminal))
    for trace in filter(None, (report.trace for report in events)):
        console.print(Text(trace_text(trace)), soft_wrap=True)
        if trace.ended:
            console.print(Text(trace.ended, style="yellow"), soft_wrap=True)
    for report in reports:
        for finding in report.findings:
            style = "red" if finding.grade == "forbidden" else "yellow"
            console.print(Text(finding.message, style=style), soft_wrap=True)
    console.print(_closing(events, calls, unread), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(reports: Sequence[Report], terminal: bool) -> Table:
    """Return one row for each recording and stage."""
    table = Table(box=box.SIMPLE if terminal else None, pad_edge=False)
    table.add_column("recording", overflow="fold")
    table.add_column("stage", no_wrap=True)
    for heading in NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for report in reports:
        counts = report.counts
        table.add_row(
            Text(report.file),
            report.how.stage,
            f"{counts.stores:,}",
            f"{counts.erases:,}",
            f"{counts.spaces:,}",
            f"{counts.agreed:,} of {counts.asked:,}",
            f"{report.equal:,} of {report.compared:,}",
            f"{counts.validated:,}",
            f"{report.rate:,}",
            Text(report.verdict.name, style=STYLES[report.verdict]),
        )
    return table


def _closing(events: Sequence[Report], calls: Sequence[CallReport], unread: int) -> Text:
    """Return the verdict over all recordings, and on what it rests."""
    reports: list[AnyReport] = [*events, *calls]
    verdict = max(report.verdict for report in reports)
    if unread:
        verdict = max(verdict, Verdict.UNKNOWN)
    parts = [_agreed(events)] if events else []
    parts += [calls_table.closing(calls)] if calls else []
    parts.append(_validated(reports[0].how.validate))
    if unread:
        parts.append(f"{unread} of {unread + len(reports)} files could not be read")
    return Text.assemble((verdict.name, STYLES[verdict]), ": " + "; ".join(parts))


def _agreed(reports: Sequence[Report]) -> str:
    """Say how many searches and final maps were right."""
    counts = [report.counts for report in reports]
    asked, agreed = sum(c.asked for c in counts), sum(c.agreed for c in counts)
    compared, equal = sum(r.compared for r in reports), sum(r.equal for r in reports)
    return (
        f"{agreed:,} of {asked:,} gap searches gave the recorded answer, "
        f"{equal:,} of {compared:,} final maps are equal"
    )


def _validated(every: int) -> str:
    """Say how often the structures were compared."""
    if every == 0:
        return "structures were not compared"
    often = "around each call" if every == 1 else f"after every {every:,} calls"
    return f"structures were compared {often} and at the end"
