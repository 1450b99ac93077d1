"""Rows about the load: is it right, how much is done, how long does it take."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models
from parts import (
    THIRD,
    WHOLE,
    Panel,
    Query,
    Row,
    facts,
    figure,
    heat,
    latencies,
    lines,
    name_of,
    quantile,
    rate,
    select,
    stacked,
    timeline,
)

VERDICT_COLORS = {"valid": "green", "unknown": "blue", "invalid": "red"}
STATE_COLORS = {"running": "green", "paused": "yellow", "draining": "yellow", "failed": "red"}
DURATION = "stressd_op_duration_seconds"
QUANTILE = "stressd_op_duration_quantile_seconds"


def verdict_and_state() -> Row:
    """Is it right, and is it still running?"""
    verdict = f"max by (stressd_verdict) ({select('stressd_verdict')}) == 1"
    state = f"max by (stressd_state) ({select('stressd_state')}) == 1"
    states = f"max by (stressd_state) ({select('stressd_state')})"
    seen = f"1000 * max({select('stressd_last_violation_timestamp_seconds')})"
    age = f"time() - max({select('stressd_run_start_time_seconds')})"
    planned = f"max({select('stressd_run_planned_duration_seconds')})"
    never = models.ValueMap(options={"0": models.ValueMappingResult(text="never", color="green")})
    return "Verdict and state", [
        name_of(
            "Verdict so far",
            "invalid as soon as anything forbidden was seen; the final verdict is in the summary.",
            Query(verdict, "{{stressd_verdict}}", instant=True),
            VERDICT_COLORS,
        ),
        name_of(
            "State",
            "What the run is doing now.",
            Query(state, "{{stressd_state}}", instant=True),
            STATE_COLORS,
        ),
        figure(
            "Last violation",
            "When an oracle last saw something that must never happen.",
            "dateTimeFromNow",
            Query(seen, instant=True),
        ).mappings([never]),
        figure("Running for", "Time since the run began.", "s", Query(age, instant=True)),
        figure("Planned", "How long the run is to last.", "s", Query(planned, instant=True)),
        figure(
            "Operations",
            "All operations of all workloads, per second.",
            "ops",
            Query(f"sum({rate('stressd_ops_total')})"),
        ),
        timeline(
            "State over time",
            "The states that the run went through.",
            Query(states, "{{stressd_state}}"),
            span=WHOLE,
        ),
        facts(
            "Run",
            "What identifies the run.",
            "stressd_run_info",
            "run_id config config_sha256 seed",
        ),
        facts(
            "Build",
            "What the process is made of.",
            "stressd_build_info",
            "version revision python numba numpy",
        ),
    ]


def operations() -> Row:
    """How much is done, and how it ends."""
    all_ops = rate("stressd_ops_total")
    missed = rate("stressd_ops_total", 'outcome="miss"')
    return "Operations", [
        stacked(
            "Operations by kind",
            "Operations that ended, per second.",
            "ops",
            Query(f"sum by (op) ({all_ops})", "{{op}}"),
        ),
        stacked(
            "Operations by workload",
            "Operations that ended, per second.",
            "ops",
            Query(f"sum by (workload) ({all_ops})", "{{workload}}"),
        ),
        stacked(
            "Outcomes",
            "ok; miss: nothing was there; conflict: something was in the way; error: gave up.",
            "ops",
            Query(f"sum by (outcome) ({all_ops})", "{{outcome}}"),
            span=THIRD,
        ),
        lines(
            "Share of misses",
            "Operations that found nothing where they looked.",
            "percentunit",
            Query(f"sum by (op) ({missed}) / (sum by (op) ({all_ops}) > 0)", "{{op}}"),
            span=THIRD,
        ),
        lines(
            "Retries",
            "Tries after the first, by what made them necessary.",
            "ops",
            Query(f"sum by (op, reason) ({rate('stressd_op_retries_total')})", "{{op}} {{reason}}"),
            span=THIRD,
        ),
    ]


def latency() -> Row:
    """How long one operation takes."""
    panels: list[Panel] = []
    for q, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        series = select(QUANTILE, f'q="{q:g}"')
        exact = f"max by (op) ({series} > 0)"
        panels.append(
            latencies(
                f"Latency {name}",
                "Solid: of the newest sampling interval, within 3.1 %. Dashed: interpolated from"
                " the buckets, over the rate interval and all targets.",
                Query(exact, "{{op}}"),
                Query(quantile(q, DURATION, "op"), "{{op}} (buckets)"),
            )
        )
    slowest = select(QUANTILE, 'q="1"')
    newest = f"max by (op) ({slowest} > 0)"
    longest = f"max by (op) ({select('stressd_op_duration_max_seconds')})"
    panels.append(
        latencies(
            "Latency maximum",
            "The slowest timed operation of the newest sampling interval, and of the whole run.",
            Query(newest, "{{op}}"),
            Query(longest, "{{op}} of the run"),
        )
    )
    panels.append(
        heat(
            "Spread of latencies: $op",
            "How many timed operations took how long; choose the operation above.",
            DURATION,
            'op=~"$op"',
        )
    )
    return "Latency", panels
