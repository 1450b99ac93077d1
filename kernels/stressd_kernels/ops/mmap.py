"""mmap: a new mapping of an address space.

Draws an address space, a kind of mapping, a length, a protection and where it is wanted: anywhere,
near an address, or exactly there, in the place of whatever is there. Makes the call MMAP, unpinned.
`ok` is mapped, `miss` is refused with an error of the kernel, `conflict` as for a store. What was
mapped must lie in user space, on pages, and where it was told to be (oracle `order`).
"""

import numpy as np

from stressd_kernels.counters import ERROR, OK
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.judge import FAULT_UNASKED, ORDER, judge_count, judge_fault
from stressd_kernels.judge import OK as GRADE_OK
from stressd_kernels.layout import RESULT, RESULT_FIRST, RESULT_LAST, RESULT_VALUE, U0, U1
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import PAGE_MASK, TASK_SIZE, page_up
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_MMAP, call_run
from stressd_kernels.worker import NOW_FIRST, NOW_OFFSET, NOW_SIZE

VERBS = ()
CALLS = (Call.MMAP,)

MMAP = int(Call.MMAP)
WHERE_TOLD = np.uint64(0x10 | 0x100000)  # MAP_FIXED, MAP_FIXED_NOREPLACE


def spec(entries: Entries, start: int, length: int) -> list[tuple[int, int, int]]:
    """Return what is mapped afterwards: entries are ranges of pages with the value 1."""
    last = start + length - 1
    left = [(f, min(end, start - 1), v) for f, end, v in entries if f < start]
    right = [(max(f, last + 1), end, v) for f, end, v in entries if end > last]
    return [*left, (start, last, 1), *right]


@kernel
def judge_place(words, slot):
    """Judge where the mapping is; return 1 if it cannot be there, else 0."""
    address = load_relaxed(words, slot + ANSWER)
    length = page_up(load_relaxed(words, slot + NOW_SIZE))
    store_relaxed(words, slot + RESULT_FIRST, address)
    store_relaxed(words, slot + RESULT_LAST, address + length - U1)
    store_relaxed(words, slot + RESULT_VALUE, U0)
    fixed = load_relaxed(words, slot + NOW_OFFSET) & WHERE_TOLD != U0
    outside = length > TASK_SIZE or address > TASK_SIZE - length
    elsewhere = fixed and address != load_relaxed(words, slot + NOW_FIRST)
    if outside or elsewhere or address & PAGE_MASK != U0:
        judge_fault(words, slot, ORDER, FAULT_UNASKED, slot + RESULT)
        return U1
    judge_count(words, slot, ORDER, GRADE_OK)
    return U0


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Map something; answers OK, MISS, CONFLICT, ERROR, or what ends the slice. Unpinned."""
    words = words_at(base)
    answer = call_run(words, MMAP, slot, DRAW_MMAP)
    if answer == OK and judge_place(words, slot) != U0:
        return ERROR
    return answer
