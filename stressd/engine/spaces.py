"""Address spaces seen from outside: what they are, what was compared, and what was found wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stressd.evidence import Finding, SpacesSample
from stressd.sources.base import Words
from stressd_kernels.calls import five
from stressd_kernels.counters import words_copy
from stressd_kernels.layout import MM_COUNT, MM_WORDS, TREE_LOCK
from stressd_kernels.lock import BROKEN
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.finding import Finding as Code
from stressd_kernels.mm.layout import (
    MM_ALIVE,
    MM_CALLS,
    MM_COMPARED,
    MM_FINDING,
    MM_ID,
    MM_LOCKED,
    MM_STATE,
    MM_TOTAL,
    MM_TREE,
    MM_VALIDATED,
)
from stressd_kernels.mm.tally import TALLY_CASE, TALLY_GROWN, TALLY_SPLIT
from stressd_kernels.mm.validation.report import finding_report
from stressd_kernels.mm.words import ERRNO, PAGE
from stressd_kernels.slice import entry_run
from stressd_kernels.status import Status
from stressd_kernels.worker import TALLY, TALLY_WORDS

ORACLE = "address-spaces"
CASES = 8  # of merging
PAGE_BYTES = int(PAGE)


class SpacesSampler:
    """Counts what the blocks of all address spaces, and the slots of all workers, say."""

    def __init__(
        self,
        words: Words,
        mms: Sequence[int],
        slots: Sequence[int],
        validation: str,
        recorded: bool = False,
    ) -> None:
        self._recorded = recorded
        self._words = words
        self._mms = mms
        self._slots = slots
        self._validation = validation

    def sample(self) -> SpacesSample:
        """Return everything as it stands now."""
        blocks = np.zeros((len(self._mms), MM_WORDS), np.uint64)
        for block, mm in zip(blocks, self._mms, strict=True):
            words_copy(self._words, mm, block)
        tallies = np.zeros((len(self._slots), TALLY_WORDS), np.uint64)
        for tally, slot in zip(tallies, self._slots, strict=True):
            words_copy(self._words, slot + TALLY, tally)
        total = blocks.sum(axis=0).tolist()
        happened = tallies.sum(axis=0).tolist()
        return SpacesSample(
            alive=int((blocks[:, MM_STATE] == MM_ALIVE).sum()),
            at_most=len(self._mms),
            vmas=total[MM_COUNT],
            mapped_bytes=total[MM_TOTAL] * PAGE_BYTES,
            locked_bytes=total[MM_LOCKED] * PAGE_BYTES,
            calls=total[MM_CALLS],
            validations=total[MM_VALIDATED],
            comparisons=total[MM_COMPARED],
            splits=happened[TALLY_SPLIT],
            merges=tuple(happened[TALLY_CASE + 1 : TALLY_CASE + 1 + CASES]),
            grown=happened[TALLY_GROWN],
            validation=self._validation,
            recorded=self._recorded,
        )


class SpacesChecker:
    """Validates address spaces under their locks, and tells what was found wrong with them."""

    def __init__(self, arena: Arena, mms: Sequence[int], slot: int) -> None:
        self._words = arena.words
        self._mms = mms
        self._slot = slot
        self._told: set[int] = set()

    def validate(self, stopped: Callable[[], bool]) -> None:
        """Compare the structures of each address space; `found` tells what came of it."""
        address = np.uint64(CALLS[Call.VALIDATE].address)
        for mm in self._mms:
            if stopped():
                return
            status = int(entry_run(self._words, address, mm, self._slot, *five()))
            if status & int(ERRNO) or status in (Status.OK, Status.BROKEN, Status.STOPPED):
                continue
            if status != Status.BACKLOG:
                raise RuntimeError(f"validating an address space: {status:#x}")

    def found(self) -> list[Finding]:
        """Return what was found wrong and not returned before; those locks are BROKEN."""
        broken = [mm for mm in self._mms if mm not in self._told and self._is_broken(mm)]
        self._told.update(broken)
        return [self._finding(mm) for mm in broken]

    def _is_broken(self, mm: int) -> bool:
        tree = int(self._words[mm + MM_TREE])
        return bool(self._words[mm + MM_FINDING]) and self._words[tree + TREE_LOCK] == BROKEN

    def _finding(self, mm: int) -> Finding:
        code = Code(int(self._words[mm + MM_FINDING])).name
        text = finding_report(self._words, mm)
        number = int(self._words[mm + MM_ID])
        first = text.splitlines()[0] if text else code
        details = {"space": number, "code": code, "report": text.splitlines()}
        return Finding(ORACLE, "forbidden", f"address space {number}: {first}", details)
