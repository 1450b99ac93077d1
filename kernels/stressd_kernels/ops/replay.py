"""replay: the next event of a recording.

Takes the next row of one of the worker's own instances (sources/recording.py) and does it: a
store, an erase of a range, the end of an address space, all unpinned; or a gap search as the
kernel did it, pinned. If the instances have address spaces, rows are calls of these, unpinned, and
of every structure there is (traffic/recorded.py). `ok` is done, `miss` is a search that rightly
found nothing, `conflict` is a write that gave up at the end of its slice, and is tried again.

Nobody else writes these trees, so a search must give the address that was recorded, or none
where none was (oracle `replay`). When all instances have come to their end and none starts over,
there is nothing left to do.
"""

import numpy as np

from stressd_kernels.asking import (
    STATUS_BACKLOG,
    STATUS_NOT_FOUND,
    STATUS_RETRY,
    gap_call,
    write_call,
)
from stressd_kernels.counters import CONFLICT, ENDS, ERROR, IDLE, MISS, OK
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.judge import FAULT_RECORDED, REPLAY, judge_count, judge_fault
from stressd_kernels.judge import OK as GRADE_OK
from stressd_kernels.layout import RESULT, RESULT_FIRST, RESULT_VALUE, U0, U1, UMAX
from stressd_kernels.mm.words import ENOMEM
from stressd_kernels.prng import prng_below
from stressd_kernels.sources.recording import (
    INSTANCE_COUNT,
    INSTANCE_DONE,
    INSTANCE_PUBLISHED,
    KIND_DESTROY,
    KIND_GAP_DOWN,
    KIND_GAP_UP,
    KIND_STORE,
    LOOP,
    OWN_COUNT,
    OWN_FIRST,
    ROW_EXPECTED,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAST,
    ROW_MASK,
    ROW_OF_POSITION,
    ROW_OFFSET,
    ROW_SIZE,
    SPACED,
    TURN_AT,
    instance_at,
    row_at,
    row_tree,
    space_of,
)
from stressd_kernels.traffic.asking import call_answer
from stressd_kernels.traffic.recorded import change_make, search_make
from stressd_kernels.values import published_raise, value_of
from stressd_kernels.verbs import Verb
from stressd_kernels.worker import (
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_TREE,
    NOW_VALUE,
)

VERBS = (
    Verb.STORE,
    Verb.CLEAR,
    Verb.GAP_UP,
    Verb.GAP_DOWN,
    Verb.GAP_UP_LOCKED,
    Verb.GAP_DOWN_LOCKED,
)

STORE = int(Verb.STORE)
CLEAR = int(Verb.CLEAR)
GAP_UP = int(Verb.GAP_UP)
GAP_DOWN = int(Verb.GAP_DOWN)
GAP_UP_LOCKED = int(Verb.GAP_UP_LOCKED)
GAP_DOWN_LOCKED = int(Verb.GAP_DOWN_LOCKED)
NOWHERE = UMAX
NO_INSTANCE = -1


def spec(kind: str, start: int | None, size: int, mask: int, offset: int) -> int | None:
    """Return the address that the kernel makes of the first (last) `size` free keys at `start`."""
    if start is None:
        return None
    if kind == "gap_up":
        return start + ((offset - start) & mask)
    return start + mask - ((start + mask - offset) & mask)


@kernel
def instance_next(words, slot):
    """Return a random own instance that has rows left (a word index), or NO_INSTANCE.

    An instance at its end begins its next turn, if the recordings are to loop.
    """
    count = load_relaxed(words, slot + OWN_COUNT)
    drawn = prng_below(words, slot, count)
    for step in range(count):
        own = load_relaxed(words, slot + OWN_FIRST) + (drawn + np.uint64(step)) % count
        block = instance_at(words, slot, own)
        position = load_relaxed(words, block + INSTANCE_DONE)
        if position & ROW_OF_POSITION < load_relaxed(words, block + INSTANCE_COUNT):
            return block, own
        if load_relaxed(words, slot + LOOP) != U0:
            turn = (position >> TURN_AT) + U1
            store_relaxed(words, block + INSTANCE_DONE, turn << TURN_AT)
            return block, own
    return NO_INSTANCE, U0


@kernel
def row_ask(words, slot, block, own, row):
    """Write down in NOW what the row at `row` asks for, as one of instance number `own`."""
    position = load_relaxed(words, block + INSTANCE_DONE)
    value = U0
    if load_relaxed(words, row + ROW_KIND) == KIND_STORE:
        turn = position >> TURN_AT
        value = value_of(position & ROW_OF_POSITION, U0, own + U1, turn)
    elif load_relaxed(words, row + ROW_KIND) >= KIND_GAP_DOWN:
        value = load_relaxed(words, row + ROW_SIZE)
    store_relaxed(words, slot + NOW_TREE, row_tree(words, block, row))
    store_relaxed(words, slot + NOW_FIRST, load_relaxed(words, row + ROW_FIRST))
    store_relaxed(words, slot + NOW_LAST, load_relaxed(words, row + ROW_LAST))
    store_relaxed(words, slot + NOW_VALUE, value)
    store_relaxed(words, slot + NOW_MASK, U0)
    store_relaxed(words, slot + NOW_OFFSET, U0)


@kernel
def address_of_gap(words, row, start):
    """Return the address that the kernel makes of the free keys at `start` for the row."""
    mask = load_relaxed(words, row + ROW_MASK)
    offset = load_relaxed(words, row + ROW_OFFSET)
    if load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP:
        return start + ((offset - start) & mask)
    return start + mask - ((start + mask - offset) & mask)


@kernel
def search_run(words, slot, row, tree):
    """Do the recorded gap search at `row` and compare; answers OK, MISS, ERROR or what ends."""
    up = load_relaxed(words, row + ROW_KIND) == KIND_GAP_UP
    verb = GAP_UP if up else GAP_DOWN
    locked = GAP_UP_LOCKED if up else GAP_DOWN_LOCKED
    epoch_pin(words, slot)
    status = gap_call(words, verb, locked, tree, slot)
    epoch_unpin(words, slot)
    if status in (U0, STATUS_RETRY):
        address = address_of_gap(words, row, load_relaxed(words, slot + RESULT_FIRST))
        return search_judge(words, slot, row, address)
    if status == STATUS_NOT_FOUND:
        return search_judge(words, slot, row, NOWHERE)
    return ENDS + status


@kernel
def search_judge(words, slot, row, address):
    """Compare what a search found with what was recorded; answers OK, MISS or ERROR."""
    store_relaxed(words, slot + RESULT_FIRST, address)
    store_relaxed(words, slot + RESULT_VALUE, load_relaxed(words, row + ROW_EXPECTED))
    if address != load_relaxed(words, row + ROW_EXPECTED):
        judge_fault(words, slot, REPLAY, FAULT_RECORDED, slot + RESULT)
        return ERROR
    judge_count(words, slot, REPLAY, GRADE_OK)
    return MISS if address == NOWHERE else OK


@kernel
def space_search_run(words, slot, block, own, row):
    """Do the recorded search at `row` in an address space; answers as search_run."""
    mm = space_of(words, np.int64(load_relaxed(words, slot + NOW_TREE)))
    status = search_make(words, slot, row, mm)
    address = load_relaxed(words, slot + RESULT_FIRST) if status == U0 else NOWHERE
    row_ask(words, slot, block, own, row)  # the question, for a report
    if status != U0 and status != ENOMEM:
        return call_answer(status)
    return search_judge(words, slot, row, address)


@kernel
def space_row_run(words, slot, block, own, row):
    """Do what the row at `row` says to its address space; returns an answer."""
    if load_relaxed(words, row + ROW_KIND) >= KIND_GAP_DOWN:
        return space_search_run(words, slot, block, own, row)
    mm = space_of(words, np.int64(load_relaxed(words, slot + NOW_TREE)))
    return call_answer(change_make(words, slot, row, mm))


@kernel
def row_run(words, slot, row, tree):
    """Do what the row at `row` says to `tree`; returns an answer."""
    if load_relaxed(words, row + ROW_KIND) >= KIND_GAP_DOWN:
        return search_run(words, slot, row, tree)
    verb = CLEAR if load_relaxed(words, row + ROW_KIND) == KIND_DESTROY else STORE
    status = write_call(words, verb, tree, slot)
    if status == U0:
        return OK
    return CONFLICT if status == STATUS_BACKLOG else ENDS + status


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Do the next row of one own instance; answers an outcome, IDLE, or what ends the slice.

    Called unpinned. The row counts as done when it was answered; what was not is done again.
    """
    words = words_at(base)
    block, own = instance_next(words, slot)
    if block == NO_INSTANCE:
        return IDLE
    done = load_relaxed(words, block + INSTANCE_DONE)
    published_raise(words, block + INSTANCE_PUBLISHED, done + U1)
    row = row_at(words, block, done & ROW_OF_POSITION)
    row_ask(words, slot, block, own, row)
    if load_relaxed(words, slot + SPACED) != U0:
        answer = space_row_run(words, slot, block, own, row)
    else:
        answer = row_run(words, slot, row, np.int64(load_relaxed(words, slot + NOW_TREE)))
    if answer < IDLE and answer != CONFLICT:
        store_relaxed(words, block + INSTANCE_DONE, done + U1)
    return answer
