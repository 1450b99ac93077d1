"""Follow a log of system calls with models of its address spaces, and compare each answer.

Whose call it is, is kept here: which threads share an address space, what a fork copies, where an
exec begins anew, which file is behind a descriptor. What an answer is worth is decided here, too;
the reasons for not knowing stand in answers.py.

Where a program begins is taken from a list of its mappings (starts.py). If there is none, it is
concluded from the first address that the kernel chooses: that mapping ends where searches end.
(That answer is unknown.) What exec mapped stays unknown then, and nothing is said of the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stressd.replay.strace.answers import Answers, Miss
from stressd.replay.strace.ends import Ends
from stressd.replay.strace.files import Files
from stressd.replay.strace.model import PMD, MakeModel, Start, TooMany
from stressd.replay.strace.operations import Mmap, Operation, Operations, pages
from stressd.replay.strace.races import WAITING_MAX, settle
from stressd.replay.strace.space import Answer, Space
from stressd.replay.strace.starts import Snapshots
from stressd.traces import calls
from stressd.traces.calls import (
    CLONE_THREAD,
    CLONE_VM,
    KEY_MAX,
    TASK_SIZE,
    CallLog,
    Record,
    Returned,
)
from stressd.traces.textfile import TraceError

Filed = calls.Open | calls.Close | calls.Dup
LIMITS = {"ENOMEM", "EAGAIN"}
REFUSED = {
    "EACCES", "EBADF", "EBUSY", "EINTR", "EIO", "ENFILE", "ENODEV", "ENOSYS", "ENXIO",
    "EOPNOTSUPP", "EPERM", "ETXTBSY", "EBADFD", "ESTALE",
}  # fmt: skip


@dataclass(eq=False)
class Process:
    """What the threads of one process share."""

    pid: int
    space: Space | None = None  # None: it has begun, and nothing is known of its layout yet
    program: str | None = None  # executed in the log; None: it was there before
    ending: bool = False  # what its threads do now is seen by nobody
    files: Files = field(default_factory=Files)
    limits: dict[str, int] = field(default_factory=dict)


class Follower:
    """Follows all processes of one log."""

    def __init__(
        self, log: CallLog, snapshots: Snapshots, make: MakeModel, *, twins: bool = True
    ) -> None:
        """Begin at the first record; without `twins` one model does all, and nobody compares."""
        self.answers = Answers()
        self.ends = Ends(snapshots)
        self.calls = 0
        self.line = 0
        self.processes = 0
        self._log = log
        self._snapshots = snapshots
        self._make = make
        self._twins = twins
        self._of: dict[int, Process] = {}
        self._operations = Operations()

    def run(self) -> None:
        """Follow the log to its end."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """Follow the log to its end, and yield after each record."""
        for record in self._log:
            try:
                self._follow(record)
            except TooMany as found:
                raise TraceError(f"{self._log.path}:{self.line}: {found}") from None
            yield
        for tid in list(self._of):
            self._ended(tid)
            yield

    def _follow(self, record: Record) -> None:
        match record:
            case calls.Signal():
                pass
            case calls.Ended():
                self._ended(record.tid)
            case calls.Lost():
                self._lose(record.tid, f"lost line {record.line}")
            case calls.Foreign():
                self._lose(record.tid, f"foreign line {record.line}: {record.reason}")
            case _:
                self._called(self._process(record.returned.tid), record)

    def _called(self, process: Process, record: calls.Call) -> None:
        """Follow one call of a process."""
        self.line = record.returned.line
        match record:
            case calls.Clone():
                self._cloned(process, record)
            case calls.Exec():
                self._executed(process, record)
            case calls.ExitGroup():
                if process.space is not None:
                    self._settle_races(process, process.space)
                process.ending = True
                self.ends.compare(process.pid, process.space, self.line)
                self._left(process)
                process.files = Files()  # the end of its threads need not be in the log
            case calls.Open() | calls.Close() | calls.Dup():
                process.files.follow(record)
            case calls.Rlimit():
                self._limited(process, record)
            case calls.Exit() | calls.Personality():
                pass
            case _ if process.ending:
                pass
            case _:
                self.calls += 1
                self._memory(process, record)

    # -- processes ---------------------------------------------------------------------------

    def _process(self, tid: int) -> Process:
        """Return the process of a thread; one that was there before the log is not known."""
        if tid not in self._of:
            self._of[tid] = Process(tid or self._snapshots.first_pid or 0)
            self.processes += 1
        return self._of[tid]

    def _cloned(self, parent: Process, clone: calls.Clone) -> None:
        child = clone.returned.result
        if not clone.returned.succeeded or child is None:
            return
        self._ended(child)  # its number may be used again
        if clone.flags & CLONE_THREAD:
            self._settle(child, parent, parent.space)
            return
        self.processes += 1
        space = parent.space
        if space is not None and not clone.flags & CLONE_VM:
            self._settle_races(parent, space)
            space = space.fork()
        process = Process(child, program=parent.program, files=parent.files.copy())
        process.limits |= parent.limits
        self._settle(child, process, space)

    def _settle(self, tid: int, process: Process, space: Space | None) -> None:
        """Let a thread live in a process and a space."""
        self._of[tid] = process
        process.space = space
        if space is not None:
            space.users.add(tid)

    def _executed(self, process: Process, call: calls.Exec) -> None:
        """Forget the old program; its first call tells which one the new one is."""
        if not call.returned.succeeded:
            return
        self._left(process)
        process.program = call.path

    def _left(self, process: Process) -> None:
        """Take a process out of its space."""
        space, process.space = process.space, None
        if space is not None:
            for tid in [t for t in space.users if self._of.get(t) is process]:
                space.leave(tid)

    def _ended(self, tid: int) -> None:
        process = self._of.pop(tid, None)
        if process is not None and process.space is not None:
            process.space.leave(tid)

    def _lose(self, tid: int, why: str) -> None:
        """Take note that the layout of a thread's space is no longer known."""
        space = self._process(tid).space
        if space is not None:
            space.lost = space.lost or why

    def _limited(self, process: Process, record: calls.Rlimit) -> None:
        if not record.returned.succeeded:
            return
        process.limits[record.resource] = record.soft
        for model in process.space.models if process.space is not None else ():
            model.limit(record.resource, record.soft)

    # -- memory ------------------------------------------------------------------------------

    def _memory(self, process: Process, record: calls.Call) -> None:
        """Do a call to the models of its space and count what they answer."""
        operation = self._operations.of(record, process.files)
        if process.space is None:
            self._begin(process, record)
        space = process.space
        kind = operation.kind if operation is not None else type(record).__name__.lower()
        if space is None:
            self.answers.wonder(kind, "layout")
        elif space.lost:
            self.answers.wonder(kind, space.lost.partition(" ")[0])
        elif not _told(record.returned):
            space.lost = f"lost line {record.returned.line}: its answer is not told"
            self.answers.wonder(kind, "lost")
        elif operation is None:
            if not record.returned.error:
                space.lost = f"lost line {record.returned.line}: {kind} is not followed"
            self.answers.wonder(kind, "lost")
        elif operation.random:
            space.force(operation)
            self.answers.wonder(kind, "random")
        elif not space.mapped and operation.tells_place:
            _conclude(space, operation)
            space.force(operation)
            self.answers.wonder(kind, "layout")
        elif space.threads:
            space.waiting.append(operation)
            if len(space.waiting) >= WAITING_MAX or not self._inside(space):
                self._settle_races(process, space)
        else:
            self._settle_races(process, space)
            self._judge(process, space, operation)

    def _inside(self, space: Space) -> bool:
        """Tell whether a thread of a space is in the middle of a call."""
        return any(self._log.inside(tid) for tid in space.users)

    def _settle_races(self, process: Process, space: Space) -> None:
        """Do the calls that overlapped, now that all of them have returned."""

        def attempt(operation: Operation) -> Answer | None:
            if operation.returned.error:
                return operation.returned.error
            answer = space.attempt(operation)
            if answer is None:
                self.answers.agree(operation.kind, threads=True)
            return answer

        settle(space.waiting, attempt, lambda o: self._judge(process, space, o))

    def _judge(self, process: Process, space: Space, operation: Operation) -> None:
        """Compare the answers of both models with the kernel's."""
        returned = operation.returned
        kernel: Answer = returned.error or returned.result or 0
        answers = space.do(operation)
        first, second = answers[0], answers[-1]
        kind = operation.kind
        if first == second == kernel:
            self.answers.agree(kind, threads=space.threads)
        elif reason := _doubt(space, operation, first, second):
            self.answers.wonder(kind, reason)
            space.raced = space.raced or reason == "raced"
        else:
            miss = Miss(returned.line, process.pid, kind, _shown(first), _shown(kernel))
            self.answers.miss(kind, miss)

    def _begin(self, process: Process, record: calls.Call) -> None:
        """Begin a new program with what exec mapped, or with nothing if that is not known."""
        start_brk = record.returned.result if isinstance(record, calls.Brk) else None
        if process.program is None:
            begun = self._snapshots.attached(process.pid)
        else:
            begun = self._snapshots.executed(
                process.pid, process.program, start_brk, process.limits
            )
        if begun is not None:
            space = Space.begin(self._make, begun.start, twins=self._twins)
            space.exact = begun.exact
        elif process.program is not None and start_brk is not None:
            start = Start(start_brk=start_brk, brk=start_brk, limits=process.limits)
            space = Space.begin(self._make, start, twins=self._twins)
            space.partial, space.mapped = True, False
        else:
            return
        process.space = space
        space.users |= {tid for tid, other in self._of.items() if other is process}


def _told(returned: Returned) -> bool:
    """Tell whether the log says how a call ended, in a number that a kernel can answer."""
    result = returned.result
    return result is not None and (bool(returned.error) or 0 <= result <= KEY_MAX)


def _doubt(space: Space, operation: Operation, first: Answer, second: Answer) -> str:
    """Return why an answer that was not predicted proves nothing, or nothing if it does."""
    kind, returned = operation.kind, operation.returned
    failed = isinstance(first, str) or isinstance(second, str)
    if first != second:
        return "faults"
    if returned.error in LIMITS and not failed:
        return "limits"
    if returned.error in REFUSED or (kind == "named" and returned.error == "EINVAL"):
        return "refused"
    if failed and (space.partial or not space.exact):
        return "begun"
    return "raced" if space.threads or space.raced else ""


def _shown(answer: Answer) -> str:
    """Return an answer for a message."""
    return answer if isinstance(answer, str) else f"{answer:#x}"


def _conclude(space: Space, operation: Operation) -> None:
    """Conclude where searches begin, if this is an address that the kernel chose.

    In the lower half of user space it is where bottom-up searches begin.
    """
    found = operation.returned.result
    if not isinstance(operation, Mmap) or operation.returned.error or found is None:
        return
    length = pages(operation.call.length)
    if operation.call.address or length >= PMD:
        return
    topdown = found >= TASK_SIZE // 2
    for model in space.models:
        model.layout(found + length if topdown else found, topdown=topdown)
    space.mapped = True
