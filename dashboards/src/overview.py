"""The overview of one or more runs: is it right, how fast is it, does memory come back."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models
from health import (
    address_spaces,
    judgement,
    lock,
    process,
    reclamation,
    traces,
    trees,
    workers_and_supervisor,
)
from load import latency, operations, verdict_and_state
from parts import choice, mark, select, variables

TAG = "stressd"

ROWS = (
    verdict_and_state,
    operations,
    latency,
    reclamation,
    trees,
    address_spaces,
    lock,
    judgement,
    traces,
    workers_and_supervisor,
    process,
)


def overview() -> models.Dashboard:
    """Return the dashboard."""
    link = dashboard.DashboardLink("stressd").type(models.DashboardLinkType.DASHBOARDS)
    link = link.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True)
    seen = select("stressd_last_violation_timestamp_seconds")
    violations = mark("Violation", f"1000 * max by (instance, oracle) ({seen}) > 0", "red")
    ops = 'label_values(stressd_ops_total{job=~"$job",instance=~"$instance"}, op)'
    board = (
        dashboard.Dashboard("stressd overview")
        .uid("stressd-overview")
        .description("Correctness, latency and memory of stress runs of a concurrent range tree.")
        .tags([TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-30m", "now")
        .refresh("10s")
        .timezone("browser")
        .variables([*variables(), choice("op", "Operation", ops, "load")])
        .link(link)
        .annotation(violations)
    )
    number = 0
    for row in ROWS:
        title, panels = row()
        number += 1
        board.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return board.build()
