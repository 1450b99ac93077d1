"""Each route answers what it says, in the format asked for."""

from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from stressd.metrics import Source
from stressd.metrics.source import STATES
from stressd.web import make_app
from tests.metrics.fakes import RATES, RUN, fake_source

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def client(source: Source) -> httpx.AsyncClient:
    """Return a client that calls the application directly."""
    transport = httpx.ASGITransport(make_app(source), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_metrics_answers_at_its_own_address() -> None:
    """Without a redirect, which not every scraper follows."""
    async with client(fake_source()) as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    names = {family.name for family in parse_text(answer.text)}
    assert {"stressd_ops", "process_cpu_seconds", "python_info"} <= names


async def test_metrics_speaks_openmetrics_to_a_prometheus() -> None:
    """The newer format carries units, infos and statesets."""
    async with client(fake_source()) as http:
        answer = await http.get("/metrics", headers={"Accept": PROMETHEUS_ACCEPTS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    kinds = {family.name: family.type for family in parse_openmetrics(answer.text)}
    assert (kinds["stressd_verdict"], kinds["stressd_run"]) == ("stateset", "info")


async def test_metrics_speaks_plain_text_to_everybody_else() -> None:
    """Such as a browser or curl."""
    async with client(fake_source()) as http:
        answer = await http.get("/metrics", headers={"Accept": "text/html,*/*"})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_health_is_that_of_the_loop() -> None:
    """Whatever the state of the run."""
    async with client(Source(RUN)) as http:
        answer = await http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "alive\n")


@pytest.mark.parametrize("state", STATES)
async def test_ready_only_while_running(state: str) -> None:
    """503 in any other state; the body says which."""
    source = Source(RUN)
    source.entered(state)
    async with client(source) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.text) == (200 if state == "running" else 503, f"{state}\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz"])
async def test_routes_can_only_be_read(path: str) -> None:
    """HEAD works as HTTP wants it; nothing can be posted."""
    async with client(fake_source()) as http:
        assert (await http.head(path)).content == b""
        assert (await http.post(path)).status_code == 405


async def test_the_page_shows_the_newest_figures() -> None:
    """Rates, latencies, the verdict, and links to everything else."""
    async with client(fake_source()) as http:
        page = (await http.get("/")).text
    for (workload, op), rate in RATES.items():
        row = re.search(rf"<tr><td>{workload}</td><td>{op}</td>(.*?)</tr>", page)
        assert row is not None
        assert f'<td class="number">{rate:,}</td>' in row[1]
    assert re.findall(r'href="(\S+)"', page) == ["/metrics", "/healthz", "/readyz"]
    assert '<strong class="valid">valid</strong>' in page


async def test_the_page_is_there_before_the_first_sample() -> None:
    """While kernels compile there is already a state to show."""
    async with client(Source(RUN)) as http:
        answer = await http.get("/")
    assert answer.status_code == 200
    assert '<strong class="starting">starting</strong>' in answer.text


async def test_the_page_escapes_what_it_shows() -> None:
    """A configuration may have any name, and the page must not run it."""
    run = RUN.__class__(**{**RUN.__dict__, "config": "<script>alert(1)</script>.yaml"})
    async with client(Source(run)) as http:
        answer = await http.get("/")
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_defect_is_answered_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on; the next scrape tells of it."""
    source = fake_source()
    monkeypatch.setattr("stressd.web.app.render", lambda view: 1 / 0)
    async with client(source) as http:
        answer = await http.get("/")
    assert (answer.status_code, answer.text) == (500, "internal error, see the log\n")
    assert source.view.errors["web", "exception"] == 1


async def test_unknown_paths_are_not_found() -> None:
    """There is nothing else to see."""
    async with client(fake_source()) as http:
        assert (await http.get("/debug")).status_code == 404
