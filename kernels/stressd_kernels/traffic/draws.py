"""The arguments of each kind of call, drawn for the address space that was chosen.

    NOW_FIRST   first argument: an address (for SHMAT a length, for a fault what to touch)
    NOW_SIZE    second, NOW_MASK third, NOW_OFFSET fourth; FIFTH and SIXTH in words of their own
    NOW_LAST    for whoever reads a finding: where the range ends

Most of what is drawn makes sense to the mapping that was picked: a part of it, all of it, what
begins inside it and ends somewhere behind. One argument in 64 is nonsense, so that every
refusal is seen, too.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import U0, U1, U2
from stressd_kernels.mm.layout import MM_BRK, MM_COUNT, MM_START_BRK
from stressd_kernels.mm.words import (
    FILE_CLOSES,
    FILE_HUGETLB,
    FILE_SHMEM,
    FILE_SPECIAL,
    PAGE,
    PAGE_MASK,
    PAGE_SHIFT,
    PMD,
    VM_ACCESS,
    VM_GROWSDOWN,
    VM_SHARED,
)
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.traffic.layout import (
    FIFTH,
    MEANINGS,
    PICK_END,
    PICK_FILE,
    PICK_FLAGS,
    PICK_PGOFF,
    PICK_REACH,
    PICK_START,
    PLACES,
    ROW_FILE,
    ROW_KIND,
    ROW_LENGTH,
    ROW_PLACE,
    ROW_PROT,
    SIXTH,
    TABLE_WORDS,
    TABLES,
    VMAS,
    WITH_FILE,
)
from stressd_kernels.traffic.pick import key_draw, page_draw, pick_pages
from stressd_kernels.worker import NOW_FIRST, NOW_LAST, NOW_MASK, NOW_OFFSET, NOW_SIZE

U3 = np.uint64(3)
U4 = np.uint64(4)
U5 = np.uint64(5)
U6 = np.uint64(6)
U7 = np.uint64(7)
U8 = np.uint64(8)
BYTE = np.uint64(TABLE_WORDS - 1)
NONSENSE = np.uint64(63)  # one draw in 64
HUGE = np.uint64(1 << 48)  # more than there is
ODD = np.uint64(100)  # bytes: no whole page
PAGES_OF_FILE = np.uint64(1 << 14)
PMD_PAGES = np.uint64(512)
SMALL = np.uint64(16)  # pages, and so on: the largest of each class of lengths
MEDIUM = np.uint64(512)
LARGE = np.uint64(1 << 14)
HUGE_PAGES = np.uint64(16)  # of 2 MiB

ANYWHERE = np.uint64(PLACES.index("anywhere"))
HINT = np.uint64(PLACES.index("hint"))
NOREPLACE = np.uint64(PLACES.index("noreplace"))
MAP_SHARED = np.uint64(0x1)
MAP_PRIVATE = np.uint64(0x2)
MAP_FIXED = np.uint64(0x10)
MAP_ANONYMOUS = np.uint64(0x20)
MAP_FIXED_NOREPLACE = np.uint64(0x100000)
OTHER_FILES = FILE_SHMEM | FILE_HUGETLB | FILE_SPECIAL | FILE_CLOSES  # not ours to map
MAYMOVE = np.uint64(1)
REMAP_FIXED = np.uint64(2)
DONTUNMAP = np.uint64(4)
HEAP_MAX = np.uint64(64 << 20)


@kernel
def table_draw(words, slot, row):
    """Draw a word of row `row` of the tables."""
    tables = np.int64(load_relaxed(words, slot + TABLES))
    column = np.int64(prng_next(words, slot) & BYTE)
    return load_relaxed(words, tables + row * TABLE_WORDS + column)


@kernel
def is_nonsense(words, slot):
    """Say whether this argument is to be nonsense."""
    return prng_next(words, slot) & NONSENSE == U0


@kernel
def length_draw(words, slot):
    """Draw a length, in pages, by the classes of the mix."""
    which = table_draw(words, slot, ROW_LENGTH)
    if which == U0:
        return U1 + prng_below(words, slot, SMALL)
    if which == U1:
        return SMALL + U1 + prng_below(words, slot, MEDIUM - SMALL)
    if which == U2:
        return MEDIUM + prng_below(words, slot, LARGE - MEDIUM)
    return (U1 + prng_below(words, slot, HUGE_PAGES)) * PMD_PAGES


@kernel
def arguments(words, slot, first, second, third, fourth):
    """Write four arguments down; the fifth and sixth are 0 unless the caller says otherwise."""
    store_relaxed(words, slot + NOW_FIRST, first)
    store_relaxed(words, slot + NOW_SIZE, second)
    store_relaxed(words, slot + NOW_MASK, third)
    store_relaxed(words, slot + NOW_OFFSET, fourth)
    store_relaxed(words, slot + NOW_LAST, max(first, first + second - U1))
    store_relaxed(words, slot + FIFTH, U0)
    store_relaxed(words, slot + SIXTH, U0)


@kernel
def beside_draw(words, slot, mm, pages):
    """Draw an address over, behind, below or far from what was picked, for so many pages."""
    which = prng_next(words, slot) & U7
    start = load_relaxed(words, slot + PICK_START)
    length = pages << PAGE_SHIFT
    if which < U3:
        return page_draw(words, slot)
    if which < U5:
        return load_relaxed(words, slot + PICK_END)
    if which < U7 and start > length + PAGE:
        return start - length
    return key_draw(words, slot, mm) & ~PAGE_MASK


@kernel
def draw_mmap(words, slot, mm):
    """Draw a new mapping: a kind, a protection, a length, and where it is wanted."""
    kind = table_draw(words, slot, ROW_KIND)
    tables = np.int64(load_relaxed(words, slot + TABLES))
    flags = load_relaxed(words, tables + MEANINGS + np.int64(kind))
    place = table_draw(words, slot, ROW_PLACE)
    pages = length_draw(words, slot)
    if place != ANYWHERE and prng_next(words, slot) & U3 == U0:
        draw_more(words, slot, place, pages)
        return
    address = U0 if place == ANYWHERE else beside_draw(words, slot, mm, pages)
    file = table_draw(words, slot, ROW_FILE) if flags & WITH_FILE != U0 else U0
    offset = prng_below(words, slot, PAGES_OF_FILE) << PAGE_SHIFT
    if prng_next(words, slot) & U3 == U0:
        offset &= ~(PMD - U1)
    length = pages << PAGE_SHIFT
    if is_nonsense(words, slot):
        length = HUGE if prng_next(words, slot) & U1 == U0 else U0
    elif is_nonsense(words, slot):
        address += ODD
    prot = table_draw(words, slot, ROW_PROT)
    arguments(words, slot, address, length, prot, placed(flags & ~WITH_FILE, place))
    store_relaxed(words, slot + FIFTH, file)
    store_relaxed(words, slot + SIXTH, offset if file != U0 else U0)


@kernel
def placed(flags, place):
    """Return the flags of mmap for a mapping that is wanted at `place`."""
    if place in (ANYWHERE, HINT):
        return flags
    return flags | (MAP_FIXED_NOREPLACE if place == NOREPLACE else MAP_FIXED)


@kernel
def draw_more(words, slot, place, pages):
    """Draw more of what was picked, right behind it: it may become one with it."""
    flags = load_relaxed(words, slot + PICK_FLAGS)
    file = load_relaxed(words, slot + PICK_FILE)
    if file & OTHER_FILES != U0:
        file = U0
    how = MAP_SHARED if flags & VM_SHARED != U0 else MAP_PRIVATE
    if file == U0:
        how |= MAP_ANONYMOUS
    address = load_relaxed(words, slot + PICK_END)
    pgoff = load_relaxed(words, slot + PICK_PGOFF) + pick_pages(words, slot)
    arguments(words, slot, address, pages << PAGE_SHIFT, flags & VM_ACCESS, placed(how, place))
    store_relaxed(words, slot + FIFTH, file)
    store_relaxed(words, slot + SIXTH, pgoff << PAGE_SHIFT if file != U0 else U0)


@kernel
def part_draw(words, slot):
    """Draw a part of what was picked: (address, bytes); the whole of it half of the time."""
    start = load_relaxed(words, slot + PICK_START)
    pages = pick_pages(words, slot)
    which = prng_next(words, slot) & U7
    if which < U4:
        return start, pages << PAGE_SHIFT
    skipped = U0 if which == U4 else prng_below(words, slot, pages)
    left = pages - skipped
    count = left if which == U5 else U1 + prng_below(words, slot, left)
    return start + (skipped << PAGE_SHIFT), count << PAGE_SHIFT


@kernel
def draw_range(words, slot, third):
    """Draw a range for a call over mappings: a part of one, or some with the holes between."""
    address, length = part_draw(words, slot)
    which = prng_next(words, slot) & U7
    if which == U0:
        length += length_draw(words, slot) << PAGE_SHIFT
    elif which == U1:
        length = max(length, load_relaxed(words, slot + PICK_REACH) - address)
    if is_nonsense(words, slot):
        length = HUGE if prng_next(words, slot) & U1 == U0 else U0
    elif is_nonsense(words, slot):
        address += ODD
    arguments(words, slot, address, length, third, U0)


@kernel
def draw_unmap(words, slot, mm):
    """Draw a range to unmap: many mappings at a time where there are more than there should be."""
    draw_range(words, slot, U0)
    if load_relaxed(words, mm + MM_COUNT) > load_relaxed(words, slot + VMAS):
        start = load_relaxed(words, slot + PICK_START)
        reach = load_relaxed(words, slot + PICK_REACH)
        arguments(words, slot, start, reach - start, U0, U0)


@kernel
def draw_remap(words, slot, mm):
    """Draw what becomes of a mapping: smaller, larger, elsewhere, in two places."""
    address, length = part_draw(words, slot)
    which = prng_next(words, slot) & U3
    wanted = length
    if which == U0:
        wanted = U1 + prng_below(words, slot, length >> PAGE_SHIFT) << PAGE_SHIFT
    elif which != U1:
        wanted = length + (length_draw(words, slot) << PAGE_SHIFT)
    flags = prng_next(words, slot) & U7
    new = U0
    if flags & (REMAP_FIXED | DONTUNMAP) != U0:
        flags |= MAYMOVE if prng_next(words, slot) & U7 != U0 else U0
        new = beside_draw(words, slot, mm, wanted >> PAGE_SHIFT)
        if prng_next(words, slot) & U3 != U0:
            wanted = length
    if is_nonsense(words, slot):
        wanted = HUGE if prng_next(words, slot) & U1 == U0 else U0
    elif is_nonsense(words, slot):
        length = U0
    arguments(words, slot, address, length, wanted, flags)
    store_relaxed(words, slot + FIFTH, new)


@kernel
def draw_brk(words, slot, mm):
    """Draw a new end of the heap: a little more or less of it, all of it, or below its start."""
    start = load_relaxed(words, mm + MM_START_BRK)
    end = load_relaxed(words, mm + MM_BRK)
    which = prng_next(words, slot) & U7
    if which < U4 and end - start < HEAP_MAX:
        address = end + prng_below(words, slot, SMALL << PAGE_SHIFT)
    elif which < U7:
        address = end - prng_below(words, slot, min(end - start, MEDIUM << PAGE_SHIFT) + U1)
    else:
        address = start - U1 + prng_below(words, slot, U2)
    arguments(words, slot, address, U0, U0, U0)


@kernel
def draw_touch(words, slot, mm):
    """Draw an address to touch: inside what was picked, or below it if it grows down."""
    address = page_draw(words, slot) + prng_below(words, slot, PAGE)
    if load_relaxed(words, slot + PICK_FLAGS) & VM_GROWSDOWN != U0:
        address = load_relaxed(words, slot + PICK_START)
        address -= prng_below(words, slot, SMALL << PAGE_SHIFT)
    elif prng_next(words, slot) & U7 == U0:
        address = key_draw(words, slot, mm)
    write = U1 if prng_next(words, slot) & U3 != U0 else U0
    arguments(words, slot, address, write, U0, U0)
    store_relaxed(words, slot + NOW_LAST, address)
