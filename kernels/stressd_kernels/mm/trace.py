"""Trace events: what a change of an address space leaves behind for whoever reads along.

    event              emitted by     as the original does
    vma_mt_store       trace_store    before the tree is written (so also if that should fail)
    vma_mt_szero       trace_szero    the range is [start, end), printed up to end - 1
    exit_mmap          trace_exit     after the last VMA, even of an address space without any
    vm_unmapped_area   trace_search   with the window that was searched last, and the answer

Events are written down as records in a ring of the slot that makes the change (worker.py), and
taken from there (trace_take) and turned into text by one thread of Python, for which no call ever
waits while it holds a lock. With tracing off, and it is off unless `HEADER_TRACE` says otherwise,
an event costs one branch.

A record is six words; a search takes two records, published together:

    word    0         1       2           3               4        5
    change  number    MM_ID   VMA_ID, 0   start | kind    last     stamp
    search  number    MM_ID   address     flags | kind    length   stamp
    more    low       high    mask        pages | kind    offset   error
    actor   MM_ID of whoever acts in the foreign records of this ring from here on

Addresses are those of pages, so the kind finds room in the low bits of a word, and whether a
VMA grows down, which decides where others may be. `number` is the
mm's own count of events, taken under its lock: the order inside one address space, whichever
threads changed it. Stamps are ticks of a clock, for people: they order nothing.

`foreign` marks what is not done in the name of the address space itself: fork fills the child's
tree for the parent, and whoever plays a recording may name the process that it tells of
(TRACE_NAMED).

**Nothing is lost**, unless one call makes more events than its ring has room for. A call waits for
room before it takes its lock: `trace_begin` answers BACKLOG, as a write does that must wait for
readers, and its callers wait as they do for those: unpinned, without a lock, looking whether to
stop. Inside the lock nothing waits for the ring (the text is as slow as the disk that it goes
to, and every reader and writer that needs the lock would be as slow): an event that finds no
room is counted in TRACE_LOST, its number is missing in the file, and the reader of the rings
writes LOST in its place. A fork asks for room for all VMAs, and again under the lock, where there
can be no more of them; a ring holds as many as an address space may have by default. Any other call
asks for four events for each VMA, but never more than a quarter of the ring: so it takes one that
merges or moves thousands of VMAs at once, in a ring that is nearly full.

Ordering                                              pairs with   and forbids
    T1  release, publishing records                   T2           a record before its words
    T2  acquire, reading how far they go              T1           "
    T3  release, giving room back                     T4           overwriting what is being read
    T4  acquire, looking for room                     T3           "

Who sees record n of an mm in one ring finds record n - 1 in its ring, whichever that is, if he
looks there afterwards: T1 of the one comes before W2, that before W1, and that before T1 of the
other.

The words of a record are read and written as plain words: from T3 to T1 they are the writer's,
from T1 to T3 the reader's.

Progress: wait-free, but for waiting in `trace_begin`'s callers.

Source of the events: mm/mmap.c of the change that introduced vma_mt_store.
"""

import numpy as np

from stressd_kernels.counters import counter_one
from stressd_kernels.door import (
    borrowed,
    clock_monotonic,
    driver,
    kernel,
    kernel_inline,
    load_acquire,
    load_relaxed,
    stamp_begin,
    store_relaxed,
    store_release,
)
from stressd_kernels.layout import HEADER_TRACE, SLOT_WORDS, SLOTS, SLOTS_MAX, U0, U1, U2
from stressd_kernels.mm.layout import MM_COUNT, MM_EVENTS, MM_ID, MM_TOTAL
from stressd_kernels.mm.words import VM_GROWSDOWN
from stressd_kernels.records import VMA_END, VMA_FLAGS, VMA_ID, VMA_START
from stressd_kernels.status import Status
from stressd_kernels.worker import (
    EVENT_WORDS,
    TRACE_ACTOR,
    TRACE_ASK,
    TRACE_CAPACITY,
    TRACE_HEAD,
    TRACE_LOST,
    TRACE_NAMED,
    TRACE_RECORDS,
    TRACE_SAID,
    TRACE_TAIL,
    TRACE_WAITS,
)

TRACE_OFF = 0  # HEADER_TRACE
TRACE_STAMPS = 1  # on, times by the stamp counter
TRACE_MONOTONIC = 2  # on, times by CLOCK_MONOTONIC

EVENT_STORE = 1
EVENT_SZERO = 2
EVENT_EXIT = 3
EVENT_SEARCH = 4
EVENT_MORE = 5
EVENT_ACTOR = 6
EVENT_FOREIGN = 8  # beside the kind: made by the last actor, not by the mm itself
EVENT_KINDS = 7  # mask of the kind
EVENT_GROWS = 16  # beside the kind of a store: the VMA grows down
EVENT_FLAGS_AT = 4  # a search's flags and pages stand above the kind
COLUMNS = EVENT_WORDS + 1  # of a record that was taken: its words, and the word index of its slot
MARK_TAIL = 0
MARK_HEAD = 1
SHARE_MIN = 4  # rows: an actor and the two records of a search have room in them
EVENTS_OF_A_CALL = 256  # more than any call makes that is not over many VMAs
ROOM_OF_A_CALL = TRACE_CAPACITY >> 2  # for calls over many: more would keep rings from filling

STORE = np.uint64(EVENT_STORE)
SZERO = np.uint64(EVENT_SZERO)
EXIT = np.uint64(EVENT_EXIT)
SEARCH = np.uint64(EVENT_SEARCH)
MORE = np.uint64(EVENT_MORE)
ACTOR = np.uint64(EVENT_ACTOR)
GROWS_AT = np.uint64(int(VM_GROWSDOWN).bit_length() - EVENT_GROWS.bit_length())
FOREIGN = np.uint64(EVENT_FOREIGN)
KINDS = np.uint64(EVENT_KINDS)
FLAGS_AT = np.uint64(EVENT_FLAGS_AT)
EVENTS_LEAST = np.uint64(EVENTS_OF_A_CALL)
EVENTS_MOST = np.uint64(ROOM_OF_A_CALL)
CAPACITY = np.uint64(TRACE_CAPACITY)
INDEX_MASK = np.uint64(TRACE_CAPACITY - 1)
RECORDS_MOST = np.uint64(3)  # of one event: an actor and the two of a search
STAMPS = np.uint64(TRACE_STAMPS)
OK = np.uint64(Status.OK)
BACKLOG = np.uint64(Status.BACKLOG)


@kernel_inline
def trace_on(words):
    """Say whether events are written down."""
    return load_relaxed(words, HEADER_TRACE) != U0


@kernel_inline
def trace_begin(words, slot, events):
    """Begin a call that makes up to `events` (uint64) records; return OK or BACKLOG.

    To be called before the lock is taken, unpinned. BACKLOG: nothing is done, ask again later.
    """
    if load_relaxed(words, HEADER_TRACE) == U0:
        return OK
    return trace_room(words, slot, events)


@kernel
def trace_room(words, slot, events):
    """Say whether a call finds room in its ring; never more than a whole ring."""
    head = load_acquire(words, slot + TRACE_HEAD, "T4")  # pairs with T3 (trace_take)
    used = load_relaxed(words, slot + TRACE_TAIL) - head
    if used == U0 or used + events <= CAPACITY:
        return OK
    counter_one(words, slot + TRACE_WAITS)
    return BACKLOG


@kernel_inline
def trace_call(words, mm, slot):
    """Begin a call on `mm`, as trace_begin does, with room for what most calls make at most."""
    if load_relaxed(words, HEADER_TRACE) == U0:
        return OK
    events = (load_relaxed(words, mm + MM_COUNT) << U2) + EVENTS_LEAST
    return trace_room(words, slot, min(events, EVENTS_MOST))


@kernel_inline
def trace_copies(words, mm, slot):
    """Begin a call that makes an event for each VMA of `mm`, as trace_begin does.

    Records: one for each, and one that says who acts; but the last event, too, wants to find room
    for RECORDS_MOST. May be asked under the lock: the number of VMAs is then what it stays.
    """
    return trace_begin(words, slot, load_relaxed(words, mm + MM_COUNT) + RECORDS_MOST)


@kernel_inline
def trace_actor(words, mm, slot):
    """Let `mm` be the one that acts from here on, or the process that is named (TRACE_NAMED).

    Under its lock: before that, another address space may still live in its block.
    """
    if load_relaxed(words, HEADER_TRACE) != U0:
        actor = load_relaxed(words, slot + TRACE_NAMED)
        if actor == U0:
            actor = load_relaxed(words, mm + MM_ID)
        store_relaxed(words, slot + TRACE_ACTOR, actor)


@kernel_inline
def trace_store(words, mm, slot, record):
    """Note that the VMA of `record` is about to be stored. Under the lock of `mm`."""
    if load_relaxed(words, HEADER_TRACE) != U0:
        grows = (load_relaxed(words, record + VMA_FLAGS) & VM_GROWSDOWN) >> GROWS_AT
        start = words[record + VMA_START] | STORE | grows
        event_write(words, mm, slot, words[record + VMA_ID], start, words[record + VMA_END] - U1)


@kernel_inline
def trace_szero(words, mm, slot, start, end):
    """Note that [start, end) is about to be erased; an end of 0 is 2**64. Under the lock."""
    if load_relaxed(words, HEADER_TRACE) != U0:
        event_write(words, mm, slot, U0, start | SZERO, end - U1)


@kernel_inline
def trace_exit(words, mm, slot):
    """Note that `mm` is about to be emptied for good. Under its lock."""
    if load_relaxed(words, HEADER_TRACE) != U0:
        event_write(words, mm, slot, U0, EXIT, U0)


@kernel_inline
def trace_search(words, mm, slot, flags, address, error):
    """Note a gap search. Under the lock of `mm`.

    slot + TRACE_ASK .. + 4    low, high (exclusive), length, mask and offset: what was asked
    flags                      uint64, 1 is top-down
    address, error             uint64, what was found, or 0 and the error's number (positive)
    """
    if load_relaxed(words, HEADER_TRACE) != U0:
        search_write(words, mm, slot, flags, address, error)


# -- records -----------------------------------------------------------------------------


@kernel
def event_number(words, mm):
    """Count an event of `mm` and return its number: 1, 2, ..."""
    number = load_relaxed(words, mm + MM_EVENTS) + U1
    store_relaxed(words, mm + MM_EVENTS, number)
    return number


@kernel
def event_room(words, slot):
    """Return the number of the next record, and whether any event would find room."""
    tail = load_relaxed(words, slot + TRACE_TAIL)
    head = load_acquire(words, slot + TRACE_HEAD, "T4")  # pairs with T3 (trace_take)
    return tail, tail - head + RECORDS_MOST <= CAPACITY


@kernel
def event_stamp(words):
    """Return the time, in ticks of the clock that HEADER_TRACE names."""
    if load_relaxed(words, HEADER_TRACE) == STAMPS:
        return stamp_begin()
    return clock_monotonic()


@kernel_inline
def record_at(slot, number):
    """Return the word index of record `number` of a ring."""
    return slot + TRACE_RECORDS + np.int64(number & INDEX_MASK) * EVENT_WORDS


@kernel
def actor_write(words, mm, slot, tail):
    """Say who acts on `mm`, if that is somebody else; return (next record, FOREIGN or 0)."""
    actor = load_relaxed(words, slot + TRACE_ACTOR)
    if actor == U0 or actor == load_relaxed(words, mm + MM_ID):
        return tail, U0
    if actor != load_relaxed(words, slot + TRACE_SAID):
        store_relaxed(words, slot + TRACE_SAID, actor)
        at = record_at(slot, tail)
        words[at + 1] = actor
        words[at + 3] = ACTOR
        tail += U1
    return tail, FOREIGN


@kernel
def event_write(words, mm, slot, vma, start, last):
    """Write down a change of `mm`: all but its number and its time are given, as words.

    start  address | kind
    """
    number = event_number(words, mm)
    tail, fits = event_room(words, slot)
    if not fits:
        counter_one(words, slot + TRACE_LOST)
        return
    tail, foreign = actor_write(words, mm, slot, tail)
    at = record_at(slot, tail)
    words[at] = number
    words[at + 1] = load_relaxed(words, mm + MM_ID)
    words[at + 2] = vma
    words[at + 3] = start | foreign
    words[at + 4] = last
    words[at + 5] = event_stamp(words)
    store_release(words, slot + TRACE_TAIL, tail + U1, "T1")  # pairs with T2 (rings_look)


@kernel
def search_write(words, mm, slot, flags, address, error):
    """Write down a gap search; arguments as of trace_search."""
    number = event_number(words, mm)
    tail, fits = event_room(words, slot)
    if not fits:
        counter_one(words, slot + TRACE_LOST)
        return
    tail, foreign = actor_write(words, mm, slot, tail)
    at = record_at(slot, tail)
    ask = slot + TRACE_ASK
    words[at] = number
    words[at + 1] = load_relaxed(words, mm + MM_ID)
    words[at + 2] = address
    words[at + 3] = flags << FLAGS_AT | SEARCH | foreign
    words[at + 4] = load_relaxed(words, ask + 2)
    words[at + 5] = event_stamp(words)
    at = record_at(slot, tail + U1)
    words[at] = load_relaxed(words, ask)
    words[at + 1] = load_relaxed(words, ask + 1)
    words[at + 2] = load_relaxed(words, ask + 3)
    words[at + 3] = load_relaxed(words, mm + MM_TOTAL) << FLAGS_AT | MORE
    words[at + 4] = load_relaxed(words, ask + 4)
    words[at + 5] = error
    store_release(words, slot + TRACE_TAIL, tail + U2, "T1")  # pairs with T2 (rings_look)


# -- the reader of the rings ---------------------------------------------------------------


@kernel
def rings_look(words, marks):
    """Note how far each ring is written and read; return how many hold records.

    marks  uint64[2, SLOTS_MAX]: MARK_TAIL, MARK_HEAD
    """
    filled = 0
    for number in range(SLOTS_MAX):
        slot = SLOTS + number * SLOT_WORDS
        tail = load_acquire(words, slot + TRACE_TAIL, "T2")  # pairs with T1 (event_write)
        marks[MARK_TAIL, number] = tail
        marks[MARK_HEAD, number] = load_relaxed(words, slot + TRACE_HEAD)
        if marks[MARK_HEAD, number] != tail:
            filled += 1
    return filled


@kernel
def ring_take(words, slot, head, count, out):
    """Copy `count` records of one ring, from number `head` on, to the rows of `out`."""
    for row in range(count):
        at = record_at(slot, head + np.uint64(row))
        for word in range(EVENT_WORDS):
            out[row, word] = words[at + word]
        out[row, EVENT_WORDS] = np.uint64(slot)


@kernel
def ring_share(words, slot, head, tail, share):
    """Return how many records to take of a ring: `share` at most, and no half of a search."""
    count = min(np.int64(tail - head), share)
    last = record_at(slot, head + np.uint64(count) - U1)
    return count - 1 if words[last + 3] & KINDS == SEARCH else count


@driver
def trace_take(words, marks, out):
    """Move records of all rings to `out`, as many of each as there is room for.

    marks   uint64[2, SLOTS_MAX], filled: how far each ring was written when this began, and how
            far it is read now
    out     uint64[:, COLUMNS], SHARE_MIN rows for each slot or more
    return  rows filled: the records of one ring together, in their order
    """
    words = borrowed(words)
    filled = rings_look(words, marks)
    row = 0
    for number in range(SLOTS_MAX):
        head, tail = marks[MARK_HEAD, number], marks[MARK_TAIL, number]
        if head != tail:
            slot = SLOTS + number * SLOT_WORDS
            count = ring_share(words, slot, head, tail, out.shape[0] // filled)
            ring_take(words, slot, head, count, out[row:])
            row += count
            marks[MARK_HEAD, number] = head + np.uint64(count)
            head = marks[MARK_HEAD, number]
            store_release(words, slot + TRACE_HEAD, head, "T3")  # pairs with T4 (event_room)
    return row
