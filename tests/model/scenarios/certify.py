"""K: a value that is read names a write that had begun, and its writer says so."""

from __future__ import annotations

from collections.abc import Collection

from stressd_kernels.door import load_acquire, store_release
from stressd_kernels.layout import LINE_WORDS, SLOT_WORDS, U0
from stressd_kernels.values import value_fault, value_next
from stressd_kernels.worker import (
    KNOWN,
    PUBLISHED,
    SOURCE_PUBLISHED,
    SOURCE_STRIDE,
    SOURCE_WRITER,
    SOURCE_WRITERS,
)
from tests.model.scenario import OWN, Actors, Scenario, words_of

WRAP = 1 << 64  # offsets of words wrap, as in the kernels

PLACE = OWN + 4 * LINE_WORDS  # where the values stand, in place of a tree


class Certify(Scenario):
    """A reader never takes a finished write for one that has not begun."""

    name = "certify"
    preemptions = 4

    @property
    def shared(self) -> Collection[int]:
        """What each writer has published."""
        return [slot + PUBLISHED for slot in self.slots]

    def prepare(self) -> None:
        """Tell both workers who writes."""
        words, (writer, reader) = self.words, self.slots
        for slot in self.slots:
            words[slot + SOURCE_WRITERS] = words_of(2)
            words[slot + SOURCE_WRITER] = words_of(1)
            words[slot + SOURCE_STRIDE] = words_of(SLOT_WORDS)
            words[slot + SOURCE_PUBLISHED] = words_of((writer + PUBLISHED - SLOT_WORDS) % WRAP)
        words[reader + KNOWN + 1] = U0

    def actors(self) -> Actors:
        """Return a writer and a reader that certifies."""
        words, (writer, reader) = self.words, self.slots

        def write() -> None:
            for _ in range(3):
                value = value_next(words, writer, words_of(5), words_of(1))
                store_release(words, PLACE, value, "P1")

        def read() -> None:
            for _ in range(2):
                value = load_acquire(words, PLACE, "S1")
                if value != U0:
                    fault = int(value_fault(words, reader, value))
                    assert fault == 0, f"value {value:#x} has fault {fault}"

        return {"W": (write, writer), "R": (read, reader)}
