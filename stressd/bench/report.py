"""Figures for people: one row a metric and size, with the references and the target beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stressd import builds
from stressd.bench.containers import CONTAINERS
from stressd.bench.figure import PER_SECOND, Figure
from stressd.bench.judgement import Judged, Row, is_busy, rows
from stressd.bench.machine import peak_bytes, processor
from stressd.bench.noise import BUSY
from stressd.bench.results import Results
from stressd.bench.targets import ITSELF, Target
from stressd.display.units import count, size, three_digits
from stressd_kernels.door import BUILD

PIPED_WIDTH = 10_000  # columns: a line of a pipe is never folded
BUSY_MARK = "*"
MISSING = "-"
STYLES = {
    Judged.MET: "green",
    Judged.MISSED: "bold red",
    Judged.NOISY: "yellow",
    Judged.OPEN: "dim",
}


def print_report(console: Console, results: Results) -> None:
    """Print all tables and the notes on them."""
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    found = rows(results)
    usual = [row for row in found if row.ours.setting is None]
    if usual:
        console.print(main_table(usual, list(results.roles), console.is_terminal))
    if len(usual) < len(found):
        console.print(settings_table([row.ours for row in found], console.is_terminal))
    in_python = {container.implementation for container in CONTAINERS}
    beside = {name: results.peers[name] for name in results.peers if name in in_python}
    if beside:
        console.print(containers_table(beside, console.is_terminal))
    for note in notes(results, found):
        console.print(Text(note), soft_wrap=True)


def main_table(found: Sequence[Row], roles: Sequence[str], terminal: bool) -> Table:
    """Return our figures, beside each those of the references, the ratios and the target."""
    table = empty_table(terminal)
    for name in ("metric", "entries", "unit"):
        table.add_column(name, no_wrap=True)
    for name in ("stressd", *(word for role in roles for word in (role, "ratio"))):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("target", "reach", ""):
        table.add_column(name, no_wrap=True)
    for row in found:
        ours = row.ours
        cells = [figure_cell(ours)]
        for role in roles:
            cells += [figure_cell(row.references.get(role)), ratio_cell(row.ratio(role))]
        size_word = "" if ours.entries is None else size_name(ours.entries)
        table.add_row(row_name(ours), size_word, ours.unit, *cells, *target_cells(row))
    return table


def settings_table(figures: Sequence[Figure], terminal: bool) -> Table:
    """Return the same figures on trees in different states, side by side."""
    settings = [name for name in dict.fromkeys(f.setting for f in figures) if name is not None]
    found = {(row_name(f), f.entries, f.setting): f for f in figures}
    special = dict.fromkeys((row_name(f), f.entries, f.unit) for f in figures if f.setting)
    table = empty_table(terminal)
    for name in ("tree", "entries", "unit"):
        table.add_column(name, no_wrap=True)
    as_loaded = [None] if any((name, n, None) in found for name, n, _ in special) else []
    for name in (*("as loaded" for _ in as_loaded), *settings):
        table.add_column(name, justify="right", no_wrap=True)
    for row, entries, unit in special:
        cells = [figure_cell(found.get((row, entries, of))) for of in (*as_loaded, *settings)]
        table.add_row(row, "" if entries is None else size_name(entries), unit, *cells)
    return table


def target_cells(row: Row) -> list[Text]:
    """Return what must be reached, what is striven for, and what became of it."""
    if row.target is None or row.judged is None:
        return [Text(), Text(), Text()]
    judged = Text(row.judged.value, style=STYLES[row.judged])
    return [Text(bound(row.target, row.target.at_least)), Text(reach(row.target)), judged]


def bound(target: Target, value: float) -> str:
    """Return one bound of a target in words: 6x kernel, 0.95."""
    return f"{value:g}" if target.than == ITSELF else f"{value:g}x {target.than}"


def reach(target: Target) -> str:
    """Return what a target strives for."""
    return "" if target.reach is None else bound(target, target.reach).partition(" ")[0]


def containers_table(beside: dict[str, list[Figure]], terminal: bool) -> Table:
    """Return the figures of the Python containers."""
    everything = [figure for figures in beside.values() for figure in figures]
    sizes = sorted({figure.entries for figure in everything if figure.entries is not None})
    table = empty_table(terminal)
    table.add_column("in one thread of Python", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for entries in sizes:
        table.add_column(size_name(entries), justify="right", no_wrap=True)
    for name, figures in beside.items():
        found = {(figure.metric, figure.entries): figure for figure in figures}
        for metric, unit in dict.fromkeys((figure.metric, figure.unit) for figure in figures):
            cells = [figure_cell(found.get((metric, entries))) for entries in sizes]
            table.add_row(name, metric, unit, *cells)
    return table


def notes(results: Results, found: Sequence[Row]) -> list[str]:
    """Return what a reader of the tables has to know."""
    turns = f" in each of {results.turns} turns" if results.turns > 1 else ""
    lines = [
        f"medians of {results.reps}{turns} on {processor()}; peak memory {size(peak_bytes())}",
    ]
    for role, implementation in results.roles.items():
        lines.append(f"{role}: {implementation}; ratio: how many times better stressd is")
    verdicts = Counter(row.judged for row in found if row.judged is not None)
    if verdicts:
        words = [f"{verdicts[judged]} {judged.value}" for judged in Judged if verdicts[judged]]
        lines.append(f"targets: {', '.join(words)}")
    busy = [figure.other_cores for figure in every_figure(found) if is_busy(figure)]
    if busy:
        most = max(cores for cores in busy if cores is not None)
        lines.append(
            f"{BUSY_MARK} others used more than {BUSY} cores meanwhile (up to {most:.1f}): repeat "
            "it on a quiet machine; targets in wall-clock time are not judged"
        )
    return [*filter(None, [builds.warning(BUILD)]), *lines, *results.notes]


def every_figure(found: Sequence[Row]) -> list[Figure]:
    """Return the figures of a table, theirs as well."""
    return [figure for row in found for figure in (row.ours, *row.references.values())]


def empty_table(terminal: bool) -> Table:
    """Return a table in the style that suits a terminal or a pipe."""
    return Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)


def row_name(figure: Figure) -> str:
    """Return the name of a row."""
    if figure.readers is None:
        return figure.metric
    return f"{figure.metric}, {figure.readers} reader{'s' if figure.readers > 1 else ''}"


def figure_cell(figure: Figure | None) -> Text:
    """Return a figure with three digits, marked if the machine was busy."""
    if figure is None:
        return Text(MISSING)
    shown = count(figure.median) if figure.unit == PER_SECOND else three_digits(figure.median)
    return Text(shown + (BUSY_MARK if is_busy(figure) else ""))


def ratio_cell(ratio: float | None) -> Text:
    """Return how many times better ours is: green where it is, red where it is not."""
    if ratio is None:
        return Text(MISSING)
    return Text(f"{ratio:.2f}", style="green" if ratio >= 1 else "bold red")


def size_name(entries: int) -> str:
    """Return a number of entries, short: 1e6, 250,000."""
    digits = len(str(entries)) - 1
    return f"1e{digits}" if entries == 10**digits else f"{entries:,}"
