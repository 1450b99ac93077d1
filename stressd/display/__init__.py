"""What a person sees of a run: one record of its state, three ways to show it.

    session --> Frame (frozen) --> Live     a terminal: a table that is redrawn
                                   Plain    a pipe or a dumb terminal: a line now and then
                                   Quiet    nothing until the end

A screen is given a new frame a few times a second, by a thread of its own: a terminal that does
not take output (ctrl-S, a full pipe) must not stop the supervisor. The closing summary is
printed afterwards, the same in all three.
"""

from __future__ import annotations

from rich.console import Console

from stressd.display.console import discard, human_console
from stressd.display.frame import Frame, Screen
from stressd.display.live import Live
from stressd.display.plain import Plain, Quiet
from stressd.display.summary import print_closing

__all__ = [
    "Frame",
    "Live",
    "Plain",
    "Quiet",
    "Screen",
    "discard",
    "human_console",
    "print_closing",
    "screen_for",
]


def screen_for(console: Console, quiet: bool) -> Screen:
    """Return the screen that suits what `console` writes to."""
    if quiet:
        return Quiet()
    if console.is_terminal and not console.is_dumb_terminal:
        return Live(console)
    return Plain(console)
