"""Values with units: exact, remembered as written, and refused with the reason."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.config.units import Address, Duration, Size, TextValue

DURATIONS = {
    "20s": 20_000_000_000,
    "5ms": 5_000_000,
    "24h": 86_400_000_000_000,
    "1h30m": 5_400_000_000_000,
    "1d2h3m4s5ms6us7ns": 93_784_005_006_007,
    "0.1s": 100_000_000,
    "1.5h": 5_400_000_000_000,
    "0s": 0,
    "0": 0,
}
SIZES = {"16B": 16, "64KiB": 65_536, "1GiB": 1 << 30, "0.5KiB": 512, "16777216TiB": 1 << 64}
REFUSED = {
    "": "is not a duration such as 20s, 5ms or 1h30m",
    "soon": "is not a duration such as 20s, 5ms or 1h30m",
    "5 s": "is not a duration such as 20s, 5ms or 1h30m",
    "-5s": "is not a duration such as 20s, 5ms or 1h30m",
    "5s ": "is not a duration such as 20s, 5ms or 1h30m",
    "1,5s": "is not a duration such as 20s, 5ms or 1h30m",
    "12:30:00": "is not a duration such as 20s, 5ms or 1h30m",
    "5": "needs a unit, such as 20s, 5ms or 1h30m",
    "1h30": "needs a unit, such as 20s, 5ms or 1h30m",
    "5sec": "has the unknown unit 'sec'; units are d h m s ms us ns",
    "5S": "has the unknown unit 'S'; units are d h m s ms us ns",
    "30m1h": "must name each unit once, the largest first",
    "1s1s": "must name each unit once, the largest first",
    "0.5ns": "is not a whole number of ns",
}
ADDRESSES = {
    "127.0.0.1:9478": ("127.0.0.1", 9478, True),
    "0.0.0.0:80": ("0.0.0.0", 80, False),
    "localhost:0": ("localhost", 0, True),
    "my-host.example:65535": ("my-host.example", 65535, False),
    "[::1]:9478": ("::1", 9478, True),
    "[2001:DB8::1]:1": ("2001:db8::1", 1, False),
}
BAD_ADDRESSES = {
    "9478": "must be host:port, such as 127.0.0.1:9478 or [::1]:9478",
    "localhost": "must be host:port, such as 127.0.0.1:9478 or [::1]:9478",
    ":9478": "must be host:port, such as 127.0.0.1:9478 or [::1]:9478",
    "localhost:": "must be host:port, such as 127.0.0.1:9478 or [::1]:9478",
    "localhost:http": "must end in a port from 0 to 65535",
    "localhost:-1": "must end in a port from 0 to 65535",
    "localhost:65536": "must end in a port from 0 to 65535",
    "localhost:²": "must end in a port from 0 to 65535",
    "::1:9478": "must have its IPv6 address in brackets, as [::1]:9478",
    "[localhost]:1": "has no IPv6 address between its brackets: [localhost]",
    "[]:1": "has no IPv6 address between its brackets: []",
    "127.1:1": "has no IPv4 address before its port: 127.1",
    "http//x:1": "has no host name before its port: http//x",
    "-x:1": "has no host name before its port: -x",
}


@pytest.mark.parametrize("text", DURATIONS)
def test_a_duration_is_exact(text: str) -> None:
    """Every form comes to the exact number of nanoseconds and is shown as written."""
    duration = Duration.parse(text)
    assert (duration.nanoseconds, str(duration)) == (DURATIONS[text], text)


@pytest.mark.parametrize("text", SIZES)
def test_a_size_is_exact(text: str) -> None:
    """Every form comes to the exact number of bytes and is shown as written."""
    size = Size.parse(text)
    assert (size.bytes, str(size)) == (SIZES[text], text)


@pytest.mark.parametrize("text", REFUSED)
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    """The message says what is wrong with it, or how one looks."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Duration.parse(text)
    assert str(caught.value) == REFUSED[text]


@pytest.mark.parametrize("value", [20, 0.5, True, None, ["20s"]])
def test_a_duration_must_be_text(value: object) -> None:
    """A number has no unit, and nothing else is converted."""
    with pytest.raises(ValueError, match=r"^(needs a unit|must be a duration)"):
        Duration.parse(value)


def test_nothing_needs_no_unit() -> None:
    """0 is the same in all units, so it may stand alone."""
    assert Duration.parse(0) == Duration.parse("0ms") == Duration.parse("0")


def test_values_compare_by_what_they_mean() -> None:
    """60s is 1m, whatever it was written as; the text takes no part."""
    assert Duration.parse("60s") == Duration.parse("1m") < Duration.parse("61s")
    assert hash(Size.parse("1024B")) == hash(Size.parse("1KiB"))


@given(st.integers(0, 10**20))
def test_a_duration_survives_being_written(amount: int) -> None:
    """The canonical text of any duration is read back as that duration."""
    assert Duration.parse(str(Duration.of(amount))).nanoseconds == amount


@given(st.integers(0, 1 << 70))
def test_a_size_survives_being_written(amount: int) -> None:
    """The canonical text of any size is read back as that size."""
    assert Size.parse(str(Size.of(amount))).bytes == amount


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(["s", "ms", "us"]))
def test_fractions_are_exact(whole: int, thousandths: int, unit: str) -> None:
    """A decimal fraction is not rounded through a float."""
    duration = Duration.parse(f"{whole}.{thousandths:03}{unit}")
    scale = Duration.UNITS[unit]
    assert duration.nanoseconds == (whole + Fraction(thousandths, 1000)) * scale


def text_or_reason(kind: type[TextValue], text: str) -> str:
    """The value as text, or why there is none."""
    try:
        return str(kind.parse(text))
    except ValueError as reason:
        return str(reason)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes parsing fail in any other way than with a reason."""
    assert all(text_or_reason(kind, text) for kind in (Duration, Size, Address))


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_taken_apart(text: str) -> None:
    """Host without brackets, port as a number, and whether others can connect."""
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == ADDRESSES[text]
    assert str(address) == text


@pytest.mark.parametrize("text", BAD_ADDRESSES)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    """The message says which half is wrong."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Address.parse(text)
    assert str(caught.value) == BAD_ADDRESSES[text]
