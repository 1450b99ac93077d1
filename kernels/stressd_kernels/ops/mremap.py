"""mremap: make a mapping smaller or larger, move it, or leave its place behind.

Draws a part of a mapping, a new length, flags (MAYMOVE, FIXED, DONTUNMAP), and a new address for
those that want one. Makes the call MREMAP, unpinned. `ok` is done, `miss` is refused with an error
of the kernel (what was changed before stays changed), `conflict` as for a store.
"""

from stressd_kernels.door import entry, words_at
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries, munmap
from stressd_kernels.traffic.asking import DRAW_REMAP, call_run

VERBS = ()
CALLS = (Call.MREMAP,)

MREMAP = int(Call.MREMAP)


def spec(entries: Entries, start: int, length: int, wanted: int) -> list[tuple[int, int, int]]:
    """Return what is mapped after a part that stays where it is was made smaller."""
    return munmap.spec(entries, start + wanted, length - wanted)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Remap a part; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    return call_run(words_at(base), MREMAP, slot, DRAW_REMAP)
