"""Every change goes to all: maple tree, rb-tree and list, in the order of the original.

Nobody else writes these structures. The lock is held, nodes and limbo room are reserved, so
nothing here can fail. Each store into the maple tree is traced before it is made.

    track_link      a new VMA where nothing is          STORE
    track_resize    another range for a VMA             SNULL below, SNULL above, STORE
      `covered`     where a neighbour grew over it      STORE
    track_swallow   a VMA that a neighbour grew over    -
    track_split     one VMA becomes two                 SNULL, STORE, STORE
    track_detach    all VMAs of a range go              one SNULL over VMAs and holes

Which structures there are beside the maple tree is the stage of the mm. A VMA that changes its
range gets a new record (records.py): callers go on with the one that is returned.

Readers may look between two stores of one change, and then see a hole where a VMA was or will
be; never a range that is nobody's, nor a record that was freed.

Each is an entry, because it contains a good deal of two trees, and many calls need it.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, kernel_inline, words_at
from stressd_kernels.layout import U0, U1
from stressd_kernels.limbo import limbo_count, limbo_put, limbo_retire
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.counts import count_add, count_take
from stressd_kernels.mm.finding import OVERLAP, TREE_STORE, finding_note
from stressd_kernels.mm.layout import MM_FOUND, MM_SEQUENCE, MM_TREE
from stressd_kernels.mm.links import link_between, link_cut, link_out, link_replace
from stressd_kernels.mm.lookup import WITH_RBTREE, has, is_inline, maple_find, root_of, vma_next
from stressd_kernels.mm.odd import HALF_SPLIT, odd_forgets_growth, odd_is, odd_leaves_tail
from stressd_kernels.mm.tally import TALLY_SPLIT, tally
from stressd_kernels.mm.trace import trace_store, trace_szero
from stressd_kernels.mm.words import PAGE_SHIFT, identity
from stressd_kernels.rbtree import rb_find
from stressd_kernels.records import (
    CHAIN_NEXT,
    NO_RECORD,
    VMA_END,
    VMA_ID,
    VMA_PGOFF,
    VMA_START,
    vma_copy,
    vma_ref,
    vma_value,
)
from stressd_kernels.refs import CHAIN_BIT
from stressd_kernels.verbs import Verb, structure_call

STORE_HELD = int(Verb.STORE_HELD)
LINK = int(Call.LINK)
RESIZE = int(Call.RESIZE)
SWALLOW = int(Call.SWALLOW)
SPLIT = int(Call.SPLIT)
DETACH = int(Call.DETACH)


# -- the maple tree, traced --------------------------------------------------------------------


@kernel
def tree_put(words, mm, slot, start, end, value):
    """Map [start, end) to `value` in the maple tree; 0 erases."""
    tree = np.int64(words[mm + MM_TREE])
    status = structure_call(words, STORE_HELD, tree, slot, start, end - U1, value, U0, U0)
    if status != OK:
        finding_note(words, mm, TREE_STORE, (status, start, end))


@kernel
def tree_store(words, mm, slot, vma):
    """Map the range of `vma` to it (vma_mt_store)."""
    trace_store(words, mm, slot, vma)
    tree_put(words, mm, slot, words[vma + VMA_START], words[vma + VMA_END], vma_value(words, vma))


@kernel
def tree_erase(words, mm, slot, start, end):
    """Erase [start, end) (vma_mt_szero); both at a page, start < end."""
    trace_szero(words, mm, slot, start, end)
    tree_put(words, mm, slot, start, end, U0)


# -- what callers use --------------------------------------------------------------------------


@kernel_inline
def track_link(words, mm, slot, vma):
    """Add a private record where nothing is: from now on it is a VMA of `mm`."""
    mm_call(words, LINK, mm, slot, np.uint64(vma), U0, U0, U0, U0)


@kernel_inline
def track_resize(words, mm, slot, vma, place, covered):
    """Give `vma` another range; return its new record.

    place    (start, end, pgoff): uint64, meets the old range
    covered  1: a neighbour has grown over what it loses; 0: that is erased
    """
    start, end, pgoff = place
    mm_call(words, RESIZE, mm, slot, np.uint64(vma), start, end, pgoff, np.uint64(covered))
    return np.int64(words[slot + MM_FOUND])


@kernel_inline
def track_swallow(words, mm, slot, vma):
    """Take out `vma`, which a neighbour has grown over."""
    mm_call(words, SWALLOW, mm, slot, np.uint64(vma), U0, U0, U0, U0)


@kernel_inline
def track_split(words, mm, slot, vma, address):
    """Cut `vma` in two at `address`; return the lower part, MM_FOUND is the upper one.

    The lower part keeps the identity; both keep everything else.
    """
    return np.int64(mm_call(words, SPLIT, mm, slot, np.uint64(vma), address, U0, U0, U0))


@kernel_inline
def track_detach(words, mm, slot, first, start, end):
    """Take out `first` and all VMAs behind it below `end`; erase [start, end).

    first  the first VMA of the range; none reaches over `start` or `end`
    """
    mm_call(words, DETACH, mm, slot, np.uint64(first), start, end, U0, U0)


# -- what they do ------------------------------------------------------------------------------


@kernel
def is_taken(words, mm, above, vma):
    """Say whether `above`, the first VMA that ends above where `vma` begins, is in its way.

    That is a finding.
    """
    if above == NO_RECORD or words[above + VMA_START] >= words[vma + VMA_END]:
        return False
    details = (np.uint64(vma), np.uint64(above), words[above + VMA_START])
    finding_note(words, mm, OVERLAP, details)
    return True


@entry
def link(base, mm, slot, a, b, c, d, e):
    """LINK: add record a, where nothing is; b: 1 is HALF_SPLIT."""
    words = words_at(base)
    vma = np.int64(a)
    if has(words, mm, WITH_RBTREE):
        above = rb_find(words, root_of(words, mm), words[vma + VMA_START])
    else:
        above = maple_find(words, mm, slot, words[vma + VMA_START])
    overlaps = is_taken(words, mm, above, vma)
    if is_inline(words, mm) and not overlaps:
        overlaps = is_taken(words, mm, maple_find(words, mm, slot, words[vma + VMA_START]), vma)
    if overlaps:
        return OK
    if b == U0:
        tree_store(words, mm, slot, vma)
    link_between(words, mm, vma, above)
    count_add(words, mm, vma)
    return OK


@entry
def resize(base, mm, slot, a, b, c, d, e):
    """RESIZE: record a gets range [b, c) and pgoff d; e: 1 if what it loses is covered."""
    words = words_at(base)
    vma = np.int64(a)
    fresh = vma_copy(words, slot, vma)
    words[fresh + VMA_START] = b
    words[fresh + VMA_END] = c
    words[fresh + VMA_PGOFF] = d
    if e == U0 and words[vma + VMA_START] < b:
        tree_erase(words, mm, slot, words[vma + VMA_START], b)
    if e == U0 and c < words[vma + VMA_END]:
        tree_erase(words, mm, slot, c, words[vma + VMA_END])
    if not odd_forgets_growth(words, vma, c):
        tree_store(words, mm, slot, fresh)
    link_replace(words, mm, vma, fresh)
    count_take(words, mm, vma)
    count_add(words, mm, fresh)
    words[mm + MM_SEQUENCE] += U1
    limbo_retire(words, slot, vma_ref(words, vma))
    words[slot + MM_FOUND] = np.uint64(fresh)
    return OK


@entry
def swallow(base, mm, slot, a, b, c, d, e):
    """SWALLOW: take out record a, whose range is a neighbour's already."""
    words = words_at(base)
    vma = np.int64(a)
    link_out(words, mm, vma)
    count_take(words, mm, vma)
    words[mm + MM_SEQUENCE] += U1
    limbo_retire(words, slot, vma_ref(words, vma))
    return OK


@entry
def split(base, mm, slot, a, b, c, d, e):
    """SPLIT: cut record a at address b; return the lower part, MM_FOUND the upper one."""
    words = words_at(base)
    vma = np.int64(a)
    start, pgoff = words[vma + VMA_START], words[vma + VMA_PGOFF]
    upper = vma_copy(words, slot, vma)
    words[upper + VMA_START] = b
    words[upper + VMA_PGOFF] = pgoff + (b - start >> PAGE_SHIFT)
    words[upper + VMA_ID] = identity(words, mm)
    lower = track_resize(words, mm, slot, vma, (start, b, pgoff), 0)
    half = U1 if odd_is(words, HALF_SPLIT) else U0
    mm_call(words, LINK, mm, slot, np.uint64(upper), half, U0, U0, U0)
    words[slot + MM_FOUND] = np.uint64(upper)
    tally(words, slot, TALLY_SPLIT)
    return np.uint64(lower)


@entry
def detach(base, mm, slot, a, b, c, d, e):
    """DETACH: take out record a and all behind it below c; erase [b, c); retire them as one."""
    words = words_at(base)
    count = U0
    last = NO_RECORD
    vma = np.int64(a)
    while vma != NO_RECORD and words[vma + VMA_START] < c:
        following = vma_next(words, mm, slot, vma)
        if last != NO_RECORD:
            words[last + CHAIN_NEXT] = np.uint64(vma)
        count_take(words, mm, vma)
        count += U1
        last = vma
        vma = following
    if not odd_leaves_tail(words, vma):
        tree_erase(words, mm, slot, b, c)
    link_cut(words, mm, np.int64(a), last, vma)
    words[last + CHAIN_NEXT] = U0
    words[mm + MM_SEQUENCE] += U1
    limbo_put(words, slot, vma_ref(words, np.int64(a)) | CHAIN_BIT)
    limbo_count(words, slot, count)
    return OK
