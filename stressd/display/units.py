"""Numbers as people read them: three digits and a unit, the same width in every row."""

from __future__ import annotations

NO_FIGURE = "-"


def three_digits(value: float) -> str:
    """Return `value` with three significant digits: 1.23, 12.3, 123."""
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def count(value: float) -> str:
    """Return a number of things: 950, 12.3k, 1.20M."""
    if value < 1000:
        return f"{value:.0f}"
    for unit in ("k", "M", "G", "T", "P"):
        value /= 1000
        if value < 999.5:
            return three_digits(value) + unit
    return three_digits(value / 1000) + "E"


def span(nanoseconds: int | None) -> str:
    """Return a duration: 84ns, 1.23µs, 4.50ms, 2.00s."""
    if nanoseconds is None:
        return NO_FIGURE
    if nanoseconds < 1000:
        return f"{nanoseconds}ns"
    value = float(nanoseconds)
    for unit in ("µs", "ms"):
        value /= 1000
        if value < 999.5:
            return three_digits(value) + unit
    return three_digits(value / 1000) + "s"


def size(value: int) -> str:
    """Return a number of bytes: 512 B, 12.3 MiB."""
    if value < 1024:
        return f"{value} B"
    amount = float(value)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 999.5:
            return f"{three_digits(amount)} {unit}"
    return f"{three_digits(amount / 1024)} TiB"


def clock(seconds: float) -> str:
    """Return a time of the run: 0:07, 12:34, 1:02:03, 2d 01:02:03."""
    whole = int(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days}d {hours:02}:{minutes:02}:{left:02}"
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def stretch(seconds: float) -> str:
    """Return how long something took: 4.8 s, 1:02:03."""
    return f"{seconds:.1f} s" if seconds < 120 else clock(seconds)


def share(part: float, whole: float) -> str:
    """Return a percentage: 0%, <0.1%, 12.3%."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent in (0, 100) else f"{percent:.1f}%"
