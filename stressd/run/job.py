"""What is to be run, and what a run needs of the engine that does the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stressd import __version__
from stressd.config.model import Config
from stressd.evidence import Compiled, Finding, Sample
from stressd.metrics import RunInfo
from stressd.run.runfolder import RunFolder, RunFolderError
from stressd_kernels.status import Status


class WorkerSeat(Protocol):
    """One worker, as the engine describes it."""

    @property
    def index(self) -> int: ...
    @property
    def workload(self) -> str: ...


class EngineLike(Protocol):
    """What a session needs of the engine. Every method may be called from any thread."""

    @property
    def source_line(self) -> str: ...
    @property
    def workers(self) -> Sequence[WorkerSeat]: ...
    def kernels(self) -> Sequence[str]: ...
    def compile(self, progress: Callable[[Compiled], None]) -> None: ...
    def load(self) -> None: ...
    def run_slice(self, worker: int) -> Status: ...
    def stop(self) -> None: ...
    def sample(self) -> Sample: ...
    def check(self) -> Sequence[Finding]: ...
    def finish(self) -> Sequence[Finding]: ...
    def findings(self) -> Sequence[Finding]: ...
    def end_trace(self) -> None: ...  # nobody works any more
    def close(self) -> None: ...  # outside this process; threads may still be inside


@dataclass(frozen=True)
class Job:
    """What is to be run, and all that is written down about it beforehand."""

    config: Config
    name: str  # of the configuration, as the user gave it
    raw: bytes  # its file
    sha256: str
    effective: str  # with defaults and options filled in, as YAML
    repeat: str  # the command that runs the same workload again
    run_dir: Path | None = None  # exactly this folder, instead of a fresh one
    explain: Callable[[Exception], Exception] = lambda failure: failure  # for the user, if it can

    @property
    def mixes(self) -> dict[str, tuple[str, ...]]:
        """The operations of each workload."""
        return {worker.name: tuple(worker.mix) for worker in self.config.workers}

    def facts(self) -> Mapping[str, Any]:
        """Return what identifies the run."""
        return {
            "stressd": __version__,
            "config": self.name,
            "config_sha256": self.sha256,
            "name": self.config.run.name,
            "seed": self.config.run.seed,
            "build": self.config.run.build,
        }


def run_info(job: Job, folder: RunFolder) -> RunInfo:
    """Return what Prometheus is told of the run before it starts."""
    config = job.config
    return RunInfo(
        run_id=folder.final.name,
        config=job.name,
        config_sha256=job.sha256,
        seed=config.run.seed,
        started=time.time(),
        planned_seconds=config.run.duration.seconds,
        pairs=tuple((worker.name, op) for worker in config.workers for op in worker.mix),
    )


def make_folder(job: Job) -> RunFolder:
    """Create the run folder with its copies of the configuration."""
    if job.run_dir is not None:
        folder = RunFolder(job.run_dir)
    else:
        folder = RunFolder.create(job.config.output.runs, job.config.run.name)
    try:
        folder.write("config.yaml", job.raw)
        folder.write("effective.yaml", job.effective.encode())
        for name in ("log.jsonl", "findings.jsonl", "samples.jsonl"):
            folder.open(name)
    except RunFolderError:
        folder.remove()
        raise
    return folder
