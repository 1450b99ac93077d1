"""The only door through which kernels touch memory that another thread may touch.

    build     chosen by STRESSD_BUILD   what one call does
    fast      (default)                 one LLVM instruction on a word of the arena
    checking  checking                  the same; generations compared at each step of a walk
    model     model                     one step of a schedule that a test controls

Every other module is plain Python over these names. The build is fixed when this package is
imported: the constant CHECKING is frozen into compiled code, so `if CHECKING:` costs nothing
in the fast build.
"""

from stressd_kernels.builds import BUILD, BUILDS, CHECKING, MODEL

if MODEL:
    from stressd_kernels.door_model import (
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
else:
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
    "MODEL",
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
