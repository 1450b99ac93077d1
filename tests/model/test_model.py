"""Every scenario holds under some schedules, every mutant is caught: the short form of the model.

The model is a build of its own, so it runs in a process of its own. `make model` runs 20,000
schedules where this runs 150.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.model.mutants import MUTANTS
from tests.model.mutants.labels import NOT_SHOWN, WEAKENED
from tests.model.scenarios import SCENARIOS
from tests.tidy.sources import REPO
from tests.tidy.test_labels import all_sites

ROWS = [(scenario.name, memory) for scenario in SCENARIOS for memory in scenario.memories]
JOBS = 2
# Labels that no scenario's schedules reach, with the reason. The list may only shrink.
UNREACHED: dict[str, str] = {}


def labels() -> set[str]:
    """Return every label that stands at a site in the kernels."""
    return {site.label for site in all_sites() if site.label}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the short exploration in a process of the model build; return what it found."""
    path: Path = tmp_path_factory.mktemp("model") / "found.json"
    command = [sys.executable, "-m", "tests.model", "--short", f"--jobs={JOBS}", f"--json={path}"]
    environment = os.environ | {
        "STRESSD_BUILD": "model",
        "PYTHONPATH": os.pathsep.join([str(REPO), str(REPO / "kernels")]),
    }
    ended = subprocess.run(
        command, cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert path.exists(), f"the exploration died:\n{ended.stdout}{ended.stderr}"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["random", "all"])
@pytest.mark.parametrize(("name", "memory"), ROWS)
def test_a_scenario_holds(found: dict[str, Any], name: str, memory: str, kind: str) -> None:
    """No schedule that was tried makes an actor see what it must not see."""
    report = found["scenarios"][f"{name}-{memory}"][kind]
    assert report["schedules"] > 0
    assert report["failure"] is None, report["failure"]


@pytest.mark.parametrize("name", [mutant.name for mutant in MUTANTS])
def test_a_known_defect_is_caught_by_its_script(found: dict[str, Any], name: str) -> None:
    """The script that shows a wrong variant shows it again, and spares the right protocol."""
    assert found["mutants"][name] is None, found["mutants"][name]


def test_every_label_is_reached(found: dict[str, Any]) -> None:
    """An ordering that no schedule passes was not explored."""
    assert labels() - set(found["labels"]) == set(UNREACHED)


def test_every_label_is_shown_to_be_needed_or_says_why_not() -> None:
    """Each label is in a mutant that takes its ordering away, or in the list of reasons."""
    shown = {label for mutant in WEAKENED for label in mutant.weakened}
    assert shown | set(NOT_SHOWN) == labels()
    assert shown & set(NOT_SHOWN) == set()
