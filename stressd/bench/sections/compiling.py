"""How long one waits for the compiler: cold, warm, and for everything there is.

    start_cold           `stressd run` of the quickstart with an empty cache, from the start of
                         its process to its first operation; it compiles in parallel processes
    start_warm           the same again
    compile_everything   all entries and drivers, with an empty cache

Wall-clock seconds, so the figures count only on a machine that is quiet; `_cpu`: CPU seconds of
all processes, for `start_*` those of a whole run that ends after a moment.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import stressd
import stressd_kernels
from stressd.bench import everything
from stressd.bench.figure import DRIVERS, SECONDS, Figure, figure
from stressd.bench.sections.section import Apart, Effort
from stressd.errors import UsageError

CONFIG = "quickstart"
DURATION = "30ms"  # longer than a slice, as a run must be


def measure(effort: Effort) -> Iterator[Figure]:
    """Yield the figures of starting and compiling."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = start(folder)
        yield from pair("start_cold", [cold])
        yield from pair("start_warm", [start(folder) for _ in range(effort.reps)])
    with tempfile.TemporaryDirectory() as name:
        begin = time.monotonic()
        printed, cpu = run(Path(name), ["-m", everything.__name__])
        yield from pair("compile_everything", [(time.monotonic() - begin, cpu)])
        missed = json.loads(printed.splitlines()[-1])["missed"]
        yield figure("compile_everything_missed", None, DRIVERS, [len(missed)])


def pair(metric: str, taken: list[tuple[float, float]]) -> Iterator[Figure]:
    """Yield wall-clock and CPU seconds."""
    yield figure(metric, None, SECONDS, [wall for wall, _ in taken])
    yield figure(f"{metric}_cpu", None, SECONDS, [cpu for _, cpu in taken])


def start(folder: Path) -> tuple[float, float]:
    """Run the configuration for a moment; return the seconds to its first operation, and CPU."""
    run_folder = Path(tempfile.mkdtemp(dir=folder)) / "run"
    words = ["run", CONFIG, "--duration", DURATION, "--no-metrics", "--quiet"]
    begin = time.time()
    _, cpu = run(folder, ["-m", "stressd", *words, "--run-dir", str(run_folder)])
    log = (run_folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    for record in map(json.loads, log):
        if record.get("phase") == "running":
            return datetime.fromisoformat(record["timestamp"]).timestamp() - begin, cpu
    raise UsageError(f"compile: a run of {CONFIG} did not begin")


def run(folder: Path, words: list[str]) -> tuple[str, float]:
    """Run Python with its kernels cached in `folder`; return what it printed, and CPU seconds."""
    before = children_cpu()
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 5):  # 5: too short a run to prove anything
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(f"compile: {' '.join(words[:3])} ended with {done.returncode}: {last}")
    return done.stdout, children_cpu() - before


def environment(folder: Path) -> Mapping[str, str]:
    """Return the environment of a process that imports what this one has imported."""
    packages = [Path(str(module.__file__)).parents[1] for module in (stressd, stressd_kernels)]
    path = [*map(str, packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    cache = str(folder / "cache")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "STRESSD_CACHE_DIR": cache}


def children_cpu() -> float:
    """Return the CPU seconds of the processes that were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


SECTION = Apart("compile", measure)
