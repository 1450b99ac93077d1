"""The address spaces of the kernels as a player: maple tree, rb-tree, list and cache at once.

Python reads events and keeps account of which space is whose (residents.py); everything else of
an event is one row of numbers. Rows are played in batches by kernels (mm/recordings/playing.py),
which stop at the first answer that differs. A batch ends where Python has to know what came of
it: before a space begins or ends, and where events were lost. So memory is that of the address
spaces alone, however long the recording is.

What is known of guard gaps is kept in the flags of the VMAs, so that the kernels' own search
finds its way around them (mm/recordings/growing.py). Two things are decided here, as they concern
processes: that a space begins as exec fills it, and that a process fills the space of its child.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from stressd.evidence import TraceSample
from stressd.replay.ground import Ground, Stopped, Words
from stressd.replay.guards import PAGE
from stressd.replay.how import How
from stressd.replay.player import Broken, Counts, Ending, Late, Missed, Refused, Told
from stressd.replay.program import NOT_PAGES, NOWHERE, Kind, Row
from stressd.replay.residents import Home, Residents
from stressd.replay.searches import LOW_MIN
from stressd.traces.events import HIDDEN, KEY_MAX, Destroy, Erase, EventLog, Search, Store
from stressd.traces.textfile import TraceError
from stressd.tracing.file import TraceFile
from stressd.tracing.tracer import Tracer
from stressd_kernels.layout import TREES_MAX
from stressd_kernels.mm.recordings.growing import ROW_EXEC, ROW_FILLING, ROW_GROWS, ROW_PLAIN

BATCH = 1 << 12  # rows: few enough to be in the processor's cache still when they are played
KNOWN_MAX = 1 << 16  # pairs of space and process; beyond, all are found out anew
NAMELESS = 0  # the identity of a mapping whose pointer was not shown
EXEC, FILLING = int(ROW_EXEC), int(ROW_FILLING)
TOLD = {None: 0, True: int(ROW_GROWS), False: int(ROW_PLAIN)}  # by Store.grows
STORE, ERASE = int(Kind.STORE), int(Kind.ERASE)
ROWS = (Store, Erase, Search)


@dataclass(eq=False, kw_only=True)
class MmSpace(Home):
    """One address space, and the number of its place."""

    place: int
    stores: int = 0  # counted up to 2
    first: Store | None = None  # of one page, which a second may show to be exec's
    pids: set[int | None] = field(default_factory=set)  # in `_known`


Place = tuple[int, int]  # number of a space's place, ROW_* bits of stores


class MmPlayer:
    """Plays one recording on address spaces with all the structures of a stage."""

    def __init__(self, ground: Ground, how: How, tracer: Tracer | None = None) -> None:
        self.how = how
        self._tracer = tracer
        self.line = 0
        self.counts = Counts()
        self._ground = ground
        self._live: dict[int, MmSpace] = {}  # by mm
        self._spaces: list[MmSpace | None] = []  # by place
        self._free: list[int] = []  # places
        # Where the events of a process in an mm go: those of whom nothing more is to be learnt.
        self._known: dict[tuple[int, int | None], Place] = {}
        self._residents: Residents[MmSpace] = Residents()
        self._rows: list[Row] = []  # that wait to be played
        self._lines: list[int] = []
        self._pids: list[int] = []
        self._path = ""
        self._broken = False

    @property
    def traced(self) -> TraceSample | None:
        """What was written of it, if a trace was asked for."""
        return self._tracer.report if self._tracer else None

    def play(self, log: EventLog) -> Iterator[Told]:
        """Apply all events, and end what is alive after the last; or stop where it is broken."""
        self._path = log.path
        try:
            yield from self._play(log)
        finally:
            if self._tracer is not None:
                self._tracer.end()  # what ends now only ends here
        for space in list(self._live.values()):
            if not self._broken:
                yield from self._end(space, None)

    def _play(self, log: EventLog) -> Iterator[Told]:
        """Apply all events, or stop where it is broken."""
        for event in log:
            if isinstance(event, ROWS):
                place = self._known.get((event.mm, event.pid)) or (yield from self._meet(event))
                if isinstance(event, Search) and _is_hopeless(event):
                    yield from self._hopeless(event, place)
                    continue
                self._rows.append(_row(event, place))
                self._lines.append(event.line)
                self._pids.append(event.pid or 0)
                if len(self._rows) >= BATCH:
                    yield from self._flush()
            else:
                yield from self._flush()
                if isinstance(event, Destroy):
                    yield from self._destroyed(event)
                else:
                    self._lost(event.missing)
                self.line = event.line
            if self._broken:
                return
        yield from self._flush()

    # -- whose is it -----------------------------------------------------------------------

    def _meet(self, event: Store | Erase | Search | Destroy) -> Generator[Told, None, Place]:
        """Return where an event goes; take note of its process and, at first, of what it does."""
        space = self._live.get(event.mm)
        if space is None:
            yield from self._flush()  # what stands in its parents is copied
            space = self._begin(event)
        else:
            self._residents.touched(space, event.pid)
        bits = FILLING if event.pid == space.maker else 0
        if space.stores > 1:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[event.mm, event.pid] = space.place, bits
            space.pids.add(event.pid)
        elif isinstance(event, Store) and _is_exec(space, event):
            yield from self._flush()  # it was not known before
            self._residents.executed(space)
            bits |= EXEC
        return space.place, bits

    def _begin(self, event: Store | Erase | Search | Destroy) -> MmSpace:
        """Return a new space, of this process or of a child that it forks."""
        if len(self._live) == TREES_MAX:
            where = f"{self._path}:{event.line}"
            raise TraceError(f"{where}: more than {TREES_MAX:,} address spaces at a time")
        parents = self._residents.parents(event.pid)
        exact = all(p.exact for p in parents) if parents else not self.counts.lost
        if not self._free:
            self._free.append(len(self._spaces))
            self._spaces.append(None)
        space = MmSpace(
            mm=event.mm,
            maker=event.pid,
            exact=exact and event.mm != HIDDEN,
            place=self._free.pop(),
        )
        self._ground.begin(space.place, self.how, [parent.place for parent in parents])
        self._spaces[space.place] = self._live[event.mm] = space
        self.counts.spaces += 1
        self._residents.begun(space, parents)
        return space

    def _lost(self, missing: int) -> None:
        """Take note that events are missing."""
        self.counts.lost += missing
        for space in self._live.values():
            space.exact = False

    def _destroyed(self, event: Destroy) -> Iterator[Told]:
        """End a space, if it was ever mentioned."""
        space = self._live.get(event.mm)
        if space is None:
            yield Late(event.line)
        elif not self._broken:
            self._residents.touched(space, event.pid)
            self.line = event.line
            yield from self._end(space, event.pid)

    def _end(self, space: MmSpace, pid: int | None) -> Iterator[Told]:
        """Validate a space as a whole, let it be looked into, and give its place back.

        pid  of the process that ends it
        """
        self.counts.ends += 1
        if self.how.validate:
            found = self._ground.validate(space.place)
            if found is not None:
                self._broken = True
                yield Broken(self.line, found, is_last=True)
                return
        yield Ending(space, self.line, lambda: self._ground.ranges(space.place))
        validated, compared = self._ground.end(space.place, pid)
        self.counts.validated += validated
        self.counts.compared += compared
        self._residents.left(space)
        for pid in space.pids:
            self._known.pop((space.mm, pid), None)
        del self._live[space.mm]
        self._spaces[space.place] = None
        self._free.append(space.place)

    # -- what it does ----------------------------------------------------------------------

    def _flush(self) -> Iterator[Told]:
        """Play the rows that wait; tell of what differs, and of what could not be played."""
        if not self._rows or self._broken:
            return
        table, pids = np.array(self._rows, np.uint64), np.array(self._pids, np.uint64)
        lines, at = self._lines, 0
        self._rows, self._lines, self._pids = [], [], []
        while at < len(table) and not self._broken:
            try:
                reached, stopped, address = self._ground.play(table, at, pids)
            except MemoryError:
                self.line = lines[at]
                raise
            self._count(table[at:reached])
            at, self.line = reached, lines[reached - 1]
            if stopped is not Stopped.NOT:
                yield from self._stopped(stopped, table[at - 1].tolist(), address)

    def _count(self, played: Words) -> None:
        """Count what was played; searches as right ones."""
        kinds = played[:, 0]
        stores, erases = int((kinds == STORE).sum()), int((kinds == ERASE).sum())
        self.counts.stores += stores
        self.counts.erases += erases
        self.counts.asked += len(played) - stores - erases
        self.counts.agreed += len(played) - stores - erases

    def _stopped(self, why: Stopped, row: list[int], address: int) -> Iterator[Told]:
        """Tell why the player stopped at `row`, the last that was played."""
        space = self._spaces[row[1]]
        assert space is not None
        if why is Stopped.BROKEN:
            self._broken = True
            yield Broken(self.line, self._ground.report(space.place), is_last=True)
        elif why is Stopped.REFUSED:
            self._count_refused(row[0])
            space.exact = False
            yield Refused(self.line, f"[{row[2]:#x}, {row[3]:#x}] is {NOT_PAGES}")
        else:
            self.counts.agreed -= 1
            found = None if address == NOWHERE else address
            yield self._missed(space, _search_of(space.mm, row, self.line), found)

    def _count_refused(self, kind: int) -> None:
        if kind == STORE:
            self.counts.stores -= 1
        else:
            self.counts.erases -= 1

    def _hopeless(self, search: Search, place: Place) -> Iterator[Told]:
        """Judge a search for more than its window holds: nothing need be asked."""
        yield from self._flush()
        self.counts.asked += 1
        space = self._spaces[place[0]]
        if search.expected is None or space is None:
            self.counts.agreed += 1
        else:
            yield self._missed(space, search, None)

    def _missed(self, space: MmSpace, search: Search, found: int | None) -> Missed:
        """Return the difference, with the mappings at or after both answers."""
        places = [place for place in (search.expected, found) if place is not None]
        around = {self._ground.mapping_at(space.place, place) for place in places}
        return Missed(space, search, found, sorted(r for r in around if r is not None))


class MmPlayers:
    """Makes players, all on one ground; on another, once something was found wrong there."""

    def __init__(self, trace: TraceFile | None = None) -> None:
        """Make none yet; `trace` is for what the first one does."""
        self._ground: Ground | None = None
        self._trace = trace

    def __call__(self, how: How) -> MmPlayer:
        """Return a player for one recording; the first one compiles the kernels."""
        if self._ground is None or self._ground.is_broken:
            self._ground = Ground()
        file, self._trace = self._trace, None
        tracer = self._ground.trace(file) if file is not None else None
        return MmPlayer(self._ground, how, tracer)


def _is_exec(space: MmSpace, event: Store) -> bool:
    """Tell whether the second store of a space shows that exec fills it; counts both.

    The first stores one page, the second the same mapping further down to the same end.
    """
    space.stores += 1
    if space.stores == 1:
        space.first = event
        return False
    first, space.first = space.first, None
    assert first is not None
    grown = event.vma == first.vma and event.last == first.last and event.first < first.first
    return grown and first.last - first.first == PAGE - 1


def _is_hopeless(search: Search) -> bool:
    """Tell whether a search is for more than its window holds."""
    size = search.length + search.mask
    return size > KEY_MAX or search.high - max(search.low, LOW_MIN) < size


def _row(event: Store | Erase | Search, place: Place) -> Row:
    """Return an event as a row; a search is not hopeless."""
    if isinstance(event, Store):
        identity = NAMELESS if event.vma == HIDDEN else event.vma
        bits = place[1] | TOLD[event.grows]
        return STORE, place[0], event.first, event.last, identity, bits, 0, 0
    if isinstance(event, Erase):
        return ERASE, place[0], event.first, event.last, 0, 0, 0, 0
    kind = Kind.GAP_DOWN if event.topdown else Kind.GAP_UP
    size = event.length + event.mask
    expected = NOWHERE if event.error else event.address
    low = max(event.low, LOW_MIN)
    return kind, place[0], low, event.high - 1, size, event.mask, event.offset, expected


def _search_of(mm: int, row: list[int], line: int) -> Search:
    """Return the search that a row came from."""
    kind, _, low, last, size, mask, offset, expected = row
    error = -12 if expected == NOWHERE else 0
    topdown = kind == Kind.GAP_DOWN
    return Search(
        mm, low, last + 1, size - mask, mask, offset, topdown, expected, error, None, line
    )
