"""All schedules of a scenario, up to a number of preemptions.

A preemption is a move that runs another actor although the present one could go on, or one that
waits although nothing has become visible since it began to. Going on elsewhere when an actor
has ended or waits costs nothing, and neither does draining a store or what a load sees; but a
load that sees an old value costs as much where its actor has waited before, or whoever spins
could spin for ever.

Depth first: each run repeats the choices of the one before up to the last that had an
alternative, and takes that. A state that was met with as many preemptions left is not entered
again (a state is the memory with its buffers or views, where each actor stands, and all that
each has read so far: equal states have equal futures, but for collisions of a 64-bit hash).

So `complete` means: every schedule with at most that many preemptions was run, or leads through
a state from which every continuation was. It says nothing about schedules with more.

Plain stores go to words that others cannot reach before a later labelled store, or that a lock
guards, so when exactly they drain is nobody's business. Under TSO they drain with the labelled
or relaxed store behind them; under PSO, where that one may overtake them, in order and at once.

Source: Musuvathi, Qadeer, "Iterative context bounding for systematic testing of multithreaded
programs", PLDI 2007.
"""

from typing import NamedTuple

from stressd_kernels.model.machine import RUN, Abandoned, Machine, Move


class Point(NamedTuple):
    """One choice: what can be done, and what each costs."""

    options: list[Move]
    costs: list[int]


def going_on(machine: Machine, moves: list[Move]) -> Move | None:
    """Return the drain that goes on with the one before: of the plain stores up to the next."""
    memory = machine.memory
    if not machine.moves or machine.moves[-1][1] == RUN or not memory.drained_plain:
        return None
    number = machine.moves[-1][0]
    for move in moves:
        if move[0] != number or move[1] == RUN:
            continue
        if not memory.reorder or memory.buffers[number].stores[move[1]].plain:
            return move
    return None


def drains_that_matter(machine: Machine, moves: list[Move]) -> list[Move]:
    """Return the moves, of the drains of plain stores only those that one has to choose."""
    kept: list[Move] = []
    plain: set[int] = set()
    for number, place in moves:
        if place != RUN:
            stores = machine.memory.buffers[number].stores
            if stores[place].plain:
                last = not machine.memory.reorder and all(store.plain for store in stores)
                if number in plain or last:
                    continue
                plain.add(number)
        kept.append((number, place))
    return kept


class Exhaustive:
    """The chooser of one run after another; `again()` says whether there is another to run."""

    needs_state = True

    def __init__(self, preemptions: int) -> None:
        self.preemptions = preemptions
        self.points: list[Point] = []
        self.taken: list[int] = []  # which option of each
        self.states: dict[int, int] = {}  # state -> most preemptions that were left in it
        self.runs = 0
        self.depth = 0
        self.spent = 0

    def again(self) -> bool:
        """Go on to the next run; False when there is none."""
        if self.runs:
            while self.points and self.taken[-1] + 1 == len(self.points[-1].options):
                self.points.pop()
                self.taken.pop()
            if not self.points:
                return False
            self.taken[-1] += 1
        self.runs += 1
        self.depth = self.spent = 0
        return True

    def choose(self, machine: Machine) -> Move:
        """Return the next move of this run."""
        moves = machine.possible()
        more = going_on(machine, moves)
        if more is not None:
            return more
        moves = drains_that_matter(machine, moves)
        now, actors = machine.now, machine.actors
        anybody = any(
            place == RUN and not machine.is_idle(actors[number]) for number, place in moves
        )
        drains = any(place != RUN for _, place in moves)
        left = self.preemptions - self.spent
        rated = []
        for turn, (number, place) in enumerate(moves):
            actor = actors[number]
            cost = 0
            if place == RUN:
                away = actor is not now and not now.done and not now.waiting
                cost = int(away or ((anybody or drains) and machine.is_idle(actor)))
            if cost <= left:
                after = (number - now.number - now.waiting) % len(actors)
                rated.append((cost, place != RUN, after, turn))
        rated.sort()
        options = [moves[rating[-1]] for rating in rated]
        return self._take(machine, Point(options, [rating[0] for rating in rated]))

    def pick(self, machine: Machine, actor: int, count: int) -> int:
        """Return which value a load sees: all are tried."""
        cost = int(machine.actors[actor].has_waited)
        if cost > self.preemptions - self.spent:
            return 0
        options = [(RUN, pick) for pick in range(count)]
        return self._take(machine, Point(options, [0] + [cost] * (count - 1)))[1]

    def _take(self, machine: Machine, point: Point) -> Move:
        if not point.options:
            raise Abandoned  # all wait, and no preemption is left
        if len(point.options) == 1:
            self.spent += point.costs[0]
            return point.options[0]
        if self.depth == len(self.points):
            left = self.preemptions - self.spent
            state = hash((machine.state(), len(point.options), point.options[0][0] == RUN))
            if self.states.get(state, -1) >= left:
                raise Abandoned
            self.states[state] = left
            self.points.append(point)
            self.taken.append(0)
        option = self.taken[self.depth]
        self.spent += self.points[self.depth].costs[option]
        self.depth += 1
        return point.options[option]

    def waited(self, machine: Machine, actor: int) -> None:
        """Do nothing: going on elsewhere is free after a wait."""
