"""What strace says, as it says it: which lines are kept, and when mappings are to be read.

strace writes the beginning of a call when it is entered and the rest when it has returned. So
"exit_group(" stands at the end of what was read while the process waits to end, and a line that
ends an execve while the new program waits for its first instruction.

The program is started by a shell, whose own calls are not kept: strace delays no call of the
first program that it starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

EXECUTES = re.compile(rb"(?:execve|execveat)\(|<\.\.\. (?:execve|execveat) resumed>")
SUCCEEDED = re.compile(rb"\)\s+= 0(?: \(DELAYED\))?\s*\Z")
ENDS = re.compile(rb"\A\s*([0-9]+)\s+\S+ exit_group\(")
GONE = re.compile(rb"\A\s*([0-9]+)\s+\S+ \+\+\+ (?:exited|killed)")
WHO = re.compile(rb"\A\s*([0-9]+) ")
EXEC, EXIT = "exec", "exit_group"

Moment = Callable[[int, str], None]  # a thread, and what it does


class Watcher:
    """Cuts what strace writes into lines."""

    def __init__(self, keep: Callable[[bytes], object], moment: Moment) -> None:
        self._keep = keep
        self._moment = moment
        self._rest = b""
        self._ending: set[int] = set()  # threads whose exit_group was seen
        self._alive: set[int] = set()
        self.root = 0  # the first process
        self.programs = 0  # execs that succeeded, the shell's own included
        self.lines = 0  # kept

    @property
    def alive(self) -> tuple[int, ...]:
        """All threads that have done something and not ended."""
        return tuple(self._alive)

    @property
    def begun(self) -> bool:
        """Whether the program itself has been executed."""
        return self.programs > 1

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._look_for_end(self._rest)

    def finish(self) -> None:
        """Take the last line, which strace did not end."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        executes = EXECUTES.search(line)
        succeeded = bool(executes and SUCCEEDED.search(line))
        self.programs += succeeded
        if self.begun:
            self._keep(line + b"\n")
            self.lines += 1
        self._look_for_end(line)
        if who := WHO.match(line):
            tid = int(who[1])
            self.root = self.root or tid
            if succeeded and self.begun:
                self._moment(tid, EXEC)
            self._alive.add(tid)
            if GONE.match(line):
                self._ending.discard(tid)
                self._alive.discard(tid)

    def _look_for_end(self, text: bytes) -> None:
        """Tell of a process that is about to end, once."""
        if (match := ENDS.match(text)) and int(match[1]) not in self._ending and self.begun:
            self._ending.add(int(match[1]))
            self._moment(int(match[1]), EXIT)
