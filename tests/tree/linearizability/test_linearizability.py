"""Every answer that any thread was given is judged exactly; one test for each kind of reader.

STRESSD_READS=1e8    judge so many reads of each kind; -s shows what the writers did meanwhile
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.tree.linearizability import writes
from tests.tree.linearizability.ground import KINDS, Ground, World, Wrong

READS = int(float(os.environ.get("STRESSD_READS", "1e7")))
BESIDE_A_WRITE = READS // 100  # at least so many, or nothing was tested
ROUNDS_MAX = 1000 + READS // 200  # far more than it takes, unless readers hardly get to run
WORLDS = [
    World(cells=12, wide=12, writers=1),
    World(cells=40, wide=10, writers=2),
    World(cells=150, wide=60, writers=1, at_the_end=True),
    World(cells=400, wide=40, writers=2),
    World(cells=150, wide=20, writers=2, reserved=True),
    World(cells=1200, wide=4, writers=1, shortcut=True),
    World(cells=1200, wide=9, writers=2, at_the_end=True, reserved=True, shortcut=True),
    World(cells=400, wide=400, writers=2, at_the_end=True, reserved=True),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right_at_some_instant(kind: str) -> None:
    """Whatever the writers do, what readers and writers were told fits one order of events."""
    ground = Ground(KINDS[kind], seed=1)
    for number in range(ROUNDS_MAX):
        ground.play(WORLDS[number % len(WORLDS)])
        judged, overlapped, third = ground.totals
        if judged >= READS and overlapped >= BESIDE_A_WRITE and number >= len(WORLDS):
            break
    print(f"{kind}: {ground}")
    assert judged >= READS
    assert overlapped >= BESIDE_A_WRITE
    assert third < judged
    assert ground.facts.min() > 0
    assert min(ground.restructured) > 0
    assert ground.shortcuts > 10
    assert ground.is_accounted()
    assert ground.facts[writes.MADE] > ground.facts[writes.IN_PLACE] + sum(ground.restructured)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_noticed(kind: str) -> None:
    """The judge, shown what was recorded with one word of one answer changed, names that row."""
    ground = Ground(KINDS[kind], seed=2)
    for _ in range(ROUNDS_MAX):
        record = ground.record(WORLDS[3])
        ground.judge(record)
        log = max(record.read, key=len)
        places = ground.kind.answers(log, ground.kind.number)
        if len(places):
            break
    for place in np.random.default_rng(2).choice(places, 50):
        was = log.flat[place]
        log.flat[place] += 16
        with pytest.raises(Wrong):
            ground.judge(record)
        log.flat[place] = was
    ground.judge(record)
