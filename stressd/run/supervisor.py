"""The task tree of one run, on one screen.

    session                       signals, watchdog, live display, metrics server: first to last
    +- compile, load              in threads, with progress
    +- run
       +- services                outlive the workers, so the last sample sees the last operation
       |  +- sample  check
       +- workers                 end at the deadline, or together at the first fault
          +- work(0) .. work(n-1)    one thread each, in bounded slices
          +- farewell                tells slices in flight to end, when all are to end
    +- finish                     reclaim everything, check once more, count every node

The main thread runs trio and nothing else. Kernels run in threads; the return of a slice is
where a fault, a cancellation and the deadline take effect, so nothing is ever interrupted inside
a kernel, and the length of a slice (`run.slice`) is the time that a stop takes.

There is no stop flag. A deadline, a signal and a fault all cancel the same scope, and a task
that is cancelled waits for its slice. Only a slice that does not return (see watchdog.py) or a
second signal ends that patience: the thread is then abandoned, and the process must end with
`os._exit`, because a thread inside a kernel would outlive the memory under it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

import trio

from stressd_kernels.status import Status

Result = TypeVar("Result")
CARRY_ON = frozenset({Status.OK, Status.STOPPED})


class Service(Protocol):
    """A task that reports when it has begun."""

    async def __call__(self, *, task_status: trio.TaskStatus[None]) -> None: ...


class SliceFault(Exception):
    """A slice reported that its worker cannot go on."""

    def __init__(self, worker: int, status: Status) -> None:
        super().__init__(f"worker {worker}: {status.name}")
        self.worker = worker
        self.status = status


class Abandoned(Exception):
    """A thread did not come back in time and is waited for no longer."""


class Patience:
    """Waits for threads in spite of cancellation, until told to give up on all of them."""

    def __init__(self) -> None:
        self._waits: set[trio.CancelScope] = set()
        self._inside: set[object] = set()
        self._until = math.inf

    @property
    def inside(self) -> int:
        """How many threads have not come back yet, whether somebody waits for them or not."""
        return len(self._inside)

    @property
    def given_up(self) -> bool:
        """Whether it ended."""
        return self._until < math.inf

    async def call(
        self,
        function: Callable[..., Result],
        *args: Any,
        limiter: trio.CapacityLimiter | None = None,
        patient: bool = True,
        at_most: float = math.inf,
    ) -> Result:
        """Run `function` in a thread and wait for it, cancelled or not (unless not `patient`)."""
        ticket = object()

        def inside() -> Result:
            self._inside.add(ticket)
            try:
                return function(*args)
            finally:
                self._inside.discard(ticket)

        until = min(self._until, trio.current_time() + at_most)
        with trio.CancelScope(shield=patient, deadline=until) as wait:
            self._waits.add(wait)
            try:
                return await trio.to_thread.run_sync(
                    inside, limiter=limiter, abandon_on_cancel=True
                )
            finally:
                self._waits.discard(wait)
        raise Abandoned(getattr(function, "__name__", str(function)))

    def give_up(self, grace: float = 0.0) -> None:
        """In `grace` seconds, abandon every thread that is still inside, then or later."""
        self._until = min(self._until, trio.current_time() + grace)
        for wait in self._waits:
            wait.deadline = min(wait.deadline, self._until)


async def work(
    worker: int,
    run_slice: Callable[[int], Status],
    patience: Patience,
    limiter: trio.CapacityLimiter,
) -> None:
    """Run bounded slices; cancellation takes effect between them, never inside a kernel."""
    while True:
        status = await patience.call(run_slice, worker, limiter=limiter)
        if status not in CARRY_ON:
            raise SliceFault(worker, Status(status))
        await trio.lowlevel.checkpoint_if_cancelled()


async def say_farewell(stop: Callable[[], None]) -> None:
    """Call `stop` as soon as the workers around this task are to end."""
    try:
        await trio.sleep_forever()
    finally:
        stop()


async def run(
    services: Iterable[Service],
    workers: Iterable[Callable[[], Awaitable[None]]],
    stop: Callable[[], None],
    duration: float,
) -> None:
    """Run `workers` for `duration` seconds beside `services`, which end after them."""
    async with trio.open_nursery() as outer:
        for service in services:
            await outer.start(service)
        with trio.move_on_after(duration):
            async with trio.open_nursery() as inner:
                inner.start_soon(say_farewell, stop)
                for worker in workers:
                    inner.start_soon(worker)
        outer.cancel_scope.cancel()
