"""mlock: lock a range in memory, unlock it, or all there is and will be.

Draws a range, and which of mlock, mlock2 with ONFAULT, munlock, mlockall and munlockall it is.
Makes the calls MLOCK, MUNLOCK and MLOCKALL, unpinned; what is mapped stays mapped. `ok` is done,
`miss` is refused with an error of the kernel (what was changed before the hole stays changed),
`conflict` as for a store.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.prng import prng_next
from stressd_kernels.traffic.asking import DRAW_RANGE, call_answer, call_make, space_ask
from stressd_kernels.worker import NOW_FIRST, NOW_MASK

VERBS = ()
CALLS = (Call.MLOCK, Call.MUNLOCK, Call.MLOCKALL)

MLOCK = int(Call.MLOCK)
MUNLOCK = int(Call.MUNLOCK)
MLOCKALL = int(Call.MLOCKALL)
U5 = np.uint64(5)
U7 = np.uint64(7)
U15 = np.uint64(15)


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards: what was."""
    return list(entries)


@kernel
def call_draw(words, slot):
    """Draw which call to make, and its arguments beyond the range; return the call."""
    which = prng_next(words, slot) & U15
    if which == U15:
        flags = prng_next(words, slot) & U7  # MCL_*; 0, and one time in two, unlocks everything
        store_relaxed(words, slot + NOW_FIRST, flags if flags <= U5 else U0)
        return MLOCKALL
    if which <= U7:
        store_relaxed(words, slot + NOW_MASK, U1 if which <= U1 else U0)
        return MLOCK
    return MUNLOCK


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Lock or unlock; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_RANGE)
    return call_answer(call_make(words, call_draw(words, slot), mm, slot))
