"""Where a new mapping goes (get_unmapped_area).

    MAP_FIXED      where it was told, if that is inside user space and on a page
    a hint         there, if it is free up to the guard gap of the next VMA
    MAP_32BIT      the lowest place between 1 and 2 GiB; where that begins is random: CANNOT_KNOW
    else           the highest place below MM_MMAP_BASE; or, in a bottom-up layout and when there
                   is nothing below that, the lowest above MM_LEGACY_BASE

Huge pages: a file of a file system that asks for it is placed so that file offset and address
agree modulo 2 MiB, and so are private mappings of /dev/zero, and private anonymous memory whose
length is a multiple of 2 MiB. This does not depend on whether huge pages are enabled.

A *request* is (address, length, MAP_* flags, file, offset in bytes); the flags that matter here
are FIXED, FIXED_NOREPLACE, SHARED, 32BIT and ABOVE4G. The address is left in ANSWER.

Source: FEATURES.md 2, do_mmap; tests/mm/spec/place.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import (
    ANSWER,
    MM_LEGACY_BASE,
    MM_MMAP_BASE,
    MM_OFFSET,
    MM_TOPDOWN,
)
from stressd_kernels.mm.lookup import find_vma
from stressd_kernels.mm.rules.gaps import BOTTOMUP, TOPDOWN
from stressd_kernels.mm.words import (
    CANNOT_KNOW,
    EINVAL,
    ENOMEM,
    FILE_HUGE_ALIGNED,
    FILE_HUGETLB,
    FILE_SHMEM,
    FILE_SPECIAL,
    FILE_ZERO,
    MAP_32BIT,
    MAP_ABOVE4G,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_SHARED,
    PAGE,
    PAGE_MASK,
    PMD,
    PMD_MASK,
    TASK_SIZE,
    huge_up,
    page_up,
)
from stressd_kernels.rbtree import start_gap
from stressd_kernels.records import NO_RECORD

SEARCH_HELD = int(Call.SEARCH_HELD)
FIXED = MAP_FIXED | MAP_FIXED_NOREPLACE
HUGE_ALIGN = PMD_MASK & ~PAGE_MASK  # what the kernel's search is asked with: page_up does the rest
ABOVE_4G = np.uint64(4 << 30)


@kernel
def hint_is_free(words, mm, slot, hint, length):
    """Say whether [hint, hint + length) is free, up to where the next VMA's guard gap begins."""
    if hint > TASK_SIZE or length > TASK_SIZE - hint:
        return False
    above = find_vma(words, mm, slot, hint)
    return above == NO_RECORD or hint + length <= start_gap(words, above)


@kernel
def search_layout(words, mm, slot, length, low, mask):
    """Search by the layout of the address space: top-down above `low`, then bottom-up."""
    if words[mm + MM_TOPDOWN] != U0:
        words[slot + MM_OFFSET] = TOPDOWN
        base = words[mm + MM_MMAP_BASE]
        status = mm_call(words, SEARCH_HELD, mm, slot, length, low, base, mask, U0)
        if status == OK:
            return status
    words[slot + MM_OFFSET] = BOTTOMUP
    base = words[mm + MM_LEGACY_BASE]
    return mm_call(words, SEARCH_HELD, mm, slot, length, base, TASK_SIZE, mask, U0)


@kernel
def place_plain(words, mm, slot, request, length, mask):
    """Find a place for `length` bytes: hint, then a search. Not for what is fixed.

    mask  0, or HUGE_ALIGN: aligned to huge pages
    """
    hint, _, flags, _, _ = request
    if length > TASK_SIZE:
        return ENOMEM
    if flags & MAP_32BIT != U0:
        return CANNOT_KNOW
    hint = (page_up(hint) + mask) & ~mask
    if hint != U0 and hint_is_free(words, mm, slot, hint, length):
        words[slot + ANSWER] = hint
        return OK
    low = ABOVE_4G if flags & MAP_ABOVE4G != U0 else PAGE
    return search_layout(words, mm, slot, length, low, mask)


@kernel
def holds_block(offset, length):
    """Say whether [offset, offset + length) holds an aligned block of 2 MiB, and 2 MiB more fit."""
    if offset > UMAX - PMD - length:
        return False
    return offset + length >= huge_up(offset) + PMD


@kernel
def place_huge(words, mm, slot, request, offset):
    """Find a place that agrees with `offset` modulo 2 MiB.

    Looks for 2 MiB more than wanted and moves up to the next agreeing address. If what was found
    agrees already, a top-down layout moves up by 2 MiB nevertheless. A hint that is free for the
    larger length wins as it is. The plain rule if the offset has no huge page, or if the larger
    length finds no place.
    """
    hint, length, _, _, _ = request
    if not holds_block(offset, length):
        return place_plain(words, mm, slot, request, length, U0)
    status = place_plain(words, mm, slot, request, length + PMD, U0)
    if status == ENOMEM:
        return place_plain(words, mm, slot, request, length, U0)
    found = words[slot + ANSWER]
    if status != OK or found == hint:
        return status
    missing = (offset - found) & PMD_MASK
    if missing == U0 and words[mm + MM_TOPDOWN] != U0:
        missing = PMD
    words[slot + ANSWER] = found + missing
    return status


@kernel
def place_hugetlb(words, mm, slot, request):
    """Find a place for huge pages: aligned by the mask of the search; EINVAL off a huge page."""
    address, length, flags, _, _ = request
    fixed = flags & FIXED != U0
    if length & PMD_MASK != U0 or (fixed and address & PMD_MASK != U0):
        return EINVAL
    if fixed:
        words[slot + ANSWER] = address
        return OK
    return place_plain(words, mm, slot, request, length, HUGE_ALIGN)


@kernel
def place_by_kind(words, mm, slot, request):
    """Find a place by the rule of the file, or of anonymous memory."""
    address, length, flags, file, offset = request
    if file & FILE_HUGETLB != U0:
        return place_hugetlb(words, mm, slot, request)
    if flags & FIXED != U0:
        words[slot + ANSWER] = address
        return OK
    shared = flags & MAP_SHARED != U0
    plain = file & (FILE_SHMEM | FILE_SPECIAL) != U0 or (shared and file & FILE_ZERO != U0)
    if file & FILE_HUGE_ALIGNED != U0 and not plain:
        return place_huge(words, mm, slot, request, offset)
    if file == U0 and not shared and address == U0 and length & PMD_MASK == U0:
        return place_huge(words, mm, slot, request, U0)
    return place_plain(words, mm, slot, request, length, U0)


@entry
def place_held(base, mm, slot, a, b, c, d, e):
    """PLACE_HELD: find a place for b bytes at address a, by MAP_* flags c, file d and offset e.

    OK with the address; ENOMEM if it does not fit into user space, EINVAL if it is off a page,
    CANNOT_KNOW.
    """
    words = words_at(base)
    if b > TASK_SIZE:
        return ENOMEM
    status = place_by_kind(words, mm, slot, (a, b, c, d, e))
    if status != OK:
        return status
    address = words[slot + ANSWER]
    if address > TASK_SIZE - b:
        return ENOMEM
    return EINVAL if address & PAGE_MASK != U0 else OK
