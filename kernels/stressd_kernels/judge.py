"""What a worker finds wrong with an answer, at the moment that it gets it.

    oracle   looks at                                 forbidden
    values   every entry that any operation returns   a value that cannot stand there (values.py)
    order    the entries of a scan, of a find         not ascending, not asked for
    gaps     the answer of a gap search               outside its window, misaligned, not free
    replay   a recorded gap search, asked again       another answer than was recorded
    agreement  a timed load, find or scan, asked      another answer, of the same state
             again in another way (agreement.py)

A scan is not one instant: its next entry may begin inside the one before, if a write came in
between. Ends ascend all the same, so that is interesting, no more.

Every look is counted by its grade. A forbidden one is also recorded, with what was asked and
what was answered, until FINDINGS_MAX of them stand there: the first are the ones that tell.

Ordering                                          pairs with   and forbids
    F1  release, counting a finding               N1           a finding counted but not written
"""

import numpy as np

from stressd_kernels.counters import counter_one
from stressd_kernels.door import entry_call, kernel, load_relaxed, store_relaxed, store_release
from stressd_kernels.layout import (
    LINE_WORDS,
    RESULT,
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    RESULT_VERSION,
    TREE_VERSION,
    U0,
    U1,
)
from stressd_kernels.status import Status
from stressd_kernels.values import FAULTS as VALUE_FAULTS
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import (
    ENTRY_WORDS,
    FINDING_ANSWER,
    FINDING_FAULT,
    FINDING_NOW,
    FINDING_ORACLE,
    FINDING_VERSION,
    FINDING_WORDS,
    FINDINGS,
    FINDINGS_MAX,
    JUDGED,
    JUDGED_WORDS,
    NOW,
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_SIZE,
    NOW_TREE,
    NOW_WORDS,
    SOURCE_CERTIFY,
)

ORACLES = ("values", "order", "gaps", "replay", "agreement")
VALUES = 0
ORDER = 1
GAPS = 2
REPLAY = 3
AGREEMENT = 4

GRADES = ("ok", "interesting", "forbidden", "unjudged")
OK = 0
INTERESTING = 1
FORBIDDEN = 2
UNJUDGED = 3

FIND = int(Verb.FIND)
STATUS_OK = np.uint64(Status.OK)

# What can be wrong with an answer, said in FINDING_FAULT, after those of a value.
FAULTS = (
    *VALUE_FAULTS,
    "is out of order",
    "lies outside what was asked for",
    "lies outside the window",
    "is not aligned as asked",
    "was not free",
    "is not the answer that was recorded",
    "is not the answer to the same question asked in another way",
)
FAULT_ORDER = np.uint64(len(VALUE_FAULTS))
FAULT_UNASKED = FAULT_ORDER + np.uint64(1)
FAULT_WINDOW = FAULT_ORDER + np.uint64(2)
FAULT_ALIGNMENT = FAULT_ORDER + np.uint64(3)
FAULT_TAKEN = FAULT_ORDER + np.uint64(4)
FAULT_RECORDED = FAULT_ORDER + np.uint64(5)
FAULT_DIFFERS = FAULT_ORDER + np.uint64(6)


@kernel
def judge_count(words, slot, oracle, grade):
    """Count one look of `oracle` that ended in `grade`; both are constants from above."""
    counter_one(words, slot + JUDGED + oracle * JUDGED_WORDS + grade)


@kernel
def judge_fault(words, slot, oracle, fault, at):
    """Count a forbidden answer, and record what was asked and answered while there is room.

    at  word index of the answer: first, last, value
    """
    judge_count(words, slot, oracle, FORBIDDEN)
    taken = load_relaxed(words, slot + FINDINGS)
    if taken < np.uint64(FINDINGS_MAX):
        record = slot + FINDINGS + LINE_WORDS + np.int64(taken) * FINDING_WORDS
        store_relaxed(words, record + FINDING_ORACLE, np.uint64(oracle))
        store_relaxed(words, record + FINDING_FAULT, fault)
        for offset in range(NOW_WORDS):
            asked = load_relaxed(words, slot + NOW + offset)
            store_relaxed(words, record + FINDING_NOW + offset, asked)
        for offset in range(ENTRY_WORDS):
            answered = load_relaxed(words, at + offset)
            store_relaxed(words, record + FINDING_ANSWER + offset, answered)
        version = load_relaxed(words, slot + RESULT_VERSION)
        store_relaxed(words, record + FINDING_VERSION, version)
    store_release(words, slot + FINDINGS, taken + U1, "F1")  # pairs with N1 (words_copy)


@kernel
def judge_entry(words, slot, at):
    """Ask whether an entry may stand in the tree asked; return 1 if it may not, else 0.

    at  word index of the entry: first, last, value

    Entries are not judged at all where the run does not check values.
    """
    certify = load_relaxed(words, slot + SOURCE_CERTIFY)
    if certify == U0:
        return U0
    tree = np.int64(load_relaxed(words, slot + NOW_TREE))
    first = load_relaxed(words, at)
    last = load_relaxed(words, at + 1)
    value = load_relaxed(words, at + 2)
    fault = entry_call(words, certify, tree, slot, first, last, value, U0, U0)
    if fault == U0:
        judge_count(words, slot, VALUES, OK)
        return U0
    judge_fault(words, slot, VALUES, fault, at)
    return U1


@kernel
def order_fault(words, slot, at):
    """Return what is wrong with the entry at `at` as an answer to the range in NOW, or 0."""
    first = load_relaxed(words, at)
    last = load_relaxed(words, at + 1)
    if first > last:
        return FAULT_ORDER
    if last < load_relaxed(words, slot + NOW_FIRST) or first > load_relaxed(words, slot + NOW_LAST):
        return FAULT_UNASKED
    return U0


@kernel
def judge_entries(words, slot, at, count):
    """Judge `count` entries at `at`, ascending: order and values; return how many are wrong."""
    wrong = U0
    grade = OK
    for entry in range(count):
        here = at + entry * ENTRY_WORDS
        fault = order_fault(words, slot, here)
        if entry > 0:
            before = load_relaxed(words, here + 1 - ENTRY_WORDS)
            if load_relaxed(words, here + 1) <= before:
                fault = FAULT_ORDER
            elif load_relaxed(words, here) <= before:
                grade = INTERESTING
        if fault != U0:
            judge_fault(words, slot, ORDER, fault, here)
            wrong += U1
        wrong += judge_entry(words, slot, here)
    if wrong == U0:
        judge_count(words, slot, ORDER, grade)
    return wrong


@kernel
def gap_fault(words, slot):
    """Return what is wrong with the gap in RESULT as an answer to the search in NOW, or 0.

    The gap's value is 0, or that of an entry that stood in it in the very state of the answer.
    """
    start = load_relaxed(words, slot + RESULT_FIRST)
    low = load_relaxed(words, slot + NOW_FIRST)
    high = load_relaxed(words, slot + NOW_LAST)
    if start < low or start > high or high - start < load_relaxed(words, slot + NOW_SIZE) - U1:
        return FAULT_WINDOW
    misplaced = start ^ load_relaxed(words, slot + NOW_OFFSET)
    if misplaced & load_relaxed(words, slot + NOW_MASK) != U0:
        return FAULT_ALIGNMENT
    if load_relaxed(words, slot + RESULT_VALUE) != U0:
        return FAULT_TAKEN
    return U0


@kernel
def gap_look(words, slot, tree):
    """Look for an entry in the gap in RESULT; leave its value, or 0, in RESULT_VALUE.

    Pinned. The answer was right at RESULT_VERSION. If the tree still has that version after FIND
    has looked (whose loads acquire, S2, so this one comes after them), it looked at that very
    state, and an entry means that the gap was not free. If not, nothing is known.
    """
    start = load_relaxed(words, slot + RESULT_FIRST)
    last = load_relaxed(words, slot + RESULT_LAST)
    version = load_relaxed(words, slot + RESULT_VERSION)
    status = structure_call(words, FIND, tree, slot, start, last, U0, U0, U0)
    value = load_relaxed(words, slot + RESULT_VALUE) if status == STATUS_OK else U0
    if load_relaxed(words, tree + TREE_VERSION) != version:
        judge_count(words, slot, GAPS, UNJUDGED)
        value = U0
    store_relaxed(words, slot + RESULT_FIRST, start)
    store_relaxed(words, slot + RESULT_LAST, last)
    store_relaxed(words, slot + RESULT_VALUE, value)
    store_relaxed(words, slot + RESULT_VERSION, version)


@kernel
def judge_gap(words, slot):
    """Judge the gap in RESULT as an answer to the search in NOW; return 1 if wrong, else 0."""
    fault = gap_fault(words, slot)
    if fault == U0:
        judge_count(words, slot, GAPS, OK)
        return U0
    judge_fault(words, slot, GAPS, fault, slot + RESULT)
    return U1
