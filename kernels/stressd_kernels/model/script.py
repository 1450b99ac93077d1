"""One schedule, written down: what runs until where, by the labels that stand in the kernels.

    A>E3     run A until it is about to do E3; it may be there already
    A!       run A to its end
    A5       five steps of A
    ~A       drain what A's buffer holds, oldest first; ~A2 the store at place 2 of it, ~A^ the
             youngest that may go
    A-  A+   from now on A's loads see the oldest (the newest) value that they may (c11)
    reads=3:1,7:2    the 4th load that has a choice sees one older than the newest ...

After the last word the actors run one after the other, each to its end or until it waits, and
buffers drain as soon as they can. A word that cannot be carried out, such as a label that is
never reached, fails the run: a script that has come loose proves nothing.

Step counts go stale with the next edit; they are what a Failure prints. Scripts that are kept
go by labels.
"""

import re

from stressd_kernels.model.machine import RUN, Failure, Machine, Move

WORD = re.compile(
    r"(?P<until>\w)>(?P<label>\w+)|(?P<end>\w)!|(?P<count>\w)(?P<steps>\d+)"
    r"|~(?P<drain>\w)(?P<place>\d+|\^)?|(?P<mode>\w)(?P<sign>[-+])|reads=(?P<reads>[\d:,]+)"
)

ACTORS = ("until", "end", "count", "drain", "mode")  # the groups that name one


class ScriptError(Exception):
    """A word of a script that cannot be read, or cannot be carried out."""


class Script:
    """Follows `text`."""

    needs_state = False

    def __init__(self, text: str) -> None:
        self.words = text.split()
        self.place = 0
        self.done = 0  # steps, or drains, of the present word
        self.oldest: set[str] = set()
        self.reads: dict[int, int] = {}
        for word in self.words:
            if not WORD.fullmatch(word):
                raise ScriptError(f"{word!r} is no word of a script")

    def choose(self, machine: Machine) -> Move:
        """Return the move that the present word asks for."""
        moves = machine.possible()
        names = {actor.name: actor for actor in machine.actors}
        while self.place < len(self.words):
            word = self.words[self.place]
            match = WORD.fullmatch(word)
            assert match
            name = next(filter(None, map(match.group, ACTORS)), None)
            if name and name not in names:
                raise ScriptError(f"{word}: there is no actor {name}")
            move = self._move(match, names.get(name or ""), moves)
            if move is not None:
                return move
            self.place += 1
            self.done = 0
        return self._rest(machine, moves)

    def _move(self, match, actor, moves):  # type: ignore[no-untyped-def]
        """Return the move of one word; None when the word is over."""
        if match["reads"]:
            self.reads = {int(n): int(p) for n, p in re.findall(r"(\d+):(\d+)", match["reads"])}
            return None
        if match["mode"]:
            (self.oldest.add if match["sign"] == "-" else self.oldest.discard)(actor.name)
            return None
        run = (actor.number, RUN)
        if match["drain"]:
            return self._drain(match, actor.number, moves)
        if match["end"]:
            return None if actor.done else run
        if match["count"]:
            if self.done == int(match["steps"]):
                return None
        elif actor.label == match["label"]:
            return None
        if actor.done:
            raise ScriptError(f"{match[0]}: {actor.name} has ended, and never came there")
        self.done += 1
        return run

    def _drain(self, match, number, moves):  # type: ignore[no-untyped-def]
        places = [move for move in moves if move[0] == number and move[1] != RUN]
        if match["place"] and self.done:
            return None
        if not places:
            if self.done or not match["place"]:
                return None
            raise ScriptError(f"{match[0]}: the buffer is empty")
        self.done += 1
        if not match["place"]:
            return places[0]
        wanted = places[-1] if match["place"] == "^" else (number, int(match["place"]))
        if wanted not in places:
            raise ScriptError(f"{match[0]}: that store must not go first")
        return wanted

    def _rest(self, machine: Machine, moves: list[Move]) -> Move:
        for move in moves:
            if move[1] != RUN:
                return move
        now, count = machine.now.number, len(machine.actors)
        order = sorted(moves, key=lambda move: (move[0] - now) % count)
        ready = [move for move in order if not machine.actors[move[0]].waiting]
        return ready[0] if ready else order[-1 if len(order) == 1 else 1]

    def pick(self, machine: Machine, actor: int, count: int) -> int:
        """Return 0, the newest, unless the script says otherwise."""
        if machine.actors[actor].name in self.oldest:
            return count - 1
        return min(self.reads.get(len(machine.picks), 0), count - 1)

    def waited(self, machine: Machine, actor: int) -> None:
        """Do nothing: a script says who runs."""

    def check_finished(self) -> None:
        """Raise Failure if the run was over before a place that the script wants it to reach."""
        for word in self.words[self.place :]:
            match = WORD.fullmatch(word)
            if match and (match["until"] or match["count"]):
                raise Failure(f"{word}: the run was over before that")
