"""The structures beside the maple tree: the list of VMAs and the rb-tree, one change each.

Called by track.py alone, with the lock held. A stage may lack either.
"""

import numpy as np

from stressd_kernels.door import kernel
from stressd_kernels.mm.layout import MM_LIST_FIRST, MM_LIST_LAST, MM_RB_ROOT
from stressd_kernels.mm.lookup import WITH_LIST, WITH_RBTREE, has, root_of
from stressd_kernels.rbtree import (
    gap_between,
    rb_erase,
    rb_gap_changed,
    rb_insert,
    rb_last,
    rb_next,
    rb_prev,
    rb_replace,
)
from stressd_kernels.records import LIST_NEXT, LIST_PREV, NO_RECORD, RB_OWN


@kernel
def list_join(words, mm, low, high):
    """Make two records neighbours in the list; NO_RECORD: its beginning, its end."""
    at = mm + MM_LIST_FIRST if low == NO_RECORD else low + LIST_NEXT
    words[at] = np.uint64(high)
    at = mm + MM_LIST_LAST if high == NO_RECORD else high + LIST_PREV
    words[at] = np.uint64(low)


@kernel
def own_refresh(words, vma):
    """Recompute the gap below `vma`, which is in the rb-tree or NO_RECORD."""
    if vma == NO_RECORD:
        return
    own = gap_between(words, rb_prev(words, vma), vma)
    if words[vma + RB_OWN] != own:
        words[vma + RB_OWN] = own
        rb_gap_changed(words, vma)


@kernel
def link_between(words, mm, vma, above):
    """Put `vma` right below `above`; NO_RECORD: it becomes the highest."""
    if has(words, mm, WITH_LIST):
        below = words[mm + MM_LIST_LAST] if above == NO_RECORD else words[above + LIST_PREV]
        list_join(words, mm, np.int64(below), vma)
        list_join(words, mm, vma, above)
    if has(words, mm, WITH_RBTREE):
        low = rb_last(words, root_of(words, mm)) if above == NO_RECORD else rb_prev(words, above)
        words[vma + RB_OWN] = gap_between(words, low, vma)
        rb_insert(words, mm + MM_RB_ROOT, vma)
        own_refresh(words, above)


@kernel
def link_replace(words, mm, vma, fresh):
    """Let `fresh` take the place of `vma`, of which it is a copy with another range."""
    if has(words, mm, WITH_LIST):
        list_join(words, mm, np.int64(words[vma + LIST_PREV]), fresh)
        list_join(words, mm, fresh, np.int64(words[vma + LIST_NEXT]))
    if has(words, mm, WITH_RBTREE):
        rb_replace(words, mm + MM_RB_ROOT, vma, fresh)
        own_refresh(words, fresh)
        own_refresh(words, rb_next(words, fresh))


@kernel
def link_out(words, mm, vma):
    """Take out one VMA."""
    if has(words, mm, WITH_LIST):
        list_join(words, mm, np.int64(words[vma + LIST_PREV]), np.int64(words[vma + LIST_NEXT]))
    if has(words, mm, WITH_RBTREE):
        above = rb_next(words, vma)
        rb_erase(words, mm + MM_RB_ROOT, vma)
        own_refresh(words, above)


@kernel
def link_cut(words, mm, first, last, above):
    """Take out `first` .. `last`, chained by CHAIN_NEXT.

    above  the VMA behind them, or NO_RECORD
    """
    if has(words, mm, WITH_LIST):
        list_join(words, mm, np.int64(words[first + LIST_PREV]), above)
    if has(words, mm, WITH_RBTREE):
        vma = first
        while vma != last:
            following = np.int64(words[vma + LIST_NEXT])
            rb_erase(words, mm + MM_RB_ROOT, vma)
            vma = following
        rb_erase(words, mm + MM_RB_ROOT, last)
        own_refresh(words, above)
