"""Follow a log of system calls with the model, and compare each answer with the kernel's.

What faults have done is not in such a log, and it decides what merges. So each address space is
followed twice: in one, memory is written to as soon as it is writable, in the other never. Where
both give the same answer it cannot depend on faults (or so it is hoped: of a mixture nothing
is known). Where they differ the answer is unknown. Either way the kernel's answer is taken.

    right      predicted, and the kernel did just that
    wrong      predicted, and the kernel did something else
    unknown    the two differ, the kernel draws a random number, or the layout is not known

Answers in an address space with several threads are counted apart: the log is in the order in
which calls returned, not in that of the lock.

Where a program begins is taken from a list of its mappings. If there is none it is concluded
from the first address that the kernel chooses: that mapping ends where searches end. (That
answer is unknown.) What exec mapped stays unknown then, and nothing is said of the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from stressd.traces import calls
from stressd.traces.calls import CLONE_THREAD, CLONE_VM, CallLog, Record, Returned
from tests.mm.spec.change import Map, mmap, munmap
from tests.mm.spec.grow import brk, populate
from tests.mm.spec.lookup import vma_lookup
from tests.mm.spec.modify import bind, madvise, mlock, mlockall, mprotect, munlock
from tests.mm.spec.process import fork
from tests.mm.spec.remap import FIXED, MAYMOVE, mremap
from tests.mm.spec.shm import SHM_REMAP, remap_file_pages, shmat, shmdt
from tests.mm.spec.space import AddressSpace, File
from tests.mm.spec.words import INFINITY, PMD, TASK_SIZE, CannotKnow, Failed, Vm, page_up
from tests.mm.start import Snapshots

UNKNOWN = 0  # of an mmap_base
Operation = Callable[[AddressSpace], int]
NOT_HUGE = ("/dev/", "/proc/", "/sys/", "socket:", "anon_inode:", "pipe:")
SHMEM = ("/dev/shm/", "/memfd:", "/SYSV")


@dataclass
class Tally:
    """What came out, by kind of call and by answer."""

    answers: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    processes: int = 0
    finals: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False)
class Twins:
    """One address space, followed under two assumptions about faults."""

    eager: AddressSpace
    lazy: AddressSpace
    threads: set[int]
    inexact: str = ""  # why its layout is no longer known
    partial: bool = False  # what exec mapped is not in it

    def fork(self, child: int) -> Twins:
        """Return the twins of a child process."""
        return Twins(fork(self.eager), fork(self.lazy), {child}, self.inexact, self.partial)

    def fault(self) -> None:
        """Write to all that is writable, in the one that does."""
        populate(self.eager, 0, INFINITY)


@dataclass(eq=False)
class Process:
    """What the threads of one process share."""

    pid: int
    space: Twins | None  # None: it has begun, and nothing is known of its layout yet
    files: dict[int, File]
    stack: int = 8 << 20


class Follower:
    """Follows all processes of one log."""

    def __init__(self, log: CallLog, snapshots: Snapshots | None) -> None:
        self.tally = Tally()
        self._log = log
        self._snapshots = snapshots
        self._of: dict[int, Process] = {}
        self._segments: dict[int, int] = {}  # lengths of shared memory, by number

    def run(self) -> Tally:
        """Follow the log to its end."""
        for record in self._log:
            self._follow(record)
        return self.tally

    def _follow(self, record: Record) -> None:
        if isinstance(record, calls.Signal):
            return
        if isinstance(record, calls.Ended):
            self._ended(record.tid)
            return
        if isinstance(record, calls.Lost | calls.Foreign):
            self._blur(record.tid, f"line {record.line}")
            return
        process = self._process(record.returned.tid)
        if isinstance(record, calls.Clone):
            self._cloned(process, record)
        elif isinstance(record, calls.Exec):
            self._executed(process, record.returned)
        elif isinstance(record, calls.ExitGroup):
            self._final(process)
        elif isinstance(record, calls.Open | calls.Close | calls.Dup):
            self._file(process, record)
        elif isinstance(record, calls.Rlimit) and record.resource == "STACK":
            process.stack = record.soft
        else:
            self._memory(process, record)

    # -- processes ---------------------------------------------------------------------------

    def _process(self, tid: int) -> Process:
        """Return the process of a thread; one that was there before the log is not known."""
        if tid not in self._of:
            self._of[tid] = Process(tid, None, {})
            self.tally.processes += 1
        return self._of[tid]

    def _cloned(self, parent: Process, clone: calls.Clone) -> None:
        child = clone.returned.result
        if not clone.returned.succeeded or child is None:
            return
        if clone.flags & CLONE_THREAD:
            self._of[child] = parent
            if parent.space is not None:
                parent.space.threads.add(child)
            return
        self.tally.processes += 1
        space = parent.space
        if space is not None and not clone.flags & CLONE_VM:
            space = space.fork(child)
        self._of[child] = Process(child, space, dict(parent.files), parent.stack)

    def _executed(self, process: Process, returned: Returned) -> None:
        """Forget the old program; the next brk(NULL) tells which one this is."""
        if returned.succeeded:
            process.space = None

    def _ended(self, tid: int) -> None:
        process = self._of.pop(tid, None)
        if process is not None and process.space is not None:
            process.space.threads.discard(tid)

    def _blur(self, tid: int, why: str) -> None:
        space = self._process(tid).space
        if space is not None:
            space.inexact = space.inexact or why

    def _final(self, process: Process) -> None:
        """Compare the mappings at the end with those that /proc showed."""
        snapshot = self._snapshots and self._snapshots.final(process.pid)
        space = process.space
        if not snapshot:
            return
        if space is None or space.inexact or space.partial:
            self.tally.finals["unknown"] += 1
            return
        wanted = snapshot.ranges
        equal = [_ranges(mm, wanted) == wanted for mm in (space.eager, space.lazy)]
        if all(equal):
            self.tally.finals["equal"] += 1
        elif any(equal):
            self.tally.finals["equal if written to" if equal[0] else "equal if not written to"] += 1
        else:
            self.tally.finals["different"] += 1
            both = set(wanted) ^ set(_ranges(space.eager, wanted))
            shown = ", ".join(f"{a:#x}-{b:#x}" for a, b in sorted(both)[:8])
            self.tally.misses.append(f"{process.pid} at its end: {shown}")

    # -- files -------------------------------------------------------------------------------

    def _file(self, process: Process, record: calls.Open | calls.Close | calls.Dup) -> None:
        """Keep the table of open files: one opened twice is two files."""
        result = record.returned.result
        if not record.returned.succeeded or result is None:
            return
        if isinstance(record, calls.Open):
            process.files[result] = file_at(record.path, record.writable)
        elif isinstance(record, calls.Close):
            process.files.pop(record.number, None)
        elif record.number in process.files:
            process.files[result] = process.files[record.number]

    # -- memory ------------------------------------------------------------------------------

    def _memory(self, process: Process, record: calls.Call) -> None:
        if process.space is None and isinstance(record, calls.Brk):
            self._begin(process, record.returned)
        space = process.space
        if space is None or space.inexact:
            if isinstance(record, calls.Mmap) and not record.address:
                self._count("mmap", "unknown", None)
            return
        if isinstance(record, calls.Mmap):
            self._mmap(process, space, record)
        elif isinstance(record, calls.Mremap):
            self._mremap(space, record)
        elif isinstance(record, calls.Brk):
            self._answer("brk", space, record.returned, lambda mm: brk(mm, record.address))
        elif isinstance(record, calls.Shmget):
            self._segments[record.returned.result or 0] = record.length
        elif isinstance(record, calls.Shmat) and self._segments.get(record.segment):
            length = self._segments[record.segment]
            self._answer(
                "shmat",
                space,
                record.returned,
                lambda mm: shmat(mm, length, record.address, record.flags),
                lambda mm: shmat(mm, length, record.returned.result or 0, record.flags | SHM_REMAP),
            )
        elif (operation := _plain(record)) is not None:
            self._answer(type(record).__name__.lower(), space, record.returned, operation)
        else:
            space.inexact = f"line {record.returned.line}: {type(record).__name__}"
        space.fault()

    def _begin(self, process: Process, returned: Returned) -> None:
        """Begin a new program with what exec mapped, or with nothing if that is not known."""
        start_brk = returned.result
        if start_brk is None:
            return
        twins = [self._snapshots and self._snapshots.begun(process.pid, start_brk) for _ in "ab"]
        if twins[0] is not None and twins[1] is not None:
            process.space = Twins(twins[0], twins[1], {process.pid})
            process.space.fault()
            return
        eager, lazy = (
            AddressSpace(mmap_base=UNKNOWN, start_brk=start_brk, brk=start_brk) for _ in "ab"
        )
        process.space = Twins(eager, lazy, {process.pid}, partial=True)

    def _mmap(self, process: Process, space: Twins, call: calls.Mmap) -> None:
        """Ask for the same mapping; if the kernel put it elsewhere, put it there too."""
        file = None
        if not call.flags & Map.ANONYMOUS:
            file = process.files.get(call.file.number)
            if file is None:
                file = file_at(call.file.path or "", True)
                process.files[call.file.number] = file
        kind = "mmap at" if call.address else "mmap"
        if call.flags & Map.BELOW_2G:
            kind = "mmap 32bit"
        flags = call.flags
        concluded = space.eager.mmap_base == UNKNOWN and _conclude(space, call)

        def ask(mm: AddressSpace) -> int:
            if concluded or mm.mmap_base == UNKNOWN:
                raise CannotKnow
            return mmap(mm, call.address, call.length, call.prot, flags, file, call.offset)

        def force(mm: AddressSpace) -> None:
            fixed = (flags | Map.FIXED) & ~(Map.FIXED_NOREPLACE | Map.BELOW_2G)
            address = call.returned.result or 0
            mmap(mm, address, call.length, call.prot, fixed, file, call.offset)

        self._answer(kind, space, call.returned, ask, force)

    def _mremap(self, space: Twins, call: calls.Mremap) -> None:
        def ask(mm: AddressSpace) -> int:
            return mremap(
                mm, call.address, call.length, call.new_length, call.flags, call.new_address
            )

        def force(mm: AddressSpace) -> None:
            new = call.returned.result or 0
            vma = vma_lookup(mm, call.address)
            if new != call.address:
                flags = MAYMOVE | FIXED
                mremap(mm, call.address, call.length, call.new_length, flags, new)
            elif vma is not None:
                end = call.address + page_up(call.new_length)
                munmap(mm, vma.end, end - vma.end)
                vma.end = end

        self._answer("mremap", space, call.returned, ask, force)

    def _answer(
        self,
        kind: str,
        space: Twins,
        returned: Returned,
        ask: Operation,
        force: Callable[[AddressSpace], object] | None = None,
    ) -> None:
        """Ask both models, count their answer, and make them what the kernel made."""
        if returned.result is None:
            return
        kernel = returned.error or returned.result
        answers: list[int | str | None] = []
        for mm in (space.eager, space.lazy):
            before = [vma.copy() for vma in mm.vmas]
            try:
                answers.append(ask(mm))
            except Failed as failure:
                answers.append(failure.name)
            except CannotKnow:
                answers.append(None)
            if answers[-1] != kernel and force is not None:
                mm.vmas = before
                if not returned.error:
                    force(mm)
        name = kind if len(space.threads) == 1 else f"{kind} (threads)"
        failed = any(isinstance(answer, str) for answer in answers) and not returned.error
        if space.partial and failed:
            self._count(name, "unknown", None)  # it may be about what exec mapped
        elif None in answers or answers[0] != answers[1]:
            self._count(name, "unknown", None)
        elif answers[0] == kernel:
            self._count(name, "right", None)
        else:
            predicted = answers[0] if isinstance(answers[0], str) else f"{answers[0]:#x}"
            actual = kernel if isinstance(kernel, str) else f"{kernel:#x}"
            self._count(name, "wrong", f"line {returned.line}: {kind}: {predicted}, not {actual}")

    def _count(self, kind: str, answer: str, miss: str | None) -> None:
        self.tally.answers[f"{kind} {answer}"] += 1
        if miss is not None:
            self.tally.misses.append(miss)


def _conclude(space: Twins, call: calls.Mmap) -> bool:
    """Conclude where searches end, if this is an address that the kernel chose; tell whether.

    In the lower half of user space it is where bottom-up searches begin.
    """
    length, found = page_up(call.length), call.returned.result
    if call.address or not call.returned.succeeded or found is None or length >= PMD:
        return False
    for mm in (space.eager, space.lazy):
        mm.mmap_base = found + length
        mm.topdown = found >= TASK_SIZE // 2
        if not mm.topdown:
            mm.legacy_base = found
    return True


def _plain(call: calls.Call) -> Operation | None:
    """Return a call that returns 0, as a function of the address space."""
    done: Callable[[AddressSpace], None]
    match call:
        case calls.Munmap(address, length):
            done = lambda mm: munmap(mm, address, length)  # noqa: E731
        case calls.Mprotect(address, length, prot) | calls.PkeyMprotect(address, length, prot, -1):
            done = lambda mm: mprotect(mm, address, length, prot)  # noqa: E731
        case calls.Madvise(address, length, advice):
            done = lambda mm: madvise(mm, address, length, advice)  # noqa: E731
        case calls.Mlock(address, length, flags):
            done = lambda mm: mlock(mm, address, length, on_fault=bool(flags))  # noqa: E731
        case calls.Munlock(address, length):
            done = lambda mm: munlock(mm, address, length)  # noqa: E731
        case calls.Mlockall(flags):
            done = lambda mm: mlockall(mm, flags)  # noqa: E731
        case calls.Munlockall():
            done = lambda mm: mlockall(mm, 0)  # noqa: E731
        case calls.Shmdt(address):
            done = lambda mm: shmdt(mm, address)  # noqa: E731
        case calls.RemapFilePages(address, length, pgoff):
            done = lambda mm: remap_file_pages(mm, address, length, pgoff)  # noqa: E731
        case calls.Mbind(address, length):
            policy = object()
            done = lambda mm: bind(mm, address, length, policy)  # noqa: E731
        case calls.Exit() | calls.Personality() | calls.Rlimit():
            done = lambda mm: None  # noqa: E731
        case _:
            return None

    def operation(mm: AddressSpace) -> int:
        done(mm)
        return call.returned.result or 0

    return operation


def file_at(path: str, writable: bool) -> File:
    """Return a newly opened file; where it lies tells how its mappings are placed."""
    shmem = path.startswith(SHMEM)
    return File(
        path,
        writable=writable,
        shmem=shmem,
        zero=path == "/dev/zero",
        huge_aligned=not path.startswith(NOT_HUGE),
    )


def _ranges(mm: AddressSpace, wanted: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (first, last) of all VMAs; how far a stack has grown is taken from `wanted`."""
    starts = {last: first for first, last in wanted}
    found = []
    for vma in mm.vmas:
        first, last = vma.start, vma.end - 1
        if vma.flags & Vm.GROWSDOWN and starts.get(last, first) < first:
            first = starts[last]
        found.append((first, last))
    return found
