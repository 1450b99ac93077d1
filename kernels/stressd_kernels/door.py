"""The only door through which kernels touch memory that another thread may touch.

    build       chosen by STRESSD_BUILD   what one call does
    fast        (default)                 one LLVM instruction on a word of the arena
    checking    checking                  the same; kernels check each step (`if CHECKING:`)
    perturbed   perturbed                 the same as checking, and delays around it (delays.py)
    model       model                     one step of a schedule that a test controls

Every other module is plain Python over these names. The build is fixed when this package is
imported: the constants are frozen into compiled code and cost nothing where they are False.
"""

from stressd_kernels.builds import BUILD, BUILDS, CHECKING, MODEL, PERTURBED

if MODEL:
    from stressd_kernels.door_model import (
        Entry,
        address_of,
        bits_set,
        borrowed,
        clock_monotonic,
        compare_exchange,
        delays_of,
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
        load_ref,
        load_relaxed,
        lowest_bit,
        multiply_high,
        pause,
        prefetch,
        sched_yield,
        stamp_begin,
        stamp_end,
        store_relaxed,
        store_release,
        unlikely,
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
        delays_of,
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
        load_ref,
        load_relaxed,
        lowest_bit,
        multiply_high,
        pause,
        prefetch,
        sched_yield,
        stamp_begin,
        stamp_end,
        store_relaxed,
        store_release,
        unlikely,
        words_at,
    )

if PERTURBED:
    from stressd_kernels import delays

    delays.install()

__all__ = [
    "BUILD",
    "BUILDS",
    "CHECKING",
    "MODEL",
    "PERTURBED",
    "Entry",
    "address_of",
    "bits_set",
    "borrowed",
    "clock_monotonic",
    "compare_exchange",
    "delays_of",
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
    "load_ref",
    "load_relaxed",
    "lowest_bit",
    "multiply_high",
    "pause",
    "prefetch",
    "sched_yield",
    "stamp_begin",
    "stamp_end",
    "store_relaxed",
    "store_release",
    "unlikely",
    "words_at",
]
