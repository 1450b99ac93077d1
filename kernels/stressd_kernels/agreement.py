"""A second look: the same question, asked in another way of the same state, has the same answer.

    load   the value at a key                 FIND there: the same value, or nothing
    find   the first entry of a window        SCAN for one: the same entry, or none
    scan   the entries of a window            FIND after FIND: the same entries, none between

A value that certifies itself cannot tell that another one is missing; this can (oracle
`agreement`). Only timed operations are looked at again: a second look costs as much as the
first. The tree's version is read before the operation (V1) and after the second look, whose
loads acquire (S1, S2); if it was even and has not moved, both answers are of one state. If it
moved, nothing is known, and that is counted as unjudged.

    V1  as in instant.py
"""

import numpy as np

from stressd_kernels.door import kernel, load_acquire, load_relaxed, store_relaxed
from stressd_kernels.judge import (
    AGREEMENT,
    FAULT_DIFFERS,
    OK,
    UNJUDGED,
    judge_count,
    judge_fault,
)
from stressd_kernels.layout import (
    RESULT,
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_VALUE,
    TREE_VERSION,
    U0,
    U1,
)
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import (
    ENTRIES,
    ENTRY_WORDS,
    NOW_FIRST,
    NOW_LAST,
    SOURCE_CERTIFY,
    TIMING_ON,
)

FIND = int(Verb.FIND)
SCAN = int(Verb.SCAN)
STATUS_OK = np.uint64(Status.OK)
NOT_AGAIN = np.uint64(1)  # an odd version: there will be no second look


@kernel
def version_before(words, slot, tree):
    """Return the version of `tree` if this operation is to be looked at again, else an odd one."""
    timed = load_relaxed(words, slot + TIMING_ON) != U0
    if not timed or load_relaxed(words, slot + SOURCE_CERTIFY) == U0:
        return NOT_AGAIN
    return load_acquire(words, tree + TREE_VERSION, "V1")  # pairs with P4 (publish)


@kernel
def agreement_judge(words, slot, tree, version, differs):
    """Judge a second look that was taken from `version` on; return 1 if it is wrong, else 0."""
    if load_relaxed(words, tree + TREE_VERSION) != version:
        judge_count(words, slot, AGREEMENT, UNJUDGED)
        return U0
    if differs:
        judge_fault(words, slot, AGREEMENT, FAULT_DIFFERS, slot + RESULT)
        return U1
    judge_count(words, slot, AGREEMENT, OK)
    return U0


@kernel
def is_entry_at(words, slot, at):
    """Say whether the entry in RESULT is the one at word index `at`."""
    same = load_relaxed(words, slot + RESULT_FIRST) == load_relaxed(words, at)
    same = same and load_relaxed(words, slot + RESULT_LAST) == load_relaxed(words, at + 1)
    return same and load_relaxed(words, slot + RESULT_VALUE) == load_relaxed(words, at + 2)


@kernel
def load_again(words, slot, tree, version):
    """Look again at the load whose key and value stand in RESULT; pinned, 1 if wrong."""
    if version & U1 != U0:
        return U0
    key = load_relaxed(words, slot + NOW_FIRST)
    value = load_relaxed(words, slot + RESULT_VALUE)
    status = structure_call(words, FIND, tree, slot, key, key, U0, U0, U0)
    found = load_relaxed(words, slot + RESULT_VALUE) if status == STATUS_OK else U0
    store_relaxed(words, slot + RESULT_FIRST, key)
    store_relaxed(words, slot + RESULT_LAST, key)
    store_relaxed(words, slot + RESULT_VALUE, value)
    return agreement_judge(words, slot, tree, version, found != value)


@kernel
def find_again(words, slot, tree, version, status):
    """Look again at the find that answered `status` and RESULT; pinned, 1 if wrong."""
    if version & U1 != U0:
        return U0
    key = load_relaxed(words, slot + NOW_FIRST)
    until = load_relaxed(words, slot + NOW_LAST)
    at = slot + ENTRIES
    count = structure_call(words, SCAN, tree, slot, key, until, U1, np.uint64(at), U0)
    found = status == STATUS_OK
    differs = found != (count == U1) or (found and not is_entry_at(words, slot, at))
    return agreement_judge(words, slot, tree, version, differs)


@kernel
def scan_again(words, slot, tree, version, count, limit):
    """Look again at the `count` entries of a scan that may give `limit`; pinned, 1 if wrong."""
    if version & U1 != U0:
        return U0
    key = load_relaxed(words, slot + NOW_FIRST)
    until = load_relaxed(words, slot + NOW_LAST)
    ended = False
    for entry in range(count):
        at = slot + ENTRIES + entry * ENTRY_WORDS
        status = structure_call(words, FIND, tree, slot, key, until, U0, U0, U0)
        if ended or status != STATUS_OK or not is_entry_at(words, slot, at):
            return agreement_judge(words, slot, tree, version, True)
        key = load_relaxed(words, at + 1) + U1
        ended = key - U1 >= until
    if ended or count >= limit:
        return agreement_judge(words, slot, tree, version, False)
    status = structure_call(words, FIND, tree, slot, key, until, U0, U0, U0)
    return agreement_judge(words, slot, tree, version, status == STATUS_OK)
