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
        self.priorities: dict[tuple[int, bool], float] = {}
        self.lowest = 0.0
        self.clock = 0

    def choose(self, machine: Machine, moves: list[Move]) -> Move:
        """Return a move of whoever has the highest priority."""
        priorities = self.priorities
        if not priorities:
            for number in range(len(machine.actors)):
                priorities[number, True] = 1 + self.random.random()
                priorities[number, False] = 1 + self.random.random()
        best = max({(number, place == RUN) for number, place in moves}, key=priorities.__getitem__)
        self.clock += 1
        if self.clock in self.changes:
            self._drop(best)
            self.changes.discard(self.clock)
            best = max(
                {(number, place == RUN) for number, place in moves}, key=priorities.__getitem__
            )
        number, runs = best
        if runs:
            return number, RUN
        places = [move for move in moves if move[0] == number and move[1] != RUN]
        return places[0] if len(places) == 1 else self.random.choice(places)

    def _drop(self, which: tuple[int, bool]) -> None:
        self.lowest -= 1
        self.priorities[which] = self.lowest

    def pick(self, machine: Machine, actor: int, count: int) -> int:
        """Return 0, the newest, three times in four; any otherwise."""
        return self.random.randrange(count) if self.random.random() < 0.25 else 0

    def waited(self, machine: Machine, actor: int) -> None:
        """Let everybody else go first, and the buffers drain."""
        self._drop((actor, True))
