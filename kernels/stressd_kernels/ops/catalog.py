"""The operations that a workload can mix: their names and what each one needs.

This module imports nothing compiled, so that a configuration can be checked without numba.
An operation is one file of this folder and one line here.
"""

from typing import NamedTuple


class OpInfo(NamedTuple):
    """What a configuration must know about one operation."""

    name: str
    reads: bool  # leaves the tree as it is
    needs_gaps: bool  # asks the tree for free ranges, so the tree must keep track of them
    sources: tuple[str, ...]  # kinds of source whose trees it may work on
    description: str


ANY_SOURCE = ("synthetic", "maps", "recording")
OWN_TREES = ("synthetic", "maps")  # the trees of a recording belong to what is recorded

OPS = (
    OpInfo("load", True, False, ANY_SOURCE, "value at a key"),
    OpInfo("find", True, False, ANY_SOURCE, "first entry at or after a key"),
    OpInfo("scan", True, False, ANY_SOURCE, "entries in ascending order from a key on"),
    OpInfo("gap_up", True, True, ANY_SOURCE, "lowest free range of a size in a window"),
    OpInfo("gap_down", True, True, ANY_SOURCE, "highest free range of a size in a window"),
    OpInfo("store", False, False, OWN_TREES, "write a range over whatever is there"),
    OpInfo("erase", False, False, OWN_TREES, "remove the entry that holds a key"),
    OpInfo("replay", False, False, ("recording",), "the next events of a recording"),
)
