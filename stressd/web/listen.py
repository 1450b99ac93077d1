"""Taking the address to serve on, before anything else, so that trouble shows at once.

The socket is bound here and not by the server: only here can each way to fail be told apart
and answered with what to do about it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from stressd.config.units import Address
from stressd.errors import UserError

BACKLOG = 64
ADVICE = "choose another with --listen HOST:PORT or metrics.listen"
PROBLEMS = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "is not permitted to this user (ports below 1024 are reserved)",
    errno.EPERM: "is not permitted to this user",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EAFNOSUPPORT: "is of a family of addresses that this machine does not have",
}


class ListenError(UserError):
    """The address cannot be served on."""

    def __init__(self, listen: Address, problem: str) -> None:
        super().__init__(f"{listen} {problem}; {ADVICE}")


@dataclass(frozen=True)
class Bound:
    """What is served, and where."""

    host: str
    port: int  # the one that was found, if any free one was asked for

    @property
    def url(self) -> str:
        """Address of the status page; append metrics, healthz or readyz for the others."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def warning(self) -> str:
        """What the user should know about the address, "" for nothing."""
        if ipaddress.ip_address(self.host).is_loopback:
            return ""
        return (
            f"{self.url} can be read from other machines, without a password;"
            " listen on 127.0.0.1 to prevent that"
        )


def bind(listen: Address) -> tuple[socket.socket, Bound]:
    """Return a listening socket for `listen` and what it was bound to, or raise ListenError."""
    family, address = _resolve(listen)
    listener = None
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        problem = PROBLEMS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise ListenError(listen, problem) from error
    host, port = listener.getsockname()[:2]
    return listener, Bound(host.partition("%")[0], port)


def _resolve(listen: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return family and address of a host, IPv4 first: `localhost` is 127.0.0.1 to most."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ListenError(listen, "names a host that cannot be found") from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, (str(address[0]), int(address[1]))
