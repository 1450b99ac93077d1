"""A mapping to have something to do with, and addresses beside it.

Mappings are crowded below mmap_base (or above legacy_base), around the heap, and at the top of
user space, with terabytes of nothing between. A key is drawn from one of these places, and one
of the mappings that follow it is picked: so small ones come as often as large ones.

What is picked is copied (PICK_*), for the caller may be unpinned by the time it is used, and the
mapping may have gone.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import HEADER_POOL_END, POOL, U0, U1
from stressd_kernels.mm.layout import (
    MM_BRK,
    MM_LEGACY_BASE,
    MM_MMAP_BASE,
    MM_START_BRK,
    MM_TOPDOWN,
    MM_TOTAL,
    MM_TREE,
)
from stressd_kernels.mm.words import PAGE_MASK, PAGE_SHIFT, TASK_SIZE
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.records import VMA_FILE, VMA_FLAGS, VMA_PGOFF, VMA_START, vma_of
from stressd_kernels.refs import NODE_MASK
from stressd_kernels.status import RESERVED_BIT
from stressd_kernels.traffic.layout import (
    PICK_END,
    PICK_FILE,
    PICK_FLAGS,
    PICK_PGOFF,
    PICK_REACH,
    PICK_START,
)
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import ENTRIES, ENTRY_WORDS

SCAN = int(Verb.SCAN)
PICK_FROM = np.uint64(12)  # mappings that follow a key
RESERVED = np.uint64(RESERVED_BIT)
FLAGS = np.uint64(15)  # a record is at a multiple of 16
U3 = np.uint64(3)
U7 = np.uint64(7)
TOP = np.uint64(32 << 20)  # below the end of user space: the stack
AROUND = np.uint64(1 << 20)  # beyond the heap
WIDER = np.uint64(2)  # mappings and holes take about so much more than the mappings alone


@kernel
def key_draw(words, slot, mm):
    """Draw an address of a place where `mm` may have mappings."""
    which = prng_next(words, slot) & U7
    if which == U0:
        return prng_below(words, slot, TASK_SIZE)
    if which == U1:
        start = load_relaxed(words, mm + MM_START_BRK)
        return start + prng_below(words, slot, load_relaxed(words, mm + MM_BRK) - start + AROUND)
    if which == U3:
        return TASK_SIZE - U1 - prng_below(words, slot, TOP)
    extent = AROUND + ((load_relaxed(words, mm + MM_TOTAL) * WIDER) << PAGE_SHIFT)
    if load_relaxed(words, mm + MM_TOPDOWN) == U0:
        low = load_relaxed(words, mm + MM_LEGACY_BASE)
        return low + prng_below(words, slot, min(extent, TASK_SIZE - low))
    high = load_relaxed(words, mm + MM_MMAP_BASE)
    return high - U1 - prng_below(words, slot, min(extent, high))


@kernel
def is_record(words, value):
    """Say whether a value of the tree of an address space can name a record at all."""
    place = value & NODE_MASK
    inside = place >= np.uint64(POOL) and place < words[HEADER_POOL_END]
    return inside and value & (RESERVED | FLAGS) == U0


@kernel
def pick_draw(words, slot, mm):
    """Pick a mapping of `mm`, or a page where there is none; pinned. Say whether there is one."""
    key = key_draw(words, slot, mm)
    tree = np.int64(load_relaxed(words, mm + MM_TREE))
    output = slot + ENTRIES
    last = TASK_SIZE - U1
    count = structure_call(words, SCAN, tree, slot, key, last, PICK_FROM, np.uint64(output), U0)
    if count == U0:
        pick_nothing(words, slot, key & ~PAGE_MASK)
        return False
    drawn = output + np.int64(prng_below(words, slot, count)) * ENTRY_WORDS
    end = output + np.int64(count - U1) * ENTRY_WORDS
    value = load_relaxed(words, drawn + 2)
    if not is_record(words, value):
        pick_nothing(words, slot, key & ~PAGE_MASK)
        return False
    record = vma_of(value)
    store_relaxed(words, slot + PICK_START, load_relaxed(words, drawn))
    store_relaxed(words, slot + PICK_END, load_relaxed(words, drawn + 1) + U1)
    store_relaxed(words, slot + PICK_REACH, load_relaxed(words, end + 1) + U1)
    store_relaxed(words, slot + PICK_FLAGS, load_relaxed(words, record + VMA_FLAGS))
    store_relaxed(words, slot + PICK_FILE, load_relaxed(words, record + VMA_FILE))
    skipped = load_relaxed(words, drawn) - load_relaxed(words, record + VMA_START)
    pgoff = load_relaxed(words, record + VMA_PGOFF) + (skipped >> PAGE_SHIFT)
    store_relaxed(words, slot + PICK_PGOFF, pgoff)
    return True


@kernel
def pick_nothing(words, slot, start):
    """Pick the page at `start`, as if something were mapped there."""
    store_relaxed(words, slot + PICK_START, start)
    store_relaxed(words, slot + PICK_END, start + PAGE_MASK + U1)
    store_relaxed(words, slot + PICK_REACH, start + PAGE_MASK + U1)
    store_relaxed(words, slot + PICK_FLAGS, U0)
    store_relaxed(words, slot + PICK_FILE, U0)
    store_relaxed(words, slot + PICK_PGOFF, U0)


@kernel
def pick_pages(words, slot):
    """Return how many pages the mapping that was picked has."""
    end = load_relaxed(words, slot + PICK_END)
    return (end - load_relaxed(words, slot + PICK_START)) >> PAGE_SHIFT


@kernel
def page_draw(words, slot):
    """Draw a page of the mapping that was picked; return its address."""
    page = prng_below(words, slot, pick_pages(words, slot))
    return load_relaxed(words, slot + PICK_START) + (page << PAGE_SHIFT)
