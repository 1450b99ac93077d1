"""Programs that tests drive but the project does not install."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Return the path of a program of the Debian package `prometheus`; required where CI is set."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (Debian package prometheus)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
