"""The mappings of a process that strace holds, as a list with a heading (see traces/maps.py).

strace lets a process wait where it executes a program and where it ends. Whether it still did
when its mappings had been read is told by /proc: if so, they are those of that instant.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

STATE = re.compile(r"\) (\S) ")
START_BRK = 46  # in /proc/PID/stat, counted from 0
AFTER_NAME = 2  # the name of the program may hold spaces; this many fields end with it
STOPPED = "t"
STACK = re.compile(r"Max stack size\s+(\S+)")


def mappings(tid: int, kind: str) -> tuple[bytes, bool] | None:
    """Return the list of a thread's process, and whether it stood still; None if it is gone."""
    folder = Path("/proc", str(tid))
    try:
        stood = _state(folder) == STOPPED
        listed = (folder / "maps").read_bytes()
        stood = stood and _state(folder) == STOPPED
        heading = _heading(folder, kind)
    except OSError:
        return None
    return (heading.encode("utf-8", "surrogateescape") + listed, stood) if listed else None


def _heading(folder: Path, kind: str) -> str:
    """Return the line that begins the list."""
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    pid = re.search(r"Tgid:\s+(\d+)", (folder / "status").read_text(errors="replace"))
    limit = STACK.search((folder / "limits").read_text())
    exe = os.readlink(folder / "exe").replace(" ", "\\040")
    stack = limit[1] if limit and limit[1].isdecimal() else str((1 << 64) - 1)
    return (
        f"# snapshot pid={pid[1] if pid else folder.name} kind={kind} t={time.time():.6f} "
        f"exe={exe} start_brk={fields[START_BRK - AFTER_NAME]} rlim_stack={stack}\n"
    )


def _state(folder: Path) -> str:
    """Return the letter that tells what a thread does."""
    match = STATE.search((folder / "stat").read_text(errors="replace"))
    return match[1] if match else ""
