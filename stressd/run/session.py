"""One run, from a configuration to an exit code.

    starting    the run folder, the engine (reads the source, reserves memory), the address
    compiling   kernels are made ready
    warmup      trees are built and filled, workers take their seats
    running     supervisor.run
    draining    slices end; everything is reclaimed, checked and counted once more
    (judged)    oracles, summary.json, and the folder loses its `.partial`

Whatever happens after the folder exists ends here as an `Ending`, never as a traceback on the
terminal: a fault of a worker, a forbidden finding, a stall, a signal, a full disk, an exception
that nobody expected. Only what the user can mend before anything ran - a source that cannot be
read, an address in use - leaves as a `UserError`, and then the folder was never there.

Everything that may block runs in a thread; see `Patience` in supervisor.py for how long it is
waited for.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from stressd import __version__, builds
from stressd.display import Screen
from stressd.evidence import Finding, Sample
from stressd.metrics import Source
from stressd.outcome import Outcome, interval_record
from stressd.run import supervisor
from stressd.run.board import Board, leaves
from stressd.run.conclusion import conclude, keep
from stressd.run.events import Events
from stressd.run.job import EngineLike, Job, WorkerSeat, make_folder, run_info
from stressd.run.logs import open_log
from stressd.run.runfolder import RunFolder
from stressd.run.signals import listen
from stressd.run.supervisor import Abandoned, Patience, SliceFault
from stressd.run.watchdog import Silence, measure_delay, watch
from stressd.verdict import Cause
from stressd.web import make_app, serve

SCREEN_GRACE_S = 1.0  # for a terminal to take the last picture
LAST_LOOK_MAX_S = 1.0  # for the last sample of a run that hangs
FINISH_MAX_S = 600.0  # to reclaim and check everything at the end; 16 million entries take seconds
CLOSE_MAX_S = 1.0  # to remove what the engine has outside this process
SAMPLES_PER_STALL = 4  # the watchdog needs fresh counts, however rare the samples are


Result = TypeVar("Result")


class Session:
    """The tasks of one run. Methods that are not async never block."""

    def __init__(
        self, job: Job, folder: RunFolder, make_engine: Callable[[], EngineLike], screen: Screen
    ) -> None:
        config = job.config
        self.job, self.config, self.folder, self.screen = job, config, folder, screen
        self.make_engine = make_engine
        self.engine: EngineLike | None = None
        self.source = Source(run_info(job, folder))
        title = f"stressd {__version__} · {job.name} · seed {config.run.seed}"
        if not builds.comparable(config.run.build):
            title += f" · {config.run.build} build"
        self.board = Board(title, config.run.duration.seconds)
        log = open_log(folder.open("log.jsonl"))
        self.events = Events(self.board, self.source, folder, log)
        self.patience = self.events.patience
        self.last_patience = Patience()
        self.screen_patience = Patience()
        self.over = trio.Event()  # all that is shown has happened
        self.one_look = trio.CapacityLimiter(1)
        self.stall_after = config.run.stall_after.seconds
        self.outcome: Outcome | None = None

    # -- from first to last --------------------------------------------------------------

    async def run(self) -> None:
        """Run, whatever happens, to an outcome (or to an error that is the user's to mend)."""
        self.board.born = trio.current_time()
        self.events.log.info("start", **self.job.facts(), pid=os.getpid())
        async with trio.open_nursery() as first_to_last:
            await first_to_last.start(listen, self.events)
            try:
                await self.with_display()
            except BaseException as failure:
                self.events.on_failure(failure)
            if self.events.mendable is None:
                self.conclude()
            first_to_last.cancel_scope.cancel()

    def conclude(self) -> None:
        """Turn what is known into an outcome, and the folder into a whole one."""
        waits = (self.patience, self.last_patience, self.screen_patience)
        abandoned = any(patience.inside for patience in waits)
        now = trio.current_time()
        try:
            outcome = conclude(self.job, self.board, self.folder.final, now, abandoned)
            self.source.judged(outcome.verdict.name.lower())
            ending = {"cause": outcome.ending.cause, "exit_code": int(outcome.exit_code)}
            self.events.log.info("end", verdict=outcome.verdict.name, **ending)
            self.outcome = keep(outcome, self.folder)
        except Exception as failure:
            self.events.log.error("crashed", exc_info=failure)
            raise

    async def with_display(self) -> None:
        """Keep the screen alive around everything else; the last frame shows how it ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.show)
            try:
                await self.with_services()
            except (Exception, BaseExceptionGroup) as failure:
                self.events.on_failure(failure)
            self.over.set()
            self.screen_patience.give_up(SCREEN_GRACE_S)

    async def with_services(self) -> None:
        """Keep metrics and the watchdog alive around the run itself."""
        async with trio.open_nursery() as around:
            around.start_soon(measure_delay, self.source.delayed)
            await self.body(around)
            around.cancel_scope.cancel()

    async def body(self, around: trio.Nursery) -> None:
        """Prepare, run, finish."""
        with self.events.draining:
            engine = await self.prepare(around)
            await self.supervise(engine, around)
        if self.engine is None or self.board.began is None:
            self.board.end(Cause.UNSTARTED, "stopped before the workers began")
            return
        if self.may_finish():
            await self.finish(self.engine)
        elif not self.patience.given_up:  # what led to the finding is in the trace
            await self.patience.call(self.engine.end_trace)
        await self.last_look(self.engine)

    # -- the phases ----------------------------------------------------------------------

    async def prepare(self, around: trio.Nursery) -> EngineLike:
        """Take what the run needs; a signal ends this at once, for nothing runs yet."""
        if self.config.metrics.enabled:
            bound = await around.start(serve, self.config.metrics.listen, make_app(self.source))
            self.board.metrics = f"{bound.url}metrics"
            self.board.notices += filter(None, [bound.warning])
        in_thread = partial(self.patience.call, patient=False)
        engine: EngineLike = await in_thread(self.explained, self.make_engine)
        self.engine = engine
        self.board.kernels = len(engine.kernels())
        self.board.source = engine.source_line
        self.events.enter("compiling")
        await in_thread(engine.compile, self.events.progress_from_anywhere())
        self.events.enter("warmup")
        await in_thread(self.explained, engine.load)
        await self.look(engine)
        gc.collect()
        gc.freeze()  # what exists now stays: no collection needs to look at it again
        gc.enable()
        return engine

    def explained(self, step: Callable[[], Result]) -> Result:
        """Take a step that may turn out to be impossible, and say so in the user's terms."""
        try:
            return step()
        except Exception as failure:
            raise self.job.explain(failure) from failure

    async def supervise(self, engine: EngineLike, around: trio.Nursery) -> None:
        """Run the workers until the deadline, a signal or a fault."""
        seats = list(engine.workers)
        limiter = trio.CapacityLimiter(max(1, len(seats)))
        workers = [partial(self.work, engine, seat, limiter) for seat in seats]
        services = [partial(self.keep_sampling, engine), partial(self.keep_checking, engine)]
        self.board.at_work = {seat.index: seat.workload for seat in seats}
        self.board.began = trio.current_time()
        self.events.enter("running")
        around.start_soon(
            watch, Silence(self.stall_after), self.board.counts_at_work, self.events.on_stall
        )
        try:
            farewell = partial(self.events.on_farewell, engine.stop)
            await supervisor.run(services, workers, farewell, self.board.duration_s)
            if self.board.ending is None:
                self.board.end(Cause.DEADLINE, "all of it")
        except* SliceFault as faults:
            for fault in leaves(faults):
                self.events.on_fault(fault)
        except* Abandoned:
            self.events.log.warning("abandoned", threads=self.patience.inside)
        finally:
            self.board.ended = trio.current_time()

    async def work(
        self, engine: EngineLike, seat: WorkerSeat, limiter: trio.CapacityLimiter
    ) -> None:
        """One worker; it is watched until its last slice has ended."""
        try:
            await supervisor.work(seat.index, engine.run_slice, self.patience, limiter)
        finally:
            del self.board.at_work[seat.index]

    async def finish(self, engine: EngineLike) -> None:
        """With nobody at work: reclaim everything, check every tree, count every node."""
        try:
            findings = await self.patience.call(engine.finish, at_most=FINISH_MAX_S)
        except Abandoned:
            self.board.end(Cause.STALLED, f"the last check took over {FINISH_MAX_S:.0f} s")
            return
        self.board.checked("structure", findings)
        self.board.checked("accounting", findings)
        self.board.quiescent = True
        self.events.found(findings)

    def may_finish(self) -> bool:
        """Whether the trees are in a state that one can say something about, and in no hurry."""
        broken = self.board.ending is not None and self.board.ending.cause is Cause.BROKEN
        return not broken and not self.patience.given_up

    # -- services ------------------------------------------------------------------------

    async def keep_sampling(
        self, engine: EngineLike, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Look as often as samples are wanted, and often enough for the watchdog."""
        every = self.config.run.sample.seconds
        step = min(every, self.stall_after / SAMPLES_PER_STALL)
        due = trio.current_time() + every
        task_status.started()
        while True:
            await trio.sleep(step)
            publish = trio.current_time() >= due - step / 2
            due += every if publish else 0
            await self.look(engine, publish)

    async def keep_checking(
        self, engine: EngineLike, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Check the structure of every tree at intervals."""
        every = self.config.checks.structure_every.seconds
        task_status.started()
        while every:
            await trio.sleep(every)
            findings = await self.patience.call(engine.check)
            if self.board.phase == "running":  # else it may have been cut short
                self.board.checked("structure", findings)
            self.events.found(findings)

    async def show(self) -> None:
        """Keep the screen up to date; a screen that went away is not missed."""
        last = False
        with contextlib.suppress(Abandoned):
            while not last:
                last = self.over.is_set()
                frame = self.board.frame(trio.current_time())
                try:
                    await self.screen_patience.call(self.screen.update, frame)
                except OSError as failure:
                    self.events.log.warning("screen lost", reason=str(failure))
                    return
                with trio.move_on_after(self.screen.interval):
                    await self.over.wait()

    async def look(
        self, engine: EngineLike, publish: bool = True, patience: Patience | None = None
    ) -> None:
        """Take the new findings and a sample, which is shown and kept if it is to be published."""
        older, elapsed = self.board.sample, self.board.worked_s(trio.current_time())

        def look_in_thread() -> tuple[Sample, Sequence[Finding]]:
            sample = self.board.with_checks(engine.sample())
            if publish:
                self.folder.append("samples.jsonl", interval_record(sample, older, elapsed))
            return sample, engine.findings()

        patience = patience or self.patience
        sample, findings = await patience.call(look_in_thread, limiter=self.one_look)
        self.board.counted(sample)
        if publish:
            self.board.sampled(sample)
            self.source.sampled(sample)
        self.events.found(findings)
        done = sum(self.board.counts.values())
        if self.board.phase == "running" and done >= (self.config.run.operations or math.inf):
            self.events.on_enough(done)

    async def last_look(self, engine: EngineLike) -> None:
        """Take the last sample, even of a run that hangs; nothing depends on it."""
        if self.board.ending is None or self.board.ending.cause is not Cause.ABORTED:
            self.last_patience.give_up(LAST_LOOK_MAX_S)
            with contextlib.suppress(Abandoned):
                await self.look(engine, patience=self.last_patience)


def run_session(job: Job, make_engine: Callable[[], EngineLike], screen: Screen) -> Outcome:
    """Run a job in a fresh folder; raises UserError, with no folder left, if it cannot begin."""
    folder = make_folder(job)
    session = Session(job, folder, make_engine, screen)
    try:
        trio.run(session.run)
    except KeyboardInterrupt:  # before the first task could listen
        folder.remove()
        raise
    finally:
        if not session.screen_patience.inside:
            screen.close()
    if session.engine is not None:
        closing = threading.Thread(target=session.engine.close, daemon=True)
        closing.start()
        closing.join(CLOSE_MAX_S)
    if session.events.mendable is not None:
        folder.remove()
        raise session.events.mendable
    assert session.outcome is not None
    return session.outcome
