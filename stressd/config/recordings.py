"""The recordings that come with stressd, by name."""

from __future__ import annotations

from collections.abc import Collection

from stressd import resources


def shipped_recordings() -> Collection[str]:
    """Bare names that a configuration may use for them."""
    return tuple(resources.recordings())
