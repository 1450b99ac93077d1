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


SPACES = ("address-spaces",)
ANY_SOURCE = ("synthetic", "maps", "recording", *SPACES)
OWN_TREES = ("synthetic", "maps")  # other trees belong to what is recorded, or to address spaces

OPS = (
    OpInfo("load", True, False, ANY_SOURCE, "value at a key"),
    OpInfo("find", True, False, ANY_SOURCE, "first entry at or after a key"),
    OpInfo("scan", True, False, ANY_SOURCE, "entries in ascending order from a key on"),
    OpInfo("gap_up", True, True, ANY_SOURCE, "lowest free range of a size in a window"),
    OpInfo("gap_down", True, True, ANY_SOURCE, "highest free range of a size in a window"),
    OpInfo("store", False, False, OWN_TREES, "write a range over whatever is there"),
    OpInfo("erase", False, False, OWN_TREES, "remove the entry that holds a key"),
    OpInfo("replay", False, False, ("recording",), "the next events of a recording"),
    OpInfo("find_vma", True, True, SPACES, "which mapping is meant, asked in five ways"),
    OpInfo("count_pages", True, True, SPACES, "how many pages of a range are mapped"),
    OpInfo("unmapped_area", True, True, SPACES, "where a mapping could go, stacks kept clear"),
    OpInfo("mmap", False, True, SPACES, "a new mapping, anywhere or where it is told to be"),
    OpInfo("munmap", False, True, SPACES, "unmap a range"),
    OpInfo("mprotect", False, True, SPACES, "change the protection of a range"),
    OpInfo("madvise", False, True, SPACES, "advice on a range, a name or a NUMA policy for it"),
    OpInfo("mlock", False, True, SPACES, "lock or unlock a range, or everything"),
    OpInfo("mremap", False, True, SPACES, "make a mapping smaller or larger, or move it"),
    OpInfo("brk", False, True, SPACES, "move the end of the heap"),
    OpInfo("fault", False, True, SPACES, "touch an address: stacks grow, pages get an owner"),
    OpInfo("shm", False, True, SPACES, "attach or detach a SysV segment"),
    OpInfo("fork", False, True, SPACES, "an address space becomes two"),
    OpInfo("exec", False, True, SPACES, "a new program takes the place of an address space"),
    OpInfo("exit", False, True, SPACES, "an address space ends"),
)
