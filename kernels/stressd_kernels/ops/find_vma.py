"""find_vma: which VMA is meant by an address, asked in the five ways that a kernel has.

    call          asks for                                    the VMA must
    FIND_VMA      the first that ends above an address        end above it
    FIND_PREV     the one before that                         (be the one that is found again)
    LOOKUP        the one that holds an address               hold it
    FIND_WITHIN   the first with an address in a range        have one
    FIND_EXACT    the one that is exactly a range             be it

Draws an address or a range, and one of the calls; lock-free, inside the block's pin. `ok` is a
VMA, `miss` is none. It must be one that may stand there (oracle `values`) and be what was asked
for (oracle `order`); the tree, asked itself, must give the same (oracle `agreement`).

A VMA is meant as its record says. Between two stores of one change, an entry of the tree may be
smaller than that.
"""

import numpy as np

from stressd_kernels.agreement import agreement_judge, version_before
from stressd_kernels.asking import DRAW_WINDOW, STATUS_NOT_FOUND
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, ERROR, MISS, OK
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.judge import FAULT_UNASKED, ORDER, judge_count, judge_entry, judge_fault
from stressd_kernels.judge import OK as GRADE_OK
from stressd_kernels.layout import RESULT, RESULT_FIRST, RESULT_LAST, RESULT_VALUE, U0, U1, UMAX
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.ops import Entries
from stressd_kernels.prng import prng_below
from stressd_kernels.records import VMA_END, VMA_START, vma_of
from stressd_kernels.status import Status
from stressd_kernels.traffic.asking import space_ask
from stressd_kernels.traffic.layout import PICK_END, PICK_START
from stressd_kernels.traffic.pick import is_record
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import NOW_FIRST, NOW_LAST, NOW_SIZE, NOW_TREE

VERBS = (Verb.FIND, Verb.FIND_REV)
CALLS = (Call.FIND_VMA, Call.FIND_PREV, Call.FIND_WITHIN, Call.LOOKUP, Call.FIND_EXACT)

FIND = int(Verb.FIND)
FIND_REV = int(Verb.FIND_REV)
FIND_VMA = int(Call.FIND_VMA)
FIND_PREV = int(Call.FIND_PREV)
FIND_WITHIN = int(Call.FIND_WITHIN)
LOOKUP = int(Call.LOOKUP)
FIND_EXACT = int(Call.FIND_EXACT)
WAYS = np.uint64(len(CALLS))
STATUS_OK = np.uint64(Status.OK)

assert [int(call) for call in CALLS] == list(range(FIND_VMA, FIND_VMA + len(CALLS)))


def spec(entries: Entries, address: int) -> tuple[int, int, int] | None:
    """Return the first mapping that ends above `address`."""
    return next((entry for entry in entries if entry[1] >= address), None)


@kernel
def is_asked(call, first, last, start, end):
    """Say whether the VMA [start, end) is an answer to `call` of the range [first, last]."""
    if call == FIND_VMA:
        return end > first
    if call == FIND_PREV:
        return True
    if call == LOOKUP:
        return start <= first and end > first
    if call == FIND_WITHIN:
        return start <= last and end > first
    return start == first and end == last + U1


@kernel
def answer_judge(words, slot, call, value):
    """Judge the VMA that `value` names as an answer to `call`; return how much is wrong."""
    store_relaxed(words, slot + RESULT_FIRST, load_relaxed(words, slot + NOW_FIRST))
    store_relaxed(words, slot + RESULT_LAST, load_relaxed(words, slot + NOW_LAST))
    store_relaxed(words, slot + RESULT_VALUE, value)
    if not is_record(words, value):
        return judge_entry(words, slot, slot + RESULT)
    start = load_relaxed(words, vma_of(value) + VMA_START)
    end = load_relaxed(words, vma_of(value) + VMA_END)
    store_relaxed(words, slot + RESULT_FIRST, start)
    store_relaxed(words, slot + RESULT_LAST, end - U1)
    wrong = judge_entry(words, slot, slot + RESULT)
    first = load_relaxed(words, slot + NOW_FIRST)
    if not is_asked(call, first, load_relaxed(words, slot + NOW_LAST), start, end):
        judge_fault(words, slot, ORDER, FAULT_UNASKED, slot + RESULT)
        return wrong + U1
    judge_count(words, slot, ORDER, GRADE_OK)
    return wrong


@kernel
def value_before(words, tree, slot, value):
    """Return the value of the VMA before the one that `value` names, or of the last of all."""
    limit = UMAX
    if value != U0 and is_record(words, value):
        limit = load_relaxed(words, vma_of(value) + VMA_START)
    if limit == U0:
        return U0
    status = structure_call(words, FIND_REV, tree, slot, limit - U1, U0, U0, U0, U0)
    return load_relaxed(words, slot + RESULT_VALUE) if status == STATUS_OK else U0


@kernel
def find_again(words, slot, call, value, version):
    """Ask the tree itself; pinned, 1 if it answers otherwise though it has not changed."""
    if version & U1 != U0:
        return U0
    tree = np.int64(load_relaxed(words, slot + NOW_TREE))
    first = load_relaxed(words, slot + NOW_FIRST)
    status = structure_call(words, FIND, tree, slot, first, UMAX, U0, U0, U0)
    found = load_relaxed(words, slot + RESULT_VALUE) if status == STATUS_OK else U0
    if call == FIND_PREV:
        found = value_before(words, tree, slot, found)
    elif found != U0 and is_record(words, found):
        start = load_relaxed(words, vma_of(found) + VMA_START)
        end = load_relaxed(words, vma_of(found) + VMA_END)
        last = load_relaxed(words, slot + NOW_LAST)
        found = found if is_asked(call, first, last, start, end) else U0
    store_relaxed(words, slot + RESULT_VALUE, value)
    return agreement_judge(words, slot, tree, version, found != value)


@kernel
def question_draw(words, slot):
    """Draw one of the calls; those that want a whole range get what was picked. Return it."""
    call = FIND_VMA + np.int64(prng_below(words, slot, WAYS))
    if call == FIND_EXACT:
        store_relaxed(words, slot + NOW_FIRST, load_relaxed(words, slot + PICK_START))
        store_relaxed(words, slot + NOW_LAST, load_relaxed(words, slot + PICK_END) - U1)
    elif call != FIND_WITHIN:
        store_relaxed(words, slot + NOW_LAST, load_relaxed(words, slot + NOW_FIRST))
    store_relaxed(words, slot + NOW_SIZE, np.uint64(call))
    return call


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Find one VMA; answers OK, MISS, ERROR, or what ends the slice. Called pinned."""
    words = words_at(base)
    mm = space_ask(words, slot, DRAW_WINDOW)
    call = question_draw(words, slot)
    first = load_relaxed(words, slot + NOW_FIRST)
    end = load_relaxed(words, slot + NOW_LAST) + U1
    version = version_before(words, slot, np.int64(load_relaxed(words, slot + NOW_TREE)))
    begun = timer_begin(words, slot)
    status = mm_call(words, call, mm, slot, first, end, U0, U0, U0)
    timer_end(words, slot, begun)
    if status not in (U0, STATUS_NOT_FOUND):
        return ENDS + status
    value = load_relaxed(words, slot + ANSWER) if status == U0 else U0
    wrong = U0 if value == U0 else answer_judge(words, slot, call, value)
    wrong += find_again(words, slot, call, value, version)
    if wrong != U0:
        return ERROR
    return MISS if value == U0 else OK
