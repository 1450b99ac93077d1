"""What can happen to a run, and what is done about it.

    a signal             drain; at the second one, stop at once
    enough operations    drain
    a silent worker      drain, and give its thread a second to come back
    a forbidden finding  drain, while the evidence is fresh
    a slice at fault     (the nursery of the workers has cancelled the others already)
    an exception         everything is cancelled; the traceback goes to the log

Nothing here waits. Each event is noted on the board, in the log and for Prometheus, and ends at
most in the cancellation of one scope, `draining`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import trio

from stressd.errors import UserError
from stressd.evidence import Compiled, Finding
from stressd.metrics import Source
from stressd.run.board import Board, leaves, stalled_words
from stressd.run.logs import Log
from stressd.run.runfolder import RunFolder
from stressd.run.signals import thread_stacks
from stressd.run.supervisor import Abandoned, Patience, SliceFault
from stressd.verdict import Cause
from stressd_kernels.status import Status

STALL_GRACE_S = 1.0  # for slices to end after a stall was seen, before their threads are abandoned

FAULTS: Mapping[Status, tuple[Cause, str]] = {
    Status.ARENA_FULL: (Cause.ARENA_FULL, "the arena is full: raise tree.arena"),
    Status.BROKEN: (Cause.BROKEN, "the writer lock was marked broken"),
    Status.CORRUPT: (Cause.BROKEN, "an operation found its tree damaged"),
}


class Events:
    """Notes events and reacts to them; the tasks of the session look at what it holds."""

    def __init__(self, board: Board, source: Source, folder: RunFolder, log: Log) -> None:
        self.board, self.source, self.folder, self.log = board, source, folder, log
        self.draining = trio.CancelScope()  # around all that a stop puts an end to
        self.patience = Patience()
        self.mendable: UserError | None = None  # why the run cannot begin

    def enter(self, phase: str) -> None:
        """Begin a phase, for everybody to see."""
        self.board.phase = phase
        self.source.entered(phase)
        self.log.info("phase", phase=phase)

    def progress_from_anywhere(self) -> Callable[[Compiled], None]:
        """Return a function that any thread may call when a kernel is ready."""
        token = trio.lowlevel.current_trio_token()

        def progress(record: Compiled) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(self.on_compiled, record)

        return progress

    def on_compiled(self, record: Compiled) -> None:
        """One more kernel is ready."""
        self.board.compiled.append(record)
        self.source.compiled(record)
        self.log.info("compiled", **asdict(record))

    def on_farewell(self, stop: Callable[[], None]) -> None:
        """The workers are to end: their slices return at the next look at the control word."""
        self.enter("draining")
        stop()

    def found(self, findings: Sequence[Finding]) -> None:
        """Keep findings; the first forbidden one ends the run, while the evidence is fresh."""
        kept = [finding for finding in findings if self.board.found(finding)]
        for finding in findings:
            self.source.found(finding)
        if forbidden := self.board.forbidden():
            self.source.judged("invalid")
            if self.board.end(Cause.FORBIDDEN, "ended by a forbidden finding"):
                self.log.error("forbidden", finding=forbidden)
                self.draining.cancel()
        for finding in kept:
            self.log.warning("finding", **asdict(finding))
            self.folder.append("findings.jsonl", asdict(finding))

    def on_fault(self, fault: BaseException) -> None:
        """A worker could not go on."""
        assert isinstance(fault, SliceFault)
        cause, words = FAULTS.get(fault.status, (Cause.CRASHED, f"unexpected {fault.status.name}"))
        self.log.error("fault", worker=fault.worker, status=fault.status.name)
        self.source.failed("worker", fault.status.name.lower())
        self.board.end(cause, words)
        if cause is Cause.BROKEN:
            details = {"worker": fault.worker, "status": fault.status.name}
            self.found([Finding("structure", "forbidden", words, details)])

    def on_stall(self, late: Mapping[int, float]) -> None:
        """Somebody is silent: end the run, and the process if the thread does not come back."""
        words = stalled_words(late, self.board.at_work)
        self.log.error("stalled", workers=dict(late), threads=thread_stacks())
        self.board.end(Cause.STALLED, words)
        self.draining.cancel()
        self.patience.give_up(STALL_GRACE_S)
        details: dict[str, object] = {"workers": sorted(late)}
        self.found([Finding("stall", "interesting", words, details)])

    def on_enough(self, operations: int) -> None:
        """As many operations were done as were asked for."""
        if self.board.ending is None:
            self.board.end(Cause.DEADLINE, f"{operations:,} operations")
        self.draining.cancel()

    def on_first_stop(self, name: str) -> None:
        """Drain."""
        self.log.info("signal", name=name, action="drain")
        if self.board.ending is None:
            self.board.end(Cause.SIGNAL, f"stopped by {name}")
        self.board.notices.append(f"{name}: draining; once more stops at once")
        self.draining.cancel()

    def on_second_stop(self, name: str) -> None:
        """Wait for nothing any more."""
        self.log.warning("signal", name=name, action="stop at once")
        self.board.end(Cause.ABORTED, f"stopped at once by a second {name}")
        self.draining.cancel()
        self.patience.give_up()

    def on_dump(self) -> None:
        """Write down where everything stands."""
        sample = self.board.sample
        self.log.info(
            "state",
            phase=self.board.phase,
            worked_seconds=self.board.worked_s(trio.current_time()),
            at_work=dict(self.board.at_work),
            workers=[asdict(worker) for worker in sample.workers] if sample else [],
            threads_inside=self.patience.inside,
            tasks=trio.lowlevel.current_statistics().tasks_living,
            threads=thread_stacks(),
        )

    def on_reload(self) -> None:
        """There is nothing that could be reloaded."""
        self.log.warning("signal", name="SIGHUP", action="none: a run is not reloaded")

    def on_failure(self, failure: BaseException) -> None:
        """Something was raised that no phase could handle."""
        causes = [leaf for leaf in leaves(failure) if not isinstance(leaf, Abandoned)]
        mendable = [cause for cause in causes if isinstance(cause, UserError)]
        if mendable and self.board.began is None:
            self.mendable = mendable[0]
        elif mendable and len(mendable) == len(causes):
            self.board.end(Cause.DISK, str(mendable[0]))
        elif causes:
            self.log.error("crashed", exc_info=failure)
            first = f"{type(causes[0]).__name__}: {causes[0]}"
            self.board.end(Cause.CRASHED, f"{first}; the traceback is in log.jsonl")
            self.enter("failed")
