"""F, N: a worker records what it found wrong, and the supervisor copies the records meanwhile."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from stressd_kernels.counters import words_copy
from stressd_kernels.door import store_relaxed
from stressd_kernels.judge import judge_fault
from stressd_kernels.layout import LINE_WORDS, RESULT_FIRST, RESULT_VERSION
from stressd_kernels.worker import (
    ENTRY_WORDS,
    FINDING_ANSWER,
    FINDING_FAULT,
    FINDING_ORACLE,
    FINDING_VERSION,
    FINDING_WORDS,
    FINDINGS,
    NOW,
    NOW_WORDS,
)
from tests.model.scenario import Actors, Scenario, words_of

HEAD = LINE_WORDS  # words before the first record
WRITES = 2


class Findings(Scenario):
    """Record n holds n everywhere; one that is counted is whole."""

    name = "findings"

    @property
    def shared(self) -> Collection[int]:
        """The records that are written."""
        begin = self.slots[0] + FINDINGS
        return range(begin, begin + HEAD + WRITES * FINDING_WORDS)

    def actors(self) -> Actors:
        """Return a worker that finds something wrong, and one who copies."""
        words, worker = self.words, self.slots[0]

        def find() -> None:
            for number in range(1, WRITES + 1):
                for offset in range(NOW_WORDS):
                    store_relaxed(words, worker + NOW + offset, words_of(number))
                for offset in range(ENTRY_WORDS):
                    store_relaxed(words, worker + RESULT_FIRST + offset, words_of(number))
                store_relaxed(words, worker + RESULT_VERSION, words_of(number))
                judge_fault(words, worker, 1, words_of(number), worker + RESULT_FIRST)

        def copy() -> None:
            out = np.zeros(HEAD + (1 if self.tiny else WRITES) * FINDING_WORDS, np.uint64)
            words_copy(words, worker + FINDINGS, out)
            records = out[HEAD:].reshape(-1, FINDING_WORDS)
            for number, record in enumerate(records[: int(out[0])], 1):
                whole = [number] * FINDING_WORDS
                whole[FINDING_ORACLE] = 1
                kept = max(FINDING_ANSWER + ENTRY_WORDS, FINDING_FAULT, FINDING_VERSION)
                found = record[:kept].tolist()
                assert found == whole[:kept], f"finding {number} of {out[0]} is {found}"

        return {"W": (find, worker), "R": (copy, None)}
