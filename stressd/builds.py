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
HELP = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}."


def choose(build: str) -> None:
    """Fix the build of the kernels; too late once they are imported."""
    loaded = sys.modules.get("stressd_kernels.builds")
    if loaded is not None and build != loaded.BUILD:
        raise RuntimeError(f"kernels of the {loaded.BUILD} build are loaded already, not {build}")
    os.environ["STRESSD_BUILD"] = build


def choose_option(build: str | None) -> None:
    """Fix the build that an option names; None leaves what the environment says, or fast."""
    if build is None:
        build = os.environ.get("STRESSD_BUILD", FAST)
        if build not in NAMES:
            raise UsageError(f"STRESSD_BUILD: must be one of {', '.join(NAMES)} (got {build})")
    if build not in NAMES:
        raise UsageError(f"--build: must be one of {', '.join(NAMES)} (got {build})")
    choose(build)


def comparable(build: str) -> bool:
    """Whether latencies and rates of that build mean anything beside those of another run."""
    return build == FAST


def warning(build: str) -> str:
    """Return what must be said beside figures of that build, "" if nothing."""
    if comparable(build):
        return ""
    return f"{build} build: its latencies and rates are not comparable with those of another run"
