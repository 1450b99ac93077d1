"""The status page: the newest figures as plain HTML, for a person without a Prometheus at hand.

The browser fetches it anew every few seconds; there is no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from stressd.evidence import GRADES, ArenaSample, OpSample
from stressd.metrics.buckets import quantile_seconds
from stressd.metrics.source import View

REFRESH_SECONDS = 2
LINKS = (("metrics", "for Prometheus"), ("healthz", "loop alive"), ("readyz", "workers working"))
SHOWN_QUANTILES = (0.5, 0.99, 0.999)
SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; text-align: left; }
th { font-weight: 600; } td.number { text-align: right; }
.invalid, .failed { color: #d33; font-weight: 700; } .valid, .running { color: #2a2; }
"""

Number = int | float
Cell = str | Number


def render(view: View) -> str:
    """Return the page."""
    title = f"stressd: {view.run.run_id}"
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n"
        f"{_summary(view)}\n{_sections(view)}\n{_links()}\n</body>\n</html>\n"
    )


def _summary(view: View) -> str:
    state, verdict = escape(view.state), escape(view.verdict)
    return (
        f'<p>State <strong class="{state}">{state}</strong>,'
        f' verdict so far <strong class="{verdict}">{verdict}</strong>.'
        f" Configuration {escape(view.run.config)}, seed {view.run.seed},"
        f" {view.run.planned_seconds:g} s planned.</p>"
    )


def _sections(view: View) -> str:
    sample = view.sample
    arena, epoch = sample.arena, sample.epoch
    percentiles = [f"p{100 * q:g}" for q in SHOWN_QUANTILES]
    parts = (
        _table(
            "Operations",
            ("workload", "operation", "count", "per second", *percentiles, "max of the run"),
            (_op_row(view, op) for op in sample.ops),
        ),
        _table(
            "Trees",
            ("tree", "spaces", "entries", "height", "leaves", "inner nodes"),
            ((t.tree, t.trees, t.entries, t.height, t.leaves, t.inners) for t in sample.trees),
        ),
        _table(
            "Reclamation",
            ("epoch", "lag", "backlog nodes", "backlog bytes", "arena used", "arena size"),
            [(epoch.epoch, epoch.lag, arena.limbo, arena.limbo_bytes, *_sizes(arena))],
        ),
        _table(
            "Judged",
            ("oracle", *GRADES),
            ((j.oracle, *(j.grades.get(grade, 0) for grade in GRADES)) for j in sample.judged),
        ),
    )
    return "\n".join(part for part in parts if part)


def _sizes(arena: ArenaSample) -> tuple[int, int]:
    return arena.used_bytes, arena.capacity_bytes


def _op_row(view: View, op: OpSample) -> tuple[Cell, ...]:
    counts = view.interval(op)
    quantiles = [duration(quantile_seconds(counts, q, op.duration_max_ns)) for q in SHOWN_QUANTILES]
    longest = duration(op.duration_max_ns / 1e9)
    return op.workload, op.op, op.count, round(view.rate(op)), *quantiles, longest


def duration(seconds: float) -> str:
    """Return a duration with three digits and the unit that fits; "-" for none."""
    for scale, unit in SCALES:
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return "-"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a section with a table, "" if there are no rows."""
    lines = ["<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows]
    if not lines:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "\n".join(lines)
    return f"<h2>{title}</h2>\n<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f'<td class="number">{value:,}</td>'


def _links() -> str:
    items = "".join(f'<li><a href="/{path}">/{path}</a> {text}</li>' for path, text in LINKS)
    return f"<h2>More</h2>\n<ul>{items}</ul>"
