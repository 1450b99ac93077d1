"""`stressd replay FILE... [--maps FILE] [--json]`: replay recordings and say what came out.

A file is a path, or the name of a recording that comes with stressd. Its final mappings are
looked for beside it (ls.trace.gz -> ls.maps.gz) unless they are named.

The exit code is the worst verdict of all files: 0 VALID, 1 INVALID, 5 UNKNOWN. A file that
cannot be read to its end keeps none of the others from being replayed; its error is raised
after the last, and makes the exit code 2.
"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressd import resources
from stressd.errors import UsageError, UserError
from stressd.replay.finals import maps_beside
from stressd.replay.judge import replay
from stressd.replay.report import Report
from stressd.replay.trees import MakeTree, maple_tree
from stressd.traces import open_recording
from stressd.verdict import Exit, Verdict

EXITS = {Verdict.VALID: Exit.VALID, Verdict.UNKNOWN: Exit.UNKNOWN, Verdict.INVALID: Exit.INVALID}
STYLES = {Verdict.VALID: "bold green", Verdict.UNKNOWN: "bold yellow", Verdict.INVALID: "bold red"}
PIPED_WIDTH = 10_000  # columns: a line of a pipe is never folded


def run(
    files: Sequence[str],
    maps: str | None,
    as_json: bool,
    write: Callable[[str], object],
    make_tree: MakeTree = maple_tree,
) -> int:
    """Replay `files` and return the exit code; `write` takes text with its newlines."""
    if not files:
        raise UsageError("replay: name at least one recording")
    if maps is not None and len(files) > 1:
        raise UsageError(f"--maps belongs to one recording (got {len(files)} of them)")
    reports: list[Report] = []
    errors: list[str] = []
    for file in files:
        try:
            path = resources.recording(file)
            report = replay(open_recording(path), make_tree, maps or maps_beside(path))
        except UserError as error:
            errors.append(str(error))
            if as_json:
                write(json.dumps(unread(file, str(error))) + "\n")
            continue
        report = dataclasses.replace(report, file=file)  # as the user calls it
        reports.append(report)
        if as_json:
            write(json.dumps(report.as_json()) + "\n")
    if reports and not as_json:
        write(rendered(reports, sys.stdout.isatty(), len(errors)))
    if errors:
        raise UsageError("\n".join(errors))
    return EXITS[max(report.verdict for report in reports)]


def unread(file: str, message: str) -> dict[str, object]:
    """Return the object of a file that could not be read: every key, and why."""
    return {
        "file": file,
        "format": None,
        "stores": 0,
        "erases": 0,
        "spaces": 0,
        "gap_searches": {"asked": 0, "agreed": 0},
        "snapshots": {"compared": 0, "equal": 0},
        "findings": [{"oracle": "file", "grade": "interesting", "message": message, "details": {}}],
        "verdict": Verdict.UNKNOWN.name,
    }


def rendered(reports: Sequence[Report], terminal: bool, unread: int = 0) -> str:
    """Return the reports as a table, their findings, and one closing line.

    unread  how many more files there were, which could not be read
    """
    out = io.StringIO()
    width = None if terminal else PIPED_WIDTH
    console = Console(file=out, force_terminal=terminal, width=width, highlight=False)
    console.print(_table(reports, terminal))
    for report in reports:
        for finding in report.findings:
            style = "red" if finding.grade == "forbidden" else "yellow"
            console.print(Text(finding.message, style=style), soft_wrap=True)
    console.print(_closing(reports, unread), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(reports: Sequence[Report], terminal: bool) -> Table:
    """Return one row for each recording."""
    table = Table(box=box.SIMPLE if terminal else None, pad_edge=False)
    table.add_column("recording", overflow="fold")
    for heading in ("stores", "erases", "spaces", "searches agreed", "final maps equal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for report in reports:
        table.add_row(
            Text(report.file),
            f"{report.stores:,}",
            f"{report.erases:,}",
            f"{report.spaces:,}",
            f"{report.agreed:,} of {report.asked:,}",
            f"{report.equal:,} of {report.compared:,}",
            Text(report.verdict.name, style=STYLES[report.verdict]),
        )
    return table


def _closing(reports: Sequence[Report], unread: int) -> Text:
    """Return the verdict over all recordings, and on what it rests."""
    verdict = max(report.verdict for report in reports)
    if unread:
        verdict = max(verdict, Verdict.UNKNOWN)
    asked, agreed = sum(r.asked for r in reports), sum(r.agreed for r in reports)
    compared, equal = sum(r.compared for r in reports), sum(r.equal for r in reports)
    return Text.assemble(
        (verdict.name, STYLES[verdict]),
        f": {agreed:,} of {asked:,} gap searches gave the recorded answer, "
        f"{equal:,} of {compared:,} final maps are equal",
        f"; {unread} of {unread + len(reports)} files could not be read" if unread else "",
    )
