"""Every metric of stressd, once: its kind, name, labels and help. The unit ends the name.

The epoch and the arena belong to the process and not to a tree (all trees share them), so their
metrics have no `tree` label. Thread, key, seed and run never label a series that grows with the
load; join `stressd_run_info` for them. How many pairs of workload and operation a configuration
may have is bounded by its checks (`limits.SERIES_MAX`, `limits.OP_SERIES`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import core, metrics_core

PREFIX = "stressd_"
UNITS = ("seconds", "bytes")

FAMILIES: dict[str, Callable[..., Any]] = {
    "counter": core.CounterMetricFamily,
    "gauge": core.GaugeMetricFamily,
    "histogram": core.HistogramMetricFamily,
    "info": core.InfoMetricFamily,
    "stateset": core.StateSetMetricFamily,
}


@dataclass(frozen=True)
class Metric:
    """One metric. `readings` has a function of the same name, without prefix and unit."""

    kind: str
    name: str  # as queries write it: with the prefix, and _total or _info where it applies
    labels: tuple[str, ...]
    help: str

    @property
    def unit(self) -> str:
        """The base unit that the name ends with, "" for a plain number."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in UNITS else ""

    @property
    def key(self) -> str:
        """The name of its reading."""
        return self.name.removeprefix(PREFIX)

    def empty(self) -> metrics_core.Metric:
        """Return the family without samples."""
        if self.kind in ("info", "stateset"):  # these carry their labels as values
            family = FAMILIES[self.kind](self.name.removesuffix("_info"), self.help)
        else:
            family = FAMILIES[self.kind](self.name, self.help, labels=self.labels, unit=self.unit)
        assert isinstance(family, metrics_core.Metric)
        return family


def _maker(kind: str) -> Callable[[str, str, str], Metric]:
    """Return the constructor of one kind of metric, for a list with one line each."""

    def make(name: str, labels: str, text: str) -> Metric:
        return Metric(kind, PREFIX + name, tuple(labels.split()), text)

    return make


_counter, _gauge, _histogram, _info, _states = map(_maker, FAMILIES)

CATALOG: tuple[Metric, ...] = (
    # the run
    _info("build_info", "version revision build python numba numpy", "What this process is."),
    _info("run_info", "run_id config config_sha256 seed", "What identifies the run."),
    _states("state", "stressd_state", "State of the run: 1 for the one that holds."),
    _states("verdict", "stressd_verdict", "Verdict so far: 1 for the one that holds."),
    _gauge("run_start_time_seconds", "", "When the run began, Unix time."),
    _gauge("run_planned_duration_seconds", "", "How long the run is to last."),
    _gauge("kernel_compile_duration_seconds", "kernel cache", "Time to compile or load a kernel."),
    _counter("errors_total", "component kind", "Errors, and statuses that ended a worker."),
    _histogram("supervisor_loop_delay_seconds", "", "How late the supervisor's loop woke up."),
    _gauge("scrape_duration_seconds", "", "Time to produce the scrape before this one."),
    # operations
    _counter("ops_total", "workload op outcome", "Operations that ended, by outcome."),
    _histogram("op_duration_seconds", "workload op", "Duration of the timed operations."),
    _gauge("op_duration_quantile_seconds", "workload op q", "In the newest interval; 0 if idle."),
    _gauge("op_duration_max_seconds", "workload op", "Longest timed operation of the run."),
    _counter("op_retries_total", "workload op reason", "Tries after the first, by their reason."),
    # workers
    _gauge("workers", "workload state", "Workers that are running, idle or stalled."),
    _gauge("worker_last_progress_timestamp_seconds", "worker", "End of the last slice, Unix time."),
    # trees
    _gauge("tree_spaces", "tree", "Address spaces that the label stands for."),
    _gauge("tree_entries", "tree", "Ranges that have a value."),
    _gauge("tree_height", "tree", "Levels of the highest tree."),
    _gauge("tree_version", "tree", "Version words, summed; each write adds 2."),
    _gauge("tree_nodes", "tree kind", "Nodes that readers can reach: leaf or inner."),
    _counter("tree_restructures_total", "tree kind", "Writes that changed more than one leaf."),
    _counter("tree_shortcuts_total", "tree", "Tables made that lead past the upper levels."),
    _histogram("lock_wait_seconds", "tree", "Sampled waits for the writer lock."),
    _histogram("lock_hold_seconds", "tree", "Sampled holds of the writer lock."),
    # address spaces
    _gauge("spaces_alive", "", "Address spaces that exist; 0 in a run without any."),
    _gauge("spaces_mappings", "", "Mappings (VMAs) of all address spaces."),
    _gauge("spaces_mapped_bytes", "", "What all address spaces have mapped."),
    _gauge("spaces_locked_bytes", "", "What of that is locked in memory."),
    _counter("spaces_calls_total", "", "Calls that changed an address space, or might have."),
    _counter("spaces_validations_total", "", "Comparisons of all structures of one."),
    _counter("spaces_comparisons_total", "", "Gap searches asked of two trees."),
    _counter("spaces_splits_total", "", "Mappings that were cut in two."),
    _counter("spaces_merges_total", "case", "Mappings that became one: the eight cases."),
    _counter("spaces_stacks_grown_total", "", "Stacks that grew."),
    # reclamation
    _counter("epoch_advances_total", "", "Steps of the global epoch."),
    _gauge("epoch_lag", "", "Epoch minus the oldest that a reader announces."),
    _gauge("epoch_pinned_readers", "", "Slots that announce an epoch now."),
    _counter("backlog_waits_total", "", "Times a writer waited for readers to leave."),
    _gauge("reclaim_backlog_nodes", "", "Nodes that are retired and not yet free."),
    _gauge("reclaim_backlog_bytes", "", "Memory of the nodes that are retired and not yet free."),
    _counter("nodes_allocated_total", "", "Nodes taken for a tree."),
    _counter("nodes_retired_total", "", "Nodes unlinked from a tree."),
    _counter("nodes_freed_total", "", "Nodes given back after their grace period."),
    _gauge("arena_capacity_bytes", "", "Size of the arena."),
    _gauge("arena_used_bytes", "", "Part of the arena that was carved into nodes."),
    _gauge("arena_nodes", "place", "Where every node is: live, limbo, cached or free."),
    # the trace
    _counter("trace_events_total", "outcome", "Trace events that were written, or lost."),
    _counter("trace_waits_total", "", "Times a call was told to wait for room for its events."),
    _gauge("trace_file_bytes", "", "Size of the trace."),
    # judgement
    _counter("judged_total", "oracle outcome", "What was judged: ok, interesting or forbidden."),
    _gauge("last_violation_timestamp_seconds", "oracle", "Last forbidden thing seen; 0 for never."),
)
