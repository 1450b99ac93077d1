"""`stressd record [-o FILE] [--maps FILE] -- COMMAND...`: record a program through strace.

What comes of it is a log of system calls and, beside it, the mappings of each process where it
began a program and where it ended: what `stressd replay` and `source: {kind: recording}` read.

The exit status is that of the command. Ctrl-C is the command's to heed, and so is a first
SIGTERM; after a second one of either everything is killed. What was recorded until then is kept.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from stressd.config.units import Duration
from stressd.errors import UsageError
from stressd.record import proc
from stressd.record.output import Output
from stressd.record.tracer import Tracer, find_program, find_strace, send
from stressd.record.watcher import EXIT, Watcher


def run(command: Sequence[str], out: str | None, maps: str | None, pause: str) -> int:
    """Record a command and return its exit status."""
    if not command:
        raise UsageError("record: name a command, behind --")
    strace, program = find_strace(), find_program(command[0])
    log = out or f"{Path(command[0]).name}.strace.gz"
    maps = maps or maps_of(log)
    if Path(maps).absolute() == Path(log).absolute():
        raise UsageError(f"record: {log}: the log and the mappings need two files")
    wait_us = pause_us(pause)
    with ExitStack() as cleaning:
        files = []
        for path in (log, maps):
            files.append(Output(path))
            cleaning.callback(files[-1].discard)
        recorder = Recorder(log=files[0], maps=files[1])
        folder = cleaning.enter_context(tempfile.TemporaryDirectory(prefix="stressd-record-"))
        status = recorder.record(Tracer(strace, [program, *command[1:]], wait_us, folder))
        recorder.keep()
    print(recorder.summary(status), file=sys.stderr)
    return status


def pause_us(text: str) -> int:
    """Return how long a process waits, in microseconds."""
    try:
        return max(int(Duration.parse(text).seconds * 1e6), 1)
    except ValueError as problem:
        raise UsageError(f"--pause: {problem} (got {text})") from None


def maps_of(log: str) -> str:
    """Return the name of the mappings beside a log: ls.strace.gz -> ls.maps.gz."""
    stem, suffix = log, ""
    if stem.endswith(".gz"):
        stem, suffix = stem.removesuffix(".gz"), ".gz"
    return stem.removesuffix(".strace") + ".maps" + suffix


@dataclass
class Recorder:
    """One recording under way."""

    log: Output
    maps: Output
    lists: dict[str, int] = field(default_factory=lambda: {"exec": 0, EXIT: 0})
    late: int = 0  # processes that no longer stood still when their mappings were read
    signals: int = 0

    def record(self, tracer: Tracer) -> int:
        """Let the command run to its end, and return its exit status."""
        self._watcher = Watcher(self.log.write, self._moment)

        def heed(number: int, _: FrameType | None) -> None:
            self.signals += 1
            if self.signals > 1:
                tracer.kill(self._watcher.alive)
            elif number != signal.SIGINT:  # which the terminal has sent to the command, too
                send(self._watcher.root, number)

        heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, heed) for number in heard}
        try:
            tracer.listen(self._watcher.feed)
            self._watcher.finish()
            return tracer.end()
        except BaseException:
            tracer.kill(self._watcher.alive)
            tracer.end()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _moment(self, tid: int, kind: str) -> None:
        """Keep the mappings of a process that executes a program, or ends."""
        found = proc.mappings(tid, kind)
        if found is None or (kind == EXIT and not found[1]):
            self.late += 1
            return
        self.maps.write(found[0])
        self.lists[kind] += 1
        self.late += not found[1]

    def keep(self) -> None:
        """Let both files appear, if there is anything in them."""
        if not self._watcher.begun:
            raise UsageError(
                "record: nothing was recorded: strace could not start the command, "
                "or may not trace here (ptrace is not permitted)"
            )
        self.maps.finish()
        self.log.finish()

    def summary(self, status: int) -> str:
        """Return what was recorded."""
        late = f", {self.late} could not be read in time (--pause)" if self.late else ""
        ended = f"signal {status - 128}" if status > 128 else f"status {status}"
        begun, gone = self.lists["exec"], self.lists[EXIT]
        return (
            f"recorded {self._watcher.lines:,} lines in {self.log.path}; mappings of "
            f"programs begun: {begun:,}, ended: {gone:,}, in {self.maps.path}"
            f"{late}; the command ended with {ended}"
        )
