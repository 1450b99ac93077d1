"""The display on a terminal: what is done stays, what goes on is redrawn below it.

stressd 0.1.0 · quickstart · seed 1                          printed once
source   recordings: ls, gcc, sqlite, bashforks                  "
metrics  http://127.0.0.1:9478/metrics                           "
kernels  12 ready in 0.4 s, all from the cache                   "
<table of operations, health, time left>                     redrawn
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stressd.display import units
from stressd.display.frame import Frame
from stressd.display.lines import Lines, worked
from stressd.display.table import operations_table, rows_of
from stressd.evidence import Sample
from stressd.latency import interval

BARS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 30


def sparkline(values: tuple[float, ...]) -> str:
    """Return one character a value, scaled to the largest."""
    top = max(values, default=0.0)
    return "".join(BARS[round((len(BARS) - 1) * v / top)] for v in values) if top else ""


def bar(done: float, total: float, left: str, right: str) -> Table:
    """Return a progress bar between two texts."""
    grid = Table.grid(padding=(0, 1))
    width = Text(left).cell_len
    grid.add_column(min_width=width)
    grid.add_row(Text(left), ProgressBar(total or 1.0, done, width=BAR_WIDTH), Text(right))
    return grid


def preparing(frame: Frame) -> RenderableType:
    """Return how far compiling and loading are."""
    spent = units.clock(frame.prepared_s)
    if frame.phase == "warmup":
        return Text(f"trees    being filled  {spent}", style="dim")
    if not frame.kernels:
        return Text(f"{frame.phase}  {spent}", style="dim")
    done = len(frame.compiled)
    last = f"  {frame.compiled[-1].kernel}" if frame.compiled else ""
    return bar(done, frame.kernels, "compile ", f"{done}/{frame.kernels}  {spent}{last}")


def health(frame: Frame, sample: Sample) -> Iterator[tuple[str, str, str]]:
    """Yield what else is worth watching: a name, a figure, a style."""
    epoch, arena = sample.epoch, sample.arena
    yield "lag", str(epoch.lag), ""
    yield "backlog", units.count(arena.limbo), ""
    used = units.share(arena.used_bytes, arena.capacity_bytes)
    yield "arena", f"{units.size(arena.used_bytes)} {used}", ""
    if spaces := sample.spaces:
        yield "spaces", f"{spaces.alive}/{spaces.at_most}", ""
        yield "mappings", units.count(spaces.vmas), ""
        yield "validated", units.count(spaces.validations), ""
    judged = sum(sum(j.grades.values()) for j in sample.judged)
    yield "judged", units.count(judged), ""
    yield "checks", str(frame.checks), ""
    yield "findings", str(frame.findings), "bold red" if frame.findings else "green"


def health_line(frame: Frame, sample: Sample) -> Text:
    """Return the figures of `health` on one line, which may wrap between two of them."""
    line = Text()
    for name, figure, style in health(frame, sample):
        line.append("  " if line else "")
        line.append(name.replace(" ", "\u00a0") + "\u00a0", style="dim")
        line.append(figure.replace(" ", "\u00a0"), style=style)
    return line


def time_line(frame: Frame, rate: float, width: int) -> Table:
    """Return how far the run is, and how fast it goes."""
    left = max(frame.duration_s - frame.elapsed_s, 0.0)
    pace = f"{units.clock(left)} left  {units.count(rate)} op/s"
    room = width - BAR_WIDTH - len(pace) - 24
    pace += f"  {sparkline(frame.history[-room:])}" if room > 8 else ""
    label = f"{frame.phase:<8} {units.clock(frame.elapsed_s)}"
    return bar(min(frame.elapsed_s, frame.duration_s), frame.duration_s, label, pace)


def picture(frame: Frame, width: int) -> RenderableType:
    """Return the part of the display that changes."""
    if not worked(frame) or frame.sample is None:
        return preparing(frame)
    ops, seconds = interval(frame.sample, frame.previous)
    rates = {key: row.per_second for key, row in rows_of(ops, seconds).items()}
    return Group(
        Text(),
        operations_table(frame.sample.ops, frame.elapsed_s, width, rates),
        Text(),
        health_line(frame, frame.sample),
        time_line(frame, sum(rates.values()), width),
    )


class Live:
    """Redraws a few times a second; lines that will not change again scroll up and away."""

    interval = 0.25

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = Lines()
        self._live = RichLive(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def update(self, frame: Frame) -> None:
        """Print what is new for good, redraw the rest."""
        if not self._live.is_started:
            self._live.start()
        for text in self._lines.fresh(frame):
            self._console.print(text)
        self._live.update(picture(frame, self._console.width), refresh=True)

    def close(self) -> None:
        """Take the table away and show the cursor again."""
        with contextlib.suppress(OSError):  # it may be gone
            self._live.stop()
