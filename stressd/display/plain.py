"""The display in a pipe, a log file or a dumb terminal: whole lines, and few of them."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from stressd.display import units
from stressd.display.frame import Frame
from stressd.display.lines import Lines, labelled, worked
from stressd.evidence import OpSample, Sample
from stressd.latency import figures, interval

LINE_EVERY_S = 5.0
SHOWN_OPS = 3  # the busiest; the summary has them all


def busiest(ops: tuple[OpSample, ...], seconds: float) -> str:
    """Return rate and tail of the operations that ran most."""
    parts = []
    for op in sorted(ops, key=lambda op: -op.count)[:SHOWN_OPS]:
        row = figures([op], seconds)
        parts.append(f"{op.op} {units.count(row.per_second)}/s p99 {units.span(row.p99_ns)}")
    return "  ".join(parts)


def spaces_part(sample: Sample) -> str:
    """Return how many address spaces there are, "" in a run without any."""
    if (spaces := sample.spaces) is None:
        return ""
    return (
        f"  spaces {spaces.alive} mappings {units.count(spaces.vmas)}"
        f" validated {units.count(spaces.validations)}"
    )


def progress_line(frame: Frame, sample: Sample, before: Sample | None) -> str:
    """Return what happened since the line before."""
    ops, seconds = interval(sample, before)
    rate = sum(op.count for op in ops) / seconds if seconds else 0.0
    arena = sample.arena
    return (
        f"{units.clock(frame.elapsed_s)} of {units.clock(frame.duration_s)}"
        f"  {units.count(rate)} op/s  {busiest(ops, seconds)}"
        f"{spaces_part(sample)}  lag {sample.epoch.lag}  backlog {units.count(arena.limbo)}"
        f"  checks {frame.checks}  findings {frame.findings}"
    )


class Plain:
    """Prints the lines that are due once, each kernel that took time, and one line every 5 s."""

    interval = 0.5

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = Lines(each_kernel=True)
        self._shown: Sample | None = None
        self._next_s = 0.0

    def update(self, frame: Frame) -> None:
        """Print what is due."""
        for text in self._lines.fresh(frame):
            self._print(text)
        if worked(frame) and frame.sample and frame.elapsed_s >= self._next_s:
            self._next_s = frame.elapsed_s + LINE_EVERY_S
            if self._shown:
                line = progress_line(frame, frame.sample, self._shown)
                self._print(labelled(frame.phase, line))
            self._shown = frame.sample

    def close(self) -> None:
        """Nothing was changed about the terminal."""

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)


class Quiet:
    """Shows nothing; the closing summary is still printed."""

    interval = 0.5

    def update(self, frame: Frame) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing was shown."""
