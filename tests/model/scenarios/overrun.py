"""V: look-ups that are overtaken three times, the last time by an entry that swallows their key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from stressd_kernels.status import KEY_MAX
from stressd_kernels.verbs import Verb
from tests.model.scenario import KEYS
from tests.model.scenarios.find import Entry, Find


class Overrun(Find):
    """What begins at the key, and reaches up to the last key there is, does not come after it."""

    name = "overrun"
    writes: ClassVar[Sequence[tuple[int, int, int]]] = (
        (50, 53, 7),
        (50, 53, 6),
        (11, KEYS - 1, 8),
    )
    asked: ClassVar[Sequence[tuple[Verb, int, int]]] = ((Verb.NEXT, 11, KEYS - 1),)

    def ask(self, slot: int, verb: Verb, *arguments: int, tree: int | None = None) -> int:
        """Call one entry point, with the end of all keys where that of the map stands."""
        if verb == Verb.STORE:
            first, last, value = arguments
            arguments = (first, KEY_MAX if last == KEYS - 1 else last, value)
        return super().ask(slot, verb, *arguments, tree=tree)

    def judge(self, verb: Verb, key: int, found: Entry | None, low: int, overtaken: bool) -> int:
        """Judge as the map has it."""
        if found:
            found = (found[0], min(found[1], KEYS - 1), found[2])
        return super().judge(verb, key, found, low, overtaken)


class OverrunBelow(Overrun):
    """The same downward, to key 0."""

    name = "underrun"
    writes: ClassVar[Sequence[tuple[int, int, int]]] = ((0, 3, 7), (0, 3, 1), (0, 21, 8))
    asked: ClassVar[Sequence[tuple[Verb, int, int]]] = ((Verb.PREV, 21, 0),)
