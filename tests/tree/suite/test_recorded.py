"""Recorded changes of real address spaces: after each, the structure; and every final map."""

from __future__ import annotations

import random

import pytest

from stressd.traces import open_recording
from stressd.traces.events import Destroy, Erase, Store
from stressd_kernels import MapleTree
from tests.naive import NaiveTree
from tests.replay.folder import KNOWN, path_of

VALUE_MASK = (1 << 63) - 1
TOP = 0x7FFF_FFFF_EFFF


@pytest.mark.parametrize("name", KNOWN)
def test_recorded_changes_of_mappings(name: str) -> None:
    """Every store and erasure of a recording, checked one by one beside the naive tree."""
    trees: dict[int, tuple[MapleTree, NaiveTree]] = {}
    draw = random.Random(name)
    changes = ended = 0
    for event in open_recording(path_of(name)):
        if isinstance(event, Destroy):
            pair = trees.pop(event.mm, None)
            if pair:
                assert list(pair[0].items()) == list(pair[1].items())
                pair[0].store(0, (1 << 64) - 1, None)
                assert pair[0].nodes == 0
                ended += 1
        elif isinstance(event, Store | Erase):
            if event.mm not in trees:
                trees[event.mm] = MapleTree(), NaiveTree()
            tree, model = trees[event.mm]
            value = (event.vma & VALUE_MASK or 1) if isinstance(event, Store) else None
            for side in (tree, model):
                side.store(event.first, event.last, value)
            assert tree.check() is None, event
            assert len(tree) == len(model), event
            assert tree.find(event.first) == model.find(event.first), event
            assert tree.prev(event.first) == model.prev(event.first), event
            changes += 1
            if changes % 16 == 0:
                size = draw.choice((1, 2, 33, 512)) << 12
                for ask in ("empty_area", "empty_area_rev"):
                    asked = (4096, TOP, size, 0xFFF, 0)
                    assert getattr(tree, ask)(*asked) == getattr(model, ask)(*asked), event
    for tree, model in trees.values():
        assert list(tree.items()) == list(model.items())
    known = KNOWN[name]
    assert changes == known.stores + known.erases
    assert ended + len(trees) >= known.spaces > 0
