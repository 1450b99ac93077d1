"""shm: attach a SysV segment, detach it, or show other pages of a shared mapping.

Draws a length and a place for shmat; detaches what this worker attached last, or whatever was
picked; one time in eight remap_file_pages. Makes the calls SHMAT, SHMDT and REMAP_PAGES, unpinned.
`ok` is done, `miss` is refused with an error of the kernel, `conflict` as for a store.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import PAGE_SHIFT
from stressd_kernels.ops import Entries, mmap
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.traffic.asking import DRAW_RANGE, call_answer, call_make, space_ask
from stressd_kernels.traffic.layout import CHOSEN_MM, SEGMENT, SEGMENT_MM
from stressd_kernels.worker import NOW_FIRST, NOW_MASK, NOW_SIZE

VERBS = ()
CALLS = (Call.SHMAT, Call.SHMDT, Call.REMAP_PAGES)

SHMAT = int(Call.SHMAT)
SHMDT = int(Call.SHMDT)
REMAP_PAGES = int(Call.REMAP_PAGES)
U7 = np.uint64(7)
PAGES = np.uint64(64)
READ_ONLY = np.uint64(0o10000)
ROUND = np.uint64(0o20000)
REPLACE = np.uint64(0o40000)


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped after a segment was attached at `start`."""
    return mmap.spec(entries, start, length)


@kernel
def attach(words, slot, mm):
    """Attach a segment anywhere or where the range begins, and remember where; return a Status."""
    length = U1 + prng_below(words, slot, PAGES << PAGE_SHIFT)
    random = prng_next(words, slot)
    address = load_relaxed(words, slot + NOW_FIRST) if random & U7 == U0 else U0
    flags = READ_ONLY if random & (U7 + U1) != U0 else U0
    flags |= (ROUND | REPLACE) if address != U0 else U0
    store_relaxed(words, slot + NOW_FIRST, length)
    store_relaxed(words, slot + NOW_SIZE, address)
    store_relaxed(words, slot + NOW_MASK, flags)
    status = call_make(words, SHMAT, mm, slot)
    if status == U0:
        store_relaxed(words, slot + SEGMENT, load_relaxed(words, slot + ANSWER))
        store_relaxed(words, slot + SEGMENT_MM, np.uint64(mm))
    return status


@kernel
def detach(words, slot, mm):
    """Detach what was attached last, once, or what the range begins with; return a Status."""
    segment = load_relaxed(words, slot + SEGMENT)
    if segment != U0:
        store_relaxed(words, slot + NOW_FIRST, segment)
        store_relaxed(words, slot + SEGMENT, U0)
        mm = np.int64(load_relaxed(words, slot + SEGMENT_MM))
        store_relaxed(words, slot + CHOSEN_MM, np.uint64(mm))
    return call_make(words, SHMDT, mm, slot)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Attach or detach; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_RANGE)
    which = prng_next(words, slot) & U7
    if which == U7:
        store_relaxed(words, slot + NOW_MASK, prng_below(words, slot, PAGES))
        return call_answer(call_make(words, REMAP_PAGES, mm, slot))
    if which & U1 == U0:
        return call_answer(attach(words, slot, mm))
    return call_answer(detach(words, slot, mm))
