"""Every query of every panel, variable and rule returns data from a real Prometheus.

It scrapes, each second, first a process that serves made-up samples through our own server, and
then a real run with real threads.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.dashboards.prometheus import RATE_INTERVAL, Prometheus, scraping, stopped
from tests.dashboards.sources import (
    DASHBOARDS,
    LABEL_VALUES,
    Expression,
    alerts,
    annotation_expressions,
    panel_expressions,
    recordings,
    selectors,
    variable_queries,
)
from tests.metrics.programs import program

ROOT = DASHBOARDS.parent
STANDIN = [sys.executable, "-m", "tests.dashboards.standin"]
RUN = [
    *(sys.executable, "-m", "stressd", "run", "configs/quickstart.yaml"),
    *("--duration", "25s", "--listen", "127.0.0.1:0"),
]
ADDRESS = re.compile(rb"http://(127\.0\.0\.1:\d+)/metrics")
ENOUGH = 'count_over_time((stressd_state{stressd_state="running"} == 1)[5m:1s]) >= 8'

VARIABLES = {
    "$job": ".+",
    "$instance": ".+",
    "$op": "load",
    "$__rate_interval": RATE_INTERVAL,
}
# What finds nothing in a healthy run, with the reason. Of these every part is asked for alone.
QUIET = {
    "stressd-overview / annotation Violation": "nothing forbidden happens in a healthy run",
    **{alert.where: "an alert has nothing to say about a healthy run" for alert in alerts()},
}


def filled_in(expr: str) -> str:
    """Return `expr` as Grafana would send it."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def announced(process: subprocess.Popen[bytes]) -> str:
    """Return the host and port that `process` prints."""
    assert process.stdout is not None
    seen = b""
    for line in process.stdout:
        seen += line
        if found := ADDRESS.search(line):
            return found[1].decode()
    pytest.fail(f"no address was printed: {seen.decode()}")


@pytest.fixture(scope="module", params=["standin", "run"])
def target(request: pytest.FixtureRequest) -> str:
    """What is scraped."""
    return str(request.param)


@pytest.fixture(scope="module")
def prometheus(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen its target at work for some seconds."""
    folder = tmp_path_factory.mktemp("prometheus")
    command = [*RUN, "--run-dir", str(folder / "run")] if target == "run" else STANDIN
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with stopped(process), scraping(announced(process), folder) as prometheus:
        prometheus.wait_for(ENOUGH, process)
        yield prometheus


def test_the_target_is_scraped_in_the_newer_format(prometheus: Prometheus) -> None:
    """Prometheus understands it, and takes types and help from it."""
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    kinds = prometheus.get("metadata", metric="stressd_op_duration_seconds")
    assert kinds["stressd_op_duration_seconds"][0]["type"] == "histogram"


def test_promtool_has_no_complaint_about_the_target(prometheus: Prometheus) -> None:
    """Whatever labels it has made up by now."""
    text = httpx.get(f"http://{prometheus.target}/metrics").content
    command = [program("promtool"), "check", "metrics"]
    check = subprocess.run(command, input=text, capture_output=True, check=False)
    assert (check.returncode, check.stdout + check.stderr) == (0, b"")


@pytest.mark.parametrize("query", [*panel_expressions(), *recordings()], ids=str)
def test_a_query_returns_data(prometheus: Prometheus, query: Expression) -> None:
    """At least one series, with a number for a value."""
    assert prometheus.query(filled_in(query.expr)), query.expr


@pytest.mark.parametrize("query", [*annotation_expressions(), *alerts()], ids=str)
def test_a_quiet_query_is_quiet_for_want_of_a_reason(
    prometheus: Prometheus, query: Expression
) -> None:
    """It finds nothing, although every series that it looks at is there."""
    assert query.where in QUIET
    assert prometheus.query(filled_in(query.expr)) == []
    for selector in selectors(filled_in(query.expr)):
        assert prometheus.query(selector), selector


@pytest.mark.parametrize("query", variable_queries(), ids=str)
def test_a_variable_has_choices(prometheus: Prometheus, query: Expression) -> None:
    """The label that it lists has values."""
    match = LABEL_VALUES.fullmatch(filled_in(query.expr))
    assert match is not None
    choices = prometheus.get(f"label/{match['label']}/values", **{"match[]": match["selector"]})
    assert choices


@pytest.mark.parametrize("rule", recordings(), ids=str)
def test_a_recording_rule_records(prometheus: Prometheus, rule: Expression) -> None:
    """Under its own name."""
    assert prometheus.query(rule.where)
