"""Look-ups still find a replaced node in the table, or a table that is written again."""

from __future__ import annotations

from typing import Any

from stressd_kernels.layout import TREE_SHORTCUT, TREE_SHORTCUT_STAMPS
from stressd_kernels.maple.shortcut import (
    shortcut_close,
    shortcut_correct,
    shortcut_follow,
    shortcut_make,
    table_of,
)
from tests.model.mutant import Mutant
from tests.model.scenarios.shortcut import Reused, Shortcut


def close_never(words: Any, tree: int) -> None:
    """Leave the table open."""


def open_then_follow(words: Any, tree: int, slot: int, depth: int, ref: Any) -> None:
    """Open the table before it is corrected."""
    words[tree + TREE_SHORTCUT] = table_of(words, tree)
    shortcut_follow(words, tree, slot, depth, ref)


def correct_never(words: Any, table: int, path: int, ref: Any) -> None:
    """Leave the old node in the table."""


def make_at_once(words: Any, tree: int) -> None:
    """Write a table whoever may still read it."""
    words[tree + TREE_SHORTCUT_STAMPS] = 0
    words[tree + TREE_SHORTCUT_STAMPS + 1] = 0
    shortcut_make(words, tree)


SHORTCUT_LEFT_OPEN = Mutant(
    "shortcut left open",
    Shortcut,
    "tso",
    "W>P4 ~W A! W! B!",
    "no state",
    replaces={shortcut_close: close_never},
)
SHORTCUT_OPENED_TOO_SOON = Mutant(
    "shortcut opened too soon",
    Shortcut,
    "tso",
    "W>D2 ~W A! W! B!",
    "no state",
    replaces={shortcut_follow: open_then_follow},
)
SHORTCUT_NOT_CORRECTED = Mutant(
    "shortcut not corrected",
    Shortcut,
    "tso",
    "W>DONE A! W! B!",
    "no state|reserved",
    replaces={shortcut_correct: correct_never},
)
SHORTCUT_REWRITTEN_AT_ONCE = Mutant(
    "shortcut rewritten at once",
    Reused,
    "c11",
    "R>D4 W! R!",
    "Race|no state",
    replaces={shortcut_make: make_at_once},
)
