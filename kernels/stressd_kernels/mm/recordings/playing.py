"""A recording's rows played on address spaces, one after the other, until something differs.

Rows are those of sources/recording.py; ROW_TREE is the number of a space, a block of SPACE_WORDS
(growing.py). STORE has the identity of the VMA in ROW_SIZE and ROW_* bits in ROW_MASK. The end of
a space is not a row: Python looks at it first.

While events are traced (trace.py), each row is played in the name of the process that the
recording tells of; and none before there is room for its events.

For one thread that has all these address spaces to itself.
"""

import numpy as np

from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, RESULT_LAST, U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.layout import ANSWER, MM_OFFSET
from stressd_kernels.mm.lookup import maple_find
from stressd_kernels.mm.recordings.growing import (
    GROWTH,
    INHERITED_WORDS,
    MAYBE_GROWS,
    NOWHERE,
    SPACE_MM,
    SPACE_RETURNED_SIZE,
    SPACE_UNSURE,
    SPACE_WORDS,
    growth_of,
    search_done,
    search_settle,
)
from stressd_kernels.mm.trace import ROOM_OF_A_CALL, trace_begin, trace_on
from stressd_kernels.mm.words import ENOMEM
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_START
from stressd_kernels.sources.recording import (
    KIND_ERASE,
    KIND_GAP_DOWN,
    KIND_STORE,
    ROW_EXPECTED,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAST,
    ROW_MASK,
    ROW_OFFSET,
    ROW_SIZE,
    ROW_TREE,
    ROW_WORDS,
)
from stressd_kernels.worker import TRACE_NAMED

EVENTS = np.uint64(2 * ROOM_OF_A_CALL)  # of all calls that one row takes: none must wait
RECORD_STORE = int(Call.RECORD_STORE)
RECORD_ERASE = int(Call.RECORD_ERASE)
SEARCH = int(Call.SEARCH)
MISSED = np.uint64(1 << 20)  # beyond every Status and errno: the answer differs from the recorded


@kernel
def store_play(words, slot, space, row):
    """Play a store; return the call's answer."""
    growth = growth_of(words, slot, space, row)
    if growth & MAYBE_GROWS != U0:
        store_relaxed(words, space + SPACE_UNSURE, U1)
    store_relaxed(words, space + SPACE_RETURNED_SIZE, U0)
    mm = np.int64(load_relaxed(words, space + SPACE_MM))
    first, last = load_relaxed(words, row + ROW_FIRST), load_relaxed(words, row + ROW_LAST)
    identity = load_relaxed(words, row + ROW_SIZE)
    return mm_call(words, RECORD_STORE, mm, slot, first, last, identity, growth, U0)


@kernel
def erase_play(words, slot, space, row):
    """Play an erase; return the call's answer."""
    mm = np.int64(load_relaxed(words, space + SPACE_MM))
    first, last = load_relaxed(words, row + ROW_FIRST), load_relaxed(words, row + ROW_LAST)
    return mm_call(words, RECORD_ERASE, mm, slot, first, last, U0, U0, U0)


@kernel
def search_ask(words, slot, mm, row):
    """Ask what the row asks, of all structures that can tell; return the call's answer."""
    mask = load_relaxed(words, row + ROW_MASK)
    length = load_relaxed(words, row + ROW_SIZE) - mask
    low, high = load_relaxed(words, row + ROW_FIRST), load_relaxed(words, row + ROW_LAST) + U1
    down = load_relaxed(words, row + ROW_KIND) == KIND_GAP_DOWN
    words[slot + MM_OFFSET] = U1 if down else U0
    offset = load_relaxed(words, row + ROW_OFFSET)
    return mm_call(words, SEARCH, mm, slot, length, low, high, mask, offset)


@kernel
def search_play(words, slot, space, row):
    """Play a search; OK, MISSED with the address in ANSWER, or what else the call answers."""
    if load_relaxed(words, space + SPACE_UNSURE) != U0:
        search_settle(words, slot, space, row)
    mm = np.int64(load_relaxed(words, space + SPACE_MM))
    status = search_ask(words, slot, mm, row)
    recorded = load_relaxed(words, row + ROW_EXPECTED)
    search_done(words, space, row, recorded)
    if status != OK and status != ENOMEM:
        return status
    address = words[slot + ANSWER] if status == OK else NOWHERE
    words[slot + ANSWER] = address
    return OK if address == recorded else MISSED


@kernel
def row_play(words, slot, space, row):
    """Play one row; return what came of it."""
    kind = load_relaxed(words, row + ROW_KIND)
    if kind == KIND_STORE:
        return store_play(words, slot, space, row)
    if kind == KIND_ERASE:
        return erase_play(words, slot, space, row)
    return search_play(words, slot, space, row)


@entry
def play(base, mm, slot, a, b, c, d, e):
    """Play rows a .. b of the table at word index c on the spaces at word index d.

    e       word index of a process for each row (0: not known); for traces
    return  how many rows were played, counted from row 0, the one that it stopped at among them

    RESULT_LAST: OK, MISSED (RESULT_FIRST: the address that was found, or NOWHERE), or what a call
    answered that could not be made; BACKLOG, if the next row has to wait for the trace.
    """
    words = words_at(base)
    status = OK
    number = a
    while number < b and status == OK:
        row = np.int64(c) + np.int64(number) * ROW_WORDS
        space = np.int64(d) + np.int64(load_relaxed(words, row + ROW_TREE)) * SPACE_WORDS
        if trace_on(words):
            pid = load_relaxed(words, np.int64(e) + np.int64(number))
            store_relaxed(words, slot + TRACE_NAMED, pid)
            status = trace_begin(words, slot, EVENTS)
            if status != OK:
                break
        status = row_play(words, slot, space, row)
        number += U1
    words[slot + RESULT_LAST] = status
    return number


@entry
def list_vmas(base, mm, slot, a, b, c, d, e):
    """List the VMAs of mm from address a on whose flags have any of b (all, if b is all bits).

    c, d  word index of the list, and for how many entries there is room
    return  how many there are; each is INHERITED_WORDS words: first, last, flags
    """
    words = words_at(base)
    count = U0
    at = np.int64(c)
    epoch_pin(words, slot)
    vma = maple_find(words, mm, slot, a)
    while vma != NO_RECORD and count < d:
        if b == UMAX or words[vma + VMA_FLAGS] & b != U0:
            store_relaxed(words, at, words[vma + VMA_START])
            store_relaxed(words, at + 1, words[vma + VMA_END] - U1)
            store_relaxed(words, at + 2, words[vma + VMA_FLAGS] & GROWTH)
            at += INHERITED_WORDS
            count += U1
        vma = maple_find(words, mm, slot, words[vma + VMA_END])
    epoch_unpin(words, slot)
    words[slot + RESULT_FIRST] = UMAX if vma == NO_RECORD else words[vma + VMA_START]
    return count
