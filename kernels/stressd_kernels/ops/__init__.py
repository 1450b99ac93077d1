"""Operations: what a worker can be told to do, one file each.

An operation is an entry that a slice calls by address. It lets the source draw what to ask for,
asks the tree that the source chose, judges the answer, and answers with an outcome
(counters.py). Reads are called inside a pin, writes outside, as `reads` in catalog.py says.
Beside it stand VERBS, what it asks of a structure, and `spec`: what the answer must be, in plain
Python, given what was in the tree.

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
    from stressd_kernels.ops import erase, find, gap_down, gap_up, load, replay, scan, store

    return {
        "load": load,
        "find": find,
        "scan": scan,
        "gap_up": gap_up,
        "gap_down": gap_down,
        "store": store,
        "erase": erase,
        "replay": replay,
    }
