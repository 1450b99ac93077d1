"""Where the recordings are that do not come with stressd, and what is known of all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from stressd import resources

REPO = Path(__file__).resolve().parents[2]
ELSEWHERE = Path(os.environ.get("STRESSD_TRACES", REPO.parent / "shared" / "traces"))


class Known(NamedTuple):
    """What a correct replay of one recording shows."""

    stores: int
    erases: int
    spaces: int
    searches: int
    snapshots: int


SHIPPED = {
    "ls": Known(101, 8, 2, 27, 1),
    "gcc": Known(296, 22, 4, 64, 3),
    "sqlite": Known(154, 14, 2, 24, 1),
    "bashforks": Known(3012, 110, 62, 518, 37),
}
OTHERS = {
    "pynumpy": Known(1100, 269, 2, 322, 1),
    "stackgrow": Known(3850, 18, 5, 26, 4),
    "mts8": Known(29646, 12771, 1, 13001, 1),
}
KNOWN = SHIPPED | OTHERS


def path_of(name: str) -> str:
    """Return the path of a recording, or skip the test."""
    if name in SHIPPED:
        return resources.recording(name)
    path = ELSEWHERE / f"{name}.trace.gz"
    if not path.is_file():
        pytest.skip(f"{name} does not come with stressd: set STRESSD_TRACES to its folder")
    return str(path)
