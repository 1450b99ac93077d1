"""The catalog lists every metric, each metric has its reading, and promtool has no complaint."""

from __future__ import annotations

import inspect
import subprocess
from collections import Counter
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from stressd.metrics import CATALOG, Source, make_registry, readings
from stressd.metrics.source import STATES, VERDICTS
from tests.metrics.fakes import RATES, RUN, fake_sample, fake_source, spread
from tests.metrics.programs import program

SUFFIXES = {"counter": {"_total"}, "histogram": {"_bucket", "_sum", "_count"}, "info": {"_info"}}


def families(source: Source) -> dict[str, Family]:
    """Return what one scrape says, by the name of the family."""
    text = generate_openmetrics(make_registry(source)).decode()
    return {family.name: family for family in parse_openmetrics(text)}


def value(source: Source, name: str, **labels: str) -> float:
    """Return one sample of one scrape."""
    text = generate_latest(make_registry(source)).decode()
    found = [
        sample.value
        for family in parse_text(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(found) == 1, f"{name}{labels}: {len(found)} samples"
    return found[0]


def test_names_are_unique() -> None:
    """A metric that stands twice in the list would be exported twice."""
    assert [name for name, n in Counter(m.name for m in CATALOG).items() if n > 1] == []


def test_every_metric_has_a_reading_and_every_reading_a_metric() -> None:
    """The two are tied by name alone, so nothing else would notice."""
    functions = inspect.getmembers(readings, inspect.isfunction)
    own = {name for name, f in functions if f.__module__ == readings.__name__}
    helpers = {name for name in own if name.startswith(("of_", "_"))}
    assert own - helpers == {metric.key for metric in CATALOG}


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.key)
def test_a_metric_is_exported_as_the_catalog_has_it(metric) -> None:
    """Kind, labels and unit of a scrape are those of the list, and there is data."""
    family = families(fake_source())[metric.empty().name]
    assert (family.type, family.unit) == (metric.kind, metric.unit)
    assert family.documentation == metric.help
    for sample in family.samples:
        assert sample.name.removeprefix(family.name) in SUFFIXES.get(metric.kind, {""})
        assert set(sample.labels) - {"le"} == set(metric.labels)
    assert family.samples


@pytest.mark.parametrize("source", [Source(RUN), fake_source()], ids=["before", "running"])
def test_promtool_has_no_complaint(source: Source) -> None:
    """Names, units, help and types follow the conventions of Prometheus."""
    check = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=generate_latest(make_registry(source)),
        capture_output=True,
        check=False,
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, b"")


def test_nothing_but_our_own_and_the_process() -> None:
    """Each family begins with stressd_, process_ or python_, and none is a creation time."""
    text = generate_latest(make_registry(fake_source())).decode()
    names = {sample.name for family in parse_text(text) for sample in family.samples}
    assert {n for n in names if not n.startswith(("stressd_", "process_", "python_"))} == set()
    assert {n for n in names if n.endswith("_created")} == set()


def test_series_of_operations_exist_before_the_first_sample() -> None:
    """At 0, so that the first increase is seen as one."""
    source = Source(RUN)
    for workload, op in RATES:
        assert value(source, "stressd_ops_total", workload=workload, op=op, outcome="ok") == 0
        assert value(source, "stressd_op_duration_seconds_count", workload=workload, op=op) == 0
    labels = {"oracle": "values", "outcome": "forbidden"}
    assert value(source, "stressd_judged_total", **labels) == 0
    assert value(source, "stressd_errors_total", component="worker", kind="corrupt") == 0


def test_no_series_disappears_when_the_run_begins() -> None:
    """What was named at 0 goes on to be named."""
    before, after = families(Source(RUN)), families(fake_source())
    for name, family in before.items():
        if name.startswith("stressd"):
            kept = {(s.name, *sorted(s.labels.items())) for s in after[name].samples}
            assert {(s.name, *sorted(s.labels.items())) for s in family.samples} <= kept


def test_counters_are_those_of_the_sample() -> None:
    """Ten seconds at a known rate."""
    source = fake_source(10)
    labels = {"workload": "readers", "op": "load"}
    total = value(source, "stressd_ops_total", **labels, outcome="ok")
    total += value(source, "stressd_ops_total", **labels, outcome="miss")
    assert total == 10 * RATES["readers", "load"]
    assert value(source, "stressd_op_duration_seconds_count", **labels) == total / 64
    assert value(source, "stressd_epoch_advances_total") == 20_000
    assert value(source, "stressd_workers", workload="readers", state="running") == 3
    assert value(source, "stressd_workers", workload="writers", state="stalled") == 0


def test_quantiles_forget_what_was_before_the_newest_interval() -> None:
    """After ten fast seconds one slow one shows in full, and a second without any shows as 0."""
    source = fake_source(10)
    labels = {"workload": "readers", "op": "load", "q": "0.5"}
    assert value(source, "stressd_op_duration_quantile_seconds", **labels) < 250e-9
    slow, _, longest = spread(50_000, 100)
    before = fake_sample(10).ops[0]
    op = replace(before, durations=before.durations + slow, duration_max_ns=longest)
    source.sampled(replace(fake_sample(11), ops=(op,)))
    assert value(source, "stressd_op_duration_quantile_seconds", **labels) > 25e-6
    longest_shown = value(source, "stressd_op_duration_quantile_seconds", **labels | {"q": "1"})
    assert longest_shown == longest / 1e9
    source.sampled(replace(fake_sample(12), ops=(op,)))
    assert value(source, "stressd_op_duration_quantile_seconds", **labels) == 0


def test_one_state_and_one_verdict_hold() -> None:
    """A stateset has a series for each value and exactly one at 1."""
    source = fake_source()
    for state in STATES:
        shown = value(source, "stressd_state", stressd_state=state)
        assert shown == (state == "running")
    for verdict in VERDICTS:
        shown = value(source, "stressd_verdict", stressd_verdict=verdict)
        assert shown == (verdict == "valid")


def test_only_the_first_64_workers_have_a_series() -> None:
    """The number of series must not grow with the machine."""
    source = fake_source()
    (worker, *_) = source.view.sample.workers
    many = tuple(replace(worker, worker=index) for index in range(100))
    source.sampled(replace(source.view.sample, workers=many))
    family = families(source)["stressd_worker_last_progress_timestamp_seconds"]
    assert [s.labels["worker"] for s in family.samples] == [str(n) for n in range(64)]
