"""What must be quick is quick because it imports little."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.processes import REAL, environment, invoke

HEAVY = ("numba", "llvmlite", "trio", "hypercorn", "stressd_kernels.door")


@pytest.mark.parametrize(
    "words", ["--help", "--version", "run --help", "config check quickstart", "config schema"]
)
def test_light_commands_load_nothing_heavy(words: str) -> None:
    """Help, version and everything about configurations work without the compiler."""
    code = (
        "import sys; from stressd.cli import app\n"
        f"app({words.split()!r}, standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_module_can_be_run() -> None:
    """`python -m stressd` is the same as `stressd`."""
    done = subprocess.run(
        [*REAL, "--version"], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "stressd 0.1.0\n"


def test_a_shipped_configuration_has_a_bare_name() -> None:
    """`stressd config check quickstart`, from anywhere."""
    done = invoke("config", "check", "quickstart")
    assert done.returncode == 0
    assert "quickstart.yaml: ok" in done.stdout


def test_what_is_shown_can_be_read_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The effective configuration is a configuration."""
    (tmp_path / "shown.yaml").write_text(
        invoke("config", "show", "quickstart").stdout, encoding="utf-8"
    )
    assert invoke("config", "check", tmp_path / "shown.yaml").returncode == 0


def test_the_build_is_chosen_before_the_kernels_are_loaded() -> None:
    """The option and the configuration decide, whatever the environment said."""
    code = (
        "import os, sys\n"
        "from stressd.builds import choose\n"
        "choose('checking')\n"
        "from stressd_kernels.door import BUILD\n"
        "print(BUILD)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(STRESSD_BUILD="fast"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "checking\n"
