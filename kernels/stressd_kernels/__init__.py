"""Compiled kernels of stressd: a concurrent maple tree in shared memory.

    from stressd_kernels import MapleTree

is the library, with AddressSpace and File beside it; everything else here serves the daemon.
Importing the package imports numba but compiles nothing; the build (builds.py) is read from
STRESSD_BUILD at that moment.
"""

import importlib
from typing import TYPE_CHECKING, Any

from stressd_kernels.status import ZERO

if TYPE_CHECKING:
    from stressd_kernels.address_space import AddressSpace, File
    from stressd_kernels.cursor import Cursor, CursorStatus
    from stressd_kernels.library import MapleTree
    from stressd_kernels.memory import Arena

__all__ = ["ZERO", "AddressSpace", "Arena", "Cursor", "CursorStatus", "File", "MapleTree"]

HOMES = {
    "AddressSpace": "address_space",
    "Arena": "memory",
    "Cursor": "cursor",
    "CursorStatus": "cursor",
    "File": "address_space",
    "MapleTree": "library",
}


def __getattr__(name: str) -> Any:
    """Import the library when it is first asked for: the catalogue of operations needs no numba."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
