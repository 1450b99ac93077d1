"""Rows about the machinery: does memory come back, do trees keep their shape, does all work."""

from __future__ import annotations

from parts import (
    THIRD,
    Panel,
    Query,
    Row,
    latencies,
    lines,
    quantile,
    rate,
    select,
    stacked,
)


def address_spaces() -> Row:
    """What becomes of the address spaces, and do their structures agree?"""
    alive, mappings = select("stressd_spaces_alive"), select("stressd_spaces_mappings")
    mapped, locked = select("stressd_spaces_mapped_bytes"), select("stressd_spaces_locked_bytes")
    validated = rate("stressd_spaces_validations_total")
    compared = rate("stressd_spaces_comparisons_total")
    split, grown = rate("stressd_spaces_splits_total"), rate("stressd_spaces_stacks_grown_total")
    merged = rate("stressd_spaces_merges_total")
    return "Address spaces", [
        lines(
            "Alive",
            "Address spaces that exist: forks make them, exits end them.",
            "none",
            Query(f"sum by (instance) ({alive})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Mappings",
            "VMAs of all address spaces.",
            "short",
            Query(f"sum by (instance) ({mappings})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Mapped memory",
            "What all address spaces have mapped, and what of it is locked: addresses, not memory.",
            "bytes",
            Query(f"sum({mapped})", "mapped"),
            Query(f"sum({locked})", "locked"),
            span=THIRD,
        ),
        lines(
            "Calls and comparisons",
            "Per second: calls that change, comparisons of all structures, gap searches asked of "
            "two trees.",
            "cps",
            Query(f"sum({rate('stressd_spaces_calls_total')})", "calls"),
            Query(f"sum({validated})", "validations"),
            Query(f"sum({compared})", "gap searches"),
            span=THIRD,
        ),
        lines(
            "Splits and growth",
            "Mappings that were cut in two, and stacks that grew, per second.",
            "cps",
            Query(f"sum({split})", "split"),
            Query(f"sum({grown})", "grown"),
            span=THIRD,
        ),
        stacked(
            "Merges by case",
            "Mappings that became one, by the eight cases of vma_merge, per second.",
            "cps",
            Query(f"sum by (case) ({merged})", "case {{case}}"),
            span=THIRD,
        ),
    ]


def reclamation() -> Row:
    """Does memory come back?"""
    retired, freed = rate("stressd_nodes_retired_total"), rate("stressd_nodes_freed_total")
    pinned, backlog = (
        select("stressd_epoch_pinned_readers"),
        select("stressd_reclaim_backlog_nodes"),
    )
    used, size = select("stressd_arena_used_bytes"), select("stressd_arena_capacity_bytes")
    waits = rate("stressd_backlog_waits_total")
    return "Epochs, backlog, arena", [
        lines(
            "Epoch steps",
            "Steps of the global epoch per second. None, while nodes are retired: a reader hangs.",
            "cps",
            Query(f"sum by (instance) ({rate('stressd_epoch_advances_total')})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Epoch lag and pinned readers",
            "Lag: how far the oldest announced epoch is behind; 2 and more holds memory back.",
            "none",
            Query(f"max by (instance) ({select('stressd_epoch_lag')})", "lag {{instance}}"),
            Query(f"sum by (instance) ({pinned})", "pinned {{instance}}"),
            span=THIRD,
        ),
        lines(
            "Backlog",
            "Nodes that are retired and wait for readers to leave.",
            "short",
            Query(f"sum by (instance) ({backlog})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Nodes allocated, retired, freed",
            "Per second; allocated and freed are equal on a tree that does not grow.",
            "cps",
            Query(f"sum({rate('stressd_nodes_allocated_total')})", "allocated"),
            Query(f"sum({retired})", "retired"),
            Query(f"sum({freed})", "freed"),
            span=THIRD,
        ),
        lines(
            "Memory held back",
            "Memory of the backlog.",
            "bytes",
            Query(f"sum by (instance) ({select('stressd_reclaim_backlog_bytes')})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Writers that waited for readers",
            "Times per second that a writer waited because the backlog was too long.",
            "cps",
            Query(f"sum by (instance) ({waits})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Arena",
            "Memory carved into nodes, and the size of the arena.",
            "bytes",
            Query(f"sum by (instance) ({used})", "used {{instance}}"),
            Query(f"sum by (instance) ({size})", "size {{instance}}"),
        ),
        stacked(
            "Nodes of the arena",
            "live: in a tree; limbo: retired; cached: ready for one writer; free: for everybody.",
            "short",
            Query(f"sum by (place) ({select('stressd_arena_nodes')})", "{{place}}"),
        ),
    ]


def trees() -> Row:
    """What shape do the trees have, and how fast does it change?"""
    writes = f"sum by (tree) (deriv({select('stressd_tree_version')}[$__rate_interval])) / 2"
    changes = rate("stressd_tree_restructures_total")
    shortcuts = rate("stressd_tree_shortcuts_total")
    return "Tree shape", [
        lines(
            "Entries",
            "Ranges that have a value.",
            "short",
            Query(f"sum by (tree) ({select('stressd_tree_entries')})", "{{tree}}"),
            span=THIRD,
        ),
        lines(
            "Height",
            "Levels of the highest tree.",
            "none",
            Query(f"max by (tree) ({select('stressd_tree_height')})", "{{tree}}"),
            span=THIRD,
        ),
        lines(
            "Address spaces",
            "Trees that a label stands for.",
            "none",
            Query(f"sum by (tree) ({select('stressd_tree_spaces')})", "{{tree}}"),
            span=THIRD,
        ),
        lines(
            "Nodes",
            "Nodes that readers can reach.",
            "short",
            Query(f"sum by (tree, kind) ({select('stressd_tree_nodes')})", "{{tree}} {{kind}}"),
            span=THIRD,
        ),
        lines(
            "Writes",
            "Published changes per second, from the version words.",
            "wps",
            Query(writes, "{{tree}}"),
            span=THIRD,
        ).min(None),
        lines(
            "Changes of shape",
            "A second: writes that changed more than one leaf; shortcuts of tall trees, made anew.",
            "cps",
            Query(f"sum by (tree, kind) ({changes})", "{{tree}} {{kind}}"),
            Query(f"sum by (tree) ({shortcuts})", "{{tree}} shortcut"),
            span=THIRD,
        ),
    ]


def lock() -> Row:
    """What does writing cost the other writers?"""

    def panel(title: str, description: str, metric: str) -> Panel:
        median, tail = quantile(0.5, metric, "tree"), quantile(0.99, metric, "tree")
        return latencies(
            title, description, Query(median, "p50 {{tree}}"), Query(tail, "p99 {{tree}}")
        )

    wait, hold = "stressd_lock_wait_seconds", "stressd_lock_hold_seconds"
    return "Writer lock", [
        panel("Waiting for the lock", "Sampled waits of writers, from the buckets.", wait),
        panel("Holding the lock", "Sampled holds of writers, from the buckets.", hold),
    ]


def judgement() -> Row:
    """What was looked at, and what was seen?"""
    fine = rate("stressd_judged_total", 'outcome="ok"')
    other = rate("stressd_judged_total", 'outcome!="ok"')
    dates = select("stressd_last_violation_timestamp_seconds")
    return "Judged and findings", [
        lines(
            "Right answers",
            "Answers judged right, per second, by the oracle that judged them.",
            "cps",
            Query(f"sum by (oracle) ({fine})", "{{oracle}}"),
            span=THIRD,
        ),
        lines(
            "Near misses and violations",
            "interesting: unlikely but allowed; forbidden: proves a defect. Both should be 0.",
            "cps",
            Query(f"sum by (oracle, outcome) ({other})", "{{oracle}} {{outcome}}"),
            span=THIRD,
        ),
        lines(
            "Oracles that saw a violation",
            "1 from the moment an oracle saw something forbidden.",
            "none",
            Query(f"max by (oracle) ({dates} > bool 0)", "{{oracle}}"),
            span=THIRD,
        ),
    ]


def traces() -> Row:
    """Is everything that address spaces do written down, and what does that cost?"""
    events = rate("stressd_trace_events_total")
    size = select("stressd_trace_file_bytes")
    return "Trace events", [
        lines(
            "Events",
            "Trace events per second, for runs with --trace: written, or lost for lack of room.",
            "cps",
            Query(f"sum by (instance, outcome) ({events})", "{{outcome}} {{instance}}"),
            span=THIRD,
        ),
        lines(
            "Calls that waited for room",
            "Times per second that a call was told to come again, as its ring was full of events.",
            "cps",
            Query(f"sum by (instance) ({rate('stressd_trace_waits_total')})", "{{instance}}"),
            span=THIRD,
        ),
        lines(
            "Size of the trace",
            "The file; the trace ends where output.trace_max is reached.",
            "bytes",
            Query(f"sum by (instance) ({size})", "{{instance}}"),
            span=THIRD,
        ),
    ]


def workers_and_supervisor() -> Row:
    """Does everybody work, and does the supervisor keep up?"""
    delay = "stressd_supervisor_loop_delay_seconds"
    progress = select("stressd_worker_last_progress_timestamp_seconds")
    compiled = select("stressd_kernel_compile_duration_seconds")
    failures = rate("stressd_errors_total")
    return "Workers and supervisor", [
        stacked(
            "Workers",
            "Workers of each workload by state.",
            "none",
            Query(
                f"sum by (workload, state) ({select('stressd_workers')})", "{{workload}} {{state}}"
            ),
        ),
        lines(
            "Time since progress",
            "Of the worker that was silent longest.",
            "s",
            Query(f"time() - min by (instance) ({progress})", "{{instance}}"),
        ),
        latencies(
            "Delay of the supervisor's loop",
            "How late the main thread woke up; it needs a core now and then.",
            Query(quantile(0.5, delay, ""), "p50"),
            Query(quantile(0.99, delay, ""), "p99"),
            span=THIRD,
        ),
        lines(
            "Time to make kernels ready",
            "Compiled (miss) or loaded from the cache (hit), summed.",
            "s",
            Query(f"sum by (cache) ({compiled})", "{{cache}}"),
            span=THIRD,
        ),
        lines(
            "Errors",
            "Errors of stressd itself, and statuses that ended a worker, per second.",
            "cps",
            Query(f"sum by (component, kind) ({failures})", "{{component}} {{kind}}"),
            span=THIRD,
        ),
    ]


def process() -> Row:
    """What does the process take?"""
    memory = select("process_resident_memory_bytes")
    files = select("process_open_fds")
    scrape = select("stressd_scrape_duration_seconds")
    return "Process", [
        lines(
            "CPU",
            "Cores in use.",
            "none",
            Query(f"sum by (instance) ({rate('process_cpu_seconds_total')})", "{{instance}}"),
            span=6,
        ),
        lines(
            "Resident memory",
            "Memory of the process, arena and interpreter together.",
            "bytes",
            Query(f"max by (instance) ({memory})", "{{instance}}"),
            span=6,
        ),
        lines(
            "Open files",
            "File descriptors in use.",
            "none",
            Query(f"max by (instance) ({files})", "{{instance}}"),
            span=6,
        ),
        lines(
            "Time of a scrape",
            "How long the process took to answer Prometheus.",
            "s",
            Query(f"max by (instance) ({scrape})", "{{instance}}"),
            span=6,
        ),
    ]
