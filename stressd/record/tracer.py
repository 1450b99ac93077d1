"""strace: which one there is, how it is asked, and how it ends.

Each process waits a moment where it executes a program and where it ends, by strace's own means
(inject=...:delay_...), so that its mappings can be read. strace writes into a named pipe: a pipe
that it inherited would be inherited by the program, too, and take one of its descriptors.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from stressd.errors import UsageError
from stressd.traces import TRACED

VERSION = re.compile(r"version (\d+)\.(\d+)")
OLDEST = (5, 3)  # --seccomp-bpf
PIPE_BYTES = 1 << 12  # so strace is never far ahead: what it tells is still so when it is read
LAUNCH = ("/bin/sh", "-c", 'exec "$@"', "sh")


def find_strace() -> str:
    """Return the path of strace, or say how to get it."""
    found = shutil.which("strace")
    if found is None:
        raise UsageError("record: strace is not installed (on Debian: apt install strace)")
    told = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout
    match = VERSION.search(told)
    if match is None or (int(match[1]), int(match[2])) < OLDEST:
        got = told.partition("\n")[0] or "no version"
        raise UsageError(f"record: strace 5.3 or later is needed (got {got})")
    return found


def find_program(name: str) -> str:
    """Return the path of the program, as a shell would find it."""
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"record: {name}: no such program")
    return os.path.abspath(found)


def options(pause_us: int) -> list[str]:
    """Return what strace is to show, and where processes wait."""
    traced = ",".join(f"?{name}" for name in TRACED)
    return [
        "-f", "-q", "-tt", "-y", "--seccomp-bpf", "-e", f"trace={traced}",
        "-e", f"inject=execve,execveat:delay_exit={pause_us}",
        "-e", f"inject=exit_group:delay_enter={pause_us}",
    ]  # fmt: skip


class Tracer:
    """strace at work on one command."""

    def __init__(self, strace: str, command: Sequence[str], pause_us: int, folder: str) -> None:
        pipe = str(Path(folder, "strace"))
        os.mkfifo(pipe, 0o600)
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        arguments = [strace, *options(pause_us), "-o", pipe, "--", *LAUNCH, *command]
        try:
            self._process = subprocess.Popen(arguments)
        except OSError as failure:
            raise UsageError(f"record: strace cannot be started ({failure.strerror})") from None

    def listen(self, take: Callable[[bytes], object]) -> None:
        """Hand on what strace writes until it ends."""
        ended = os.pidfd_open(self._process.pid)
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(ended, select.POLLIN)
        try:
            while True:
                ready = dict(poll.poll())
                data = os.read(self._pipe, PIPE_BYTES) if self._pipe in ready else b""
                if data:
                    take(data)
                elif ended in ready:
                    return
                else:
                    poll.unregister(self._pipe)  # closed: strace is about to end
        finally:
            os.close(ended)

    def end(self) -> int:
        """Return the status of the command as a shell tells it: 128 + n if signal n ended it."""
        os.close(self._pipe)
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def kill(self, tids: Sequence[int]) -> None:
        """End all threads at once; strace follows when the last one is gone."""
        for tid in tids:
            send(tid, signal.SIGKILL)
        if not tids:
            self._process.kill()


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone already."""
    with contextlib.suppress(OSError):
        os.kill(pid, number)
