"""Python in another process: another build, another processor, another cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def python(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter with `words`, and `extra` variables in its environment."""
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, **extra},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )


def run_tests(*words: str, **extra: str) -> None:
    """Run tests in a process of their own, and show what it said if one of them fails."""
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *words, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
