"""Record commands with the real strace, or with a script that stands for it."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.cli.processes import TIMEOUT_S, environment

STRESSD = [sys.executable, "-m", "stressd"]


@cache
def may_trace() -> str:
    """Return why nothing can be recorded here, or nothing if it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    done = subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "ptrace is not permitted"


def needs_strace() -> None:
    """Skip a test where nothing can be recorded."""
    if why := may_trace():
        pytest.skip(why)


def record(folder: Path, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `stressd record` in a folder; `path` is where programs are looked for."""
    extra = {} if path is None else {"PATH": path}
    return subprocess.run(
        [*STRESSD, "record", *words],
        cwd=folder,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def text_of(path: Path) -> str:
    """Return what is in a file, compressed or not."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def fake_strace(folder: Path, script: str) -> str:
    """Make a script that is found as strace; return the path to look in."""
    folder.mkdir()
    program = folder / "strace"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -V ]; then echo "strace -- version 6.1"; exit; fi\n{script}\n'
    )
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"
