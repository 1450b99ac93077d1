"""A prometheus_client collector over a `Source`: each scrape reads the view, nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from stressd.metrics import readings
from stressd.metrics.catalog import CATALOG, Metric
from stressd.metrics.source import Source, View


def filled(metric: Metric, view: View) -> Family:
    """Return the family of `metric` as `view` has it."""
    family: Any = metric.empty()
    read: readings.Reading = getattr(readings, metric.key)
    for row in read(view):
        family.add_metric(*row)
    return cast(Family, family)


class SourceCollector(Collector):
    """Turns the newest view into metric families."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._scrape_seconds = 0.0

    def describe(self) -> Iterable[Family]:
        """Name the families, so that a registry can see clashes."""
        return [metric.empty() for metric in CATALOG]

    def collect(self) -> Iterable[Family]:
        """Yield every family; the encoder pulls them one by one, so its time counts too."""
        started = time.perf_counter()
        view = replace(self._source.view, scrape_seconds=self._scrape_seconds)
        for metric in CATALOG:
            yield filled(metric, view)
        self._scrape_seconds = time.perf_counter() - started


def make_registry(source: Source) -> CollectorRegistry:
    """Return a registry with stressd's, the process's and the interpreter's metrics."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(SourceCollector(source))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
