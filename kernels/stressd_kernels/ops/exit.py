"""exit: an address space ends, whoever may be reading it.

Draws an address space. Makes the call EXIT, unpinned, unless too few would be left. `ok` is ended,
`miss` is not to be ended or ended already, `conflict` as for a store. Readers that are in its
tree go on with what they hold: nothing is freed before they have left.
"""

import numpy as np

from stressd_kernels.asking import STATUS_NOT_FOUND
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, MISS
from stressd_kernels.door import entry, kernel, load_relaxed, words_at
from stressd_kernels.lock import OK as STATUS_OK
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_SPACE, call_answer, call_make, space_ask
from stressd_kernels.traffic.layout import CHOSEN, LEAST
from stressd_kernels.traffic.space import seat_free, seat_leaves, seat_lives

VERBS = ()
CALLS = (Call.EXIT,)

EXIT = int(Call.EXIT)


def spec(entries: Entries) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards: nothing."""
    return []


@kernel
def space_end(words, slot, mm):
    """End the address space that was chosen, and free its seat; return a Status."""
    status = call_make(words, EXIT, mm, slot)
    if status == STATUS_OK:
        seat_free(words, slot, np.int64(load_relaxed(words, slot + CHOSEN)))
    else:
        seat_lives(words, slot)
    return status


@entry
def run(base, tree, slot, a, b, c, d, e):
    """End an address space; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_SPACE)
    begun = timer_begin(words, slot)
    status = seat_leaves(words, slot, load_relaxed(words, slot + LEAST))
    timer_end(words, slot, begun)
    if status == STATUS_NOT_FOUND:
        return MISS
    if status != STATUS_OK:
        return ENDS + status
    return call_answer(space_end(words, slot, mm))
