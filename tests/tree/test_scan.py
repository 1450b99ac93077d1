"""Scans: the entries of any window, fetched in portions of any size."""

from __future__ import annotations

import random

import pytest

from stressd_kernels import MapleTree, library
from tests.naive import NaiveTree
from tests.tree.keys import MAX

SIZES = (0, 3, 14, 40, 300, 4000)  # from no node at all to four levels


def grown(entries: int) -> tuple[MapleTree, NaiveTree]:
    """Return a tree of about so many entries, grown in random order, and its model."""
    draw = random.Random(entries)
    tree, model = MapleTree(), NaiveTree()
    for value in range(1, entries + 1):
        first = draw.randrange(entries * 10)
        last = first + draw.randrange(12)
        tree.store(first, last, value)
        model.store(first, last, value)
    return tree, model


@pytest.mark.parametrize("portion", [1, 2, 7, 16, 512])
@pytest.mark.parametrize("entries", SIZES)
def test_any_window_in_any_portions(
    entries: int, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan goes on where the portion before it ended, and stops at the end of its window."""
    monkeypatch.setattr(library, "SCAN_BATCH", portion)
    tree, model = grown(entries)
    draw = random.Random(portion)
    reach = entries * 10 + 20
    for _ in range(60):
        first = draw.randrange(reach)
        last = first + draw.choice([0, 1, 9, 80, reach])
        assert list(tree.items(first, last)) == list(model.items(first, last))
    if portion > 2:
        assert list(tree.items()) == list(model.items())


@pytest.mark.parametrize("portion", [1, 3, 512])
def test_a_scan_reaches_both_ends(portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last key there is are keys like others."""
    monkeypatch.setattr(library, "SCAN_BATCH", portion)
    tree = MapleTree()
    entries = [(0, 0, 1), (MAX - 40, MAX - 1, 2), (MAX, MAX, 3)]
    for entry in entries:
        tree.store(*entry)
    assert list(tree.items()) == entries
    assert list(tree.items(MAX)) == entries[2:]
    assert list(tree.items(1, MAX - 41)) == []
