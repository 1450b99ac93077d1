"""munmap: unmap a range of an address space.

Draws a range: a part of a mapping, all of it, or several with the holes between; many mappings
at a time where there are more than there should be. Makes the call MUNMAP, unpinned. `ok` is
done, `miss` is refused with an error of the kernel, `conflict` as for a store.
"""

from stressd_kernels.door import entry, words_at
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_UNMAP, call_run

VERBS = ()
CALLS = (Call.MUNMAP,)

MUNMAP = int(Call.MUNMAP)


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards."""
    last = start + length - 1
    left = [(f, min(end, start - 1), v) for f, end, v in entries if f < start]
    return left + [(max(f, last + 1), end, v) for f, end, v in entries if end > last]


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Unmap a range; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    return call_run(words_at(base), MUNMAP, slot, DRAW_UNMAP)
