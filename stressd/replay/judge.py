"""Replay one recording and judge it: every search at its place, every tree as it ends.

    events --> address spaces --+--> each search     against the recorded answer
                                +--> each tree       against its invariants, when it ends
                                +--> each final map  against what /proc said

One thread, one event at a time, in the order of the file: what a tree holds here, the kernel's
tree held when it printed the line. From lost events on, what differs proves nothing: the
verdict is UNKNOWN, and differences are mentioned.
"""

from __future__ import annotations

from stressd.replay.finals import FinalMaps
from stressd.replay.report import Findings, Report
from stressd.replay.searches import Answer
from stressd.replay.spaces import AddressSpaces, Space
from stressd.replay.trees import MakeTree
from stressd.traces.events import Destroy, Erase, EventLog, Search, Store
from stressd.traces.textfile import TraceError


def replay(log: EventLog, make_tree: MakeTree, maps: str | None = None) -> Report:
    """Apply a recording to fresh trees and report; `maps` is the file of final mappings."""
    judge = _Judge(log, make_tree, FinalMaps(maps))
    judge.run()
    return judge.report()


class _Judge:
    """One replay under way."""

    def __init__(self, log: EventLog, make_tree: MakeTree, finals: FinalMaps) -> None:
        self._log = log
        self._spaces = AddressSpaces(make_tree)
        self._finals = finals
        self._findings = Findings()
        self._asked = 0
        self._agreed = 0
        self._late = 0  # trees destroyed that were never mentioned before
        self._line = 0

    def run(self) -> None:
        """Apply all events, and end what is alive after the last."""
        try:
            for event in self._log:
                self._line = event.line
                if isinstance(event, Store):
                    self._spaces.store(event)
                elif isinstance(event, Erase):
                    self._spaces.erase(event)
                elif isinstance(event, Search):
                    self._judge_search(event)
                elif isinstance(event, Destroy):
                    self._judge_end(self._spaces.destroy(event))
                else:
                    self._spaces.lose(event)
        except MemoryError as failure:
            where = f"{self._log.path}:{self._line}"
            raise TraceError(f"{where}: the trees do not fit in memory ({failure})") from None
        for space in list(self._spaces.live.values()):
            self._judge_end(space)
        self._finals.finish(self._findings)
        self._note_the_log()

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            file=self._log.path,
            format=self._log.format,
            stores=self._spaces.stores,
            erases=self._spaces.erases,
            spaces=self._spaces.begun,
            asked=self._asked,
            agreed=self._agreed,
            compared=self._finals.compared,
            equal=self._finals.equal,
            findings=self._findings.result(),
            verdict=self._findings.verdict,
        )

    def _judge_search(self, search: Search) -> None:
        """Ask the tree, and compare with what the kernel answered."""
        space, answer = self._spaces.search(search)
        self._asked += 1
        if answer.address == search.expected:
            self._agreed += 1
            return
        report = self._findings.wrong if space.exact else self._findings.doubt
        report(
            "gap_search",
            f"{self._log.path}:{search.line}: {_question(search)}: "
            f"the kernel {_reply(search)}, the tree found {_place(answer.address)}",
            line=search.line,
            low=hex(search.low),
            high=hex(search.high),
            recorded=_place(search.expected),
            found=_place(answer.address),
            around=_neighbours(space, search, answer),
        )

    def _judge_end(self, space: Space | None) -> None:
        """Check the tree of a space that ends, compare its final map, and give it back."""
        if space is None:
            self._late += 1
            return
        broken = space.tree.check()
        if broken is not None:
            where = f"{self._log.path}:{self._line}"
            message = f"{where}: the tree of an address space is broken: {broken}"
            self._findings.wrong("structure", message, line=self._line)
        self._finals.ended(space)
        self._spaces.recycle(space)

    def _note_the_log(self) -> None:
        """Report what the reader of the file could not use."""
        log = self._log
        for problem in log.problems:
            self._findings.note("recording", problem)
        if lost := self._spaces.lost - log.unread:
            message = f"{log.path}: events lost while recording: {lost}"
            self._findings.doubt("recording", message, lost=lost)
        if log.unread:
            message = f"{log.path}: events that could not be read: {log.unread}"
            self._findings.doubt("recording", message, unread=log.unread)
        if log.unattributed:
            message = f"{log.path}: gap searches not asked, as mm= is missing: {log.unattributed}"
            self._findings.note("recording", message, unattributed=log.unattributed)
        if self._late:
            message = f"{log.path}: trees destroyed but never mentioned before: {self._late}"
            self._findings.note("recording", message, destroyed=self._late)
        if self._spaces.stores + self._spaces.erases == 0:
            self._findings.doubt("recording", f"{log.path}: nothing was stored: nothing to judge")


def _question(search: Search) -> str:
    """Return what was searched for, for a message."""
    way = "top-down" if search.topdown else "bottom-up"
    aligned = f" at {search.offset:#x} mod {search.mask + 1:#x}" if search.mask else ""
    window = f"[{search.low:#x}, {search.high:#x})"
    return f"{way} search for {search.length:#x} bytes{aligned} in {window}"


def _reply(search: Search) -> str:
    """Return what the kernel answered, for a message."""
    return f"failed with {search.error}" if search.error else f"chose {search.address:#x}"


def _place(address: int | None) -> str:
    return "nothing" if address is None else hex(address)


def _neighbours(space: Space, search: Search, answer: Answer) -> list[str]:
    """Return the entries at or after both answers: they show which of the two is free."""
    places = {search.expected, answer.address} - {None}
    found = {space.tree.find(place) for place in places if place is not None} - {None}
    return [f"{entry[0]:#x}-{entry[1]:#x}" for entry in sorted(filter(None, found))]
