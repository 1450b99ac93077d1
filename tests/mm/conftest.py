"""The tests of the rules run on the specification, and on the kernels at each stage."""

from __future__ import annotations

import pytest

from tests.mm import enacted

RULES = {
    "test_change",
    "test_gaps",
    "test_grow",
    "test_huge",
    "test_merge",
    "test_modify",
    "test_place",
    "test_remap",
    "test_shm",
}
SPECIFICATION = "spec"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a rule five times."""
    if metafunc.module.__name__.rpartition(".")[2] in RULES:
        metafunc.parametrize("enacted_by", [SPECIFICATION, *enacted.STAGES], indirect=True)


@pytest.fixture(autouse=True)
def enacted_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the kernels' twins in the place of the functions that the test's module calls."""
    stage: str = getattr(request, "param", SPECIFICATION)
    if stage != SPECIFICATION:
        for name, function in list(enacted.twins_in(request.module)):
            monkeypatch.setattr(request.module, name, enacted.twin(function, stage))
    return stage
