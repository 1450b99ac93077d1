"""In the perturbed build workers wander between cores, as the seed says."""

from __future__ import annotations

import os

from stressd.engine.roaming import Roaming


def places(seed: int, worker: int, slices: int = 200) -> list[set[int]]:
    """Return every place to which a worker was bound, and set free again."""
    bound: list[set[int]] = []
    roaming = Roaming(seed, workers=3, bind=lambda thread, cores: bound.append(cores))
    for _ in range(slices):
        with roaming.slice(worker):
            pass
    return bound


def test_a_slice_is_bound_to_one_core_or_free() -> None:
    """And after it the thread may go anywhere again."""
    everywhere = os.sched_getaffinity(0)
    bound = places(1, 0)
    assert all(len(cores) == 1 and cores <= everywhere for cores in bound[0::2])
    assert all(cores == everywhere for cores in bound[1::2])
    assert 0 < len(bound) < 2 * 200
    assert set.union(*bound[0::2]) == everywhere


def test_the_seed_and_the_worker_decide() -> None:
    """The same again for the same, something else for another."""
    assert places(1, 0) == places(1, 0)
    assert places(1, 0) != places(1, 1)
    assert places(1, 0) != places(2, 0)


def test_a_refusal_changes_nothing() -> None:
    """A container may forbid it: the slice runs where it is."""

    def refuse(thread: int, cores: set[int]) -> None:
        raise PermissionError

    roaming, ran = Roaming(1, workers=1, bind=refuse), 0
    for _ in range(20):
        with roaming.slice(0):
            ran += 1
    assert ran == 20
