"""A small job, and a session that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stressd.config.model import Config
from stressd.display import Quiet
from stressd.outcome import Outcome
from stressd.run.job import Job
from stressd.run.session import run_session
from tests.session.fakes import FakeEngine

Runner = Callable[..., Outcome]


def small_config(runs: Path, **run: str | int) -> Config:
    """Return a reader and a writer that work for a tenth of a second."""
    return Config.model_validate(
        {
            "version": 1,
            "run": {"name": "small", "duration": "100ms", "sample": "100ms", **run},
            "source": {"kind": "synthetic", "entries": 100},
            "workers": [
                {"name": "read", "threads": 2, "mix": {"load": 9, "scan": 1}},
                {"name": "write", "mix": {"store": 1}},
            ],
            "checks": {"structure_every": "100ms"},
            "metrics": {"enabled": False},
            "output": {"runs": str(runs)},
        }
    )


def job_for(config: Config, run_dir: Path | None = None) -> Job:
    """Return the job of a configuration named small.yaml."""
    return Job(
        config=config,
        name="small.yaml",
        raw=b"version: 1\n",
        sha256="00" * 32,
        effective="version: 1\n",
        repeat="stressd run --seed 1 small.yaml",
        run_dir=run_dir,
    )


@pytest.fixture
def run_small(tmp_path: Path) -> Iterator[Runner]:
    """Run a job with an engine in some trouble; threads that hang are released at the end."""
    engines: list[FakeEngine] = []

    def run(trouble: str = "", **options: str) -> Outcome:
        config = small_config(tmp_path / "runs", **options)
        engines.append(FakeEngine(config, trouble))
        return run_session(job_for(config), lambda: engines[-1], Quiet())

    yield run
    for engine in engines:
        engine.release.set()
