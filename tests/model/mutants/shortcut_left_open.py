"""Look-ups still find a replaced node in the table, or a table that is written again."""

from __future__ import annotations

from typing import Any

from stressd_kernels.layout import TREE_SHORTCUT, TREE_SHORTCUT_STAMPS
from stressd_kernels.maple.buckets import DEPTH, FILLED, LIMIT
from stressd_kernels.maple.shortcut import (
    opened_retire,
    shortcut_close,
    shortcut_follow,
    shortcut_make,
    table_correct,
    table_end,
    table_opened,
)
from tests.model.mutant import Mutant
from tests.model.scenarios.shortcut import Renewed, Reused, Shortcut, Worn


def close_never(words: Any, tree: int) -> None:
    """Leave the table open."""


def open_then_follow(words: Any, tree: int, slot: int, depth: int, ref: Any) -> None:
    """Open the table before it is corrected."""
    words[tree + TREE_SHORTCUT] = table_opened(words, tree)
    shortcut_follow(words, tree, slot, depth, ref)


def correct_never(words: Any, table: int, path: int, depth: Any, ref: Any) -> None:
    """Leave the old node in the table."""


def correct_named_alone(words: Any, table: int, path: int, depth: Any, ref: Any) -> None:
    """Follow what replaces a named node, and nothing further up."""
    if depth == words[table + DEPTH]:
        table_correct(words, table, path, depth, ref)


def correct_opened_alone(words: Any, table: int, path: int, depth: Any, ref: Any) -> None:
    """Leave the old node in a table that is being made."""
    if words[table + FILLED] == words[table + LIMIT]:
        table_correct(words, table, path, depth, ref)


def make_at_once(words: Any, tree: int, most: Any) -> None:
    """Write a table whoever may still read it."""
    words[tree + TREE_SHORTCUT_STAMPS] = 0
    words[tree + TREE_SHORTCUT_STAMPS + 1] = 0
    shortcut_make(words, tree, most)


def stamp_then_open(words: Any, tree: int, table: int) -> None:
    """Retire the table that is open, and only then open the other."""
    opened_retire(words, tree)
    table_end(words, tree, table)


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
    replaces={table_correct: correct_never},
)
SHORTCUT_NOT_LED_UP = Mutant(
    "shortcut not led up",
    Worn,
    "tso",
    "W>DONE W>D1 W>DONE ~W A! W!",
    "no state|reserved",
    replaces={table_correct: correct_named_alone},
)
SHORTCUT_MADE_ASIDE = Mutant(
    "shortcut made aside",
    Worn,
    "tso",
    "W! A!",
    "no state|reserved|invariant",
    replaces={table_correct: correct_opened_alone},
)
SHORTCUT_REWRITTEN_AT_ONCE = Mutant(
    "shortcut rewritten at once",
    Reused,
    "c11",
    "R>D4 W! R!",
    "Race|no state",
    replaces={shortcut_make: make_at_once},
)
SHORTCUT_STAMPED_TOO_SOON = Mutant(
    "shortcut stamped too soon",
    Renewed,
    "c11",
    "W>DONE W>D1 R>D4 W! R!",
    "Race|no state",
    replaces={table_end: stamp_then_open},
)
