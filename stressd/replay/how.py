"""With which structures to replay, and how often to compare them; needs nothing compiled."""

from __future__ import annotations

from dataclasses import dataclass

from stressd.errors import UsageError
from stressd.limits import TRACE_FILE_MAX, TRACE_FILE_MIN

STAGES = ("all", "no-rbtree", "no-list", "no-cache")
EVERY = "every"  # one stage after the other
VALIDATE_DEFAULT = 1000
TRACE_MAX = "1GiB"  # of --trace-max


@dataclass(frozen=True)
class How:
    """A stage, and the calls between two validations of a space.

    validate  0: never; 1: around each call, comparing every look-up; n: after every n-th call.
              Other than 0: once more as a space ends
    """

    stage: str = "all"
    validate: int = VALIDATE_DEFAULT


def trace_limit(text: str) -> int:
    """Return the bytes that --trace-max says."""
    from stressd.config.units import Size  # here, because it brings pydantic with it

    try:
        size = Size.parse(text)
    except ValueError as failure:
        raise UsageError(f"--trace-max: {failure} (got {text})") from None
    if not TRACE_FILE_MIN <= size.bytes <= TRACE_FILE_MAX:
        low, high = Size.of(TRACE_FILE_MIN), Size.of(TRACE_FILE_MAX)
        raise UsageError(f"--trace-max: must be {low} .. {high} (got {text})")
    return size.bytes


def stages_of(text: str) -> tuple[str, ...]:
    """Return the stages that --stage names."""
    if text == EVERY:
        return STAGES
    if text not in STAGES:
        raise UsageError(f"--stage: must be {', '.join(STAGES)} or {EVERY} (got {text})")
    return (text,)


def validate_of(text: str) -> int:
    """Return how often --validate says that structures are compared."""
    words = {"off": 0, "inline": 1}
    if text in words:
        return words[text]
    if not text.isdecimal() or not 1 <= int(text) < 1 << 63:
        raise UsageError(f"--validate: must be inline, off or a number of calls (got {text})")
    return int(text)
