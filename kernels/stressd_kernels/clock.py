"""Time: how long one operation took, in ticks of the cheapest clock that can be trusted.

On x86-64 that is the time stamp counter: read before the operation with rdtsc, after it with
rdtscp, which waits for the operation to end (plain rdtsc under-reports it tenfold). It is
trusted if it runs at one rate, through idle states too, and the kernel itself keeps time with
it. Everywhere else, and if STRESSD_CLOCK=monotonic asks for it, CLOCK_MONOTONIC is read, which
costs some 25 ns instead of 8.

The choice is made at start and stands in a word of each worker (TIMING_CLOCK), with the length
of a tick beside it: one machine's compiled kernels serve both. Ticks never leave the
thread that took them: stamps of different threads are not ordered by anything, and histograms
hold nanoseconds.

Ticks become nanoseconds by one multiplication: a tick is TIMING_SCALE / 2**20 ns, right to
some parts in a million; the product fits 64 bits for durations up to 2**44 ns, five hours.
"""

import os
import re
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import (
    clock_monotonic,
    driver,
    kernel,
    kernel_inline,
    load_relaxed,
    stamp_begin,
    stamp_end,
    store_relaxed,
)
from stressd_kernels.door_native import ARM, X86
from stressd_kernels.layout import U0
from stressd_kernels.worker import TIMING_CLOCK, TIMING_ON, TIMING_SCALE, TIMING_TICKS

CLOCK_STAMP = 0
CLOCK_MONOTONIC = 1
CLOCKS = ("monotonic", "tsc", "cntvct")  # what the variable may say
NAMES = ("cntvct" if ARM else "tsc", "monotonic")  # of the two that are chosen from
FORCED = "STRESSD_CLOCK"  # a variable of the environment: "monotonic" distrusts the stamp
SCALE_BITS = 20
MONOTONIC_SCALE = 1 << SCALE_BITS  # its tick is a nanosecond
CALIBRATION_NS = 20_000_000

U_SCALE_BITS = np.uint64(SCALE_BITS)
NEGATIVE = np.uint64(1 << 63)


@kernel_inline
def clock_begin(words, slot):
    """Return the stamp to take before an operation."""
    if load_relaxed(words, slot + TIMING_CLOCK) == U0:
        return stamp_begin()
    return clock_monotonic()


@kernel_inline
def clock_end(words, slot):
    """Return the stamp to take after an operation, when all its loads are done."""
    if load_relaxed(words, slot + TIMING_CLOCK) == U0:
        return stamp_end()
    return clock_monotonic()


@kernel
def clock_nanoseconds(words, slot, ticks):
    """Return `ticks` in nanoseconds; 0 if they are negative (the thread has changed its core)."""
    if ticks >= NEGATIVE:
        return U0
    return (ticks * load_relaxed(words, slot + TIMING_SCALE)) >> U_SCALE_BITS


@kernel
def timer_begin(words, slot):
    """Return the stamp at which a timed operation begins; 0 if this one is not timed."""
    if load_relaxed(words, slot + TIMING_ON) == U0:
        return U0
    return clock_begin(words, slot)


@kernel
def timer_end(words, slot, begun):
    """Add the time since `begun`, an answer of timer_begin, to the running operation's."""
    if begun != U0:
        at = slot + TIMING_TICKS
        took = clock_end(words, slot) - begun
        store_relaxed(words, at, load_relaxed(words, at) + took)


@driver
def clock_pair(pair):
    """Write (ticks of the stamp, nanoseconds of CLOCK_MONOTONIC), read together, to `pair`.

    pair  uint64[2]. Of eight tries, the one with the shortest distance: no preemption between.
    """
    best = NEGATIVE
    for _ in range(8):
        before = stamp_begin()
        now = clock_monotonic()
        after = stamp_end()
        if after - before < best:
            best = after - before
            pair[0] = before + (best >> np.uint64(1))
            pair[1] = now


# -- in Python ---------------------------------------------------------------------------


def stamp_is_trusted(
    cpuinfo: Path = Path("/proc/cpuinfo"),
    clocksource: Path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
) -> bool:
    """Say whether the stamp counts at one rate on all cores, as far as the kernel tells.

    Raises ValueError if the environment names a clock that does not exist.
    """
    forced = os.environ.get(FORCED, NAMES[CLOCK_STAMP])
    if forced not in CLOCKS:
        raise ValueError(f"{FORCED} must be {NAMES[CLOCK_MONOTONIC]}, or not set (got {forced!r})")
    if forced == NAMES[CLOCK_MONOTONIC]:
        return False
    if ARM:
        return True  # the generic timer: architected to be constant and synchronised
    if not X86:
        return False
    try:
        flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
        source = clocksource.read_text().strip()
    except OSError:
        return False
    named = set(flags[1].split()) if flags else set()
    return {"constant_tsc", "nonstop_tsc"} <= named and source == "tsc"


def scale_between(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> int:
    """Return TIMING_SCALE from two answers of `clock_pair` some time apart."""
    ticks = int(second[0]) - int(first[0])
    nanoseconds = int(second[1]) - int(first[1])
    if ticks <= 0 or nanoseconds <= 0:
        raise ValueError("the stamp does not advance")
    return max(1, ((nanoseconds << SCALE_BITS) + ticks // 2) // ticks)


def calibrate() -> tuple[int, int]:
    """Return (TIMING_CLOCK, TIMING_SCALE) for this machine; takes CALIBRATION_NS at most."""
    if not stamp_is_trusted():
        return CLOCK_MONOTONIC, MONOTONIC_SCALE
    first, second = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    clock_pair(first)
    time.sleep(CALIBRATION_NS / 1e9)
    clock_pair(second)
    try:
        return CLOCK_STAMP, scale_between(first, second)
    except ValueError:
        return CLOCK_MONOTONIC, MONOTONIC_SCALE
