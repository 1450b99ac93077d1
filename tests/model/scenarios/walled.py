"""S, V: look-ups that pass over reserved entries, leaf after leaf, while both ends change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from stressd_kernels.status import ZERO
from stressd_kernels.verbs import Verb
from tests.model.scenario import Map
from tests.model.scenarios.find import Find


class Walled(Find):
    """Something comes behind the key, and what lay beyond the wall goes: no look-up misses both."""

    name = "wall-up"
    entries = (
        (0, 3, 1),
        (10, 13, ZERO),
        (20, 23, ZERO),
        (30, 33, ZERO),
        (40, 43, ZERO),
        (50, 53, 6),
        (60, 63, 7),
    )
    writes: ClassVar[Sequence[tuple[int, int, int]]] = ((12, 13, 8), (50, 53, 0))
    asked: ClassVar[Sequence[tuple[Verb, int, int]]] = ((Verb.FIND, 11, 63), (Verb.NEXT, 5, 63))

    def map_of_entries(self) -> Map:
        """Return the map that look-ups see to begin with."""
        return {key: value for key, value in super().map_of_entries().items() if value != ZERO}


class WalledBelow(Walled):
    """The same for those that look downward."""

    name = "wall-down"
    writes: ClassVar[Sequence[tuple[int, int, int]]] = ((40, 41, 8), (0, 3, 0))
    asked: ClassVar[Sequence[tuple[Verb, int, int]]] = ((Verb.FIND_REV, 42, 0), (Verb.PREV, 45, 0))
