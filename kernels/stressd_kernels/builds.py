"""Which build of the kernels this process runs: chosen once, by STRESSD_BUILD.

It stands apart from the door because the layout of words depends on it too: the model build
lays out small nodes, so that a tree of a few entries has two levels.
"""

import os

BUILDS = ("fast", "checking", "model")
BUILD = os.environ.get("STRESSD_BUILD", "fast")
if BUILD not in BUILDS:
    raise ImportError(f"STRESSD_BUILD must be one of {', '.join(BUILDS)} (got {BUILD!r})")
MODEL = BUILD == "model"
CHECKING = BUILD in ("checking", "model")
