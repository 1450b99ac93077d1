"""How each metric is read from a `View`: pure functions that yield the samples of one family.

The function of metric `stressd_x` is named `x`; the collector finds it by that name. A row is
what the family's `add_metric` takes: (label values, value) for counters and gauges, (label
values, buckets, sum) for histograms, ([], mapping) for infos and statesets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Literal

from stressd.evidence import (
    GRADES,
    OUTCOMES,
    ArenaSample,
    Counts,
    EpochSample,
    LockSample,
    SpacesSample,
    TraceSample,
    TreeSample,
)
from stressd.metrics.buckets import NANOSECONDS, coarse, quantile_seconds
from stressd.metrics.source import STATES, VERDICTS, View

Rows = Iterator[tuple[object, ...]]
Reading = Callable[[View], Rows]

QUANTILES = (0.5, 0.99, 0.999, 1.0)
RESTRUCTURES = ("split", "merge", "spanning_store")
WORKER_STATES: tuple[Literal["running", "idle", "stalled"], ...] = ("running", "idle", "stalled")
WORKERS_SHOWN = 64
NO_SPACES = SpacesSample(0, 0, 0, 0, 0, 0, 0, 0, 0, (0,) * 8, 0)
NO_TRACE = TraceSample("", 0, 0, 0, 0)


# --- how figures are picked ------------------------------------------------------------------
def of_view(pick: Callable[[View], float]) -> Reading:
    """Return a reading of one figure that has no labels."""

    def read(view: View) -> Rows:
        yield [], pick(view)

    return read


def of_arena(pick: Callable[[ArenaSample], float]) -> Reading:
    """Return a reading of one figure of the arena."""
    return of_view(lambda view: pick(view.sample.arena))


def of_epoch(pick: Callable[[EpochSample], float]) -> Reading:
    """Return a reading of one figure of the epoch."""
    return of_view(lambda view: pick(view.sample.epoch))


def of_trace(pick: Callable[[TraceSample], float]) -> Reading:
    """Return a reading of one figure of the trace, 0 where none is written."""
    return of_view(lambda view: pick(view.sample.trace or NO_TRACE))


def of_tree(pick: Callable[[TreeSample], float]) -> Reading:
    """Return a reading of one figure of each tree."""

    def read(view: View) -> Rows:
        for tree in view.sample.trees:
            yield [tree.tree], pick(tree)

    return read


def of_spaces(pick: Callable[[SpacesSample], float]) -> Reading:
    """Return a reading of one figure of the address spaces, 0 in a run without any."""
    return of_view(lambda view: pick(view.sample.spaces or NO_SPACES))


def of_lock(pick: Callable[[LockSample], tuple[Counts, int]]) -> Reading:
    """Return a reading of one histogram of each lock."""

    def read(view: View) -> Rows:
        for lock in view.sample.locks:
            yield _histogram([lock.tree], *pick(lock))

    return read


def _histogram(labels: list[str], counts: Counts, sum_ns: int) -> tuple[object, ...]:
    return labels, coarse(counts), sum_ns / NANOSECONDS


# --- the run ---------------------------------------------------------------------------------
def build_info(view: View) -> Rows:
    """What this process is made of."""
    yield [], view.build


def run_info(view: View) -> Rows:
    """What identifies the run."""
    run = view.run
    known = {"run_id": run.run_id, "config": run.config, "config_sha256": run.config_sha256}
    yield [], {**known, "seed": str(run.seed)}


def state(view: View) -> Rows:
    """One series for each state."""
    yield [], {name: name == view.state for name in STATES}


def verdict(view: View) -> Rows:
    """One series for each verdict."""
    yield [], {name: name == view.verdict for name in VERDICTS}


run_start_time_seconds = of_view(lambda view: view.run.started)
run_planned_duration_seconds = of_view(lambda view: view.run.planned_seconds)
scrape_duration_seconds = of_view(lambda view: view.scrape_seconds)


def kernel_compile_duration_seconds(view: View) -> Rows:
    """One series for each kernel."""
    for record in view.compiled:
        yield [record.kernel, "hit" if record.cached else "miss"], record.seconds


def errors_total(view: View) -> Rows:
    """One series for each kind of error of each component."""
    for (component, kind), count in view.errors.items():
        yield [component, kind], count


def supervisor_loop_delay_seconds(view: View) -> Rows:
    """Taken over from a histogram that the session observes, ten times a second at most."""
    (family,) = view.loop_delay.collect()
    buckets = [(s.labels["le"], s.value) for s in family.samples if s.name.endswith("_bucket")]
    total = next(s.value for s in family.samples if s.name.endswith("_sum"))
    yield [], buckets, total


# --- operations ------------------------------------------------------------------------------
def ops_total(view: View) -> Rows:
    """One series for each outcome of each operation."""
    for op, outcome in product(view.sample.ops, OUTCOMES):
        yield [op.workload, op.op, outcome], op.outcomes.get(outcome, 0)


def op_duration_seconds(view: View) -> Rows:
    """One histogram for each operation."""
    for op in view.sample.ops:
        yield _histogram([op.workload, op.op], op.durations, op.duration_sum_ns)


def op_duration_quantile_seconds(view: View) -> Rows:
    """From the fine histogram of the newest interval, within 3.1 %."""
    for op in view.sample.ops:
        counts = view.interval(op)
        for q in QUANTILES:
            seconds = quantile_seconds(counts, q, op.duration_max_ns)
            yield [op.workload, op.op, f"{q:g}"], seconds


def op_duration_max_seconds(view: View) -> Rows:
    """The slowest of the whole run."""
    for op in view.sample.ops:
        yield [op.workload, op.op], op.duration_max_ns / NANOSECONDS


def op_retries_total(view: View) -> Rows:
    """One series for each reason that an operation of the run can be tried again for."""
    for op in view.sample.ops:
        for reason, count in op.retries.items():
            yield [op.workload, op.op, reason], count


# --- workers ---------------------------------------------------------------------------------
def workers(view: View) -> Rows:
    """Every workload has every state, so that a stall shows as an increase."""
    seen = Counter((worker.workload, worker.state) for worker in view.sample.workers)
    workloads = dict.fromkeys(workload for workload, _ in view.run.pairs)
    for workload, state in product(workloads, WORKER_STATES):
        yield [workload, state], seen[workload, state]


def worker_last_progress_timestamp_seconds(view: View) -> Rows:
    """Of the first 64 workers: the label must not grow with the machine."""
    for worker in view.sample.workers[:WORKERS_SHOWN]:
        yield [str(worker.worker)], worker.last_progress


# --- trees -----------------------------------------------------------------------------------
tree_spaces = of_tree(lambda tree: tree.trees)
tree_entries = of_tree(lambda tree: tree.entries)
tree_height = of_tree(lambda tree: tree.height)
tree_version = of_tree(lambda tree: tree.version)
tree_shortcuts_total = of_tree(lambda tree: tree.shortcuts)
lock_wait_seconds = of_lock(lambda lock: (lock.waits, lock.waits_sum_ns))
lock_hold_seconds = of_lock(lambda lock: (lock.holds, lock.holds_sum_ns))


def tree_nodes(view: View) -> Rows:
    """Leaves and inner nodes of each tree."""
    for tree in view.sample.trees:
        yield [tree.tree, "leaf"], tree.leaves
        yield [tree.tree, "inner"], tree.inners


def tree_restructures_total(view: View) -> Rows:
    """Changes of shape of each tree, by kind."""
    for tree in view.sample.trees:
        for kind, count in {**dict.fromkeys(RESTRUCTURES, 0), **tree.restructures}.items():
            yield [tree.tree, kind], count


# --- address spaces --------------------------------------------------------------------------
spaces_alive = of_spaces(lambda spaces: spaces.alive)
spaces_mappings = of_spaces(lambda spaces: spaces.vmas)
spaces_mapped_bytes = of_spaces(lambda spaces: spaces.mapped_bytes)
spaces_locked_bytes = of_spaces(lambda spaces: spaces.locked_bytes)
spaces_calls_total = of_spaces(lambda spaces: spaces.calls)
spaces_validations_total = of_spaces(lambda spaces: spaces.validations)
spaces_comparisons_total = of_spaces(lambda spaces: spaces.comparisons)
spaces_splits_total = of_spaces(lambda spaces: spaces.splits)
spaces_stacks_grown_total = of_spaces(lambda spaces: spaces.grown)


def spaces_merges_total(view: View) -> Rows:
    """One series for each of the eight cases."""
    for case, count in enumerate((view.sample.spaces or NO_SPACES).merges, 1):
        yield [str(case)], count


# --- reclamation -----------------------------------------------------------------------------
epoch_advances_total = of_epoch(lambda epoch: epoch.epoch)
epoch_lag = of_epoch(lambda epoch: epoch.lag)
epoch_pinned_readers = of_epoch(lambda epoch: epoch.pinned)
backlog_waits_total = of_epoch(lambda epoch: epoch.backlog_waits)
reclaim_backlog_nodes = of_arena(lambda arena: arena.limbo)
reclaim_backlog_bytes = of_arena(lambda arena: arena.limbo_bytes)
nodes_allocated_total = of_arena(lambda arena: arena.allocated_total)
nodes_retired_total = of_arena(lambda arena: arena.retired_total)
nodes_freed_total = of_arena(lambda arena: arena.freed_total)
arena_capacity_bytes = of_arena(lambda arena: arena.capacity_bytes)
arena_used_bytes = of_arena(lambda arena: arena.used_bytes)


def arena_nodes(view: View) -> Rows:
    """The places add up to all nodes that were carved, exactly so when nobody works."""
    arena = view.sample.arena
    for place in ("live", "limbo", "cached", "free"):
        yield [place], getattr(arena, place)


# --- the trace -------------------------------------------------------------------------------
def trace_events_total(view: View) -> Rows:
    """One series for what is in the file, one for what is not."""
    trace = view.sample.trace or NO_TRACE
    yield ["written"], trace.events
    yield ["lost"], trace.lost


trace_waits_total = of_trace(lambda trace: trace.waits)
trace_file_bytes = of_trace(lambda trace: trace.size_bytes)


# --- judgement -------------------------------------------------------------------------------
def judged_total(view: View) -> Rows:
    """One series for each grade of each oracle."""
    for one, grade in product(view.sample.judged, GRADES):
        yield [one.oracle, grade], one.grades.get(grade, 0)


def last_violation_timestamp_seconds(view: View) -> Rows:
    """One series for each oracle, 0 where it has seen nothing forbidden."""
    oracles = dict.fromkeys(one.oracle for one in view.sample.judged)
    for oracle in oracles | dict.fromkeys(view.violations):
        yield [oracle], view.violations.get(oracle, 0.0)
