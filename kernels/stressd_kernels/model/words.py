"""What kernels of the model build index: a sparse arena of np.uint64 words.

While no machine runs, or between two runs of it, an access is just that. While one runs, it is
the running actor's, and goes through the machine's memory; labelled and relaxed accesses are
steps of the schedule, plain ones are not.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from stressd_kernels.model.machine import Machine

ZERO = np.uint64(0)
WORD_MASK = (1 << 64) - 1


class Words:
    """An arena whose words are 0 until they are written; slices give and take numpy arrays."""

    machine: "Machine | None" = None  # the one that runs, of all words: there is one at a time

    def __init__(self) -> None:
        self.base: dict[int, Any] = {}

    def __getitem__(self, index: Any) -> Any:
        if type(index) is slice:
            places = range(*index.indices(1 << 62))  # for words that nobody else touches
            return np.array([self.base.get(place, ZERO) for place in places], np.uint64)
        index = int(index)
        machine = Words.machine
        if machine is None:
            return self.base.get(index, ZERO)
        if machine.now.begin <= index < machine.now.end and index not in machine.shared:
            return self.base.get(index, ZERO)
        return machine.read(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if type(index) is slice:
            places = range(*index.indices(1 << 62))
            for place, one in zip(places, np.broadcast_to(value, len(places)), strict=True):
                self.base[place] = np.uint64(one)
            return
        if type(value) is not np.uint64:
            value = np.uint64(int(value) & WORD_MASK)
        index = int(index)
        machine = Words.machine
        if machine is None or (
            machine.now.begin <= index < machine.now.end and index not in machine.shared
        ):
            self.base[index] = value
        else:
            machine.write(index, value)

    def volatile(self, index: int) -> Any:
        """Read words[index] as a word that may change meanwhile."""
        machine = Words.machine
        if machine is None:
            return self.base.get(index, ZERO)
        return machine.read(index, "volatile")

    def copied(self, index: int) -> Any:
        """Read words[index] of which only a copy is made: one that races gives rubbish."""
        machine = Words.machine
        if machine is None:
            return self.base.get(index, ZERO)
        return machine.read(index, "copied")

    def load(self, index: int, label: str | None) -> Any:
        """Load words[index]: relaxed without a label, with acquire otherwise."""
        machine = Words.machine
        if machine is None:
            return self.base.get(index, ZERO)
        return machine.load(index, label)

    def store(self, index: int, value: Any, label: str | None) -> None:
        """Store to words[index]: relaxed without a label, with release otherwise."""
        machine = Words.machine
        if machine is None:
            self.base[index] = value
        else:
            machine.store(index, value, label)

    def swap(self, index: int, change: Callable[[Any], Any], label: str) -> Any:
        """Set words[index] to change(before), unless that is None; return what was there."""
        machine = Words.machine
        if machine is not None:
            return machine.swap(index, change, label)
        before = self.base.get(index, ZERO)
        after = change(before)
        if after is not None:
            self.base[index] = after
        return before

    @classmethod
    def fence(cls, kind: str, label: str) -> None:
        """Order the running actor's accesses: kind is full, acquire or release."""
        if cls.machine is not None:
            cls.machine.fence(kind, label)

    @classmethod
    def wait(cls, gives_up_core: bool) -> None:
        """Let other actors go first."""
        if cls.machine is not None:
            cls.machine.wait(gives_up_core)
