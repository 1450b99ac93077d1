"""What the process does when it is asked from outside.

    TERM, INT    once: drain - slices end, everything is counted, the verdict is given
                 twice: stop at once, whatever hangs; the verdict is UNKNOWN
    USR1         write the state of every worker and thread to the log
    HUP          noted: a running configuration is not reloaded

Signals arrive as items of a trio channel, so a handler is ordinary code of the main thread and
may do anything. The receiver lives from before the first slow step to after the last.
"""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Protocol

import trio

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
HEARD = (*sorted(STOPS), signal.SIGUSR1, signal.SIGHUP)


class Listener(Protocol):
    """Who is told."""

    def on_first_stop(self, name: str) -> None: ...
    def on_second_stop(self, name: str) -> None: ...
    def on_dump(self) -> None: ...
    def on_reload(self) -> None: ...


async def listen(
    listener: Listener, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Tell `listener` about every signal."""
    stops = 0
    with trio.open_signal_receiver(*HEARD) as received:
        task_status.started()
        async for number in received:
            if number in STOPS:
                stops += 1
                tell = listener.on_first_stop if stops == 1 else listener.on_second_stop
                tell(signal.Signals(number).name)
            elif number == signal.SIGUSR1:
                listener.on_dump()
            else:
                listener.on_reload()


def thread_stacks() -> dict[str, list[str]]:
    """Return where every Python thread is, for a dump of the state."""
    return {
        str(identity): [line.rstrip() for line in traceback.format_stack(frame)]
        for identity, frame in sys._current_frames().items()
    }
