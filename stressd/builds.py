"""The builds of the kernels, for whoever must not import them: there is one in a process, and it
is chosen before.

The rule for figures: latencies and rates of the fast build can be compared with each other.
Those of any other build cannot, not even among themselves, and every place that shows them
says which build they are from.
"""

from __future__ import annotations

import os
import sys

from stressd.errors import UsageError

FAST = "fast"
NAMES = (FAST, "checking", "perturbed")  # as stressd_kernels.builds, but for the model
VARIABLE = "STRESSD_BUILD"
CLOCKS = ("monotonic", "tsc", "cntvct")  # as stressd_kernels.clock; all but the first: as it is
CLOCK_VARIABLE = "STRESSD_CLOCK"
HELP = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}."


def choose(build: str) -> None:
    """Fix the build of the kernels; too late once they are imported."""
    loaded = sys.modules.get("stressd_kernels.builds")
    if loaded is not None and build != loaded.BUILD:
        raise RuntimeError(f"kernels of the {loaded.BUILD} build are loaded already, not {build}")
    os.environ[VARIABLE] = build


def asked(option: str | None) -> str | None:
    """Return the build that an option names, else the environment; None if neither does.

    Raises UsageError for one that does not exist, and for a clock that does not.
    """
    clock = os.environ.get(CLOCK_VARIABLE)
    if clock is not None and clock not in CLOCKS:
        raise UsageError(f"{CLOCK_VARIABLE}: must be {CLOCKS[0]}, or not set (got {clock})")
    for source, name in (("--build", option), (VARIABLE, os.environ.get(VARIABLE))):
        if name is not None:
            if name not in NAMES:
                raise UsageError(f"{source}: must be one of {', '.join(NAMES)} (got {name})")
            return name
    return None


def choose_option(option: str | None) -> None:
    """Fix the build that an option, or else the environment, names; fast if neither does."""
    choose(asked(option) or FAST)


def comparable(build: str) -> bool:
    """Whether latencies and rates of that build mean anything beside those of another run."""
    return build == FAST


def warning(build: str) -> str:
    """Return what must be said beside figures of that build, "" if nothing."""
    if comparable(build):
        return ""
    return f"{build} build: its latencies and rates are not comparable with those of another run"
