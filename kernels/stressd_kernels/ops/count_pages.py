"""count_pages: how many pages of a range are mapped.

Draws a range. Makes the call COUNT_PAGES, lock-free, inside the block's pin. `ok` is some, `miss`
is none. It cannot be more than the range has (oracle `order`); counted again from a scan of the
tree, it must be the same if the tree has not changed (oracle `agreement`).
"""

import numpy as np

from stressd_kernels.agreement import agreement_judge, version_before
from stressd_kernels.asking import DRAW_WINDOW
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, ERROR, MISS, OK
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.judge import FAULT_UNASKED, ORDER, judge_count, judge_fault
from stressd_kernels.judge import OK as GRADE_OK
from stressd_kernels.layout import RESULT, RESULT_FIRST, RESULT_LAST, RESULT_VALUE, U0, U1
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import PAGE_MASK, PAGE_SHIFT
from stressd_kernels.ops import Entries
from stressd_kernels.records import VMA_END, VMA_START, vma_of
from stressd_kernels.traffic.asking import space_ask
from stressd_kernels.traffic.pick import is_record
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import ENTRIES, ENTRY_WORDS, NOW_FIRST, NOW_LAST, NOW_TREE

VERBS = (Verb.SCAN,)
CALLS = (Call.COUNT_PAGES,)

SCAN = int(Verb.SCAN)
COUNT_PAGES = int(Call.COUNT_PAGES)
SCAN_LIMIT = np.uint64(64)


def spec(entries: Entries, start: int, end: int) -> int:
    """Return how many pages of [start, end) are mapped."""
    overlaps = (min(end, last + 1) - max(start, first) for first, last, _ in entries)
    return sum(size for size in overlaps if size > 0) >> 12


@kernel
def count_again(words, slot, pages, version):
    """Count the pages of a scan; pinned, 1 if they differ though the tree has not changed.

    By the records' ranges: an entry may be smaller, between two stores of one change.
    """
    if version & U1 != U0:
        return U0
    tree = np.int64(load_relaxed(words, slot + NOW_TREE))
    first = load_relaxed(words, slot + NOW_FIRST)
    last = load_relaxed(words, slot + NOW_LAST)
    at = slot + ENTRIES
    count = structure_call(words, SCAN, tree, slot, first, last, SCAN_LIMIT, np.uint64(at), U0)
    if count >= SCAN_LIMIT:
        return U0  # there may be more
    seen = U0
    reached = first
    for row in range(np.int64(count)):
        here = at + row * ENTRY_WORDS
        value = load_relaxed(words, here + 2)
        if load_relaxed(words, here + 1) >= reached and is_record(words, value):
            begin = max(reached, load_relaxed(words, vma_of(value) + VMA_START))
            reached = load_relaxed(words, vma_of(value) + VMA_END)
            seen += (min(last + U1, reached) - min(begin, last + U1)) >> PAGE_SHIFT
    return agreement_judge(words, slot, tree, version, seen != pages)


@kernel
def pages_judge(words, slot, pages):
    """Judge a number of pages; return 1 if the range has fewer, else 0."""
    first = load_relaxed(words, slot + NOW_FIRST)
    last = load_relaxed(words, slot + NOW_LAST)
    store_relaxed(words, slot + RESULT_FIRST, first)
    store_relaxed(words, slot + RESULT_LAST, last)
    store_relaxed(words, slot + RESULT_VALUE, pages)
    if pages > (last + U1 - first) >> PAGE_SHIFT:
        judge_fault(words, slot, ORDER, FAULT_UNASKED, slot + RESULT)
        return U1
    judge_count(words, slot, ORDER, GRADE_OK)
    return U0


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Count the pages of a range; answers OK, MISS, ERROR, or what ends the slice. Pinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_WINDOW)
    first = load_relaxed(words, slot + NOW_FIRST) & ~PAGE_MASK
    last = load_relaxed(words, slot + NOW_LAST) | PAGE_MASK
    store_relaxed(words, slot + NOW_FIRST, first)
    store_relaxed(words, slot + NOW_LAST, last)
    version = version_before(words, slot, np.int64(load_relaxed(words, slot + NOW_TREE)))
    begun = timer_begin(words, slot)
    status = mm_call(words, COUNT_PAGES, mm, slot, first, last + U1, U0, U0, U0)
    timer_end(words, slot, begun)
    if status != U0:
        return ENDS + status
    pages = load_relaxed(words, slot + ANSWER)
    if pages_judge(words, slot, pages) + count_again(words, slot, pages, version) != U0:
        return ERROR
    return MISS if pages == U0 else OK
