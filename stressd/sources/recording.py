"""Recordings of real programs, replayed by the workers that replay, into trees of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stressd.config.model import Config, Recording
from stressd.errors import UsageError
from stressd.replay.history import PlainTree, gone_after
from stressd.replay.program import Program, load_program
from stressd.resources import recording as recording_path
from stressd.sources.base import (
    MASK,
    Ground,
    Seat,
    Source,
    SourceError,
    Words,
    interval_of,
    table_of,
)
from stressd_kernels.layout import TREES_MAX
from stressd_kernels.memory import Arena
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_TREE
from stressd_kernels.sources.recording import (
    FIRST_POSITION,
    GONE_AT,
    INSTANCE_COUNT,
    INSTANCE_DONE,
    INSTANCE_PUBLISHED,
    INSTANCE_ROWS,
    INSTANCE_TREES,
    INSTANCE_WORDS,
    INSTANCES,
    KIND_STORE,
    LOOP,
    OWN_COUNT,
    OWN_FIRST,
    RECENT_MAX,
    ROW_WORDS,
    ROWS_MAX,
    SPACED,
)
from stressd_kernels.spaces import Settings, open_mm
from stressd_kernels.traffic import recorded
from stressd_kernels.values import WRITERS_MAX
from stressd_kernels.worker import SOURCE_PUBLISHED, SOURCE_STRIDE, SOURCE_WRITER, SOURCE_WRITERS


class RecordingSource(Source):
    """Instances of recordings, dealt round to the workers that replay."""

    def __init__(self, config: Config, seats: Sequence[Seat]) -> None:
        assert isinstance(config.source, Recording)
        self._config = config.source
        self._spaced = config.source.stage is not None
        self.calls = (*recorded.CALLS, Call.VALIDATE) if self._spaced else ()
        names = config.source.files
        self._programs = [_load(n, name, self._spaced) for n, name in enumerate(names)]
        players = [seat.index for seat in seats if "replay" in seat.config.mix]
        dealt = _deal(len(names), len(players))
        self._own: dict[int, tuple[int, int]] = {}  # worker -> first own instance, how many
        self._instances: list[int] = []  # the program of each
        for player, files in zip(players or [-1], dealt, strict=True):
            self._own[player] = len(self._instances), len(files)
            self._instances += files
        self.trees = [
            _label(names[n]) for n in self._instances for _ in range(self._programs[n].trees)
        ]
        self._fit()
        self.places = min(RECENT_MAX, max(len(program.rows) for program in self._programs))
        self.line = self._describe(names)
        self._tables = [_table(program, self._spaced) for program in self._programs]
        self._blocks = table_of(len(self._instances) * INSTANCE_WORDS)
        self._at = 0

    def _fit(self) -> None:
        """Refuse what the layout has no room for."""
        if len(self._instances) >= WRITERS_MAX:
            raise SourceError(
                f"does not fit: {len(self._instances)} recordings at a time, "
                f"the most is {WRITERS_MAX - 1}",
                "source.files",
            )
        if len(self.trees) > TREES_MAX:
            raise SourceError(
                f"does not fit: needs {len(self.trees):,} trees at a time, "
                f"the most is {TREES_MAX:,}",
                "source.files",
            )

    def _describe(self, names: Sequence[str]) -> str:
        spaces = sum(program.spaces for program in self._programs)
        events = sum(len(program.rows) for program in self._programs)
        listed = ", ".join(map(_label, names))
        line = f"recording: {listed} ({spaces:,} address spaces, {events:,} events)"
        if not self._spaced:
            return line
        return f"{line}, stage {self._config.stage}, validation {self._config.validation}"

    def open(self, arena: Arena, gaps: bool) -> list[int]:
        """Open a tree, or an address space with its tree, for each that is alive at a time."""
        if self._config.stage is None:
            return super().open(arena, gaps)
        every = interval_of(self._config.validation)
        settings = Settings(stage=self._config.stage, validate=every)
        self.mms = [open_mm(arena, settings) for _ in self.trees]
        return [int(arena.words[mm + MM_TREE]) for mm in self.mms]

    def settle(self, ground: Ground) -> None:
        """Lay out the instances: where their rows and trees are, and that none has begun."""
        self._lists: list[Words] = []
        blocks = self._blocks.reshape(-1, INSTANCE_WORDS)
        trees = iter(ground.trees)
        for block, number in zip(blocks, self._instances, strict=True):
            own = table_of(self._programs[number].trees)
            own[:] = [next(trees) for _ in own]
            self._lists.append(own)
            block[INSTANCE_ROWS] = ground.place_of(self._tables[number])
            block[INSTANCE_COUNT] = len(self._programs[number].rows)
            block[INSTANCE_TREES] = ground.place_of(own)
            block[[INSTANCE_DONE, INSTANCE_PUBLISHED]] = FIRST_POSITION
        self._at = ground.place_of(self._blocks)

    def own_words(self, seat: Seat) -> Mapping[int, int]:
        """Return which instances there are, which are this worker's, and who wrote a value."""
        first, count = self._own.get(seat.index, (0, 0))
        return {
            INSTANCES: self._at,
            OWN_FIRST: first,
            OWN_COUNT: count,
            LOOP: int(self._config.loop),
            SPACED: int(self._spaced),
            SOURCE_WRITER: 0,
            SOURCE_WRITERS: len(self._instances) + 1,
            SOURCE_PUBLISHED: (self._at + INSTANCE_PUBLISHED - INSTANCE_WORDS) & MASK,
            SOURCE_STRIDE: INSTANCE_WORDS,
        }


def _load(number: int, name: str, for_spaces: bool) -> Program:
    """Read one recording: a path, or the name of one that is shipped."""
    path = f"source.files[{number}]"
    try:
        program = load_program(recording_path(name), PlainTree, for_spaces=for_spaces)
    except UsageError as failure:
        raise SourceError(str(failure), path) from None
    if len(program.rows) > ROWS_MAX:
        raise SourceError(f"{name}: does not fit: over {ROWS_MAX:,} events", path)
    return program


def _deal(files: int, players: int) -> list[list[int]]:
    """Return the files of each player: all are played, and nobody has nothing to play."""
    if players == 0:
        return [list(range(files))]
    return [list(range(n, files, players)) or [n % files] for n in range(players)]


def _label(name: str) -> str:
    """Return the name of a recording for labels: the file's, without its endings."""
    return Path(name).name.removesuffix(".gz").removesuffix(".trace").removesuffix(".strace")


def _table(program: Program, for_spaces: bool) -> Words:
    """Return the rows for the kernels, each store into a tree with the row that ended it."""
    table = table_of(len(program.rows) * ROW_WORDS).reshape(-1, ROW_WORDS)
    table[:] = program.rows
    if for_spaces:
        return table
    stores = table[:, 0] == KIND_STORE
    table[stores, GONE_AT] = gone_after(program.rows, program.trees)[stores]
    return table
