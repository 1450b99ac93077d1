"""brk: move the end of the heap.

Draws a new end: a little further, a little or much less far, sometimes below the start. Makes the
call BRK, unpinned. `ok` is moved, `miss` is left where it was, `conflict` as for a store.
"""

from stressd_kernels.counters import MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.traffic.asking import DRAW_BRK, call_run
from stressd_kernels.worker import NOW_FIRST

VERBS = ()
CALLS = (Call.BRK,)

BRK = int(Call.BRK)


def spec(start: int, end: int, wanted: int) -> int:
    """Return where the heap ends, if there is room for all that is wanted."""
    return wanted if wanted >= start else end


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Move the end of the heap; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    answer = call_run(words, BRK, slot, DRAW_BRK)
    moved = load_relaxed(words, slot + ANSWER) == load_relaxed(words, slot + NOW_FIRST)
    return MISS if answer == OK and not moved else answer
