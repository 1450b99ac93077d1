"""The lines that are printed once, in whatever way the rest is shown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from stressd.display import units
from stressd.display.frame import Frame
from stressd.evidence import TraceSample

LABEL_WIDTH = 9


def worked(frame: Frame) -> bool:
    """Whether the workers have begun."""
    return frame.phase in ("running", "paused", "draining", "failed") and frame.elapsed_s > 0


def labelled(label: str, text: str, style: str = "") -> Text:
    """Return one line with its label in front."""
    return Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), (text, style))


def trace_text(trace: TraceSample) -> str:
    """Return what was written down, and where."""
    lost = f", {trace.lost:,} lost" if trace.lost else ""
    waits = f"; waited for room {units.count(trace.waits)} times" if trace.waits else ""
    return f"{trace.events:,} events{lost} in {trace.path} ({units.size(trace.size_bytes)}){waits}"


def kernels_ready(frame: Frame) -> str:
    """Return what making the kernels ready took, "" while it lasts."""
    if not frame.kernels or len(frame.compiled) < frame.kernels:
        return ""
    cached = sum(record.cached for record in frame.compiled)
    seconds = sum(record.seconds for record in frame.compiled if not record.cached)
    if cached == len(frame.compiled):
        return f"{cached} ready, all from the cache"
    fresh = len(frame.compiled) - cached
    took = f"{fresh} compiled ({seconds:.1f} s, all processes added up)"
    return f"{len(frame.compiled)} ready: {took}, {cached} cached"


class Lines:
    """Remembers what was printed already."""

    def __init__(self, each_kernel: bool = False) -> None:
        self._each_kernel = each_kernel
        self._printed: set[str] = set()

    def fresh(self, frame: Frame) -> Iterator[Text]:
        """Yield the lines that are due and were not printed yet."""
        for key, text in self._due(frame):
            if key not in self._printed:
                self._printed.add(key)
                yield text

    def _due(self, frame: Frame) -> Iterator[tuple[str, Text]]:
        if not frame.source:
            return
        yield "title", Text.assemble((frame.title, "bold"), f" · source: {frame.source}")
        if frame.metrics:
            yield "metrics", labelled("metrics", frame.metrics, "underline")
        for number, record in enumerate(frame.compiled, 1):
            if self._each_kernel and not record.cached:
                took = f"{number}/{frame.kernels} {record.kernel} {record.seconds:.1f} s"
                yield f"kernel {number}", labelled("compile", took)
        if ready := kernels_ready(frame):
            yield "kernels", labelled("kernels", ready)
        for number, notice in enumerate(frame.notices):
            yield f"notice {number}", labelled("notice", notice, "yellow")
