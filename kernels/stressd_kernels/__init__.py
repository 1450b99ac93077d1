"""Compiled kernels of stressd: a concurrent maple tree in shared memory.

    from stressd_kernels import MapleTree

is the library; everything else here serves the daemon. Importing the package imports numba but
compiles nothing; the build (builds.py) is read from STRESSD_BUILD at that moment.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stressd_kernels.library import MapleTree
    from stressd_kernels.memory import Arena

__all__ = ["Arena", "MapleTree"]


def __getattr__(name: str) -> Any:
    """Import the library when it is first asked for: the catalogue of operations needs no numba."""
    if name == "MapleTree":
        from stressd_kernels.library import MapleTree

        return MapleTree
    if name == "Arena":
        from stressd_kernels.memory import Arena

        return Arena
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
