"""Replay one recording and judge it: every search at its place, every space as it ends.

    events --> player --+--> each search     against the recorded answer
                        +--> each space      its structures, when it ends or at intervals
                        +--> each final map  against what /proc said

One thread, in the order of the file: what a tree holds here, the kernel's tree held when it
printed the line. From lost events on, what differs proves nothing: the verdict is UNKNOWN, and
differences are mentioned. A structure that contradicts itself or another is wrong whatever was
lost; nothing may be played after that.
"""

from __future__ import annotations

import time

from stressd.replay.finals import FinalMaps
from stressd.replay.player import Broken, Ending, Late, Missed, Player, Refused, Told
from stressd.replay.report import Findings, Report
from stressd.traces.events import EventLog, Search
from stressd.traces.textfile import TraceError

LINES_SHOWN = 5
REFUSED_SHOWN = 10  # of one recording; the count goes on


def replay(log: EventLog, player: Player, maps: str | None = None) -> Report:
    """Let `player` play a recording, and report; `maps` is the file of final mappings."""
    judge = _Judge(log, player, FinalMaps(maps))
    judge.run()
    return judge.report()


class _Judge:
    """One replay under way."""

    def __init__(self, log: EventLog, player: Player, finals: FinalMaps) -> None:
        self._log = log
        self._player = player
        self._finals = finals
        self._findings = Findings()
        self._late = 0  # spaces that ended and were never mentioned before
        self._late_lines: list[str] = []  # of the first few
        self._refused = 0
        self._stopped = False  # before the end of the recording
        self._seconds = 0.0

    def run(self) -> None:
        """Play all events, and look at what the player tells."""
        began = time.perf_counter()
        try:
            for told in self._player.play(self._log):
                self._judge(told)
        except MemoryError as failure:
            where = self._where(self._player.line)
            raise TraceError(f"{where}: the trees do not fit in memory ({failure})") from None
        self._seconds = time.perf_counter() - began
        if self._stopped:
            self._findings.note("replay", "what follows was not replayed")
        else:
            self._finals.finish(self._findings)
        self._note_the_log()

    def _judge(self, told: Told) -> None:
        """Look at one thing that the player tells."""
        if isinstance(told, Missed):
            self._judge_search(told)
        elif isinstance(told, Ending):
            self._finals.ended(told.space, told.ranges)
        elif isinstance(told, Late):
            self._late += 1
            if self._late <= LINES_SHOWN:
                self._late_lines.append(str(told.line))
        elif isinstance(told, Broken):
            self._judge_structure(told)
        else:
            self._judge_refusal(told)

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            file=self._log.path,
            format=self._log.format,
            how=self._player.how,
            counts=self._player.counts,
            compared=self._finals.compared,
            equal=self._finals.equal,
            seconds=self._seconds,
            findings=self._findings.result(),
            verdict=self._findings.verdict,
        )

    def _judge_search(self, missed: Missed) -> None:
        """Say what was asked, what the kernel answered, and what was found here."""
        search = missed.search
        report = self._findings.wrong if missed.space.exact else self._findings.doubt
        report(
            "gap_search",
            f"{self._where(search.line)}: {_question(search)}: "
            f"the kernel {_reply(search)}, the tree found {_place(missed.found)}",
            line=search.line,
            low=hex(search.low),
            high=hex(search.high),
            recorded=_place(search.expected),
            found=_place(missed.found),
            around=[f"{first:#x}-{last:#x}" for first, last in missed.around],
        )

    def _judge_structure(self, broken: Broken) -> None:
        """Say what is broken, in full."""
        self._stopped = self._stopped or broken.is_last
        message = f"{self._where(broken.line)}: {broken.text}"
        self._findings.wrong("structure", message, line=broken.line)

    def _judge_refusal(self, refused: Refused) -> None:
        """Say which event could not be applied."""
        self._refused += 1
        if self._refused <= REFUSED_SHOWN:
            message = f"{self._where(refused.line)}: {refused.why}"
            self._findings.doubt("recording", message, line=refused.line)

    def _note_the_log(self) -> None:
        """Report what the reader of the file could not use."""
        log, counts = self._log, self._player.counts
        for problem in log.problems:
            self._findings.note("recording", problem)
        if lost := counts.lost - log.unread:
            message = f"{log.path}: events lost while recording: {lost}"
            self._findings.doubt("recording", message, lost=lost)
        if log.unread:
            message = f"{log.path}: events that could not be read: {log.unread}"
            self._findings.doubt("recording", message, unread=log.unread)
        if self._refused:
            message = f"{log.path}: events that could not be applied: {self._refused}"
            self._findings.doubt("recording", message, refused=self._refused)
        if log.unattributed:
            message = f"{log.path}: gap searches not asked, as mm= is missing: {log.unattributed}"
            self._findings.note("recording", message, unattributed=log.unattributed)
        if self._late:
            lines = ", ".join(self._late_lines) + (", ..." if self._late > LINES_SHOWN else "")
            message = f"{log.path}: trees destroyed but never mentioned before: {self._late}"
            message += f" (line {lines})"
            self._findings.note("recording", message, destroyed=self._late)
        if counts.stores + counts.erases == 0:
            self._findings.doubt("recording", f"{log.path}: nothing was stored: nothing to judge")

    def _where(self, line: int) -> str:
        return f"{self._log.path}:{line}"


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
