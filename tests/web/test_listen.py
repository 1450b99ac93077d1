"""An address that cannot be had is refused with what to do about it."""

from __future__ import annotations

import errno
import socket

import pytest

from stressd.config.units import Address
from stressd.errors import UserError
from stressd.web.listen import Bound, bind

ADVICE = "; choose another with --listen HOST:PORT or metrics.listen"


def refusal(text: str) -> str:
    """Return what the user reads when `text` cannot be bound."""
    with pytest.raises(UserError) as caught:
        bind(Address.parse(text))
    return str(caught.value)


def test_a_free_port_is_found_and_reported() -> None:
    """Port 0 asks for any; the answer says which."""
    listener, bound = bind(Address.parse("127.0.0.1:0"))
    with listener, socket.create_connection((bound.host, bound.port)):
        assert bound.url == f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_a_port_in_use_is_named() -> None:
    """With the two ways to choose another."""
    listener, bound = bind(Address.parse("127.0.0.1:0"))
    with listener:
        text = f"127.0.0.1:{bound.port}"
        assert refusal(text) == f"{text} is in use by another program{ADVICE}"


def test_a_port_can_be_had_again_at_once() -> None:
    """A restart must not wait for connections of the run before to be forgotten."""
    listener, bound = bind(Address.parse("127.0.0.1:0"))
    client = socket.create_connection((bound.host, bound.port))
    served, _ = listener.accept()
    served.close()  # our side closes first, so our side has to remember
    client.close()
    listener.close()
    again, _ = bind(Address.parse(f"127.0.0.1:{bound.port}"))
    again.close()


def test_an_address_of_another_machine_is_refused() -> None:
    """192.0.2.0/24 is reserved for documentation; no machine has it."""
    assert refusal("192.0.2.1:9478") == f"192.0.2.1:9478 is not an address of this machine{ADVICE}"


def test_a_name_that_cannot_be_found_is_refused() -> None:
    """The top-level domain .invalid never resolves."""
    assert refusal("host.invalid:1") == f"host.invalid:1 names a host that cannot be found{ADVICE}"


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.EACCES, "is not permitted to this user (ports below 1024 are reserved)"),
        (errno.ENOBUFS, "cannot be used: No buffer space available"),
    ],
)
def test_other_refusals_of_the_system_are_told(
    number: int, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words where we know them, else in those of the system."""

    class Refusing(socket.socket):
        def bind(self, _: object) -> None:
            raise OSError(number, "No buffer space available")

    monkeypatch.setattr("stressd.web.listen.socket.socket", Refusing)
    assert refusal("127.0.0.1:80") == f"127.0.0.1:80 {problem}{ADVICE}"


def test_localhost_is_the_address_that_most_clients_try_first() -> None:
    """127.0.0.1, even where the name also means ::1."""
    listener, bound = bind(Address.parse("localhost:0"))
    listener.close()
    assert bound.host == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_no_reason_to_warn(host: str) -> None:
    """Nobody else can connect."""
    assert Bound(host, 9478).warning == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://0.0.0.0:9478/"), ("::", "http://[::]:9478/")],
)
def test_any_other_address_is_warned_of(host: str, url: str) -> None:
    """There is no password."""
    assert Bound(host, 9478).warning == (
        f"{url} can be read from other machines, without a password;"
        " listen on 127.0.0.1 to prevent that"
    )
