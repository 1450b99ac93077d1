"""The HTTP side of a run: /metrics, /healthz, /readyz and a status page, on hypercorn and trio.

    session --> serve(listen, app) --> hypercorn --> starlette --> Source.view
                binds, reports Bound

Everything served is read from a `Source`; nothing here can change a run.
"""

from __future__ import annotations

from stressd.web.app import make_app
from stressd.web.listen import Bound, ListenError
from stressd.web.server import serve

__all__ = ["Bound", "ListenError", "make_app", "serve"]
