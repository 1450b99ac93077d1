"""What the tree is to reach: data, and nothing that measures.

A target compares a figure with the same figure of a reference in the same sitting (`than`), as
how many times better it is, or, with no reference, the figure itself. `at_least` is what must
be; `reach` is what is striven for.
"""

from __future__ import annotations

from dataclasses import dataclass

KERNEL = "kernel"  # the kernel's maple tree in userspace
ABSL = "absl"  # absl::btree_map under a shared_mutex
ITSELF = ""  # no reference: the figure itself; seconds are at most that, all else at least

SMALL, MEDIUM, LARGE, HUGE = 1_000, 100_000, 1_000_000, 10_000_000


@dataclass(frozen=True)
class Target:
    """One bound on one metric."""

    metric: str
    at_least: float
    than: str = KERNEL
    reach: float | None = None
    entries: tuple[int, ...] = ()  # none: at every size
    readers: int | None = None  # beside the writer; none: whatever the figure has


TARGETS = (
    Target("lookup", 6, reach=8, entries=(SMALL, MEDIUM, LARGE)),
    Target("lookup", 5, reach=8, entries=(HUGE,)),
    Target("lookup_dependent", 1.4, reach=1.6),
    Target("lookup_batch", 10, reach=15, entries=(LARGE, HUGE)),
    Target("store_erase", 2.5, reach=3.9, entries=(SMALL,)),
    Target("store_erase", 1.8, reach=3.2, entries=(MEDIUM,)),
    Target("store_erase", 1.4, reach=2.9, entries=(LARGE,)),
    Target("overwrite", 4),
    Target("gap_up_1", 1.5, reach=2.5),
    Target("gap_up_15", 1.5, reach=2.5),
    Target("gap_down_1", 1.5, reach=2.5),
    Target("gap_down_15", 1.5, reach=2.5),
    Target("iterate", 1, than=ABSL, reach=2),
    Target("build_bulk", 1, than=ABSL, reach=2),
    Target("bytes_per_entry", 1),
    Target("bytes_per_entry_random", 1),
    Target("mixed_reads_per_second", 4, reach=5, entries=(MEDIUM,), readers=3),
    Target("mixed_writes_per_second", 2, reach=3, entries=(MEDIUM,), readers=3),
    Target("mixed_p999", 2, reach=3, entries=(MEDIUM,), readers=3),
    Target("readers_scaling", 0.95, than=ITSELF, reach=1),
    Target("start_cold", 30, than=ITSELF),
    Target("compile_everything", 120, than=ITSELF),
    Target("start_warm", 1.5, than=ITSELF),
)
