"""What is known of the recordings that come with stressd."""

from __future__ import annotations

from typing import NamedTuple

from stressd import resources


class Known(NamedTuple):
    """What a correct replay of one recording shows."""

    stores: int
    erases: int
    spaces: int
    searches: int
    snapshots: int


SMALL = {
    "ls": Known(101, 8, 2, 27, 1),
    "gcc": Known(296, 22, 4, 64, 3),
    "sqlite": Known(154, 14, 2, 24, 1),
    "bashforks": Known(3012, 110, 62, 518, 37),
}
LARGE = {
    "pynumpy": Known(1100, 269, 2, 322, 1),
    "stackgrow": Known(3850, 18, 5, 26, 4),
    "mts8": Known(29646, 12771, 1, 13001, 1),
}
KNOWN = SMALL | LARGE


def path_of(name: str) -> str:
    """Return the path of a recording."""
    return resources.recording(name)
