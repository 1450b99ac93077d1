"""What every source offers the engine, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stressd.config.model import Config, ZipfianKeys
from stressd.config.model import Worker as WorkerConfig
from stressd_kernels.keys import keys_words
from stressd_kernels.layout import LINE_WORDS, SLOT_WORDS, WORD_BYTES
from stressd_kernels.memory import Arena
from stressd_kernels.mm.calls import Call
from stressd_kernels.worker import (
    KEYS,
    PUBLISHED,
    SOURCE_PUBLISHED,
    SOURCE_STRIDE,
    SOURCE_TREE,
    SOURCE_WRITER,
    SOURCE_WRITERS,
)

Words = npt.NDArray[np.uint64]
Begin = Callable[..., None]  # makes a Call of a block, with up to five arguments
MASK = (1 << 64) - 1


class SourceError(Exception):
    """A source that cannot be had; `path` is the key of the configuration that asks for it."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True)
class Seat:
    """One worker: its number, its workload, and what that workload does."""

    index: int
    config: WorkerConfig

    @property
    def workload(self) -> str:
        """The name of the workload."""
        return self.config.name

    @property
    def theta(self) -> float | None:
        """The skew of the keys it draws; None if they are uniform."""
        keys = self.config.keys
        return keys.theta if isinstance(keys, ZipfianKeys) else None


@dataclass(frozen=True)
class Ground:
    """The memory a source is given: the arena, its trees, and the slots of the workers."""

    words: Words
    trees: Sequence[int]  # word indexes, as many as `Source.trees` names
    slots: Sequence[int]  # word indexes, one after the other, by worker

    def place_of(self, table: Words) -> int:
        """Return the word index at which kernels find `table`, which must stay alive."""
        return (table.ctypes.data - self.words.ctypes.data) // WORD_BYTES & MASK


class Source(ABC):
    """Where entries come from."""

    calls: Sequence[Call] = ()  # what it, or the engine, makes of its address spaces
    mms: Sequence[int] = ()  # word indexes of their blocks, one for each tree, if it has any

    line: str  # for the user: where that is
    trees: Sequence[str]  # one label for each tree it wants; equal ones are shown together
    places: int  # that keys are drawn from

    @abstractmethod
    def __init__(self, config: Config, seats: Sequence[Seat]) -> None: ...

    def content(self) -> Iterator[tuple[int, Words]]:
        """Yield (number of a tree, its first entries as rows: first, last, value)."""
        yield from ()

    def open(self, arena: Arena, gaps: bool) -> list[int]:
        """Open the trees; return their word indexes."""
        return [arena.open_tree(gaps=gaps) for _ in self.trees]

    def begin(self, call: Begin) -> None:  # noqa: B027 - most have none
        """Let its address spaces begin; called once, when calls can be made, before `settle`."""

    @abstractmethod
    def settle(self, ground: Ground) -> None:
        """Take the memory; called once, before the first `words`."""

    @abstractmethod
    def own_words(self, seat: Seat) -> Mapping[int, int]:
        """Return offset -> word for the parameters of this kind of source."""

    def words(self, seat: Seat, ground: Ground, seats: int) -> dict[int, int]:
        """Return offset -> word for all that the source's kernels find in a worker's slot."""
        keys = keys_words(self.places, seat.theta)
        return {
            **{KEYS + n: int(word) for n, word in enumerate(keys)},
            SOURCE_WRITER: seat.index + 1,
            SOURCE_WRITERS: seats + 1,
            SOURCE_PUBLISHED: (ground.slots[0] + PUBLISHED - SLOT_WORDS) & MASK,
            SOURCE_STRIDE: SLOT_WORDS,
            SOURCE_TREE: ground.trees[0],
            **self.own_words(seat),
        }


def table_of(count: int) -> Words:
    """Return `count` zeroed words that begin on a line of their own."""
    raw = np.zeros(count + LINE_WORDS, np.uint64)
    skip = -raw.ctypes.data // WORD_BYTES % LINE_WORDS
    return raw[skip : skip + count]


def interval_of(validation: str | int) -> int:
    """Return how many calls lie between two validations; 0 for none."""
    return validation if isinstance(validation, int) else int(validation == "inline")
