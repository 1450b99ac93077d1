"""mprotect: change the protection of a range.

Draws a range, and a protection. Makes the call MPROTECT, unpinned: VMAs are split and joined, what
is mapped stays mapped. `ok` is done, `miss` is refused with an error of the kernel (what was
changed before the hole stays changed), `conflict` as for a store.
"""

from stressd_kernels.door import entry, words_at
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_PROTECT, call_run

VERBS = ()
CALLS = (Call.MPROTECT,)

MPROTECT = int(Call.MPROTECT)


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards: what was."""
    return list(entries)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Protect a range; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    return call_run(words_at(base), MPROTECT, slot, DRAW_PROTECT)
