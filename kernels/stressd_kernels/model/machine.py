"""The machine: runs actors one step at a time, in an order that a chooser decides.

An actor is a plain function in a greenlet (0.1 us a switch; a thread takes 89). At each step
it stops *before* what it is about to do, so a chooser sees the label that comes next. A move is
one step of an actor, or one store that leaves an actor's buffer. Everything between two steps,
plain accesses included, belongs to the first.

Words of a slot belong to the actor that sits there, but for those that a scenario says are
shared: they need no schedule, and an access by anybody else is a failure.

A run fails if an actor raises anything, if it takes more than STEPS_MAX steps (a livelock, or
a deadlock: waiting is done by looking again), or if the scenario's last look finds something.
A Failure says what, and the schedule as a script (script.py) that repeats it.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet

from stressd_kernels.layout import ANNOUNCE, LINE_WORDS, SHORTCUTS, SLOT_WORDS, SLOTS
from stressd_kernels.model.buffers import Buffers
from stressd_kernels.model.views import Views
from stressd_kernels.model.words import Words

MEMORIES = ("tso", "pso", "c11")
STEPS_MAX = 4000
SCRIPT_MOST = 2000  # characters of a schedule that are printed
RUN = -1  # the place in a move that runs its actor

Move = tuple[int, int]  # actor, and RUN or the place in its buffer of the store to drain


class Failure(AssertionError):
    """A schedule on which something went wrong, and how to repeat it."""


class Chooser(Protocol):
    """Decides what happens next."""

    needs_state: bool  # whether it asks for Machine.state

    def choose(self, machine: "Machine") -> Move:
        """Return one of the possible moves."""

    def pick(self, machine: "Machine", actor: int, count: int) -> int:
        """Return which of `count` values a load sees: 0 is the newest."""

    def waited(self, machine: "Machine", actor: int) -> None:
        """Take note that an actor lets others go first."""


class Abandoned(Exception):
    """Raised by a chooser that wants no more of this run."""


class Actor:
    """One function, and where it stands."""

    def __init__(self, number: int, name: str, run: Callable[[], None], slot: int | None) -> None:
        self.number = number
        self.name = name
        self.begin = slot if slot is not None else 0  # its own words
        self.end = self.begin + SLOT_WORDS if slot is not None else 0
        self.label: str | None = None  # of the step that comes next
        self.done = False
        self.seen = 0  # hash of what it has read
        self.steps = 0
        self.waiting = False  # it lets others go first
        self.has_waited = False
        self.waits_since = 0  # stores that were visible when it began to wait
        self.greenlet = greenlet(self._body)
        self._run = run

    def _body(self) -> None:
        with np.errstate(over="ignore"):  # a greenlet begins with the default
            self._run()


class Machine:
    """One run: memory, actors, and what has been done so far."""

    def __init__(
        self,
        words: Words,
        memory: str,
        actors: Mapping[str, tuple[Callable[[], None], int | None]],
        chooser: Chooser,
        *,
        shared: Collection[int] = frozenset(),
        dropped: Collection[str] = frozenset(),
    ) -> None:
        self.chooser = chooser
        self.shared = frozenset(shared)
        self.dropped = frozenset(dropped)  # labels whose ordering is weakened to nothing
        self.actors = [Actor(number, name, *actors[name]) for number, name in enumerate(actors)]
        self.memory: Any
        if memory == "c11":
            self.memory = Views(words.base, len(self.actors), self._pick)
        else:
            self.memory = Buffers(words.base, len(self.actors), memory == "pso")
        self.base = words.base
        self.now = self.actors[0]
        self.steps = 0
        self.labels: set[str] = set()
        self.moves: list[Move] = []  # made so far
        self.picks: list[int] = []  # where a load could see more than one value
        self._unwinding = False

    # -- running ---------------------------------------------------------------------------

    def run(self) -> None:
        """Run all actors to their ends; raises Failure, or Abandoned."""
        Words.machine = self
        hub = getcurrent()
        for actor in self.actors:
            actor.greenlet.parent = hub
        try:
            while not all(actor.done for actor in self.actors):
                self.now = self._next()
                self.now.greenlet.switch()
                self.now.done = True
                self.now.label = None
            self.memory.finish()
        except Abandoned:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise self.failure(f"{self.now.name}: {what}") from error
        finally:
            self._unwinding = True
            for actor in self.actors:
                if actor.greenlet:
                    actor.greenlet.throw(GreenletExit)
            Words.machine = None

    def failure(self, what: str) -> Failure:
        """Return a Failure of this run."""
        return Failure(f"{what}\n    schedule: {self.script()}")

    def script(self) -> str:
        """Return what was done so far as a script: `A5` five steps, `~A0` one store drained."""
        parts: list[str] = []
        if any(self.picks):
            picks = ",".join(f"{n}:{pick}" for n, pick in enumerate(self.picks) if pick)
            parts.append(f"reads={picks}")
        before, count = RUN, 0
        for number, place in [*self.moves, (RUN, RUN)]:
            if count and (place != RUN or number != before):
                parts.append(f"{self.actors[before].name}{count}")
                count = 0
            if place != RUN:
                parts.append(f"~{self.actors[number].name}{place}")
            else:
                before, count = number, count + 1
        text = " ".join(parts)
        return (
            text if len(text) <= SCRIPT_MOST else f"{text[:SCRIPT_MOST]} ... ({self.steps} steps)"
        )

    def _next(self) -> Actor:
        """Let the chooser make moves until it runs an actor; return that."""
        while True:
            move = self.chooser.choose(self)
            self.moves.append(move)
            number, place = move
            if place == RUN:
                return self.actors[number]
            self.memory.drain(number, place)

    def possible(self) -> list[Move]:
        """Return the moves that can be made now."""
        moves: list[Move] = [(actor.number, RUN) for actor in self.actors if not actor.done]
        for actor in self.actors:
            for place in self.memory.drains(actor.number):
                moves.append((actor.number, place))
        return moves

    def step(self, label: str | None = None) -> None:
        """Stop before what comes next until the chooser lets this actor do it."""
        if self._unwinding:
            raise GreenletExit
        actor = self.now
        actor.label = label
        actor.steps += 1
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise AssertionError(f"more than {STEPS_MAX} steps: a livelock")
        after = self._next()
        if after is not actor:
            self.now = after
            after.greenlet.switch()
        actor.waiting = False
        if label is not None:
            self.labels.add(label)

    def _pick(self, actor: int, index: int, count: int) -> int:
        pick = self.chooser.pick(self, actor, count)
        self.picks.append(pick)
        return pick

    # -- what actors do --------------------------------------------------------------------

    def is_private(self, index: int) -> bool:
        """Say whether a word is the running actor's own; another's is a failure."""
        actor = self.now
        if actor.begin <= index < actor.end:
            return index not in self.shared
        if SLOTS <= index < SHORTCUTS and index not in self.shared:
            raise AssertionError(f"touches word {index:#x} of another actor's slot")
        return False

    def _saw(self, index: int, value: Any) -> Any:
        if self.chooser.needs_state:
            self.now.seen = hash((self.now.seen, index, int(value)))
        return value

    def read(self, index: int, order: str = "plain") -> Any:
        """Read a word plainly, or volatile, or to be copied: no step."""
        if self.is_private(index):
            return self.base.get(index, np.uint64(0))
        return self._saw(index, self.memory.read(self.now.number, index, order))

    def write(self, index: int, value: Any) -> None:
        """Write a word plainly: no step."""
        if self.is_private(index):
            self.base[index] = value
        else:
            self.memory.write(self.now.number, index, value, "plain")

    def load(self, index: int, label: str | None) -> Any:
        """Load a word: a step, unless it is private."""
        if self.is_private(index):
            return self.base.get(index, np.uint64(0))
        self.step(label)
        order = "relaxed" if label is None or label in self.dropped else "acquire"
        return self._saw(index, self.memory.read(self.now.number, index, order))

    def store(self, index: int, value: Any, label: str | None) -> None:
        """Store to a word: a step, unless it is private."""
        if self.is_private(index):
            self.base[index] = value
            return
        self.step(label)
        order = "relaxed" if label is None or label in self.dropped else "release"
        self.memory.write(self.now.number, index, value, order)

    def swap(self, index: int, change: Callable[[Any], Any], label: str) -> Any:
        """Change a word: a step."""
        self.step(label)
        ordered = label not in self.dropped
        before = self.memory.swap(self.now.number, index, change, ordered)
        return self._saw(index, before)

    def fence(self, kind: str, label: str) -> None:
        """Order accesses: a step, even if it is dropped."""
        self.step(label)
        if label not in self.dropped:
            self.memory.fence(self.now.number, kind)

    def wait(self, gives_up_core: bool) -> None:
        """Let others go first: a step. Nobody gives the core away while pinned (protocol E)."""
        actor = self.now
        if gives_up_core and actor.end:
            line = ANNOUNCE + (actor.begin - SLOTS) // SLOT_WORDS * LINE_WORDS
            announced = self.memory.read(actor.number, line, "relaxed")
            assert announced == 0, "waits while it is pinned"
        actor.waiting = actor.has_waited = True
        actor.waits_since = self.memory.visible
        self.chooser.waited(self, actor.number)
        self.step()

    def is_idle(self, actor: Actor) -> bool:
        """Say whether an actor waits, and nothing has become visible since it began to."""
        return actor.waiting and actor.waits_since == self.memory.visible

    def state(self) -> int:
        """Return a hash of everything that the rest of the run depends on."""
        actors = tuple((a.seen, a.steps, a.done, self.is_idle(a)) for a in self.actors)
        return hash((actors, self.memory.state(), self.now.number))


def at(label: str) -> None:
    """Mark a place in an actor of a scenario, for scripts: a step that does nothing."""
    if Words.machine is not None:
        Words.machine.step(label)
