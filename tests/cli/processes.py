"""Starting the command line in a process, in a pipe or on a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
FAKE = [sys.executable, "-m", "tests.cli.fake_stressd"]
REAL = [sys.executable, "-m", "stressd"]
TIMEOUT_S = 120  # generous: only a process that hangs reaches it

CONFIG = """\
version: 1
run: {duration: 100ms, sample: 100ms, stall_after: 1s}
tree: {arena: 64MiB}
source: {kind: synthetic, entries: 100}
workers:
  - {name: read, threads: 2, mix: {load: 9, scan: 1}}
  - {name: write, mix: {store: 1}}
metrics: {enabled: false}
output: {runs: RUNS}
"""


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a child: the sources, a fixed width, what a test adds."""
    chosen = ("NO_COLOR", "FORCE_COLOR", "STRESSD_BUILD")
    inherited = {name: text for name, text in os.environ.items() if name not in chosen}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(REPO), str(REPO / "kernels")]),
        "COLUMNS": "100",
        "TERM": "xterm-256color",
    } | extra


def small_yaml(folder: Path, text: str = CONFIG) -> Path:
    """Write the small configuration, with its runs beside it."""
    path = folder / "small.yaml"
    path.write_text(text.replace("RUNS", str(folder / "runs")), encoding="utf-8")
    return path


def invoke(
    *words: str | Path, trouble: str = "", cwd: Path | None = None, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with the fake engine."""
    return subprocess.run(
        [*FAKE, *map(str, words)],
        env=environment(FAKE_TROUBLE=trouble, **extra),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@dataclass
class Running:
    """A command that was started, as the leader of a process group of its own."""

    words: list[str]
    trouble: str = ""
    terminal: bool = False
    process: subprocess.Popen[bytes] = field(init=False)
    ready: int = field(init=False)
    master: int = -1

    def __post_init__(self) -> None:
        self.ready, theirs = os.pipe()
        env = environment(FAKE_TROUBLE=self.trouble, FAKE_READY_FD=str(theirs))
        output = subprocess.PIPE
        slave = -1
        if self.terminal:
            self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *FAKE, *self.words] if self.terminal else [*FAKE, *self.words],
            env=env,
            pass_fds=[theirs],
            stdin=slave if self.terminal else subprocess.DEVNULL,
            stdout=slave if self.terminal else output,
            stderr=slave if self.terminal else output,
            start_new_session=not self.terminal,
        )
        os.close(theirs)
        if slave >= 0:
            os.close(slave)

    def wait_until_at_work(self) -> None:
        """Return when a worker is inside a slice (or the process has ended)."""
        os.read(self.ready, 1)

    def interrupt(self) -> None:
        """Press ctrl-C: on a terminal the key, else the signal to the whole group."""
        if self.terminal:
            os.write(self.master, b"\x03")
        else:
            import signal

            os.killpg(self.process.pid, signal.SIGINT)

    def read_terminal(self, until: str = "") -> str:
        """Return what appears on the terminal, up to `until` or to its end."""
        seen = b""
        while not (until and until.encode() in seen):
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # the other side is closed: how a terminal says end of file
                break
            if not piece:
                break
            seen += piece
        return seen.decode("utf-8", "replace")
