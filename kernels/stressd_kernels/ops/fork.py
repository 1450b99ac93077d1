"""fork: an address space becomes two.

Draws an address space, and takes a free seat for the child. Makes the call FORK, unpinned. `ok` is
forked, `miss` is no free seat, or refused with an error of the kernel (then the seat is free
again), `conflict` as for a store. The child's trees are as the parent's were at that moment, but
for what is not inherited.
"""

import numpy as np

from stressd_kernels.asking import STATUS_NOT_FOUND
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, MISS
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.lock import OK as STATUS_OK
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_SPACE, call_answer, call_make, space_ask
from stressd_kernels.traffic.layout import SPACE_MM
from stressd_kernels.traffic.space import seat_free, seat_lives, seat_take
from stressd_kernels.worker import NOW_FIRST, NOW_LAST

VERBS = ()
CALLS = (Call.FORK,)

FORK = int(Call.FORK)


def spec(entries: Entries) -> list[tuple[int, int, int]]:
    """Return what the child has mapped, where nothing was marked DONTFORK."""
    return list(entries)


@kernel
def fork_into(words, slot, mm, seat):
    """Fork `mm` into the block of `seat`, or free the seat; return a Status."""
    child = load_relaxed(words, seat + SPACE_MM)
    store_relaxed(words, slot + NOW_FIRST, child)
    store_relaxed(words, slot + NOW_LAST, child)
    status = call_make(words, FORK, mm, slot)
    if status == STATUS_OK:
        seat_lives(words, slot)
    else:
        seat_free(words, slot, seat)
    return status


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Fork an address space; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_SPACE)
    begun = timer_begin(words, slot)
    status, seat = seat_take(words, slot)
    timer_end(words, slot, begun)
    if status == STATUS_NOT_FOUND:
        return MISS
    if status != STATUS_OK:
        return ENDS + status
    return call_answer(fork_into(words, slot, mm, np.int64(seat)))
