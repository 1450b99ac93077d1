"""What an unquoted YAML scalar means, without the surprises.

YAML 1.1, which PyYAML speaks, reads `on` as true, `12:30:00` as 45000, `010` as 8 and `1e6` as
text. Editors speak YAML 1.2. Here a scalar means what both and a human would agree on; where no
reading is safe, the file is refused:

    written          means
    null ~ (empty)   nothing
    true false       a boolean (also True, TRUE, ...)
    yes no on off    text
    12  -3  0x1f     a whole number
    1e6  2.5e3       a whole number, when it is one; 1e-3 is not
    0.7  .5  .inf    a number
    010              refused: 8 to some readers, 10 to others
    12:30:00  2024-01-02  1_000   text
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

Scalar = None | bool | int | float | str

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "false": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39})")
_BASED = re.compile(r"0x[0-9a-fA-F]{1,32}|0o[0-7]{1,40}")
_ZERO_LED = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,9})?")
_UNBOUND = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar; ValueError where readers disagree about it."""
    if text in _NULLS:
        return None
    if text.lower() in _BOOLEANS and text in (text.lower(), text.title(), text.upper()):
        return _BOOLEANS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _ZERO_LED.fullmatch(text):
        digits = text.lstrip("+-0") or "0"
        raise ValueError(f"begins with a 0, which some read as octal: write {digits} or quote it")
    if _FLOAT.fullmatch(text):
        return _number(text)
    if _UNBOUND.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def is_safe(text: str) -> bool:
    """Whether every reader takes `text`, unquoted, for the same thing."""
    return not _ZERO_LED.fullmatch(text)


def is_text(text: str) -> bool:
    """Whether `text`, unquoted, is read as just that text."""
    return is_safe(text) and read_plain(text) == text


def _number(text: str) -> int | float:
    """A float, or the whole number that an exponent spells (1e6)."""
    value = float(text)
    if "e" not in text.lower() or not math.isfinite(value) or not value.is_integer():
        return value
    return int(Decimal(text))
