"""Hypercorn as one well-behaved task of a nursery.

Hypercorn is told to stop by an event when this task is cancelled, finishes the requests in
flight, and is then done; it runs in a shield, so cancellation never cuts a scrape in half. Its
sends are shielded for ever, though: a client that does not read would hold up the end of the
run. After the grace period such connections are shut down under it.

Hypercorn installs no signal handlers in this mode. Its log goes to the standard logger
`hypercorn.error`, without its greetings; there is no access log.
"""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress

import hypercorn.trio
import trio
from hypercorn.config import Config
from starlette.applications import Starlette

from stressd.config.units import Address
from stressd.web.listen import Bound, bind

GRACE_SECONDS = 0.2  # for the requests in flight
KEEP_ALIVE_SECONDS = 75.0  # longer than the usual scrape intervals
INTERNET = (socket.AF_INET, socket.AF_INET6)


async def serve(
    listen: Address,
    app: Starlette,
    *,
    task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until cancelled; reports the address once it answers, or raises ListenError."""
    listener, bound = bind(listen)
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_run_hypercorn, app, _config(listener.detach()), bound, stop)
        task_status.started(bound)
        try:
            await trio.sleep_forever()
        finally:
            stop.set()


async def _run_hypercorn(
    app: Starlette,
    config: Config,
    bound: Bound,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cut_off, bound, stop)
            await hypercorn.trio.serve(
                app,  # type: ignore[arg-type]
                config,
                shutdown_trigger=stop.wait,
                task_status=task_status,
            )
            nursery.cancel_scope.cancel()


def _config(descriptor: int) -> Config:
    log = logging.getLogger("hypercorn.error")
    log.setLevel(logging.WARNING)
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.errorlog = log
    config.accesslog = None
    config.include_server_header = False
    config.graceful_timeout = GRACE_SECONDS
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    return config


async def _cut_off(bound: Bound, stop: trio.Event) -> None:
    """Shut down the connections that are still there after the grace period."""
    await stop.wait()
    await trio.sleep(GRACE_SECONDS)
    while True:
        shut_down_connections(bound)
        await trio.sleep(GRACE_SECONDS / 10)


def shut_down_connections(bound: Bound) -> None:
    """Shut down every connection of this process that was accepted at `bound`.

    The server owns them and has no way to ask for them, so they are looked up among the open
    files. Whoever waits for one is woken with an error; its owner still closes it.
    """
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError), _borrowed(int(name)) as connection:
            if connection.family in INTERNET and connection.getsockname()[1] == bound.port:
                connection.shutdown(socket.SHUT_RDWR)


def _borrowed(descriptor: int) -> socket.socket:
    """Return a second handle of the socket behind `descriptor`; OSError if there is none."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
