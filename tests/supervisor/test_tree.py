"""The task tree: who ends first, who waits for whom, and when waiting ends."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from stressd.run.board import leaves
from stressd.run.supervisor import Abandoned, Patience, SliceFault, run, work
from stressd_kernels.status import Status

Log = list[str]


def service(log: Log, name: str) -> Callable[..., Awaitable[None]]:
    """Return a service that notes when it begins and ends."""

    async def body(*, task_status: trio.TaskStatus[None]) -> None:
        log.append(f"{name} begins")
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            log.append(f"{name} ends")

    return body


def worker(log: Log, name: str) -> Callable[[], Awaitable[None]]:
    """Return a worker that works until it is cancelled."""

    async def body() -> None:
        log.append(f"{name} begins")
        try:
            await trio.sleep_forever()
        finally:
            log.append(f"{name} ends")

    return body


def nothing() -> None:
    """Do nothing."""


async def test_services_outlive_workers(autojump_clock: MockClock) -> None:
    """The last sample sees the last operation, because the sampler ends last."""
    log: Log = []
    await run([service(log, "sample")], [worker(log, "work")], nothing, 3600)
    assert log == ["sample begins", "work begins", "work ends", "sample ends"]


async def test_the_deadline_is_kept(autojump_clock: MockClock) -> None:
    """Workers end after exactly the duration."""
    begun = trio.current_time()
    await run([], [worker([], "work")], nothing, 3600)
    assert trio.current_time() - begun == 3600


async def test_the_farewell_comes_when_the_time_is_up(autojump_clock: MockClock) -> None:
    """Slices in flight are told to end once, before the services are gone."""
    log: Log = []
    await run([service(log, "sample")], [worker(log, "work")], lambda: log.append("stop"), 10)
    assert log.count("stop") == 1
    assert log.index("stop") < log.index("sample ends")


async def test_the_farewell_comes_at_a_fault_too(autojump_clock: MockClock) -> None:
    """The other workers are told to end when one cannot go on."""
    log: Log = []

    async def faulty() -> None:
        raise SliceFault(0, Status.ARENA_FULL)

    with pytest.RaisesGroup(pytest.RaisesGroup(SliceFault)):
        await run([], [faulty, worker(log, "work")], lambda: log.append("stop"), 3600)
    assert sorted(log) == ["stop", "work begins", "work ends"]


async def test_a_service_that_cannot_begin_keeps_workers_from_beginning() -> None:
    """Nothing runs that nobody could look at."""
    log: Log = []

    async def broken(*, task_status: trio.TaskStatus[None]) -> None:
        raise OSError("address in use")

    with pytest.RaisesGroup(OSError, flatten_subgroups=True):
        await run([broken], [worker(log, "work")], nothing, 3600)
    assert log == []


async def test_cancellation_waits_for_the_slice_in_flight() -> None:
    """A kernel is never interrupted: the task ends when its slice has returned."""
    inside, leave = threading.Event(), threading.Event()
    done: list[int] = []

    def run_slice(index: int) -> Status:
        inside.set()
        leave.wait()
        done.append(index)
        return Status.OK

    async with trio.open_nursery() as nursery:
        limiter = trio.CapacityLimiter(1)
        nursery.start_soon(work, 7, run_slice, Patience(), limiter)
        await trio.to_thread.run_sync(inside.wait)
        nursery.cancel_scope.cancel()
        leave.set()
    assert done == [7]


async def test_a_slice_is_followed_by_the_next() -> None:
    """Workers go on until a slice reports something else than OK or STOPPED."""
    answers = [Status.OK, Status.STOPPED, Status.OK, Status.CORRUPT]

    def run_slice(_: int) -> Status:
        return answers.pop(0)

    with pytest.raises(SliceFault) as fault:
        await work(3, run_slice, Patience(), trio.CapacityLimiter(1))
    assert (fault.value.worker, fault.value.status) == (3, Status.CORRUPT)


async def test_workers_run_at_the_same_time() -> None:
    """As many threads as workers: each slice waits for all the others to have begun."""
    together = threading.Barrier(8, timeout=30)

    def run_slice(_: int) -> Status:
        together.wait()
        return Status.ARENA_FULL

    limiter, patience = trio.CapacityLimiter(8), Patience()
    workers = [partial(work, index, run_slice, patience, limiter) for index in range(8)]
    with pytest.raises(BaseExceptionGroup) as failure:
        await run([], workers, nothing, 3600)
    faults = {leaf.worker for leaf in leaves(failure.value) if isinstance(leaf, SliceFault)}
    assert faults <= set(range(8))
    assert faults


async def test_giving_up_abandons_a_slice_that_hangs() -> None:
    """The last resort: the task ends, and the thread is known to be inside still."""
    inside, leave = threading.Event(), threading.Event()

    def hang(_: int) -> Status:
        inside.set()
        leave.wait()
        return Status.OK

    patience = Patience()
    async with trio.open_nursery() as nursery:

        async def body() -> None:
            with pytest.raises(Abandoned):
                await work(0, hang, patience, trio.CapacityLimiter(1))

        nursery.start_soon(body)
        await trio.to_thread.run_sync(inside.wait)
        patience.give_up()
    assert patience.inside == 1
    leave.set()


async def test_giving_up_lets_a_slice_return_within_the_grace() -> None:
    """A slice that ends in time is no casualty."""
    inside, leave = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        leave.wait()
        return "done"

    patience = Patience()
    answers: list[str] = []
    async with trio.open_nursery() as nursery:

        async def body() -> None:
            answers.append(await patience.call(slow))

        nursery.start_soon(body)
        await trio.to_thread.run_sync(inside.wait)
        patience.give_up(grace=3600)
        leave.set()
    assert answers == ["done"]
    assert patience.inside == 0


async def test_after_giving_up_nothing_is_waited_for() -> None:
    """What is asked for later does not hang either."""
    patience, leave = Patience(), threading.Event()
    patience.give_up()
    with pytest.raises(Abandoned):
        await patience.call(leave.wait)
    leave.set()


async def test_a_thread_that_raises_is_not_inside() -> None:
    """An exception of a slice reaches the task, and the thread counts as back."""
    patience = Patience()

    def crash() -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await patience.call(crash)
    assert patience.inside == 0
