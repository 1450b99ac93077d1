"""Operations: what a worker can be told to do, one file each.

An operation is an entry that a slice calls by address. It lets the source draw what to ask for,
asks the tree that the source chose, judges the answer, and answers with an outcome
(counters.py). Reads are called inside a pin, writes outside, as `reads` in catalog.py says.
Beside it stand VERBS, what it asks of a structure, CALLS, what it asks of an address space (if it
does), and `spec`: what the answer must be, in plain Python, given what was in the tree.

To add one: a file here with `run`, VERBS and `spec`, a line in `operations`, a line in
catalog.py.
"""

from collections.abc import Iterable
from types import ModuleType

from stressd_kernels.ops.catalog import OPS

Entries = Iterable[tuple[int, int, int]]  # (first, last, value), ascending and disjoint
NUMBERS = {op.name: number for number, op in enumerate(OPS)}


def operations() -> dict[str, ModuleType]:
    """Return the modules of all operations by name (imported late: they bring the compiler)."""
    from stressd_kernels.ops import (
        brk,
        count_pages,
        erase,
        fault,
        find,
        find_vma,
        fork,
        gap_down,
        gap_up,
        load,
        madvise,
        mlock,
        mmap,
        mprotect,
        mremap,
        munmap,
        replay,
        scan,
        shm,
        store,
        unmapped_area,
    )
    from stressd_kernels.ops import exec as exec_
    from stressd_kernels.ops import exit as exit_

    return {
        "load": load,
        "find": find,
        "scan": scan,
        "gap_up": gap_up,
        "gap_down": gap_down,
        "store": store,
        "erase": erase,
        "replay": replay,
        "find_vma": find_vma,
        "count_pages": count_pages,
        "unmapped_area": unmapped_area,
        "mmap": mmap,
        "munmap": munmap,
        "mprotect": mprotect,
        "madvise": madvise,
        "mlock": mlock,
        "mremap": mremap,
        "brk": brk,
        "fault": fault,
        "shm": shm,
        "fork": fork,
        "exec": exec_,
        "exit": exit_,
    }
