"""The console that everything human is printed on."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from rich.console import Console


class HumanConsole(Console):
    """Falls silent when nobody reads any more, instead of ending the process."""

    def on_broken_pipe(self) -> None:
        """Send the rest nowhere: a soak goes on although `| head` had enough of it."""
        self.quiet = True
        discard(self.file)


def discard(file: object) -> None:
    """Let whatever is still written to `file`, now or at exit, disappear."""
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)


def human_console(stderr: bool) -> HumanConsole:
    """Return the console on standard output, or on standard error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    return HumanConsole(stderr=stderr, highlight=False)
