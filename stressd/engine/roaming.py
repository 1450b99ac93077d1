"""Where workers run in the perturbed build: now here, now there, now wherever the kernel likes.

A scheduler leaves busy threads where they are, so that the same pairs of workers share a core,
or never do, for the whole run. Here each slice draws, from the run's seed, whether its thread
is bound to one core and to which; at the end of the slice the thread may go anywhere again.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator

FREE_SHARE = 0.5  # of the slices: not bound

Bind = Callable[[int, set[int]], None]  # as os.sched_setaffinity


class Roaming:
    """Draws a place for each slice of each worker."""

    def __init__(self, seed: int, workers: int, bind: Bind = os.sched_setaffinity) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._draws = [random.Random(f"{seed}/{worker}") for worker in range(workers)]
        self._bind = bind

    @contextlib.contextmanager
    def slice(self, worker: int) -> Iterator[None]:
        """Keep the calling thread where its worker's draw says; a refusal changes nothing."""
        draw = self._draws[worker]
        core = None if draw.random() < FREE_SHARE else draw.choice(self._cores)
        if core is None:
            yield
            return
        with contextlib.suppress(OSError):
            self._bind(0, {core})
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._bind(0, set(self._cores))
