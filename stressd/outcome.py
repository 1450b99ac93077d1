"""What is left of a run: the object that is printed, and the larger one that is kept.

    {"verdict": "VALID", "exit_code": 0, "build": "fast", "clock": "tsc", "comparable": true,
     "duration_seconds": 20.01,
     "operations": {"load": {"count": .., "per_second": .., "p50_ns": .., "p99_ns": ..,
                             "p999_ns": .., "max_ns": ..}, ..},
     "judged": {"values": {"ok": .., "interesting": .., "forbidden": ..}, ..},
     "trace": null, or {"path": .., "events": .., "lost": .., "waits": .., "size_bytes": ..,
                        "ended": ".. why it ended early"},
     "findings": [{"oracle": .., "grade": .., "message": .., "details": {}}],
     "run_dir": "runs/20260131T235959Z-quickstart-3fa91c"}

`summary.json` has these keys and more: each oracle's opinion, how the run ended, the line that
repeats it, figures by workload, and the last state of trees, arena and epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stressd.builds import FAST, comparable
from stressd.evidence import GRADES, Compiled, Finding, Sample
from stressd.latency import by_operation, figures, interval
from stressd.verdict import Ending, Exit, Opinion, Verdict

Record = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a run came out."""

    verdict: Verdict
    exit_code: Exit
    ending: Ending
    opinions: tuple[Opinion, ...]
    sample: Sample | None  # the last one
    findings: tuple[Finding, ...]
    findings_dropped: int  # beyond the bound, counted only
    duration_s: float  # that the workers worked
    planned_s: float
    run_dir: Path
    repeat: str  # the command that runs the same workload again
    facts: Mapping[str, Any]  # version, configuration, seed, ...
    compiled: tuple[Compiled, ...] = ()
    abandoned: bool = False  # a thread may still be inside a kernel: the process must not linger


def judged(sample: Sample | None) -> dict[str, dict[str, int]]:
    """Return how often each oracle gave each grade."""
    total: dict[str, dict[str, int]] = {}
    for one in sample.judged if sample else ():
        grades = total.setdefault(one.oracle, dict.fromkeys(GRADES, 0))
        for grade in GRADES:
            grades[grade] += one.grades.get(grade, 0)
    return total


def brief(outcome: Outcome) -> Record:
    """Return the object that `--json` prints."""
    ops = by_operation(outcome.sample, outcome.duration_s) if outcome.sample else {}
    build = str(outcome.facts.get("build", FAST))
    return {
        "verdict": outcome.verdict.name,
        "exit_code": int(outcome.exit_code),
        "build": build,
        "clock": outcome.sample.clock if outcome.sample else "",
        "comparable": comparable(build),  # with other runs: latencies and rates
        "duration_seconds": round(outcome.duration_s, 3),
        "operations": {name: row.record() for name, row in ops.items()},
        "judged": judged(outcome.sample),
        "trace": trace_record(outcome.sample),
        "findings": [asdict(finding) for finding in outcome.findings],
        "run_dir": str(outcome.run_dir),
    }


def trace_record(sample: Sample | None) -> Record | None:
    """Return what came of the trace, None if none was asked for."""
    return asdict(sample.trace) if sample and sample.trace else None


def full(outcome: Outcome) -> Record:
    """Return the object that the run folder keeps."""
    return {
        **brief(outcome),
        **outcome.facts,
        "ending": {"cause": outcome.ending.cause.value, "message": outcome.ending.message},
        "planned_seconds": outcome.planned_s,
        "repeat": outcome.repeat,
        "opinions": [
            {**asdict(opinion), "verdict": opinion.verdict.name} for opinion in outcome.opinions
        ],
        "findings_dropped": outcome.findings_dropped,
        "compiled": [asdict(record) for record in outcome.compiled],
        **(last_state(outcome.sample, outcome.duration_s) if outcome.sample else {}),
    }


def last_state(sample: Sample, seconds: float) -> Record:
    """Return figures by workload, and where everything stood at the end."""
    return {
        "workloads": [
            {"workload": op.workload, "op": op.op}
            | figures([op], seconds).record()
            | {"outcomes": dict(op.outcomes), "retries": dict(op.retries)}
            for op in sample.ops
        ],
        "trees": [asdict(tree) for tree in sample.trees],
        **({"spaces": asdict(sample.spaces)} if sample.spaces else {}),
        "arena": asdict(sample.arena),
        "epoch": asdict(sample.epoch),
        "workers": [asdict(worker) for worker in sample.workers],
    }


def interval_record(newer: Sample, older: Sample | None, elapsed_s: float) -> Record:
    """Return one line of samples.jsonl: what happened since the sample before."""
    ops, seconds = interval(newer, older)
    return {
        "time": round(newer.unix_time, 3),
        "elapsed_seconds": round(elapsed_s, 3),
        "ops": [
            {
                "workload": op.workload,
                "op": op.op,
                "per_second": round(row.per_second, 1),
                "p50_ns": row.p50_ns,
                "p99_ns": row.p99_ns,
                "p999_ns": row.p999_ns,
            }
            for op in ops
            for row in [figures([op], seconds)]
        ],
        "epoch_lag": newer.epoch.lag,
        "backlog_nodes": newer.arena.limbo,
        "arena_used_bytes": newer.arena.used_bytes,
        "forbidden": sum(one.grades.get("forbidden", 0) for one in newer.judged),
    }
