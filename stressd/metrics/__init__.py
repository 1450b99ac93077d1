"""What the run shows to Prometheus: one list of metrics, each a pure function of a `View`.

    session --> Source --> View (frozen) --> readings --> collector --> text of one scrape
    (tells)    (keeps the newest)            (pure)       (CATALOG)

Nothing here is called by a worker, and nothing is counted here: the kernels count, the engine
takes samples, and a scrape turns the newest sample into text. To add a metric, write a reading
and add one line to `catalog.CATALOG`.
"""

from __future__ import annotations

from stressd.metrics.catalog import CATALOG
from stressd.metrics.collector import make_registry
from stressd.metrics.source import RunInfo, Source, View

__all__ = [
    "CATALOG",
    "RunInfo",
    "Source",
    "View",
    "make_registry",
]
