"""Programs that tests drive but the project does not install."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Return the path of a program of the Debian package `prometheus`.

    It is required where CI is set, unless STRESSD_WITHOUT says that it could not be installed.
    """
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (Debian package prometheus)"
        without = os.environ.get("STRESSD_WITHOUT", "").split()
        if os.environ.get("CI") and "prometheus" not in without:
            pytest.fail(reason)
        pytest.skip(reason)
    return found
