"""One writer flat out beside one, two and three readers: rates, and how long a look-up takes.

The writer erases a random entry and stores back the one it erased longest ago. Of the
readers' look-ups one in TIMED_EVERY is timed; what timing nothing takes is subtracted. Each
thread keeps to a processor of its own where there are enough. Wall-clock time: the figures
count only while the rest of the machine is quiet.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from stressd.bench.figure import NS, PER_SECOND, Figure, figure
from stressd.bench.sections.section import Effort, Section, Theirs, prove
from stressd.bench.targets import KERNEL
from stressd_kernels.bench import mixed as loops
from stressd_kernels.bench import workload, writes
from stressd_kernels.bench.field import Field
from stressd_kernels.clock import SCALE_BITS, calibrate
from stressd_kernels.status import Status
from stressd_kernels.worker import TIMING_CLOCK, TIMING_SCALE

READERS = (1, 2, 3)
HELD = 256  # entries that are erased at any time
SAMPLES = 1 << 20  # timed look-ups of one reader that are kept
QUANTILES = {"mixed_p50": 0.5, "mixed_p99": 0.99, "mixed_p999": 0.999}


@dataclass(frozen=True)
class Outcome:
    """What one repetition gave."""

    reads_per_second: float
    writes_per_second: float
    latencies: npt.NDArray[np.float64]  # nanoseconds


def measure(field: Field, effort: Effort) -> Iterator[Figure]:
    """Yield the figures of readers beside a writer on a tree as it is loaded."""
    field.fill()
    yield from figures(field, effort, READERS)


def figures(field: Field, effort: Effort, numbers: Sequence[int]) -> Iterator[Figure]:
    """Yield the figures of so many readers beside a writer on a tree that has all its entries."""
    crew = Crew(field, max(numbers))
    crew.run(1, 0, 0.001)  # compiles both loops
    for readers in numbers:
        outcomes = [crew.run(readers, rep, effort.mixed_s) for rep in range(effort.reps)]
        rates = {
            "mixed_reads_per_second": [outcome.reads_per_second for outcome in outcomes],
            "mixed_writes_per_second": [outcome.writes_per_second for outcome in outcomes],
        }
        for metric, values in rates.items():
            yield figure(metric, field.entries, PER_SECOND, values, readers)
        for metric, share in QUANTILES.items():
            values = [float(np.quantile(outcome.latencies, share)) for outcome in outcomes]
            yield figure(metric, field.entries, NS, values, readers)


class Crew:
    """A writer and its readers: their seats, their clocks, and room for what they measure."""

    def __init__(self, field: Field, readers: int) -> None:
        self.field = field
        self.seats = [field.arena.seat() for _ in range(readers)]
        self.samples = [np.zeros(SAMPLES, np.uint32) for _ in range(readers)]
        clock, scale = calibrate()
        self.tick_ns = scale / (1 << SCALE_BITS)
        for seat in self.seats:
            field.words[seat + TIMING_CLOCK] = clock
            field.words[seat + TIMING_SCALE] = scale
        nothing = np.zeros(1001, np.uint32)
        loops.stamps_apart(field.words, self.seats[0], nothing)
        self.stamp_ticks = float(np.median(nothing))

    def run(self, readers: int, rep: int, seconds: float) -> Outcome:
        """Let the writer and so many readers run for a while, and prove what they did."""
        held = self._erase_some(rep)
        writing = self.field.state(0x1000 + rep)
        writing[workload.TOOK] = int(seconds * 1e9)
        reading = [self.field.state(1000 + rep * 17 + n) for n in range(readers)]
        place, words, tree = self.field.place, self.field.words, self.field.tree
        jobs = [partial(loops.mixed_writes, *place, writing, self.field.pages, held)]
        for seat, state, samples in zip(self.seats, reading, self.samples, strict=False):
            jobs.append(partial(loops.mixed_reads, words, tree, seat, state, samples))
        answers = together(jobs, self.field.arena.stop)
        self.field.arena.go_on()
        prove(answers[0] == Status.OK, "writes beside readers")
        prove(not any(answers[1:]), "reads beside a writer")
        self._store_back(held)
        return self._outcome(writing, reading)

    def run_alone(self, readers: int, rep: int, seconds: float) -> float:
        """Let so many readers run for a while with no writer; return their reads per second."""
        words, tree = self.field.words, self.field.tree
        reading = [self.field.state(2000 + rep * 17 + n) for n in range(readers)]
        jobs = [
            partial(loops.mixed_reads, words, tree, seat, state, samples)
            for seat, state, samples in zip(self.seats, reading, self.samples, strict=False)
        ]
        return self._run_until(jobs, reading, seconds)

    def draw_alone(self, threads: int, rep: int, seconds: float) -> float:
        """Do the same with threads that draw keys and ask for none; return their draws a second."""
        drawing = [self.field.state(2000 + rep * 17 + n) for n in range(threads)]
        jobs = [partial(loops.draws_only, self.field.words, state) for state in drawing]
        return self._run_until(jobs, drawing, seconds)

    def _run_until(
        self,
        jobs: list[partial[Any]],
        states: list[npt.NDArray[np.uint64]],
        seconds: float,
    ) -> float:
        stop = self.field.arena.stop
        timer = threading.Timer(seconds, stop)
        timer.start()
        answers = together(jobs, stop)
        timer.join()
        self.field.arena.go_on()
        prove(not any(answers), "reads of several threads")
        return sum(rate(state) for state in states)

    def _outcome(
        self, writing: npt.NDArray[np.uint64], reading: list[npt.NDArray[np.uint64]]
    ) -> Outcome:
        taken = [
            samples[: int(state[workload.SAMPLES])]
            for samples, state in zip(self.samples, reading, strict=False)
        ]
        ticks = np.concatenate(taken).astype(np.float64)
        latencies = np.maximum(ticks - self.stamp_ticks, 1.0) * self.tick_ns
        return Outcome(sum(rate(state) for state in reading), rate(writing), latencies)

    def _erase_some(self, rep: int) -> npt.NDArray[np.uint32]:
        """Erase some random entries, mark them, and return them."""
        field = self.field
        held = np.zeros(min(field.entries // 4, HELD), np.uint32)
        batch = held.reshape(1, -1)
        workload.batches_draw(field.state(77 + rep), field.pages, batch, batch.copy())
        prove(int(writes.erase_all(*field.place, held)) == Status.OK, "erase")
        field.pages[held] |= workload.GONE
        return held

    def _store_back(self, held: npt.NDArray[np.uint32]) -> None:
        """Store back what is erased; the tree must be whole then."""
        field = self.field
        field.pages[held] &= workload.THERE
        prove(int(writes.store_all(*field.place, held, field.pages)) == Status.OK, "store")
        prove(field.is_whole(), "writes beside readers")


def rate(state: npt.NDArray[np.uint64]) -> float:
    """Return the operations per second of a loop that has ended."""
    return float(state[workload.ASKED]) / max(float(state[workload.TOOK]), 1.0) * 1e9


def together(jobs: Sequence[Callable[[], Any]], stop: Callable[[], None]) -> list[int]:
    """Run every job in a thread and, if there are enough, on a processor of its own.

    stop  ends the others when one fails
    """
    processors = sorted(os.sched_getaffinity(0))
    start = threading.Barrier(len(jobs))

    def begin(number: int) -> int:
        try:
            if len(jobs) <= len(processors):
                os.sched_setaffinity(0, {processors[number]})
            start.wait()
            return int(jobs[number]())
        except BaseException:
            start.abort()
            stop()
            raise

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(begin, range(len(jobs))))


KERNEL_NAMES = {
    "mixed_reads_per_second": "mixed_{readers}R_reads_per_s",
    "mixed_writes_per_second": "mixed_{readers}R_writes_per_s",
    "mixed_p50": "mixed_{readers}R_lat_p50",
    "mixed_p99": "mixed_{readers}R_lat_p99",
    "mixed_p999": "mixed_{readers}R_lat_p999",
}
SECTION = Section("mixed", measure, {KERNEL: Theirs("f", KERNEL_NAMES)})
