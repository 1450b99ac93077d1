"""Values with a unit in them: `1h30m`, `64KiB`, `127.0.0.1:9478`.

Each type keeps the text it was read from, so that what is shown to the user is what the user
wrote; two values are equal when they mean the same (`60s` and `1m`). All are exact integers:
`0.1s` is 100,000,000 ns, not a float that is nearly so.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, PlainSerializer, PlainValidator, WithJsonSchema

from stressd.limits import PORT_MAX

_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)([^\W\d]*)")


class TextValue:
    """A value read from text by `parse`, written back by `str`, known to pydantic."""

    PATTERN: ClassVar[str]  # for editors; `parse` has the last word

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a value, or raise ValueError that says what is wrong with it."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> Any:
        looks = WithJsonSchema({"type": "string", "pattern": cls.PATTERN})
        return handler.generate_schema(
            Annotated[Any, PlainValidator(cls.parse), PlainSerializer(str), looks]
        )


@dataclass(frozen=True, order=True)
class Quantity(TextValue):
    """A whole number of base units, written with larger ones."""

    amount: int
    text: str = field(compare=False)

    NOUN: ClassVar[str]
    EXAMPLES: ClassVar[str]
    UNITS: ClassVar[dict[str, int]]  # base units in each, largest first

    def __str__(self) -> str:
        return self.text

    @classmethod
    def of(cls, amount: int) -> Self:
        """The quantity of so many base units, written as a user would write it."""
        text, rest = "", amount
        for unit, scale in cls.UNITS.items():
            count, rest = divmod(rest, scale)
            text += f"{count}{unit}" if count else ""
        return cls(amount, text or "0")

    @classmethod
    def parse(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if type(value) is int and value == 0:
            return cls(0, "0")
        if type(value) in (int, float):
            raise ValueError(f"needs a unit, such as {cls.EXAMPLES}")
        if not isinstance(value, str):
            raise ValueError(f"must be a {cls.NOUN} such as {cls.EXAMPLES}")
        return cls(0, value) if value == "0" else cls(cls._amount(value), value)

    @classmethod
    def _amount(cls, text: str) -> int:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"is not a {cls.NOUN} such as {cls.EXAMPLES}")
        total = Fraction(0)
        below = float("inf")
        for number, unit in parts:
            scale = cls._scale(unit)
            if scale >= below:
                raise ValueError("must name each unit once, the largest first")
            below = scale
            total += Fraction(number) * scale
        if total.denominator != 1:
            smallest = list(cls.UNITS)[-1]
            raise ValueError(f"is not a whole number of {smallest}")
        return int(total)

    @classmethod
    def _scale(cls, unit: str) -> int:
        if not unit:
            raise ValueError(f"needs a unit, such as {cls.EXAMPLES}")
        if unit not in cls.UNITS:
            raise ValueError(f"has the unknown unit {unit!r}; units are {' '.join(cls.UNITS)}")
        return cls.UNITS[unit]


class Duration(Quantity):
    """A span of time: `20s`, `5ms`, `24h`, `1h30m`; `0` needs no unit."""

    NOUN = "duration"
    EXAMPLES = "20s, 5ms or 1h30m"
    UNITS: ClassVar[dict[str, int]] = {
        "d": 86_400_000_000_000,
        "h": 3_600_000_000_000,
        "m": 60_000_000_000,
        "s": 1_000_000_000,
        "ms": 1_000_000,
        "us": 1_000,
        "ns": 1,
    }
    PATTERN = r"^(0|([0-9]+(\.[0-9]+)?(d|h|m|s|ms|us|ns))+)$"

    @property
    def nanoseconds(self) -> int:
        """The exact span."""
        return self.amount

    @property
    def seconds(self) -> float:
        """The span in seconds, for clocks that count in floats."""
        return self.amount / 1e9


class Size(Quantity):
    """A number of bytes, or of keys: `16B`, `64KiB`, `4GiB`."""

    NOUN = "size"
    EXAMPLES = "16B, 64KiB or 4GiB"
    UNITS: ClassVar[dict[str, int]] = {
        "TiB": 1 << 40,
        "GiB": 1 << 30,
        "MiB": 1 << 20,
        "KiB": 1 << 10,
        "B": 1,
    }
    PATTERN = r"^(0|([0-9]+(\.[0-9]+)?(TiB|GiB|MiB|KiB|B))+)$"

    @property
    def bytes(self) -> int:
        """The exact size."""
        return self.amount


@dataclass(frozen=True)
class Address(TextValue):
    """Where to listen: `127.0.0.1:9478`, `localhost:0`, `[::1]:9478`."""

    host: str  # without brackets
    port: int  # 0: any free one
    text: str = field(compare=False)

    PATTERN = r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$"
    EXAMPLES: ClassVar[str] = "127.0.0.1:9478 or [::1]:9478"

    def __str__(self) -> str:
        return self.text

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @classmethod
    def parse(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"must be host:port, such as {cls.EXAMPLES}")
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port:
            raise ValueError(f"must be host:port, such as {cls.EXAMPLES}")
        if not re.fullmatch(r"[0-9]{1,9}", port) or int(port) > PORT_MAX:
            raise ValueError(f"must end in a port from 0 to {PORT_MAX}")
        return cls(cls._host(host), int(port), value)

    @staticmethod
    def _host(host: str) -> str:
        if host.startswith("[") and host.endswith("]"):
            try:
                return str(ipaddress.IPv6Address(host[1:-1]))
            except ValueError:
                raise ValueError(f"has no IPv6 address between its brackets: {host}") from None
        if ":" in host:
            raise ValueError("must have its IPv6 address in brackets, as [::1]:9478")
        if re.fullmatch(r"[0-9.]+", host):
            try:
                return str(ipaddress.IPv4Address(host))
            except ValueError:
                raise ValueError(f"has no IPv4 address before its port: {host}") from None
        if not re.fullmatch(r"(?!-)[0-9A-Za-z.-]{1,253}(?<!-)", host):
            raise ValueError(f"has no host name before its port: {host}")
        return host
