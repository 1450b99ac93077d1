"""Is everybody still moving?

A worker is stalled when its count of operations has not moved for `run.stall_after`. The count
is written by the worker in the middle of its slice, so a slice that never returns is seen, and
so is a worker whose slices return without having done anything.

Only time in which this process ran counts as silence. A machine that was suspended, a process
that was stopped with ctrl-Z: the watchdog slept as long as the workers did, and each of its
steps adds at most twice its own interval.

The loop delay is the other half: how late the main thread wakes up beside busy kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

STEPS_PER_LIMIT = 20  # how finely silence is measured
DELAY_INTERVAL = 0.1


class Silence:
    """How long each worker has been silent."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.interval = limit / STEPS_PER_LIMIT
        self._then: float | None = None
        self._counts: dict[int, int] = {}
        self._silent: dict[int, float] = {}

    def observe(self, now: float, counts: Mapping[int, int]) -> dict[int, float]:
        """Take the counts of the workers that are at work; return who is silent too long."""
        step = 0.0 if self._then is None else min(now - self._then, 2 * self.interval)
        self._then = now
        silent: dict[int, float] = {}
        for worker, count in counts.items():
            moved = self._counts.get(worker) != count
            silent[worker] = 0.0 if moved else self._silent.get(worker, 0.0) + step
        self._counts, self._silent = dict(counts), silent
        return {worker: for_s for worker, for_s in silent.items() if for_s >= self.limit}


async def watch(
    silence: Silence,
    counts: Callable[[], Mapping[int, int]],
    report: Callable[[Mapping[int, float]], None],
) -> None:
    """Look until somebody is silent too long, report once, and end."""
    while True:
        await trio.sleep(silence.interval)
        if late := silence.observe(trio.current_time(), counts()):
            report(late)
            return


async def measure_delay(record: Callable[[float], None]) -> None:
    """Record, ten times a second, how many seconds later than planned this task woke up."""
    while True:
        planned = trio.current_time() + DELAY_INTERVAL
        await trio.sleep_until(planned)
        record(trio.current_time() - planned)
