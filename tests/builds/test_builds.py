"""Each build passes the tests made for it, in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.builds import BUILD
from stressd_kernels.layout import TREE_ROOT
from stressd_kernels.refs import GENERATION_ONE, NODE_MASK
from tests.builds.processes import run_tests

HERE, TREE = "tests/builds", "tests/tree"
fast = pytest.mark.skipif(BUILD != "fast", reason="once is enough")


@fast
@pytest.mark.parametrize(
    ("build", "files"),
    {
        "checking": [f"{HERE}/checking_build.py"],
        "perturbed": [f"{HERE}/perturbed_build.py", f"{TREE}/test_threads.py"],
    }.items(),
)
def test_a_build_passes_its_tests(build: str, files: list[str]) -> None:
    """What it adds is there, and the tree works with it."""
    run_tests(*files, STRESSD_BUILD=build)


@fast
def test_the_fast_build_asserts_nothing() -> None:
    """A generation that does not fit goes unnoticed: nobody looks."""
    arena = Arena(64 << 20)
    tree = MapleTree(arena=arena)
    tree.store(0, 9, 1)
    arena.words[int(arena.words[tree._block + TREE_ROOT] & NODE_MASK)] += GENERATION_ONE
    assert tree.load(3) == 1
    assert tree.load_many(np.array([3])).tolist() == [1]
    assert arena.failed_checks() == {}
