"""Reports of logs of calls as a table, and the line that closes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from stressd.replay.strace.report import CallReport
from stressd.verdict import Verdict

NUMBERS = ("calls", "processes", "predicted", "wrong", "unknown", "final maps equal", "calls/s")


def table(reports: Sequence[CallReport], styles: dict[Verdict, str], terminal: bool) -> Table:
    """Return one row for each log and stage."""
    rows = Table(box=box.SIMPLE if terminal else None, pad_edge=False)
    rows.add_column("system calls", overflow="fold")
    rows.add_column("stage", no_wrap=True)
    for heading in NUMBERS:
        rows.add_column(heading, justify="right", no_wrap=True)
    rows.add_column("verdict", no_wrap=True)
    for report in reports:
        rows.add_row(
            Text(report.file),
            report.how.stage,
            f"{report.calls:,}",
            f"{report.processes:,}",
            f"{report.right:,}",
            f"{report.wrong:,}",
            f"{report.answers.reasons.total():,}",
            f"{report.ends.equal:,} of {report.ends.compared:,}",
            f"{report.rate:,}",
            Text(report.verdict.name, style=styles[report.verdict]),
        )
    return rows


def closing(reports: Sequence[CallReport]) -> str:
    """Return on what the verdict over these logs rests."""
    right, wrong = sum(r.right for r in reports), sum(r.wrong for r in reports)
    compared, equal = sum(r.ends.compared for r in reports), sum(r.ends.equal for r in reports)
    reasons: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for report in reports:
        reasons += report.answers.reasons
        ends += Counter(report.ends.unknown)
    return (
        f"{right:,} of {right + wrong:,} answers of the kernel were predicted{_unknown(reasons)}, "
        f"{equal:,} of {compared:,} final maps are equal{_unknown(ends)}"
    )


def _unknown(reasons: Counter[str]) -> str:
    """Say how many are not known, and why."""
    if not reasons:
        return ""
    listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return f" (not known: {listed})"
