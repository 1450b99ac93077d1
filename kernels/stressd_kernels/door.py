"""The only door through which kernels touch memory that another thread may touch.

    build     chosen by STRESSD_BUILD   what one call does
    fast      (default)                 one LLVM instruction on a word of the arena
    checking  checking                  the same; generations compared at each step of a walk

Every other module is plain Python over these names. The build is fixed when this package is
imported: the constant CHECKING is frozen into compiled code, so `if CHECKING:` costs nothing
in the fast build.
"""

import os

BUILDS = ("fast", "checking")
BUILD = os.environ.get("STRESSD_BUILD", "fast")
if BUILD not in BUILDS:
    raise ImportError(f"STRESSD_BUILD must be one of {', '.join(BUILDS)} (got {BUILD!r})")
CHECKING = BUILD == "checking"

from stressd_kernels.door_native import (
    Entry,
    address_of,
    bits_set,
    borrowed,
    clock_monotonic,
    compare_exchange,
    driver,
    entry,
    entry_call,
    exchange,
    fence_acquire,
    fence_full,
    fence_release,
    fetch_add,
    huge_populate,
    kernel,
    kernel_inline,
    leading_zeros,
    load_acquire,
    load_relaxed,
    lowest_bit,
    pause,
    prefetch,
    sched_yield,
    stamp_begin,
    stamp_end,
    store_relaxed,
    store_release,
    words_at,
)

__all__ = [
    "BUILD",
    "BUILDS",
    "CHECKING",
    "Entry",
    "address_of",
    "bits_set",
    "borrowed",
    "clock_monotonic",
    "compare_exchange",
    "driver",
    "entry",
    "entry_call",
    "exchange",
    "fence_acquire",
    "fence_full",
    "fence_release",
    "fetch_add",
    "huge_populate",
    "kernel",
    "kernel_inline",
    "leading_zeros",
    "load_acquire",
    "load_relaxed",
    "lowest_bit",
    "pause",
    "prefetch",
    "sched_yield",
    "stamp_begin",
    "stamp_end",
    "store_relaxed",
    "store_release",
    "words_at",
]
