"""A real Prometheus that scrapes one target every second, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.dashboards.sources import RULES
from tests.metrics.programs import program

SCRAPE = "1s"
RATE_INTERVAL = "4s"  # four scrapes, as Grafana computes it
PATIENCE_S = 900.0  # kernels may have to be compiled first, on a busy machine
POLL_S = 0.1

Series = list[dict[str, Any]]


def eventually(what: str, done: Callable[[], bool], *processes: subprocess.Popen[bytes]) -> None:
    """Wait for other processes to get somewhere; there is no event to wait for."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        codes = [process.poll() for process in processes]
        assert codes == [None] * len(codes), f"{what}: processes ended with {codes}"
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S:.0f} s"
        time.sleep(POLL_S)


class Prometheus:
    """Questions to a running Prometheus."""

    def __init__(self, url: str, target: str, process: subprocess.Popen[bytes]) -> None:
        self.target = target
        self._http = httpx.Client(base_url=url)
        self._process = process

    def close(self) -> None:
        """Ask no more."""
        self._http.close()

    def ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("/-/ready").status_code == 200
        return False

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of one call of the API, which must succeed."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    def query(self, expr: str) -> Series:
        """Return the series of `expr` now that have a number for a value."""
        result = self.get("query", query=expr)["result"]
        return [series for series in result if series["value"][1] != "NaN"]

    def wait_for(self, expr: str, *processes: subprocess.Popen[bytes]) -> None:
        """Wait until `expr` has a series, for as long as `processes` run."""
        eventually(expr, lambda: bool(self.query(expr)), self._process, *processes)


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextlib.contextmanager
def stopped(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Terminate `process` at the end, and wait for it."""
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def scraping(target: str, folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus with our rules that scrapes `target`, with its data in `folder`."""
    settings = {
        "global": {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": [{"job_name": "stressd", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with stopped(subprocess.Popen(command)) as process:
        prometheus = Prometheus(f"http://{address}", target, process)
        try:
            eventually("Prometheus is ready", prometheus.ready, process)
            yield prometheus
        finally:
            prometheus.close()
