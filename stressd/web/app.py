"""The routes. Handlers only read the newest view, so a request can never slow a worker down."""

from __future__ import annotations

import trio
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from stressd.metrics import Source, make_registry
from stressd.web.page import render

# No scripts, nothing from elsewhere; the page brings its own style.
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
FRESH = {"Cache-Control": "no-store"}


class Handlers:
    """What each route answers."""

    def __init__(self, source: Source, registry: CollectorRegistry) -> None:
        self._source = source
        self._registry = registry
        self._one_scrape = trio.CapacityLimiter(1)

    async def metrics(self, request: Request) -> Response:
        """Encode in a thread, one scrape at a time, in the format the client prefers."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        body = await trio.to_thread.run_sync(encode, self._registry, limiter=self._one_scrape)
        return Response(body, headers={"Content-Type": content_type, **FRESH})

    async def health(self, _: Request) -> Response:
        """200 for as long as the loop runs: whoever waits for this answer waits for the loop."""
        return PlainTextResponse("alive\n", headers=FRESH)

    async def ready(self, _: Request) -> Response:
        """200 while the workers work, else 503; the state is the body either way."""
        state = self._source.view.state
        status = 200 if state == "running" else 503
        return PlainTextResponse(f"{state}\n", status_code=status, headers=FRESH)

    async def page(self, _: Request) -> Response:
        """Show the newest figures to a person."""
        return HTMLResponse(render(self._source.view), headers={**PAGE_HEADERS, **FRESH})

    async def failed(self, _: Request, __: Exception) -> Response:
        """Count a defect of a handler; hypercorn logs it."""
        self._source.failed("web", "exception")
        return PlainTextResponse("internal error, see the log\n", status_code=500)


def make_app(source: Source) -> Starlette:
    """Return the application that serves `source`."""
    handlers = Handlers(source, make_registry(source))
    return Starlette(
        routes=[
            Route("/", handlers.page),
            Route("/metrics", handlers.metrics),
            Route("/healthz", handlers.health),
            Route("/readyz", handlers.ready),
        ],
        exception_handlers={Exception: handlers.failed},
    )
