"""Compiled writers and readers that know exactly what may be seen where.

Entry i of the map has a role, i modulo ten, and lies at [100 i, 100 i + 49]; its value says i and
how often it was written. In the free keys behind it another may come and go.

    0  MOD    written again and again on its own range: the count never goes back
    1  DEL    erased and stored again
    2  FLIP   one of two values
    3  ADD    itself untouched; [100 i + 60, 100 i + 79] comes and goes
    4  NEXT   untouched, next to what comes and goes
    5-9       untouched; many single keys behind them come and go: leaves split and merge

A reader walks ten entries at a time, forward by find and next or backward by prev, and counts
what is wrong and, for each role, how often it saw a change. What is there all the time is met in
every walk, even by an overtaken next or prev.
"""

from __future__ import annotations

import numpy as np

from stressd_kernels.door import borrowed, driver, entry_call, kernel, load_relaxed, sched_yield
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, RESULT_LAST, RESULT_VALUE, U0, U1, UMAX
from stressd_kernels.prng import prng_below
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb

MOD, DEL, FLIP, ADD, NEXT = range(5)
STRIDE, LENGTH = 100, 50
BEHIND, BEHIND_LENGTH, SINGLES = 60, 20, 30
VALUE_BIT = 1 << 62
ID_SHIFT = 32
SEQUENCE = (1 << 32) - 1

WRITE_VERBS = (Verb.STORE, Verb.ERASE)
READ_VERBS = (Verb.FIND, Verb.NEXT, Verb.PREV)
WRONG, WALKS = 5, 6  # places behind the five roles in what a reader counts
COUNTS = 7
OK = np.uint64(Status.OK)
BACKLOG = np.uint64(Status.BACKLOG)
TEN = np.uint64(10)


@kernel
def put(words, tree, slot, verbs, first, last, value):
    """Store, waiting for readers if need be; return 1 if it was refused."""
    a, b, c = np.uint64(first), np.uint64(last), np.uint64(value)
    status = entry_call(words, verbs[0], tree, slot, a, b, c, U0, U0)
    while status == BACKLOG:
        sched_yield()
        status = entry_call(words, verbs[0], tree, slot, a, b, c, U0, U0)
    return np.int64(status != OK)


@driver
def write_roles(words, tree, slot, verbs, share, written, count):
    """Change entries of the tens n, n + writers, ... `count` times; return refusals.

    share    int64: (n, writers); verbs: addresses of WRITE_VERBS
    written  int64[entries]: how often each was written; of a DEL odd while it is gone
    """
    words = borrowed(words)
    tens = np.int64(len(written)) // 10
    mine = np.uint64((tens - share[0] + share[1] - 1) // share[1])
    refused = 0
    for _ in range(count):
        ten = share[0] + share[1] * np.int64(prng_below(words, slot, mine))
        role = np.int64(prng_below(words, slot, TEN))
        refused += write_role(words, tree, slot, verbs, ten * 10 + role, written)
    return refused


@kernel
def write_role(words, tree, slot, verbs, number, written):
    """Do to entry `number` what its role says; return refusals."""
    role = number % 10
    first = number * STRIDE
    written[number] += 1
    times = written[number]
    value = VALUE_BIT | number << ID_SHIFT | times
    behind = first + BEHIND
    if role == MOD:
        return put(words, tree, slot, verbs, first, first + LENGTH - 1, value)
    if role == DEL:
        if times & 1 == 0:
            return put(words, tree, slot, verbs, first, first + LENGTH - 1, value)
        key = np.uint64(first + LENGTH // 2)
        status = entry_call(words, verbs[1], tree, slot, key, U0, U0, U0, U0)
        while status == BACKLOG:
            sched_yield()
            status = entry_call(words, verbs[1], tree, slot, key, U0, U0, U0, U0)
        return np.int64(status != OK)
    if role == FLIP:
        value = VALUE_BIT | number << ID_SHIFT | times & 1
        return put(words, tree, slot, verbs, first, first + LENGTH - 1, value)
    if role == ADD:
        value = value if times & 1 else 0
        return put(words, tree, slot, verbs, behind, behind + BEHIND_LENGTH - 1, value)
    if role == NEXT:
        return 0
    if times & 1 == 0:
        return put(words, tree, slot, verbs, behind, behind + SINGLES - 1, 0)
    refused = 0
    for key in range(behind, behind + SINGLES):
        refused += put(words, tree, slot, verbs, key, key, value)
    return refused


@driver
def read_roles(words, tree, slot, verbs, shape, seen, counts):
    """Walk random tens until told to stop, and count.

    shape   int64: (tens, stop word, 1 for forward, yields between two steps)
    seen    int64[10 * tens]: what this reader saw last of each entry, -1 for nothing
    counts  int64[COUNTS], added to
    """
    words = borrowed(words)
    while load_relaxed(words, shape[1]) == U0:
        ten = np.int64(prng_below(words, slot, np.uint64(shape[0])))
        epoch_pin(words, slot)
        counts[WRONG] += walk_ten(words, tree, slot, verbs, (ten, shape[2], shape[3]), seen, counts)
        epoch_unpin(words, slot)
        counts[WALKS] += 1


@kernel
def walk_ten(words, tree, slot, verbs, how, seen, counts):
    """Walk the ten entries of one ten; return how much was wrong."""
    ten, forward, slow = how
    key = np.uint64(ten * 10 * STRIDE)
    verb = 0
    expected = ten * 10
    if not forward:
        key = np.uint64((ten + 1) * 10 * STRIDE)
        verb = 2
        expected += 9
    wrong = 0
    added = np.int64(0)
    while True:
        status = entry_call(words, verbs[verb], tree, slot, key, UMAX, U0, U0, U0)
        first = np.int64(words[slot + RESULT_FIRST])
        if status != OK or first // (10 * STRIDE) != ten:
            break
        last = np.int64(words[slot + RESULT_LAST])
        value = np.int64(words[slot + RESULT_VALUE])
        key = np.uint64(first)
        verb = 1 if forward else 2
        number = first // STRIDE
        wrong += is_wrong(first, last, value, seen)
        if first % STRIDE == 0:
            missed = number - expected if forward else expected - number
            gone = expected if missed == 1 else -1
            wrong += missed > 1 or (missed == 1 and gone % 10 != DEL) or missed < 0
            if missed == 1:
                counts[DEL] += seen[gone] != -1
                seen[gone] = -1
            note(number, value & SEQUENCE, seen, counts)
            expected = number + 1 if forward else number - 1
        elif number % 10 == ADD:
            added = 1
        for _ in range(slow):
            sched_yield()
    short = ten * 10 + 10 - expected if forward else expected + 1 - ten * 10
    wrong += short > 0
    counts[ADD] += seen[ten * 10 + ADD] != added
    seen[ten * 10 + ADD] = added
    return wrong


@kernel
def is_wrong(first, last, value, seen):
    """Say whether an entry could not have been there, wherever it was met."""
    number = first // STRIDE
    role = number % 10
    times = value & SEQUENCE
    if value >> 62 != 1 or (value ^ VALUE_BIT) >> ID_SHIFT != number:
        return True
    if first % STRIDE == 0:
        if last != first + LENGTH - 1 or (role > FLIP and times != 0):
            return True
        if role == FLIP:
            return times > 1
        return (role == MOD and times < seen[number]) or (role == DEL and times & 1 == 1)
    if role == ADD:
        return first % STRIDE != BEHIND or last != first + BEHIND_LENGTH - 1 or times & 1 == 0
    return role <= NEXT or first != last or first % STRIDE < BEHIND or times & 1 == 0


@kernel
def note(number, times, seen, counts):
    """Remember what was seen of an entry, and count it if that is something new."""
    role = number % 10
    if role <= FLIP:
        counts[role] += seen[number] != times
        seen[number] = times
    elif role != ADD:
        counts[NEXT] += role == NEXT


# -- one range, before and after -------------------------------------------------------------


@driver
def watch(words, tree, slot, load, shape, counts):
    """Load keys of [first, last] until told to stop; its keys go from old to new values.

    shape   int64: (first, last, new value, stop word, 1 if key after key changes, from the first
            on; else all at once)
    counts  int64: wrong answers, old values seen, new values seen
    """
    words = borrowed(words)
    first, last, fresh = shape[0], shape[1], shape[2]
    span = np.uint64(last - first + 1)
    upto = first - 1  # keys up to here were seen to be new
    while load_relaxed(words, shape[3]) == U0:
        epoch_pin(words, slot)
        for _ in range(64):
            key = first + np.int64(prng_below(words, slot, span))
            value = np.int64(entry_call(words, load, tree, slot, np.uint64(key), U0, U0, U0, U0))
            if value == fresh:
                counts[2] += 1
                upto = max(upto, key if shape[4] else last)
            else:
                counts[1] += 1
                counts[0] += key <= upto or value != VALUE_BIT | (key // STRIDE) << ID_SHIFT
            outside = first - 1 if key & 1 else last + 1
            asked = np.uint64(outside)
            value = np.int64(entry_call(words, load, tree, slot, asked, U0, U0, U0, U0))
            counts[0] += value != VALUE_BIT | (outside // STRIDE) << ID_SHIFT
        epoch_unpin(words, slot)


@driver
def watch_growth(words, tree, slot, find, shape, counts):
    """Find entries that grow at both ends at once, until told to stop.

    shape   int64: (entries, stop word): entry i began as [STRIDE * i, STRIDE * i + LENGTH - 1]
    counts  int64: torn answers, whole ones, those that had grown
    """
    words = borrowed(words)
    while load_relaxed(words, shape[1]) == U0:
        epoch_pin(words, slot)
        for _ in range(64):
            number = U1 + prng_below(words, slot, np.uint64(shape[0] - 2)) | U1
            begin = np.int64(number) * STRIDE
            middle = np.uint64(begin + LENGTH // 2)
            status = entry_call(words, find, tree, slot, middle, middle, U0, U0, U0)
            if status == OK:
                left = begin - np.int64(words[slot + RESULT_FIRST])
                right = np.int64(words[slot + RESULT_LAST]) - (begin + LENGTH - 1)
                times = np.int64(words[slot + RESULT_VALUE]) & SEQUENCE
                counts[0] += left != right or left != times
                counts[1] += 1
                counts[2] += left > 0
        epoch_unpin(words, slot)


@driver
def grow(words, tree, slot, verbs, entries, steps):
    """Let every other entry grow by one key at both ends, `steps` times; return refusals."""
    words = borrowed(words)
    refused = 0
    for step in range(1, steps + 1):
        for number in range(1, entries - 1, 2):
            begin = number * STRIDE
            value = VALUE_BIT | number << ID_SHIFT | step
            end = begin + LENGTH - 1 + step
            refused += put(words, tree, slot, verbs, begin - step, end, value)
    return refused
