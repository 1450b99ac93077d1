"""One address space, followed under two assumptions about faults.

What faults have done is not in a log of calls, and it decides what merges. So two models are
asked: for one, memory is written to as soon as it is writable (eager), for the other never
(lazy). Where both give the same answer it cannot depend on faults (or so it is hoped: of a
mixture nothing is known). Where they differ the answer is unknown. Either way both are made to
agree with the kernel.

A call that the kernel refused is tried on a copy first, so a model that would have done it is not
spoilt by it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from stressd.replay.strace.model import MakeModel, Model, Start
from stressd.replay.strace.operations import EVERYTHING, Operation, Range
from stressd.traces.calls import TASK_SIZE

Answer = int | str  # an address or another number, or the name of an error
Ranges = list[tuple[int, int]]  # first and last byte


@dataclass(eq=False)
class Space:
    """Two models of one address space, and who lives in it."""

    eager: Model
    lazy: Model
    users: set[int] = field(default_factory=set)  # threads
    lost: str = ""  # why its layout is no longer known: a reason of answers.py, then where
    partial: bool = False  # mappings older than the log are not in it
    exact: bool = True  # nothing that matters is hidden: it was followed from its exec on
    mapped: bool = True  # where searches begin is known
    raced: bool = False  # something was done in an order that does not explain all answers
    waiting: list[Operation] = field(default_factory=list)  # calls that overlap: see races.py

    @classmethod
    def begin(cls, make: MakeModel, start: Start, *, twins: bool = True) -> Space:
        """Return a space that begins like this; without twins the lazy model is both."""
        lazy = make(start)
        space = cls(make(start) if twins else lazy, lazy)
        space._write(EVERYTHING)
        return space

    def fork(self) -> Space:
        """Return the space of a child process."""
        lazy = self.lazy.fork()
        child = Space(
            self.eager.fork() if self.twins else lazy, lazy, set(),
            self.lost, self.partial, self.exact, self.mapped, self.raced,
        )  # fmt: skip
        child._write(EVERYTHING)  # a child may have less: what is wiped on fork
        return child

    def leave(self, tid: int) -> None:
        """Let a thread go; the last one takes the models with it."""
        self.users.discard(tid)
        if not self.users:
            for model in self.models:
                model.close()

    @property
    def threads(self) -> bool:
        """Whether several threads live in it."""
        return len(self.users) > 1

    @property
    def twins(self) -> bool:
        """Whether there are two."""
        return self.eager is not self.lazy

    @property
    def models(self) -> tuple[Model, ...]:
        """Both models, or the only one."""
        return (self.eager, self.lazy) if self.twins else (self.lazy,)

    def do(self, operation: Operation) -> list[Answer]:
        """Do a call to both models and return their answers; then they are as the kernel is."""
        returned = operation.returned
        if returned.error:
            if self.twins:
                return [_refused(model, operation) for model in self.models]
            return [returned.error if operation.tells_place else _attempt(operation, self.lazy)]
        answers = []
        for model in self.models:
            answer = _attempt(operation, model)
            answers.append(answer)
            if answer != returned.result:
                self._repair(model, operation, answer)
        self._writes(operation)
        return answers

    def attempt(self, operation: Operation) -> Answer | None:
        """Do a call if both models answer as the kernel did; else return what one answers.

        A call that cannot be taken back is done in any case.
        """
        answers: list[tuple[Model, Answer]] = []
        for model in self.models:
            answer = _attempt(operation, model)
            answers.append((model, answer))
            if answer != operation.returned.result:
                break
        else:
            self._writes(operation)
            return None
        for model, given in answers:
            if isinstance(given, int) and operation.retractable:
                operation.retract(model, given)
        return answer

    def force(self, operation: Operation) -> None:
        """Make both models do what the kernel did, without asking them."""
        for model in self.models if not operation.returned.error else ():
            self._repair(model, operation, "")
        self._writes(operation)

    def _repair(self, model: Model, operation: Operation, answer: Answer) -> None:
        """Make a model agree after a miss; the space is lost if that cannot be."""
        try:
            operation.repair(model, answer if isinstance(answer, int) else None)
        except OSError as failure:
            if self.exact and not (self.threads or self.partial):
                where = f"line {operation.returned.line}: {operation.kind}: {failure}"
                self.lost = self.lost or f"after {where}"

    def _writes(self, operation: Operation) -> None:
        """Write to what the call made writable, in the model that does."""
        if operation.touched is not None and not operation.returned.error:
            self._write(operation.touched)

    def _write(self, touched: Range) -> None:
        """Write to a range in the model that does."""
        if self.twins:
            start, end = (min(address, TASK_SIZE) for address in touched)
            self.eager.populate(start, end)

    def ends_as(self, wanted: Ranges) -> str:
        """Compare all ranges: equal, different, or "assumed" if only one of the models is equal.

        How far a stack has grown is not in the log, and taken from `wanted`.
        """
        equal = [ranges(model, wanted) == wanted for model in self.models]
        return "equal" if all(equal) else "assumed" if any(equal) else "different"


def _attempt(operation: Operation, model: Model) -> Answer:
    """Do a call to a model; return its answer, or the name of its error."""
    try:
        return operation.do(model)
    except OSError as failure:
        return errno.errorcode.get(failure.errno or 0, str(failure))


def _refused(model: Model, operation: Operation) -> Answer:
    """Do a call that the kernel refused; really only if the model refuses it for that reason."""
    copy = model.fork()
    answer = _attempt(operation, copy)
    copy.close()
    if answer == operation.returned.error:
        _attempt(operation, model)
    return answer


def ranges(model: Model, wanted: Ranges) -> Ranges:
    """Return (first, last) of all mappings, with stacks that begin where they do in `wanted`."""
    starts = {last: first for first, last in wanted}
    found = []
    for held in model.held():
        first, last = held.start, held.end - 1
        if held.grows and starts.get(last, first) < first:
            first = starts[last]
        found.append((first, last))
    return found
