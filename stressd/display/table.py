"""The table of operations, in the live display and in the closing summary.

Eighty columns hold the workload, the operation, its rate and four figures of its latency; from
a hundred on, how often it found nothing and had to try again is shown too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from stressd.display import units
from stressd.evidence import OpSample
from stressd.latency import Figures, figures

WIDE = 100

Key = tuple[str, str]


def rows_of(ops: Iterable[OpSample], seconds: float) -> dict[Key, Figures]:
    """Return the figures of each operation of each workload, in the order of the sample."""
    return {(op.workload, op.op): figures([op], seconds) for op in ops}


def missed(op: OpSample) -> str:
    """Return the share of answers that found nothing."""
    return units.share(op.outcomes.get("miss", 0), op.count)


def latency_cells(row: Figures) -> tuple[str, ...]:
    """Return the four figures of latency."""
    return tuple(map(units.span, (row.p50_ns, row.p99_ns, row.p999_ns, row.max_ns)))


def empty_table(width: int) -> Table:
    """Return the heads of the columns."""
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
        header_style="bold",
    )
    table.add_column("workload", no_wrap=True, max_width=width // 5, overflow="ellipsis")
    table.add_column("operation", no_wrap=True, style="cyan")
    heads = ["op/s", "total", "p50", "p99", "p99.9", "max"]
    if width >= WIDE:
        heads[2:2] = ["missed", "retries"]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def operations_table(
    ops: Iterable[OpSample], seconds: float, width: int, rates: Mapping[Key, float] | None = None
) -> Table:
    """Return all operations; latencies are of the whole run, rates too unless given."""
    table = empty_table(width)
    shown = ""
    for op in ops:
        row = figures([op], seconds)
        rate = row.per_second if rates is None else rates.get((op.workload, op.op), 0.0)
        cells = [units.count(rate), units.count(row.count), *latency_cells(row)]
        if width >= WIDE:
            cells[2:2] = [missed(op), units.count(sum(op.retries.values()))]
        workload = "" if op.workload == shown else op.workload
        shown = op.workload
        table.add_row(Text(workload), Text(op.op), *cells)
    return table
