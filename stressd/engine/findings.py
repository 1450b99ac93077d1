"""Findings of the workers: the records that judge.py left, in words that name the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stressd.evidence import Finding
from stressd.sources import Seat
from stressd.sources.base import Words
from stressd_kernels.counters import words_copy
from stressd_kernels.judge import FAULTS, ORACLES
from stressd_kernels.layout import LINE_WORDS, TREE_ID
from stressd_kernels.ops.catalog import OPS as CATALOG
from stressd_kernels.values import (
    EXACT_BITS,
    LENGTH_BITS,
    ORIGIN_BITS,
    SEQUENCE_BITS,
    WRITER_BITS,
)
from stressd_kernels.worker import (
    FINDING_ANSWER,
    FINDING_FAULT,
    FINDING_NOW,
    FINDING_ORACLE,
    FINDING_VERSION,
    FINDING_WORDS,
    FINDINGS,
    FINDINGS_MAX,
)


class Findings:
    """Reads what each worker has found since the last time."""

    def __init__(
        self, words: Words, slots: Sequence[int], seats: Sequence[Seat], labels: Mapping[int, str]
    ) -> None:
        self._words = words
        self._slots = slots
        self._seats = seats
        self._labels = labels  # of trees, by word index
        self._seen = [0] * len(slots)

    def new(self) -> list[Finding]:
        """Return what was not returned before: at most FINDINGS_MAX of each worker, ever."""
        found: list[Finding] = []
        for worker, slot in enumerate(self._slots):
            block = np.zeros(LINE_WORDS + FINDINGS_MAX * FINDING_WORDS, np.uint64)
            words_copy(self._words, slot + FINDINGS, block)
            count = min(int(block[0]), FINDINGS_MAX)
            records = block[LINE_WORDS:].reshape(FINDINGS_MAX, FINDING_WORDS)
            for record in records[self._seen[worker] : count].tolist():
                found.append(self._finding(self._seats[worker], record))
            self._seen[worker] = count
        return found

    def _finding(self, seat: Seat, record: list[int]) -> Finding:
        op, tree, first, last, size, mask, offset = record[FINDING_NOW : FINDING_NOW + 7]
        got_first, got_last, value = record[FINDING_ANSWER : FINDING_ANSWER + 3]
        name = CATALOG[op - 1].name if 1 <= op <= len(CATALOG) else f"?{op}"
        label = self._labels.get(tree, "?")
        number = int(self._words[tree + TREE_ID]) if tree in self._labels else -1
        fault = FAULTS[record[FINDING_FAULT]]
        oracle = ORACLES[record[FINDING_ORACLE]]
        asked = f"{first:#x}" if first == last else f"{first:#x}-{last:#x}"
        if oracle in ("gaps", "replay"):
            question = f"{size:#x} keys in {asked}, offset {offset:#x} of mask {mask:#x}"
            answer = f"the answer {got_first:#x} {fault}"
            if oracle == "replay":
                answer += f": {value:#x}"
        else:
            question = asked
            answer = f"{got_first:#x}-{got_last:#x} holds {value:#x}, which {fault}"
        return Finding(
            oracle=oracle,
            grade="forbidden",
            message=f"{name} of {question} in {label}, tree {number}: {answer}",
            details={
                "worker": seat.index,
                "workload": seat.workload,
                "op": name,
                "tree": label,
                "tree_number": number,
                "asked": [hex(first), hex(last)],
                "size_mask_offset": [hex(size), hex(mask), hex(offset)],
                "answered": [hex(got_first), hex(got_last)],
                "value": hex(value),
                "named": named_by(value),
                "version": record[FINDING_VERSION],
            },
        )


def named_by(value: int) -> dict[str, int]:
    """Return what a value word names; see stressd_kernels.values."""
    rounded = value & ((1 << SEQUENCE_BITS) - 1)
    return {
        "reserved": value >> 63,
        "origin": value >> (SEQUENCE_BITS + WRITER_BITS + LENGTH_BITS) & ((1 << ORIGIN_BITS) - 1),
        "length": value >> (SEQUENCE_BITS + WRITER_BITS) & ((1 << LENGTH_BITS) - 1),
        "writer": value >> SEQUENCE_BITS & ((1 << WRITER_BITS) - 1),
        "sequence": (rounded & ((1 << EXACT_BITS) - 1)) << (rounded >> EXACT_BITS),
    }
