"""The server is a task like any other: it starts, reports, and ends when it is told to."""

from __future__ import annotations

import logging
import signal

import httpx
import pytest
import trio
import trio.testing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stressd.config.units import Address
from stressd.errors import UserError
from stressd.web import Bound, make_app, serve, server
from tests.metrics.fakes import fake_source

ANYWHERE = Address.parse("127.0.0.1:0")
HANGS_SECONDS = 30  # only a server that never ends takes this long


async def start(nursery: trio.Nursery, app: Starlette | None = None) -> Bound:
    """Serve `app`, or that of a fake run, and return where."""
    bound = await nursery.start(serve, ANYWHERE, app or make_app(fake_source()))
    assert isinstance(bound, Bound)
    return bound


def one_route(endpoint: object) -> Starlette:
    """Return an application with `endpoint` at /."""
    return Starlette(routes=[Route("/", endpoint)])  # type: ignore[arg-type]


async def ask(bound: Bound) -> trio.SocketStream:
    """Connect and send a request for /, without reading the answer."""
    stream = await trio.open_tcp_stream(bound.host, bound.port)
    await stream.send_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    return stream


async def test_it_answers_once_it_has_reported() -> None:
    """On the port that was found."""
    async with trio.open_nursery() as nursery:
        bound = await start(nursery)
        async with httpx.AsyncClient() as http:
            assert (await http.get(bound.url + "readyz")).text == "running\n"
            assert "stressd_ops_total" in (await http.get(bound.url + "metrics")).text
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_raises_before_anything_is_served() -> None:
    """A UserError, for the command line to print."""
    async with trio.open_nursery() as nursery:
        bound = await start(nursery)
        with pytest.raises(UserError, match=f"^127.0.0.1:{bound.port} is in use by another"):
            await serve(Address.parse(f"127.0.0.1:{bound.port}"), make_app(fake_source()))
        nursery.cancel_scope.cancel()


async def test_it_leaves_signals_and_terminal_alone(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both belong to the supervisor."""
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    with caplog.at_level(logging.INFO):
        async with trio.open_nursery() as nursery:
            bound = await start(nursery)
            assert [signal.getsignal(number) for number in signal.valid_signals()] == handlers
            async with httpx.AsyncClient() as http:
                await http.get(bound.url)
            nursery.cancel_scope.cancel()
    assert [record for record in caplog.records if record.name.startswith("hypercorn")] == []
    assert capfd.readouterr() == ("", "")


async def test_it_ends_although_clients_keep_their_connections() -> None:
    """One that was answered and waits, one that has sent half a request, one that is silent."""
    with trio.fail_after(HANGS_SECONDS):
        async with trio.open_nursery() as nursery:
            bound = await start(nursery)
            waiting = await ask(bound)
            assert (await waiting.receive_some(65_536)).startswith(b"HTTP/1.1 200")
            half = await trio.open_tcp_stream(bound.host, bound.port)
            await half.send_all(b"GET /metrics HTTP/1.1\r\nHo")
            silent = await trio.open_tcp_stream(bound.host, bound.port)
            nursery.cancel_scope.cancel()
    for stream in (waiting, half, silent):
        await stream.aclose()


async def test_it_ends_although_a_client_does_not_read() -> None:
    """An answer larger than all buffers between us, stopped after its first byte."""

    async def endless(_: Request) -> Response:
        return PlainTextResponse(b"x" * (64 << 20))

    with trio.fail_after(HANGS_SECONDS):
        async with trio.open_nursery() as nursery:
            bound = await start(nursery, one_route(endless))
            stream = await ask(bound)
            assert await stream.receive_some(1) == b"H"
            nursery.cancel_scope.cancel()
    await stream.aclose()


async def test_it_ends_although_a_handler_does_not() -> None:
    """A request in flight is waited for, but not for ever."""
    begun = trio.Event()

    async def stuck(_: Request) -> Response:
        begun.set()
        await trio.sleep_forever()

    with trio.fail_after(HANGS_SECONDS):
        async with trio.open_nursery() as nursery:
            stream = await ask(await start(nursery, one_route(stuck)))
            await begun.wait()
            nursery.cancel_scope.cancel()
    await stream.aclose()


async def test_a_request_in_flight_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last scrape of a run is the one that matters most."""
    monkeypatch.setattr(server, "GRACE_SECONDS", HANGS_SECONDS)
    begun, release = trio.Event(), trio.Event()

    async def slow(_: Request) -> Response:
        begun.set()
        await release.wait()
        return PlainTextResponse("all of it")

    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            stream = await ask(await start(nursery, one_route(slow)))
            await begun.wait()
            nursery.cancel_scope.cancel()
            clients.start_soon(release_when_cancelled, release)
        answer = b"".join([chunk async for chunk in stream])
    assert answer.endswith(b"all of it")


async def release_when_cancelled(release: trio.Event) -> None:
    """Let the handler go on, now that its server is being stopped."""
    await trio.testing.wait_all_tasks_blocked()
    release.set()


async def test_a_defect_of_a_handler_is_logged_and_the_next_request_answered(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken page must not end a run of days."""
    monkeypatch.setattr("stressd.web.app.render", lambda view: 1 / 0)
    async with trio.open_nursery() as nursery:
        bound = await start(nursery)
        async with httpx.AsyncClient() as http:
            assert (await http.get(bound.url)).status_code == 500
            assert (await http.get(bound.url + "healthz")).status_code == 200
        nursery.cancel_scope.cancel()
    assert [r.name for r in caplog.records if r.levelno >= logging.ERROR] == ["hypercorn.error"]


def test_the_end_takes_less_than_half_a_second() -> None:
    """The grace period, and as long again for a connection to notice that it was cut off."""
    assert 2 * server.GRACE_SECONDS < 0.5
