"""Figures for people: one row a metric, one group of columns a size."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressd.bench.containers import CONTAINERS
from stressd.bench.figure import BYTES, PER_SECOND, Figure
from stressd.bench.machine import peak_bytes, processor
from stressd.bench.noise import BUSY
from stressd.bench.results import Key, Results, by_key
from stressd.display.units import count, size, three_digits

PIPED_WIDTH = 10_000  # columns: a line of a pipe is never folded
BUSY_MARK = "*"
MISSING = "-"


def print_report(console: Console, results: Results) -> None:
    """Print all tables and the notes on them."""
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    in_python = {container.implementation for container in CONTAINERS}
    references = [name for name in results.peers if name not in in_python]
    reference = references[0] if references else None
    console.print(main_table(results, reference, console.is_terminal))
    beside = {name: results.peers[name] for name in results.peers if name in in_python}
    if beside:
        console.print(containers_table(beside, console.is_terminal))
    for note in notes(results, reference):
        console.print(Text(note), soft_wrap=True)


def main_table(results: Results, reference: str | None, terminal: bool) -> Table:
    """Return our figures, and beside each that of the reference and the ratio."""
    sizes = sizes_of(results.ours)
    table = empty_table(terminal)
    table.add_column("\nmetric", no_wrap=True)
    table.add_column("\nunit", no_wrap=True)
    for entries in sizes:
        table.add_column(f"{size_name(entries)}\nstressd", justify="right", no_wrap=True)
        if reference:
            table.add_column("\nkernel", justify="right", no_wrap=True)
            table.add_column("\nratio", justify="right", no_wrap=True)
    ours, theirs = by_key(results.ours), by_key(results.peers.get(reference or "", []))
    for metric, readers, unit in rows_of(results.ours):
        cells: list[Text] = []
        for entries in sizes:
            key: Key = (metric, readers, entries)
            cells.append(figure_cell(ours.get(key)))
            if reference:
                cells.append(figure_cell(theirs.get(key)))
                cells.append(ratio_cell(ours.get(key), theirs.get(key)))
        table.add_row(row_name(metric, readers), unit, *cells)
    return table


def containers_table(beside: dict[str, list[Figure]], terminal: bool) -> Table:
    """Return the figures of the Python containers."""
    everything = [figure for figures in beside.values() for figure in figures]
    sizes = sizes_of(everything)
    table = empty_table(terminal)
    table.add_column("in one thread of Python", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for entries in sizes:
        table.add_column(size_name(entries), justify="right", no_wrap=True)
    for name, figures in beside.items():
        found = by_key(figures)
        for metric, readers, unit in rows_of(figures):
            cells = [figure_cell(found.get((metric, readers, entries))) for entries in sizes]
            table.add_row(name, metric, unit, *cells)
    return table


def notes(results: Results, reference: str | None) -> list[str]:
    """Return what a reader of the tables has to know."""
    lines = [
        f"medians of {results.reps} on {processor()}; peak memory {size(peak_bytes())}",
    ]
    if reference:
        lines.append(f"kernel: {reference}; ratio: how many times better stressd is, worse below 1")
    busy = [figure.other_cores for figure in results.ours if is_busy(figure)]
    if busy:
        most = max(cores for cores in busy if cores is not None)
        lines.append(
            f"{BUSY_MARK} others used more than {BUSY} cores meanwhile (up to {most:.1f}): "
            "repeat it on a quiet machine, mixed figures above all"
        )
    return lines + results.notes


def empty_table(terminal: bool) -> Table:
    """Return a table in the style that suits a terminal or a pipe."""
    return Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)


def sizes_of(figures: Sequence[Figure]) -> list[int]:
    """Return the numbers of entries, ascending."""
    return sorted({figure.entries for figure in figures})


def rows_of(figures: Sequence[Figure]) -> list[tuple[str, int | None, str]]:
    """Return (metric, readers, unit) of each row, in the order in which they were measured."""
    return list(dict.fromkeys((f.metric, f.readers, f.unit) for f in figures))


def row_name(metric: str, readers: int | None) -> str:
    """Return the name of a row."""
    if readers is None:
        return metric
    return f"{metric}, {readers} reader{'s' if readers > 1 else ''}"


def is_busy(figure: Figure) -> bool:
    """Say whether others used too much of the machine for this figure to be trusted."""
    timed = figure.unit != BYTES
    return timed and figure.other_cores is not None and figure.other_cores > BUSY


def figure_cell(figure: Figure | None) -> Text:
    """Return a figure with three digits, marked if the machine was busy."""
    if figure is None:
        return Text(MISSING)
    shown = count(figure.median) if figure.unit == PER_SECOND else three_digits(figure.median)
    return Text(shown + (BUSY_MARK if is_busy(figure) else ""))


def ratio_cell(ours: Figure | None, theirs: Figure | None) -> Text:
    """Return how many times better ours is: green where it is, red where it is not."""
    if ours is None or theirs is None:
        return Text(MISSING)
    ratio = ours.times_better(theirs)
    return Text(f"{ratio:.2f}", style="green" if ratio >= 1 else "bold red")


def size_name(entries: int) -> str:
    """Return a number of entries, short: 1e6, 250,000."""
    digits = len(str(entries)) - 1
    return f"1e{digits}" if entries == 10**digits else f"{entries:,}"
