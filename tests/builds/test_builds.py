"""Other builds, and other processors: the tree passes its tests there, in processes of its own.

The processes start together, as soon as the first of them is waited for: most of what they do
is compile.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from stressd_kernels.builds import BUILD
from stressd_kernels.door_native import X86
from stressd_kernels.layout import TREE_ROOT
from stressd_kernels.refs import GENERATION_ONE, NODE_MASK
from tests.builds.processes import run_tests


@dataclass(frozen=True)
class Job:
    """Tests to run in a process with other variables in its environment."""

    here: str  # in this folder, made for what is run there
    tree: tuple[str, ...]  # tests of the tree
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, cache: Path) -> None:
        """Run them, compiling into `cache` if another processor is chosen."""
        files = [f"tests/builds/{self.here}", *(f"tests/tree/{name}" for name in self.tree)]
        own = {"STRESSD_CACHE_DIR": str(cache)} if "NUMBA_CPU_NAME" in self.variables else {}
        run_tests(*files, **self.variables, **own)


SHORTCUT = (
    "test_shortcut.py::test_a_random_life_with_a_table",
    "test_shortcut.py::test_a_tree_is_cleared_and_filled_again_and_again",
    "test_shortcut_table.py",
)


def processor(name: str) -> Job:
    """Return the tests for code that is compiled for a processor of that name."""
    tests = "test_shapes.py", "test_gaps.py", "test_scan.py", *SHORTCUT
    variables = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}
    return Job("other_processor.py", tests, variables)


THREADS = "test_threads.py", "test_churn.py"
JOBS = {
    "perturbed": Job("perturbed_build.py", THREADS[:1], {"STRESSD_BUILD": "perturbed"}),
    "checking": Job("checking_build.py", (*THREADS, *SHORTCUT), {"STRESSD_BUILD": "checking"}),
    "x86-64-v3": processor("haswell"),  # AVX2, but no AVX-512
    "x86-64-v2": processor("nehalem"),  # neither
}
once = pytest.mark.skipif(BUILD != "fast", reason="once is enough")


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    """Start the processes of all tests that were asked for."""
    asked = {item.callspec.params["name"] for item in request.session.items if named(item)}
    with ThreadPoolExecutor(len(JOBS)) as pool:
        yield {
            name: pool.submit(job.run, tmp_path_factory.mktemp(name))
            for name, job in JOBS.items()
            if name in asked
        }


def named(item: pytest.Item) -> bool:
    """Say whether a test is one of the jobs."""
    return getattr(item, "originalname", "") == test_the_tree_passes_its_tests_there.__name__


@once
@pytest.mark.parametrize("name", JOBS)
def test_the_tree_passes_its_tests_there(name: str, running: dict[str, Future[None]]) -> None:
    """What a build adds is there; what a processor lacks is not used; and the answers are right."""
    if name.startswith("x86") and not X86:
        pytest.skip("a processor of another kind")
    running[name].result()


@once
def test_the_fast_build_asserts_nothing() -> None:
    """A generation that does not fit goes unnoticed: nobody looks."""
    arena = Arena(64 << 20)
    tree = MapleTree(arena=arena)
    tree.store(0, 9, 1)
    arena.words[int(arena.words[tree._block + TREE_ROOT] & NODE_MASK)] += GENERATION_ONE
    assert tree.load(3) == 1
    assert tree.load_many(np.array([3])).tolist() == [1]
    assert arena.failed_checks() == {}
