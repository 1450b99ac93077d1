"""Moving a mapping: a copy at the new place, then the old range is unmapped.

Anonymous memory that was never written to takes the pgoff of its new place, so it can merge
there, even with what it is copied from. The copy keeps all else: flags, anon, policy, name. The new
place is free: whatever else is there is a finding, as it was a bug for the original (copy_vma).

With MREMAP_DONTUNMAP the source stays mapped but empty: unlocked, and without anon if all of its
VMA was moved.

    ENOMEM    fewer than MOVE_VMAS VMAs are left until the limit
    EINVAL    a special mapping, the vdso, would be cut

At most two stores of the maple tree for the copy and seven for what is unmapped.

Source: FEATURES.md 2, mremap; copy_vma and move_vma of Linux; tests/mm/spec/remap.py.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, store_relaxed, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import flags_set
from stressd_kernels.mm.finding import OVERLAP, finding_note
from stressd_kernels.mm.frame import is_sound
from stressd_kernels.mm.layout import (
    MM_COUNT,
    MM_COUNT_MAX,
    MM_FINDING,
    MM_FOUND,
    MM_OFFSET,
    MM_PART,
)
from stressd_kernels.mm.lookup import find_within, is_inline, vma_lookup
from stressd_kernels.mm.rules.anon import is_anonymous
from stressd_kernels.mm.track import track_link
from stressd_kernels.mm.words import (
    EINVAL,
    ENOMEM,
    FILE_SPECIAL,
    PAGE_SHIFT,
    VM_LOCKED_MASK,
    identity,
    pgoff_at,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_PGOFF,
    VMA_START,
    vma_copy,
)

MREMAP_MAYMOVE = np.uint64(1)
MREMAP_FIXED = np.uint64(2)
MREMAP_DONTUNMAP = np.uint64(4)
MOVE_VMAS = np.uint64(3)  # a move may cut one VMA into three before it unmaps anything
MERGE_NEW = int(Call.MERGE_NEW)
MUNMAP_HELD = int(Call.MUNMAP_HELD)


@kernel
def may_move(words, mm, vma, start, end):
    """Say whether [start, end) of a VMA may be moved: OK or an error."""
    if words[mm + MM_COUNT] + MOVE_VMAS >= words[mm + MM_COUNT_MAX]:
        return ENOMEM
    if words[vma + VMA_FILE] & FILE_SPECIAL == U0:
        return OK
    low, high = words[vma + VMA_START], words[vma + VMA_END]
    return OK if start in (low, high) and end in (low, high) else EINVAL


@kernel
def part_moved(words, slot, vma, address, place):
    """Return a private record: what is at `address` of a VMA, as it is to be at its new place.

    place  (start, end)
    """
    start, end = place
    part = vma_copy(words, slot, vma)
    pgoff = pgoff_at(words, vma, address)
    if words[vma + VMA_ANON] == U0 and is_anonymous(words, vma):
        pgoff = start >> PAGE_SHIFT
    words[part + VMA_START] = start
    words[part + VMA_END] = end
    words[part + VMA_PGOFF] = pgoff
    return part


@kernel
def copy_vma(words, mm, slot, part):
    """Let a private record be a VMA, or part of a neighbour; return what covers it then.

    Its range is free, else that is a finding. While validation is inline, all structures are
    compared before it and after it.
    """
    start, end = words[part + VMA_START], words[part + VMA_END]
    there = find_within(words, mm, slot, start, end)
    if there != NO_RECORD:
        finding_note(words, mm, OVERLAP, (np.uint64(part), np.uint64(there), start))
        return there
    if is_inline(words, mm):
        is_sound(words, mm, slot)
    words[slot + MM_PART] = np.uint64(part)
    mm_call(words, MERGE_NEW, mm, slot, U0, U0, U0, U0, U0)
    copy = np.int64(words[slot + MM_FOUND])
    if copy == NO_RECORD:
        words[part + VMA_ID] = identity(words, mm)
        track_link(words, mm, slot, part)
        copy = part
    if is_inline(words, mm):
        is_sound(words, mm, slot)
    return copy


@kernel
def source_keep(words, mm, slot, address, copy, whole):
    """Leave the source mapped but empty.

    copy   the record that covers the copy; it may be that of the source
    whole  whether all of the source's VMA was moved
    """
    source = vma_lookup(words, mm, slot, address)
    flags_set(words, mm, source, words[source + VMA_FLAGS] & ~VM_LOCKED_MASK)
    if whole and source != copy:
        store_relaxed(words, source + VMA_ANON, U0)
        store_relaxed(words, source + VMA_CHAIN, U0)


@entry
def move(base, mm, slot, a, b, c, d, e):
    """MOVE: move c bytes at address b of record a, to be d bytes at e. MM_OFFSET: MREMAP_*."""
    words = words_at(base)
    vma = np.int64(a)
    flags = words[slot + MM_OFFSET]
    status = may_move(words, mm, vma, b, b + c)
    if status != OK:
        return status
    whole = words[vma + VMA_START] == b and words[vma + VMA_END] == b + c
    part = part_moved(words, slot, vma, b, (e, e + d))
    copy = copy_vma(words, mm, slot, part)
    if words[mm + MM_FINDING] != U0:
        return OK  # all stays as it was found; the call ends with BROKEN
    if flags & MREMAP_DONTUNMAP != U0:
        source_keep(words, mm, slot, b, copy, whole)
    elif c != U0:
        return mm_call(words, MUNMAP_HELD, mm, slot, b, b + c, U0, U0, U0)
    return OK
