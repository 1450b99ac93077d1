"""The recordings that come with stressd, by name."""

from __future__ import annotations

import importlib


def shipped_recordings() -> tuple[str, ...]:
    """Bare names that a configuration may use for them."""
    try:
        return tuple(importlib.import_module("stressd.resources").recordings())
    except ImportError:
        return ("bashforks", "gcc", "ls", "sqlite")
