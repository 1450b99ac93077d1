"""Signals: what each one asks for."""

from __future__ import annotations

import signal

import pytest
import trio

from stressd.run.signals import listen, thread_stacks


class Told:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.changed = trio.Event()

    def note(self, text: str) -> None:
        self.log.append(text)
        self.changed.set()
        self.changed = trio.Event()

    def on_first_stop(self, name: str) -> None:
        self.note(f"drain {name}")

    def on_second_stop(self, name: str) -> None:
        self.note(f"stop {name}")

    def on_dump(self) -> None:
        self.note("dump")

    def on_reload(self) -> None:
        self.note("reload")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([signal.SIGTERM], ["drain SIGTERM"]),
        ([signal.SIGINT, signal.SIGTERM], ["drain SIGINT", "stop SIGTERM"]),
        ([signal.SIGUSR1, signal.SIGINT], ["dump", "drain SIGINT"]),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM], ["reload", "reload", "drain SIGTERM"]),
        ([signal.SIGINT] * 3, ["drain SIGINT", "stop SIGINT", "stop SIGINT"]),
    ],
)
async def test_each_signal_is_told(numbers: list[signal.Signals], expected: list[str]) -> None:
    """The first TERM or INT drains, whatever came between; any further one stops at once."""
    told = Told()
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, told)
        for number in numbers:
            changed = told.changed
            signal.raise_signal(number)
            await changed.wait()
        nursery.cancel_scope.cancel()
    assert told.log == expected


async def test_handlers_are_given_back() -> None:
    """After a run ctrl-C interrupts again."""
    before = signal.getsignal(signal.SIGTERM)
    async with trio.open_nursery() as nursery:
        await nursery.start(listen, Told())
        assert signal.getsignal(signal.SIGTERM) is not before
        nursery.cancel_scope.cancel()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_dump_shows_where_each_thread_is() -> None:
    """This test is in its own stack."""
    stacks = thread_stacks()
    assert any("test_a_dump_shows" in line for stack in stacks.values() for line in stack)
