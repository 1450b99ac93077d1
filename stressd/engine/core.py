"""Engine: everything below the supervisor, as one object with synchronous methods.

Engine(config)    reserve the arena, read the source        may fail: EngineError
compile           make the kernels ready
load              build the trees, seat the workers          may fail: EngineError
run_slice         one worker, one bounded slice, no GIL      from one thread a worker
sample, findings, check                                      while the workers run
stop              slices return within a block
finish            when nobody runs any more: the last word on structure and nodes
close             give everything back
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stressd.config.model import Config
from stressd.engine.checking import Checker
from stressd.engine.compiling import Kernels
from stressd.engine.findings import Findings
from stressd.engine.roaming import Roaming
from stressd.engine.sampling import Sampler
from stressd.engine.seats import Rings, seat_words, write_words
from stressd.engine.spaces import SpacesChecker, SpacesSampler
from stressd.engine.tracing import Trace
from stressd.evidence import Compiled, Finding, Sample
from stressd.sources import Seat, Source, SourceError, make_source
from stressd.sources.base import Ground
from stressd.tracing.file import TraceFileError
from stressd_kernels import delays
from stressd_kernels.calls import five
from stressd_kernels.clock import SCALE_BITS, calibrate
from stressd_kernels.door import PERTURBED
from stressd_kernels.layout import INNER_WORDS, LIMBO_MAX, SLOT_WORDS, WORD_BYTES
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.slice import entry_run
from stressd_kernels.spaces import offer_calls
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb

ZERO = np.uint64(0)
BACKLOG_MIN = 1024  # the least that an arena takes


class EngineError(Exception):
    """A run that cannot be; `path` is the key of the configuration that would have to change."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class Engine:
    """The arena, the trees and the workers of one run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        threads = [worker for worker in config.workers for _ in range(worker.threads)]
        self._seats = [Seat(index, worker) for index, worker in enumerate(threads)]
        try:
            self._source: Source = make_source(config, self._seats)
        except SourceError as failure:
            raise EngineError(failure.message, failure.path) from None
        self._arena = _arena(config)
        self._kernels = Kernels(config, self._source.calls)
        try:
            self._trace = Trace(config.output)
        except TraceFileError as failure:
            raise EngineError(str(failure), "output.trace") from None
        self._slots = [self._arena.seat() for _ in self._seats]
        assert self._slots == [self._slots[0] + seat.index * SLOT_WORDS for seat in self._seats]
        self._slot = self._arena.seat()  # the engine's own: to build and to check
        self._checking = threading.Lock()  # for that slot
        self._looking = threading.Lock()  # for samples and findings
        self._stopped = threading.Event()
        self._idle = [True] * len(self._seats)
        self._told: set[str] = set()  # assertions that failed and were told of
        self._rings: Rings | None = None
        self._spaces: SpacesChecker | None = None  # if the source has address spaces
        self._roaming = Roaming(config.run.seed, len(self._seats)) if PERTURBED else None
        if PERTURBED:
            delays.seed(config.run.seed)

    @property
    def source_line(self) -> str:
        """One line for the user: where the mappings come from."""
        return self._source.line

    @property
    def workers(self) -> Sequence[Seat]:
        """The workers; each has an index and the name of its workload."""
        return self._seats

    @property
    def ring_folder(self) -> Path | None:
        """Where the workers' rings lie while the engine is loaded; see stressd_kernels.ring."""
        return self._rings.folder if self._rings else None

    def kernels(self) -> list[str]:
        """Return the names of what `compile` makes ready."""
        return self._kernels.names

    def compile(self, progress: Callable[[Compiled], None]) -> None:
        """Make every kernel ready, in several processes where that is faster.

        progress  called once for each, from any thread
        """
        self._kernels.compile(self._arena, progress)

    # -- before ----------------------------------------------------------------------------

    def load(self) -> None:
        """Build the trees and seat the workers; EngineError if they do not fit the arena."""
        self._trace.begin(self._arena.words)
        labels = self._source.trees
        trees = self._source.open(self._arena, self._config.tree.gaps)
        for tree in trees:
            self._arena.offer(tree, self._kernels.structure, self._kernels.verbs)
        groups: dict[str, list[int]] = {}
        for label, tree in zip(labels, trees, strict=True):
            groups.setdefault(label, []).append(tree)
        words = self._arena.words
        mms = self._source.mms
        if mms:
            validation = str(getattr(self._config.source, "validation", "off"))
            self._spaces = SpacesChecker(self._arena, mms, self._slot)
            slots = [*self._slots, self._slot]
            recorded = self._config.source.kind == "recording"
            counted = SpacesSampler(words, mms, slots, validation, recorded)
        self._sampler = Sampler(
            self._arena,
            self._slots,
            self._seats,
            groups,
            self._config.run.stall_after.seconds,
            counted if mms else None,
        )
        label_of = dict(zip(trees, labels, strict=True))
        self._findings = Findings(words, self._slots, self._seats, label_of)
        self._checker = Checker(self._arena, self._kernels.structure, groups, self._slot)
        offer_calls(self._arena, self._kernels.calls)
        self._fill(trees)
        self._source.begin(self._call)
        self._seat(Ground(words, trees, self._slots))

    def _fill(self, trees: Sequence[int]) -> None:
        """Build what each tree holds at first."""
        build = np.uint64(self._kernels.structure.entries[Verb.BUILD].address)
        ground = Ground(self._arena.words, trees, self._slots)
        for number, rows in self._source.content():
            arguments = np.uint64(ground.place_of(rows)), np.uint64(len(rows)), ZERO, ZERO, ZERO
            status = entry_run(self._arena.words, build, trees[number], self._slot, *arguments)
            if status == Status.ARENA_FULL:
                message = f"does not fit: {len(rows):,} entries need more"
                raise EngineError(message, "tree.arena")
            if status != Status.OK:
                raise RuntimeError(f"building a tree: {Status(status).name}")

    def _call(self, call: Call, mm: int, *arguments: int) -> None:
        """Make a call of an address space before the workers begin."""
        words, address = self._arena.words, np.uint64(CALLS[call].address)
        status = int(Status.BACKLOG)
        while status == Status.BACKLOG:  # for what is traced to be written
            status = int(entry_run(words, address, mm, self._slot, *five(*arguments)))
        if status == Status.ARENA_FULL:
            raise EngineError("does not fit: the first address spaces need more", "tree.arena")
        if status != Status.OK:
            raise RuntimeError(f"{call.name} of the first address spaces: {status:#x}")

    def _seat(self, ground: Ground) -> None:
        """Write the words of every worker, and lay out its ring."""
        clock = calibrate()
        run = self._config.run
        self._ticks = np.uint64((run.slice.nanoseconds << SCALE_BITS) // clock[1])
        self._rings = Rings(ground.words, self._slots, self._seats)
        self._source.settle(ground)
        for seat, slot in zip(self._seats, self._slots, strict=True):
            certify = self._config.checks.values
            what = seat_words(seat, self._kernels, clock, run.seed, certify)
            what |= self._source.words(seat, ground, len(self._seats))
            write_words(ground.words, slot, what)
        self._slice = np.uint64(self._kernels.slice.address)

    # -- meanwhile -------------------------------------------------------------------------

    def run_slice(self, worker: int) -> Status:
        """Let one worker work for a slice; OK or STOPPED, or why it cannot go on."""
        self._idle[worker] = False
        slot, ticks = self._slots[worker], self._ticks
        with self._roaming.slice(worker) if self._roaming else contextlib.nullcontext():
            status = Status(
                entry_run(self._arena.words, self._slice, 0, slot, ticks, ZERO, ZERO, ZERO, ZERO)
            )
        self._idle[worker] = status == Status.NOT_FOUND
        if status == Status.NOT_FOUND:  # nothing left to do: do not come back at once
            self._stopped.wait(self._config.run.slice.seconds)
            return Status.OK
        return status

    def stop(self) -> None:
        """Tell all slices to end: they do so within a block."""
        self._stopped.set()
        self._arena.stop()

    def sample(self) -> Sample:
        """Return everything that can be counted, as it stands now."""
        with self._looking:
            return replace(self._sampler.sample(self._idle), trace=self._trace.sample())

    def findings(self) -> list[Finding]:
        """Return what the workers found since this was last called."""
        with self._looking:
            of_spaces = self._spaces.found() if self._spaces else []
            return self._findings.new() + of_spaces + self._failed_checks()

    def _failed_checks(self) -> list[Finding]:
        """Return each assertion of a checking build that failed and was not returned before."""
        failed = self._arena.failed_checks()
        fresh = [name for name in failed if name not in self._told]
        self._told.update(fresh)
        return [Finding("structure", "forbidden", f"assertion failed: {name}") for name in fresh]

    def check(self) -> list[Finding]:
        """Check the structure of all trees, a few leaves under the lock at a time."""
        with self._checking:
            if self._spaces:
                self._spaces.validate(self._stopped.is_set)
            return self._checker.structure(self._stopped.is_set, at_once=False)

    # -- after -----------------------------------------------------------------------------

    def finish(self) -> list[Finding]:
        """Free what waits, check every tree as a whole, count every node; nobody may run."""
        self._idle = [True] * len(self._seats)
        self._arena.go_on()
        self.end_trace()
        with self._checking:
            if self._spaces:
                self._spaces.validate(lambda: False)
            found = self._checker.structure(lambda: False, at_once=True)
            return found + self._checker.accounting()

    def end_trace(self) -> None:
        """Write what is left of the trace, if there is one; nobody may run."""
        self._trace.end()

    def close(self) -> None:
        """Remove the rings' files and end the trace; the engine cannot be used any more."""
        self._trace.close()
        if self._rings is not None:
            self._rings.close()


def _arena(config: Config) -> Arena:
    """Reserve the arena; what waits for readers may take half of it, shared by all writers."""
    capacity = config.tree.arena.bytes
    threads = sum(worker.threads for worker in config.workers)
    share = capacity // (2 * threads * INNER_WORDS * WORD_BYTES)
    try:
        return Arena(
            capacity,
            poison=config.tree.poison,
            backlog=max(BACKLOG_MIN, min(share, LIMBO_MAX)),
        )
    except (MemoryError, ValueError) as failure:
        raise EngineError(f"does not fit: {failure}", "tree.arena") from None
