"""gap_up: the lowest free range of a size in a window.

Draws a window, a size, an alignment and an offset. Asks GAP_UP, inside the block's pin; where
writers overtake it three times, GAP_UP_LOCKED, outside. `ok` is a range, `miss` is no room. The
range must lie in the window, be aligned, and be free in the state that the search was answered
from (oracle `gaps`).
"""

from stressd_kernels.asking import gap_run
from stressd_kernels.door import entry, words_at
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb

VERBS = (Verb.GAP_UP, Verb.GAP_UP_LOCKED, Verb.FIND)

GAP = int(Verb.GAP_UP)
LOCKED = int(Verb.GAP_UP_LOCKED)


def spec(entries: Entries, low: int, high: int, size: int, mask: int, offset: int) -> int | None:
    """Return the lowest start = offset (mod mask + 1) of `size` free keys in [low, high]."""
    start = low + ((offset - low) & mask)
    for first, last, _ in entries:
        if start + size <= first:
            break
        if last >= start:
            start = last + 1 + ((offset - last - 1) & mask)
    return start if start + size - 1 <= high else None


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Search one gap; answers OK, MISS, ERROR, or what ends the slice. Called pinned."""
    return gap_run(words_at(base), slot, GAP, LOCKED)
