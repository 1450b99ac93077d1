"""Address-spaces source: processes that map, change and unmap memory, fork, exec and exit.

Which address space, which of its mappings and what to ask of it is drawn in `traffic/`. The trees
belong to the address spaces: workers change them through memory calls only, and readers ask
them anything.

An entry of such a tree names the record of a VMA: traffic/certify.py judges it.
"""

import numpy as np

from stressd_kernels.asking import DRAW_GAP, DRAW_KEY, DRAW_WINDOW
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import U0, U1, U2
from stressd_kernels.mm.layout import MM_LEGACY_BASE, MM_MIN_ADDR, MM_MMAP_BASE, MM_TOPDOWN
from stressd_kernels.mm.words import PAGE_MASK, PAGE_SHIFT, PMD, TASK_SIZE
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.status import RESERVED_BIT
from stressd_kernels.traffic.asking import (
    DRAW_ADVISE,
    DRAW_BRK,
    DRAW_MMAP,
    DRAW_PROTECT,
    DRAW_RANGE,
    DRAW_REMAP,
    DRAW_SPACE,
    DRAW_TOUCH,
    DRAW_UNMAP,
)
from stressd_kernels.traffic.certify import vma_fault
from stressd_kernels.traffic.draws import (
    draw_brk,
    draw_mmap,
    draw_range,
    draw_remap,
    draw_touch,
    draw_unmap,
    length_draw,
    table_draw,
)
from stressd_kernels.traffic.layout import (
    PICK_REACH,
    PICK_START,
    ROW_ADVICE,
    ROW_PROT,
)
from stressd_kernels.traffic.pick import key_draw, page_draw, pick_draw
from stressd_kernels.traffic.space import space_draw
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import NOW_FIRST, NOW_LAST, NOW_MASK, NOW_OFFSET, NOW_SIZE

VERBS = (Verb.SCAN,)

RESERVED = np.uint64(RESERVED_BIT)
U7 = np.uint64(7)
BESIDE = np.uint64(1 << 16)
WINDOW = np.uint64(1 << 26)


@entry
def draw(base, tree, slot, what, b, c, d, e):
    """Draw what to ask for: `what` is a DRAW_* of asking.py or traffic/asking.py. Answers 0.

    What reads is called pinned; for the others the pick pins for itself.
    """
    words = words_at(base)
    mm = space_draw(words, slot)
    if what in (DRAW_KEY, DRAW_WINDOW, DRAW_GAP):
        pick_draw(words, slot, mm)
        draw_read(words, slot, mm, what)
    elif what != DRAW_SPACE:
        epoch_pin(words, slot)
        pick_draw(words, slot, mm)
        epoch_unpin(words, slot)
        draw_call(words, slot, mm, what)
    return U0


@kernel
def draw_read(words, slot, mm, what):
    """Draw a key of the mapping that was picked, a window from there on, or a gap search."""
    if what == DRAW_GAP:
        draw_gap(words, slot, mm)
        return
    which = prng_next(words, slot) & U7
    key = page_draw(words, slot) + prng_below(words, slot, PAGE_MASK + U1)
    if which == U0:
        key += prng_below(words, slot, BESIDE)
    elif which == U1:
        key = key_draw(words, slot, mm)
    last = key
    if what == DRAW_WINDOW:
        last = max(load_relaxed(words, slot + PICK_REACH), key + prng_below(words, slot, WINDOW))
    store_relaxed(words, slot + NOW_FIRST, key)
    store_relaxed(words, slot + NOW_LAST, last)


@kernel
def draw_gap(words, slot, mm):
    """Draw a gap search: all of user space from either base, or around what was picked."""
    which = prng_next(words, slot)
    low = load_relaxed(words, mm + MM_MIN_ADDR)
    high = load_relaxed(words, mm + MM_MMAP_BASE)
    if load_relaxed(words, mm + MM_TOPDOWN) == U0:
        low = load_relaxed(words, mm + MM_LEGACY_BASE)
        high = TASK_SIZE
    if which & U1 != U0:
        low = max(low, load_relaxed(words, slot + PICK_START))
        high = max(low + WINDOW, load_relaxed(words, slot + PICK_REACH))
    mask = U0
    if which & U2 != U0:
        mask = PMD - U1 if which & U7 == U2 else PAGE_MASK
    store_relaxed(words, slot + NOW_FIRST, low)
    store_relaxed(words, slot + NOW_LAST, high - U1)
    store_relaxed(words, slot + NOW_SIZE, length_draw(words, slot) << PAGE_SHIFT)
    store_relaxed(words, slot + NOW_MASK, mask)
    store_relaxed(words, slot + NOW_OFFSET, prng_next(words, slot) & mask & ~PAGE_MASK)


@kernel
def draw_call(words, slot, mm, what):
    """Draw the arguments of a call that changes `mm`; unpinned."""
    if what == DRAW_MMAP:
        draw_mmap(words, slot, mm)
    elif what == DRAW_UNMAP:
        draw_unmap(words, slot, mm)
    elif what == DRAW_PROTECT:
        draw_range(words, slot, table_draw(words, slot, ROW_PROT))
    elif what == DRAW_ADVISE:
        draw_range(words, slot, table_draw(words, slot, ROW_ADVICE))
    elif what == DRAW_RANGE:
        draw_range(words, slot, U0)
    elif what == DRAW_REMAP:
        draw_remap(words, slot, mm)
    elif what == DRAW_BRK:
        draw_brk(words, slot, mm)
    elif what == DRAW_TOUCH:
        draw_touch(words, slot, mm)


@entry
def certify(base, tree, slot, first, last, value, d, e):
    """Say what is wrong with an entry: 0, or a FAULT_* of values.py. Called pinned."""
    return vma_fault(words_at(base), slot, first, last, value)
