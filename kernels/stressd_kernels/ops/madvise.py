"""madvise: give advice on a range, a name to it, say where its memory should be, or seal it.

Draws a range, and advice of every kind; one time in eight a name (PR_SET_VMA_ANON_NAME) or a
policy (mbind) instead, which part neighbours as flags do; one time in 256 it seals the range,
which can never be unmapped or protected from then on. Makes the calls MADVISE, NAME, BIND and
MSEAL, unpinned; what is mapped stays mapped. `ok` is done, `miss` is refused with an error of the
kernel (holes are told at the end), `conflict` as for a store.
"""

import numpy as np

from stressd_kernels.door import entry, load_relaxed, store_relaxed, words_at
from stressd_kernels.layout import U0
from stressd_kernels.mm.calls import Call
from stressd_kernels.ops import Entries
from stressd_kernels.prng import prng_next
from stressd_kernels.traffic.asking import DRAW_ADVISE, call_answer, call_make, space_ask
from stressd_kernels.worker import NOW_MASK

VERBS = ()
CALLS = (Call.MADVISE, Call.NAME, Call.BIND, Call.MSEAL)

MADVISE = int(Call.MADVISE)
NAME = int(Call.NAME)
BIND = int(Call.BIND)
MSEAL = int(Call.MSEAL)
U3 = np.uint64(3)
U15 = np.uint64(15)
BYTE = np.uint64(255)


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards: what was."""
    return list(entries)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Advise on a range; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_ADVISE)
    random = prng_next(words, slot)
    which = random & U15
    call = NAME if which == U15 else BIND if which == U15 - U3 else MADVISE
    if random & BYTE == U0:
        call = MSEAL
        store_relaxed(words, slot + NOW_MASK, U0)
    elif call != MADVISE:
        store_relaxed(words, slot + NOW_MASK, load_relaxed(words, slot + NOW_MASK) & U3)
    return call_answer(call_make(words, call, mm, slot))
