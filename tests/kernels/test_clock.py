"""Clocks: which one is trusted, what a tick is, what a timed operation adds."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from stressd_kernels import clock
from stressd_kernels.clock import (
    CLOCK_MONOTONIC,
    CLOCK_STAMP,
    MONOTONIC_SCALE,
    SCALE_BITS,
    calibrate,
    clock_nanoseconds,
    clock_pair,
    scale_between,
    stamp_is_trusted,
    timer_begin,
    timer_end,
)
from stressd_kernels.worker import (
    RING,
    TIMING_CLOCK,
    TIMING_ON,
    TIMING_SCALE,
    TIMING_TICKS,
)

GOOD = "flags\t\t: fpu tsc constant_tsc rep_good nonstop_tsc\n"


def pair(ticks: int, nanoseconds: int) -> np.ndarray:
    """Return what clock_pair would have written."""
    return np.array([ticks, nanoseconds], np.uint64)


@pytest.mark.skipif(not clock.X86, reason="flags of x86 processors")
@pytest.mark.parametrize(
    ("flags", "source", "trusted"),
    [
        (GOOD, "tsc\n", True),
        (GOOD, "kvm-clock\n", False),
        (GOOD, "hpet\n", False),
        (GOOD.replace("nonstop_tsc", ""), "tsc\n", False),
        (GOOD.replace("constant_tsc", ""), "tsc\n", False),
        ("", "tsc\n", False),
    ],
)
def test_the_stamp_is_trusted_only_if_the_kernel_trusts_it(
    tmp_path: Path, flags: str, source: str, trusted: bool
) -> None:
    """Both flags, and the kernel's own choice: anything less falls back."""
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}")
    (tmp_path / "source").write_text(source)
    assert stamp_is_trusted(tmp_path / "cpuinfo", tmp_path / "source") is trusted


@pytest.mark.skipif(not clock.X86, reason="flags of x86 processors")
def test_a_machine_that_does_not_tell_is_not_trusted(tmp_path: Path) -> None:
    """In a container without /sys the monotonic clock is used."""
    assert not stamp_is_trusted(tmp_path / "absent", tmp_path / "absent")


def test_a_scale_is_nanoseconds_per_tick() -> None:
    """Half a nanosecond a tick (2 GHz), and 40 ns a tick (25 MHz), to a part in a million."""
    assert scale_between(pair(10, 5), pair(2_000_000_010, 1_000_000_005)) == 1 << SCALE_BITS - 1
    slow = scale_between(pair(0, 0), pair(25_000_000, 1_000_000_000))
    assert slow == 40 << SCALE_BITS


@pytest.mark.parametrize("second", [pair(10, 20), pair(5, 30), pair(30, 5)])
def test_a_clock_that_stands_still_has_no_scale(second: np.ndarray) -> None:
    """Neither clock may stand still or run backwards while being compared."""
    with pytest.raises(ValueError, match="does not advance"):
        scale_between(pair(10, 20), second)


def test_calibration_falls_back_where_the_stamp_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then ticks are nanoseconds of the monotonic clock."""
    monkeypatch.setattr(clock, "stamp_is_trusted", lambda: False)
    assert calibrate() == (CLOCK_MONOTONIC, MONOTONIC_SCALE)


def test_calibration_agrees_with_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stamp says passed between two pairs, the monotonic clock says too."""
    monkeypatch.setattr(clock, "stamp_is_trusted", lambda: True)
    kind, scale = calibrate()
    assert kind == CLOCK_STAMP
    first, second = pair(0, 0), pair(0, 0)
    clock_pair(first)
    until = time.monotonic_ns() + 20_000_000
    while time.monotonic_ns() < until:
        pass
    clock_pair(second)
    ticks = int(second[0]) - int(first[0])
    passed = int(second[1]) - int(first[1])
    assert ticks * scale >> SCALE_BITS == pytest.approx(passed, rel=1e-3)


@pytest.mark.parametrize("kind", [CLOCK_STAMP, CLOCK_MONOTONIC])
def test_only_an_operation_that_is_timed_costs_time(kind: int) -> None:
    """Ticks gather while TIMING_ON is 1, over all parts of an operation, and only then."""
    words = np.zeros(RING, np.uint64)
    words[TIMING_CLOCK] = kind
    timer_end(words, 0, timer_begin(words, 0))
    assert words[TIMING_TICKS] == 0
    words[TIMING_ON] = 1
    timer_end(words, 0, timer_begin(words, 0))
    once = int(words[TIMING_TICKS])
    begun = timer_begin(words, 0)
    time.sleep(0.001)
    timer_end(words, 0, begun)
    assert int(words[TIMING_TICKS]) > once


def test_a_stamp_that_went_backwards_is_no_time() -> None:
    """A thread moved between cores may read an earlier stamp than before."""
    words = np.zeros(RING, np.uint64)
    words[TIMING_SCALE] = MONOTONIC_SCALE
    words[TIMING_ON] = 1
    timer_end(words, 0, np.uint64((1 << 63) - 1))
    assert clock_nanoseconds(words, 0, words[TIMING_TICKS]) == 0


@pytest.mark.parametrize("nanoseconds", [0, 1, 999, 1 << 30, (1 << 44) - 1])
def test_ticks_of_a_nanosecond_stay_as_they_are(nanoseconds: int) -> None:
    """Up to the longest duration that the product holds."""
    words = np.zeros(RING, np.uint64)
    words[TIMING_SCALE] = MONOTONIC_SCALE
    assert int(clock_nanoseconds(words, 0, np.uint64(nanoseconds))) == nanoseconds
