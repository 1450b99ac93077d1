"""gap_down: the highest free range of a size in a window.

Draws a window, a size, an alignment and an offset. Asks GAP_DOWN, inside the block's pin; where
writers overtake it three times, GAP_DOWN_LOCKED, outside. `ok` is a range, `miss` is no room. The
range must lie in the window, be aligned, and be free in the state that the search was answered
from (oracle `gaps`).
"""

from stressd_kernels.asking import gap_run
from stressd_kernels.door import entry, words_at
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb

VERBS = (Verb.GAP_DOWN, Verb.GAP_DOWN_LOCKED, Verb.FIND)

GAP = int(Verb.GAP_DOWN)
LOCKED = int(Verb.GAP_DOWN_LOCKED)


def spec(entries: Entries, low: int, high: int, size: int, mask: int, offset: int) -> int | None:
    """Return the highest start = offset (mod mask + 1) of `size` free keys in [low, high]."""
    start = high + 1 - size
    start -= (start - offset) & mask
    for first, last, _ in reversed(list(entries)):
        if last < start:
            break
        if first < start + size:
            start = first - size
            start -= (start - offset) & mask
    return start if start >= low else None


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Search one gap; answers OK, MISS, ERROR, or what ends the slice. Called pinned."""
    return gap_run(words_at(base), slot, GAP, LOCKED)
