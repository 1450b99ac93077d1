"""Dashboards and rules use only metrics that exist, and every metric is used."""

from __future__ import annotations

from stressd.metrics import CATALOG
from tests.dashboards.sources import (
    alerts,
    annotation_expressions,
    base_names,
    panel_expressions,
    recordings,
    variable_queries,
)

# Metrics that no dashboard and no rule needs, with the reason. The list may only shrink.
UNUSED: dict[str, str] = {}

EXPRESSIONS = [
    *panel_expressions(),
    *annotation_expressions(),
    *variable_queries(),
    *recordings(),
    *alerts(),
]
USED = {name for query in EXPRESSIONS for name in base_names(query.expr)}
OURS = {name for name in USED if name.startswith("stressd_")}
LISTED = {metric.name for metric in CATALOG}


def test_only_metrics_that_exist_are_used() -> None:
    """A misspelt one would show an empty panel, or an alert that never fires."""
    assert set() == OURS - LISTED


def test_every_metric_is_used_or_has_an_excuse() -> None:
    """What nobody looks at need not be exported."""
    assert set(UNUSED) == LISTED - USED


def test_only_common_metrics_of_the_process_are_used() -> None:
    """Those that prometheus_client exports on any Linux."""
    assert {
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_resident_memory_bytes",
    } == USED - OURS
