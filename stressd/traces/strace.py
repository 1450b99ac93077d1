"""Logs of `strace -f -tt`: system calls, as text, of one or more processes.

    line      = [who] [time] event
    who       = tid | "[pid " tid "]"
    time      = hh:mm:ss["."digits] | seconds"."digits
    event     = name "(" arguments ")" "=" result [error] [notes] ["<" seconds ">"]
              | name "(" ... "<unfinished ...>"              the rest follows in a later line:
              | "<... " name " resumed>" ... ")" "=" result
              | "--- " signal ... "---"
              | "+++ exited with " n " +++" | "+++ killed by " signal " +++"
              | "+++ superseded by execve in pid " tid " +++"

Only calls that concern memory, processes and open files are read; all others are passed over.
A call is told where it returned. Its two halves are joined, by thread.

Without `who` a line belongs to the only thread there is. The first process may never be given
a number: it is thread 0 then, also in lines that do number it.

A child may act before the line in which its parent's clone returns. Its Clone is told first all
the same: at once if only one clone is under way, otherwise its records wait until it is clear
whose child it is.

What is counted
    unread       a call of ours that does not parse; a `Lost` takes its place
    odd          a line that is none of strace's: the output of a program, most often
    unfinished   a call whose end is not in the log
    foreign      calls of a process of another architecture, which are passed over. It is known
                 by calls that x86-64 does not have, by addresses above its user space, by the
                 libraries that it executes, or because strace says so. If there is nothing
                 else in the log, the log is refused
"""

from __future__ import annotations

import errno
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from stressd.traces import calls
from stressd.traces.arguments import CALLS, BadCall, clone_flags, split
from stressd.traces.calls import Clone, Ended, Foreign, Lost, Record, Returned, Signal
from stressd.traces.textfile import TextFile, TraceError

NAME = "strace"
PROT_EXEC = calls.PROTECTIONS["PROT_EXEC"]
PROBLEMS_KEPT = 10  # of one log; the counts go on
HELD_MAX = 1000  # records of a thread that waits for its parent; then it is taken for an orphan
SHOWN_MAX = 100
HEAD_LINES = 20  # one of them must be a call, or the file is another kind of text
UNNUMBERED = 0

WHO = rb"\s*(?:\[pid\s+([0-9]{1,10})\]\s+|([0-9]{1,10})\s+)?"
TIME = rb"(?:(?:[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?|[0-9]{1,10}\.[0-9]{1,9})\s+)?"
NOTES = rb"(?:\(\+\s*[0-9.]+\)\s+)?(?:\[[ 0-9a-f?]+\]\s+){0,2}"
LINE = re.compile(
    WHO + TIME + NOTES + rb"(?:([a-z_][a-z0-9_]*)\((.*)"
    rb"|<\.\.\. ([a-z_][a-z0-9_]*) resumed>\s?(.*)"
    rb"|--- (\S+) (?:.*)---"
    rb"|\+\+\+ (?:exited with [0-9]+|killed by (\S+).*|superseded by execve in pid ([0-9]+)) \+\+\+"
    rb")\s*\Z",
    re.DOTALL,
)
MODE = re.compile(rb"\[ Process PID=([0-9]{1,10}) runs in (\S+)(?: bit)? mode\. \]")
UNFINISHED = re.compile(rb"\s*<(?:unfinished|detached|pid changed to [0-9]+) \.\.\.>\s*\Z")
ATTACHED = re.compile(rb"strace: Process [0-9]+ attached\s*\Z")
RESULT = re.compile(
    rb"\s*= (\?|-?[0-9]{1,20}|0x[0-9a-fA-F]{1,16})(?:<(.*?)>(?:\(deleted\))?)?"
    rb"(?: (E[A-Z0-9]+)\b| \(errno ([0-9]{1,4})\))?(?: \(.*\)| <unavailable>)?"
    rb"(?: <[0-9.]+>)?\s*\Z",
    re.DOTALL,
)
STRACE_SAYS = (b"strace: ", b" > ", b"\t> ")
MAKES_THREADS = {b"clone", b"clone3", b"fork", b"vfork"}
VFORK = calls.CLONE_VM | calls.CLONE_VFORK
PROCESS_CALLS = (calls.Clone, calls.Exec, calls.Exit, calls.ExitGroup)
NO_MEMORY = (*PROCESS_CALLS, Foreign, Signal, Ended)

MEMORY_CALLS = {
    b"mmap", b"munmap", b"mprotect", b"pkey_mprotect", b"madvise", b"mremap", b"brk", b"mlock",
    b"mlock2", b"munlock", b"mlockall", b"munlockall", b"mbind", b"shmat", b"shmdt",
    b"remap_file_pages",
}  # fmt: skip
FOREIGN_CALLS = {
    b"mmap2": "32-bit processors",
    b"old_mmap": "32-bit processors",
    b"set_thread_area": "32-bit x86",
    b"set_tls": "ARM",
    b"arm_fadvise64_64": "ARM",
    b"riscv_hwprobe": "RISC-V",
    b"riscv_flush_icache": "RISC-V",
    b"s390_pci_mmio_read": "s390",
    b"subpage_prot": "PowerPC",
    b"cachectl": "MIPS",
}
FOREIGN_LIBRARY = re.compile(
    r"/(?:aarch64|arm\w*|i[3-6]86|riscv64|s390x?|powerpc\w*|ppc64\w*|loongarch64|mips\w*)"
    r"-linux-(?:gnu|musl)\w*/"
)


@dataclass
class Pending:
    """A call that has begun and not returned."""

    name: bytes
    text: bytes
    line: int
    child: int | None = None  # of a clone: already told


@dataclass
class Thread:
    """What is remembered of one thread while it lives."""

    pending: Pending | None = None
    foreign: str = ""  # the other architecture
    held: deque[Record] | None = field(default=None)  # records that wait for its Clone


def looks_like(head: bytes) -> bool:
    """Tell whether a text that begins with `head` is a log of system calls."""
    for line in head.split(b"\n")[:HEAD_LINES]:
        match = LINE.match(line)
        if match and match[3] and (b") = " in line or b")  " in line or b"<unfinished" in line):
            return True
    return False


class StraceLog:
    """One log of strace, see CallLog."""

    format = NAME

    def __init__(self, source: TextFile) -> None:
        self.path = source.path
        self.unread = 0
        self.odd = 0
        self.unfinished = 0
        self.foreign = 0
        self.problems: list[str] = []
        self._source = source
        self._threads: dict[int, Thread] = {}
        self._first: int | None = None  # the number of thread UNNUMBERED, once it is told
        self._line = 0
        self._refusal = ""  # the first sign of another architecture

    def __iter__(self) -> Iterator[Record]:
        """Yield every record; a text without a single one is not a log."""
        told = followed = 0
        broken = b""
        for number, whole in enumerate(self._source.lines(), 1):
            self._line = number
            line, broken = broken + whole, b""
            if (cut := ATTACHED.search(line)) and cut.start():
                broken = line[: cut.start()]  # strace broke into its own line
                continue
            for record in self._records(line):
                told += 1
                followed += not isinstance(record, NO_MEMORY)
                yield record
        for tid, thread in self._threads.items():
            yield from self._release(tid)
            self._drop(thread)
        if not followed and self._refusal:
            raise TraceError(f"{self.path}: a log of another architecture: {self._refusal}")
        if not told and not self._threads:
            raise TraceError(
                f"{self.path}: not a log of system calls: no call in its {self._line} lines"
            )

    def inside(self, tid: int) -> bool:
        """Tell whether the thread is in a call about memory that has not returned as yet."""
        thread = self._threads.get(tid)
        return bool(thread and thread.pending and thread.pending.name in MEMORY_CALLS)

    # -- lines -------------------------------------------------------------------------------

    def _records(self, line: bytes) -> Iterator[Record]:
        """Yield what one line says."""
        match = LINE.match(line)
        if match is None:
            yield from self._unusual(line)
            return
        in_brackets, bare, name, text, resumed, rest, signal, killed, by = match.groups()
        tid = self._thread_of(in_brackets or bare, resumed is not None)
        thread = self._threads.get(tid)
        if thread is None:
            thread = self._threads[tid] = Thread()
            yield from self._adopt(tid, thread)
        if name is not None:
            records = self._call(tid, thread, name, text)
        elif resumed is not None:
            records = self._resumed(tid, thread, resumed, rest)
        elif signal is not None:
            records = self._signalled(tid, signal)
        elif by is not None:
            records = self._superseded(thread, self._alias(int(by)))
        else:
            records = self._ended(tid, thread, (killed or b"").decode("ascii", "replace"))
        told = list(records)  # which may be what the thread has waited for
        if thread.held is None:
            yield from told
            return
        thread.held.extend(told)
        if len(thread.held) > HELD_MAX:
            yield from self._release(tid)

    def _unusual(self, line: bytes) -> Iterator[Record]:
        """Yield what a line says that is no event."""
        if mode := MODE.search(line):
            tid = self._alias(int(mode[1]))
            thread = self._threads.setdefault(tid, Thread())
            if mode[2] == b"64":
                thread.foreign = ""
            else:
                yield from self._estranged(tid, thread, f"strace says {mode[2].decode()} bit mode")
        elif line.strip() and not line.startswith(STRACE_SAYS):
            self.odd += 1
            self._note("not a line of strace; passed over", line)

    def _call(self, tid: int, thread: Thread, name: bytes, text: bytes) -> Iterator[Record]:
        """Yield the record of a call, if it has returned."""
        if name not in CALLS and name not in FOREIGN_CALLS:
            return
        self._drop(thread)
        if cut := UNFINISHED.search(text):
            thread.pending = Pending(name, text[: cut.start()], self._line)
            return
        yield from self._returned(tid, thread, Pending(name, text, self._line))

    def _resumed(self, tid: int, thread: Thread, name: bytes, rest: bytes) -> Iterator[Record]:
        """Yield the record of a call whose first half stands further up."""
        if name not in CALLS and name not in FOREIGN_CALLS:
            return
        pending, thread.pending = thread.pending, None
        if pending is None or pending.name != name:
            yield self._failed(tid, "the beginning of this call is not in the log", rest)
            return
        pending.text += rest
        if cut := UNFINISHED.search(pending.text):
            pending.text = pending.text[: cut.start()]
            thread.pending = pending
            return
        yield from self._returned(tid, thread, pending)

    def _returned(self, tid: int, thread: Thread, call: Pending) -> Iterator[Record]:
        """Yield the record of a whole call."""
        try:
            arguments, rest = split(call.text)
            match = RESULT.fullmatch(rest)
            if match is None:
                raise BadCall("a result was expected behind the arguments")
            returned = Returned(*_result(match), tid, self._line, call.line)
            path = match[2].decode("utf-8", "surrogateescape") if match[2] else None
            reader = CALLS.get(call.name)
            record = reader(arguments, path, returned) if reader else None
        except BadCall as problem:
            yield self._failed(tid, str(problem), call.name + b"(" + call.text)
            return
        yield from self._judged(tid, thread, call, record)

    def _judged(
        self, tid: int, thread: Thread, call: Pending, record: Record | None
    ) -> Iterator[Record]:
        """Yield a record, unless it is that of another architecture."""
        reason = thread.foreign or _foreign(call.name, record)
        if reason and not thread.foreign:
            yield from self._estranged(tid, thread, reason)
        if reason and not isinstance(record, PROCESS_CALLS):
            self.foreign += 1
            return
        if isinstance(record, Clone) and record.returned.succeeded:
            child = record.returned.result
            assert child is not None
            if call.child != child:
                yield record
            yield from self._born(child, thread)
            return
        if isinstance(record, calls.Exec) and record.returned.succeeded:
            thread.foreign = ""
        if record is not None:
            yield record

    def _signalled(self, tid: int, name: bytes) -> Iterator[Record]:
        """Yield a signal; a thread may also have been stopped, which is none."""
        if name.startswith(b"SIG"):
            yield Signal(name.decode("ascii", "replace"), tid, self._line)

    def _ended(self, tid: int, thread: Thread, signal: str) -> Iterator[Record]:
        """Yield the end of a thread."""
        self._drop(thread)
        held = self._release(tid)
        self._threads.pop(tid, None)
        yield from held
        yield Ended(signal, tid, self._line)

    def _superseded(self, thread: Thread, by: int) -> Iterator[Record]:
        """Take note that thread `by` has become this one: its exec will resume here."""
        other = self._threads.pop(by, None)
        if other is not None:
            self._drop(thread)
            thread.pending = other.pending
            yield Ended("", by, self._line)

    # -- threads -----------------------------------------------------------------------------

    def _thread_of(self, number: bytes | None, resumes: bool) -> int:
        """Return the thread that a line belongs to."""
        if number is not None:
            return self._alias(int(number), resumes)
        return next(iter(self._threads)) if len(self._threads) == 1 else UNNUMBERED

    def _alias(self, tid: int, resumes: bool = False) -> int:
        """Return the thread of this number, which may be the one that had none at first."""
        if tid == self._first:
            return UNNUMBERED
        first = self._threads.get(UNNUMBERED)
        if first is None or self._first is not None or tid in self._threads:
            return tid
        if not resumes and any(True for _ in self._parents()):
            return tid  # a child that is not told yet
        self._first = tid
        return UNNUMBERED

    def _parents(self) -> Iterator[tuple[int, Pending]]:
        """Yield the threads whose clone is under way, without a child as yet."""
        for tid, thread in self._threads.items():
            call = thread.pending
            if call is not None and call.name in MAKES_THREADS and call.child is None:
                yield tid, call

    def _adopt(self, tid: int, thread: Thread) -> Iterator[Record]:
        """Yield the Clone of a thread that acts before it returned, or let the thread wait."""
        parents = list(self._parents())
        if len(parents) == 1:
            ((parent, call),) = parents
            call.child = tid
            thread.foreign = self._threads[parent].foreign
            sharing = VFORK if call.name == b"vfork" else clone_flags(call.text)
            yield Clone(sharing, Returned(tid, "", parent, self._line, call.line))
        elif parents:
            thread.held = deque()

    def _born(self, child: int, parent: Thread) -> Iterator[Record]:
        """Yield what a thread did before its parent's clone returned."""
        thread = self._threads.setdefault(child, Thread())
        thread.foreign = thread.foreign or parent.foreign
        yield from self._release(child)

    def _release(self, tid: int) -> list[Record]:
        """Return the records of a thread that need wait no longer."""
        thread = self._threads.get(tid)
        if thread is None or thread.held is None:
            return []
        held, thread.held = list(thread.held), None
        return held

    def _estranged(self, tid: int, thread: Thread, reason: str) -> Iterator[Record]:
        """Take note that a thread is not of x86-64."""
        thread.foreign = reason
        where = f"line {self._line}: {reason}"
        self._refusal = self._refusal or where
        self._note(f"of another architecture ({reason}); passed over", f"thread {tid}".encode())
        yield Foreign(reason, tid, self._line)

    # -- problems ----------------------------------------------------------------------------

    def _drop(self, thread: Thread) -> None:
        """Give up the call that a thread has begun."""
        if thread.pending is not None and thread.pending.name in CALLS:
            self.unfinished += thread.pending.name not in (b"exit", b"exit_group")
        thread.pending = None

    def _failed(self, tid: int, problem: str, got: bytes) -> Lost:
        """Note a call that cannot be read."""
        self.unread += 1
        self._note(problem, got)
        return Lost(tid, self._line)

    def _note(self, problem: str, got: bytes) -> None:
        """Keep the first few problems, said in full."""
        if len(self.problems) < PROBLEMS_KEPT:
            text = got.decode("utf-8", "backslashreplace").strip()
            shown = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "..."
            self.problems.append(f"{self.path}:{self._line}: {problem} (got {shown})")


def _result(match: re.Match[bytes]) -> tuple[int | None, str]:
    """Return the result and the error of a call."""
    text, name, code = match[1], match[3], match[4]
    error = name.decode() if name else ""
    if code is not None:
        error = errno.errorcode.get(int(code), f"errno {int(code)}")
    if text == b"?":
        return None, error
    return int(text, 16 if text.startswith(b"0x") else 10), error


def _foreign(name: bytes, record: Record | None) -> str:
    """Say why a call is not one of x86-64, or nothing."""
    if name in FOREIGN_CALLS:
        return f"{name.decode()} is a call of {FOREIGN_CALLS[name]}"
    if not isinstance(record, calls.Mmap | calls.Brk) or not record.returned.succeeded:
        return ""
    if (record.returned.result or 0) > calls.TASK_SIZE:
        return f"{record.returned.result:#x} is above the user space of x86-64"
    path = record.file.path if isinstance(record, calls.Mmap) and record.prot & PROT_EXEC else ""
    return f"it executes {path}" if FOREIGN_LIBRARY.search(path or "") else ""
