"""Schedules at random: probabilistic concurrency testing.

Every actor and every store buffer draws a priority; the highest of those that can move does. At
`depth` - 1 steps, drawn beforehand, whoever would move falls to the bottom. A defect that takes
`depth` ordering constraints, in a run of n actors and k steps, is found by one schedule with
probability 1 / (n * k ** (depth - 1)) or more; uniform choice has no such bound. An actor that
waits falls to the bottom too, or a spin loop would keep everybody from what it waits for.

Where a load may see several values, it sees the newest three times in four.

Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010.
"""

import random

from stressd_kernels.model.machine import RUN, Machine, Move


class Pct:
    """One random schedule of `depth`; `length`: how many steps the run may take, roughly."""

    needs_state = False

    def __init__(self, seed: int, depth: int, length: int) -> None:
        self.random = random.Random(seed)
        self.changes = {self.random.randrange(1, length + 1) for _ in range(depth - 1)}
        self.ranking: list[tuple[float, int, bool]] = []  # highest first: actor, or its buffer
        self.lowest = 0.0
        self.clock = 0

    def choose(self, machine: Machine) -> Move:
        """Return a move of whoever has the highest priority."""
        if not self.ranking:
            for number in range(len(machine.actors)):
                self.ranking.append((1 + self.random.random(), number, True))
                self.ranking.append((1 + self.random.random(), number, False))
            self.ranking.sort(reverse=True)
        self.clock += 1
        move = self._highest(machine)
        if self.clock in self.changes:
            self._drop(move[0], move[1] == RUN)
            move = self._highest(machine)
        return move

    def _highest(self, machine: Machine) -> Move:
        for _, number, runs in self.ranking:
            if runs:
                if not machine.actors[number].done:
                    return number, RUN
            else:
                places = machine.memory.drains(number)
                if places:
                    place = places[0] if len(places) == 1 else self.random.choice(places)
                    return number, place
        raise AssertionError("nobody can move")

    def _drop(self, number: int, runs: bool) -> None:
        self.lowest -= 1
        self.ranking = [rank for rank in self.ranking if rank[1:] != (number, runs)]
        self.ranking.append((self.lowest, number, runs))

    def pick(self, machine: Machine, actor: int, count: int) -> int:
        """Return 0, the newest, three times in four; any otherwise."""
        return self.random.randrange(count) if self.random.random() < 0.25 else 0

    def waited(self, machine: Machine, actor: int) -> None:
        """Let everybody else go first, and the buffers drain."""
        self._drop(actor, True)
