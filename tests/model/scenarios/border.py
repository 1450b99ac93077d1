"""P, S, V: the border between two leaves moves under find, next, prev and their reverse."""

from __future__ import annotations

from stressd_kernels.verbs import Verb
from tests.model.scenarios.find import Find


class Border(Find):
    """The end of a leaf is erased, which lowers the border; a store raises it again."""

    name = "border"
    entries = (
        *((0, 1, 1), (2, 3, 2), (10, 13, 3), (20, 23, 4)),
        *((30, 33, 5), (40, 43, 6), (50, 53, 7)),
    )
    writes = ((10, 13, 0), (6, 8, 8))
    asked = ((Verb.PREV, 21, 0), (Verb.FIND, 5, 63), (Verb.FIND_REV, 15, 0), (Verb.NEXT, 2, 63))
