"""R: a worker leaves records in its ring, and somebody reads the file meanwhile."""

from __future__ import annotations

from collections.abc import Collection

from stressd_kernels.door import store_relaxed
from stressd_kernels.layout import RESULT_FIRST, RESULT_VALUE, RESULT_VERSION
from stressd_kernels.model.machine import at
from stressd_kernels.ring import ring_write
from stressd_kernels.worker import (
    NOW_FIRST,
    NOW_LAST,
    NOW_OP,
    NOW_TREE,
    RECORD_WORDS,
    RING_CAPACITY,
    RING_RECORDS,
)
from tests.model.scenario import Actors, Scenario, words_of

WRITES = 3


class Ring(Scenario):
    """Record n holds n everywhere: a reader sees it whole, or knows that it did not.

    The reader is a process that copies the file and takes no part in any ordering of C11: that
    its copies are made in order is promised by x86-64 (TSO), and what is shown for PSO is that
    the writer's stores come in order.
    """

    name = "ring"
    memories = ("tso", "pso")

    @property
    def shared(self) -> Collection[int]:
        """The records."""
        begin = self.slots[0] + RING_RECORDS
        return range(begin, begin + RING_CAPACITY * RECORD_WORDS)

    def actors(self) -> Actors:
        """Return a worker and a reader of its ring."""
        words, worker = self.words, self.slots[0]

        def write() -> None:
            for number in range(1, WRITES + 1):
                for place in (NOW_FIRST, NOW_LAST, RESULT_FIRST, RESULT_VALUE, RESULT_VERSION):
                    store_relaxed(words, worker + place, words_of(number))
                store_relaxed(words, worker + NOW_OP, words_of(number))
                store_relaxed(words, worker + NOW_TREE, words_of(number))
                ring_write(words, worker, words_of(0), words_of(number))

        def copied(begin: int, count: int) -> list[int]:
            found = []
            for place in range(begin, begin + count):
                at("COPY")
                found.append(int(words.volatile(place)))
            return found

        def read() -> None:
            for row in range(RING_CAPACITY):
                place = worker + RING_RECORDS + row * RECORD_WORDS
                before = copied(place, 1)[0]
                record = copied(place, RECORD_WORDS)
                after = copied(place, 1)[0]
                if before == after == record[0] != 0:
                    whole = [before | before << 16, *[before] * 6]
                    assert record[1:] == whole, f"record {before} is {record}"

        return {"W": (write, worker), "R": (read, None)}
