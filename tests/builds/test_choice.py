"""There is one build in a process; options and configurations choose it by name."""

from __future__ import annotations

import ast
import inspect

import pytest

from stressd import builds as names
from stressd.builds import (
    CLOCK_VARIABLE,
    CLOCKS,
    asked,
    choose,
    choose_option,
    comparable,
    warning,
)
from stressd.config.model import Run
from stressd.errors import UsageError
from stressd_kernels import builds, clock
from tests.builds.processes import REPO, python
from tests.cli.processes import invoke


def test_the_daemon_knows_the_clocks_of_the_kernels() -> None:
    """And what the variable is called that chooses one."""
    assert CLOCKS == clock.CLOCKS
    assert CLOCK_VARIABLE == clock.FORCED


def test_the_daemon_knows_the_builds_of_the_kernels() -> None:
    """Configuration, command line and kernels agree, without importing each other."""
    annotation = Run.model_fields["build"].annotation
    assert set(names.NAMES) == set(annotation.__args__)  # type: ignore[union-attr]
    assert set(names.NAMES) <= set(builds.BUILDS)
    assert builds.BUILD in builds.BUILDS


def test_only_figures_of_the_fast_build_can_be_compared() -> None:
    """Every other build has a warning that names it."""
    assert comparable("fast")
    assert warning("fast") == ""
    for name in set(names.NAMES) - {"fast"}:
        assert not comparable(name)
        assert warning(name).startswith(f"{name} build")


COMMANDS = [("run", "quickstart"), ("replay", "ls"), ("bench",)]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_build_is_an_error_that_names_the_choices(command: tuple[str, ...]) -> None:
    """Exit code 2, and one line, also when the environment names it."""
    done = invoke(*command, "--build", "quick")
    assert done.returncode == 2
    assert done.stderr == "--build: must be one of fast, checking, perturbed (got quick)\n"
    done = invoke(*command, STRESSD_BUILD="model")
    assert done.returncode == 2
    assert done.stderr == "STRESSD_BUILD: must be one of fast, checking, perturbed (got model)\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_clock_is_an_error(command: tuple[str, ...]) -> None:
    """Exit code 2, and one line, before anything is compiled."""
    done = invoke(*command, STRESSD_CLOCK="foo")
    assert done.returncode == 2
    assert done.stderr == "STRESSD_CLOCK: must be monotonic, or not set (got foo)\n"


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the environment before the configuration, which is asked when neither names one."""
    monkeypatch.setenv("STRESSD_BUILD", "checking")
    assert asked("perturbed") == "perturbed"
    assert asked(None) == "checking"
    monkeypatch.delenv("STRESSD_BUILD")
    assert asked(None) is None


def test_an_unknown_build_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user's mistake by commands, as an ImportError by the library."""
    monkeypatch.setenv("STRESSD_BUILD", "quick")
    with pytest.raises(UsageError, match=r"STRESSD_BUILD: must be one of .* \(got quick\)"):
        choose_option(None)
    done = python("-c", "import stressd_kernels.door", STRESSD_BUILD="quick")
    assert "ImportError: STRESSD_BUILD must be one of fast, checking, perturbed" in done.stderr


def test_it_is_too_late_once_kernels_are_loaded() -> None:
    """A process never holds kernels of two builds."""
    other = next(name for name in names.NAMES if name != builds.BUILD)
    with pytest.raises(RuntimeError, match="loaded already"):
        choose(other)


def test_the_door_is_closed_to_the_delays_in_the_fast_build() -> None:
    """Without PERTURBED no intrinsic adds anything to what it compiles to."""
    from stressd_kernels import door_native

    body = ast.parse(inspect.getsource(door_native._delay)).body[0]
    assert isinstance(body, ast.FunctionDef)
    first = body.body[1]  # behind the docstring
    assert ast.unparse(first) == "if not PERTURBED:\n    return"


def test_the_shipped_perturbed_configuration_uses_its_build() -> None:
    """And says so in what it shows."""
    done = invoke("config", "show", str(REPO / "configs" / "perturbed.yaml"))
    assert "build: perturbed" in done.stdout
