"""Look-ups in batches: any number of keys, in a tree of any height."""

from __future__ import annotations

import random

import numpy as np
import pytest

from stressd_kernels import MapleTree
from tests.tree.keys import MAX
from tests.tree.test_scan import SIZES, grown


@pytest.mark.parametrize("keys", [0, 1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("entries", SIZES)
def test_a_batch_answers_what_single_look_ups_answer(entries: int, keys: int) -> None:
    """The searches of a batch descend in step, whatever their number and the tree's height."""
    tree, model = grown(entries)
    draw = random.Random(keys)
    asked = [draw.choice([draw.randrange(entries * 10 + 20), 0, MAX]) for _ in range(keys)]
    found = tree.load_many(np.array(asked, np.uint64)).tolist()
    assert found == [model.load(key) or 0 for key in asked]
    assert found == [tree.load(key) or 0 for key in asked]


def test_a_batch_does_not_see_what_is_reserved() -> None:
    """A reserved entry reads as nothing, in every lane."""
    tree = MapleTree()
    for first in range(0, 4000, 10):
        tree.store(first, first + 4, first + 1)
    reserved = [tree.empty_area(low, MAX, 3) for low in range(0, 4000, 50)]
    for start in reserved:
        assert start is not None
        tree.reserve(start, start + 2)
    asked = np.array([*reserved, *range(0, 4000, 25)], np.uint64)
    assert tree.load_many(asked).tolist() == [tree.load(int(key)) or 0 for key in asked]
    assert not tree.load_many(asked[: len(reserved)]).any()
