"""Recording source: address spaces of real programs, changed by their own events, for ever.

A program is a table of rows (stressd/replay/program.py), and an *instance* is one program in
trees of its own, advanced by one worker: several instances of one recording may run, each with
its own trees. From the first row to the last, which leaves all trees empty, is one turn.

    row        kind, tree, first, last, ...    STORE: word GONE_AT is the row after which nothing
                                               of this store is left
    instance   a block of INSTANCE_WORDS
    position   turn << 28 | rows of this turn that were begun; only grows

A stored value names its row, its instance and its turn (rounded down, as sequences are). So a
reader knows what a value must be: of the very tree it asked, on keys that the row stored. And
it knows when: not before its row was begun (EARLY), and not after nothing of it was left
(STALE). For that the reader notes, before it reads, how far the instance had got.

Instances may have address spaces instead of bare trees (SPACED): then rows are calls of these
(traffic/recorded.py), a value is the record of a VMA, and traffic/certify.py says what is wrong
with it.

Readers look where something happened lately: they draw how many rows ago (the workload's
distribution of keys; the hottest place is the last row) and a key of the row's range, or one in
eight a key behind it.
"""

import numpy as np

from stressd_kernels.asking import DRAW_GAP, DRAW_WINDOW
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.keys import place_draw
from stressd_kernels.layout import LINE_WORDS, MM_WORDS, MMS, TREE_ID, U0, U1
from stressd_kernels.prng import prng_below, prng_next
from stressd_kernels.status import RESERVED_BIT
from stressd_kernels.traffic.certify import space_choose, vma_fault
from stressd_kernels.values import (
    FAULT_EARLY,
    FAULT_RANGE,
    FAULT_RESERVED,
    FAULT_STALE,
    FAULT_TREE,
    FAULT_WRITER,
    ORIGIN_AT,
    ORIGIN_BITS,
    SEQUENCE_MASK,
    WRITER_AT,
    WRITER_MASK,
    published_reload,
    sequence_floor,
    sequence_rounded,
)
from stressd_kernels.worker import (
    KNOWN,
    KNOWN_AT_DRAW,
    NOW_FIRST,
    NOW_LAST,
    NOW_MASK,
    NOW_OFFSET,
    NOW_SIZE,
    NOW_TREE,
    SOURCE_OWN,
    SOURCE_WRITERS,
)

INSTANCES = SOURCE_OWN  # word index of the block of instance 0
OWN_FIRST = SOURCE_OWN + 1  # the instances that this worker advances
OWN_COUNT = SOURCE_OWN + 2
LOOP = SOURCE_OWN + 3  # 1: after the last turn comes another
SPACED = SOURCE_OWN + 4  # 1: each tree is that of an address space

INSTANCE_WORDS = 2 * LINE_WORDS
INSTANCE_ROWS = 0  # word index of the first row
INSTANCE_COUNT = 1  # rows
INSTANCE_TREES = 2  # word index of a list of its trees' word indexes
INSTANCE_DONE = LINE_WORDS  # position that was reached: written by its worker alone
INSTANCE_PUBLISHED = LINE_WORDS + 1  # position that was begun (K1)

ROW_WORDS = 8
ROW_KIND = 0
ROW_TREE = 1
ROW_FIRST = 2
ROW_LAST = 3
ROW_SIZE = 4
ROW_MASK = 5
ROW_OFFSET = 6
ROW_EXPECTED = 7
GONE_AT = 7
KIND_STORE = np.uint64(1)
KIND_ERASE = np.uint64(2)
KIND_DESTROY = np.uint64(3)
KIND_GAP_DOWN = np.uint64(4)
KIND_GAP_UP = np.uint64(5)

ROWS_MAX = (1 << ORIGIN_BITS) - 2
TURN_AT = np.uint64(ORIGIN_BITS)
ROW_OF_POSITION = np.uint64((1 << ORIGIN_BITS) - 1)
FIRST_POSITION = 1 << ORIGIN_BITS  # turn 1, no row begun
RECENT_MAX = 1024  # rows back that readers look, at most
STORE_TRIES = 8  # rows before the drawn one that may serve instead
GAP_TRIES = 64

RESERVED = np.uint64(RESERVED_BIT)
U2 = np.uint64(2)
U7 = np.uint64(7)
LOOK_AGAIN = np.uint64(63)  # one draw in 64 looks how far the instance has got
BESIDE = np.uint64(1 << 16)
WINDOW = np.uint64(1 << 26)
USER_LOW = np.uint64(1 << 12)
USER_HIGH = np.uint64((1 << 47) - (1 << 12) - 1)
GAP_SIZE = np.uint64(1 << 16)


@kernel
def instance_at(words, slot, instance):
    """Return the word index of the block of `instance` (uint64)."""
    first = np.int64(load_relaxed(words, slot + INSTANCES))
    return first + np.int64(instance) * INSTANCE_WORDS


@kernel
def row_at(words, block, row):
    """Return the word index of row number `row` of the instance at `block`."""
    return np.int64(load_relaxed(words, block + INSTANCE_ROWS)) + np.int64(row) * ROW_WORDS


@kernel
def row_tree(words, block, row):
    """Return the tree (a word index, as uint64) of the row at word index `row`."""
    trees = np.int64(load_relaxed(words, block + INSTANCE_TREES))
    return load_relaxed(words, trees + np.int64(load_relaxed(words, row + ROW_TREE)))


@kernel
def position_known(words, slot, instance):
    """Return how far `instance` had got when this worker last looked; one time in 64, look."""
    known = load_relaxed(words, slot + KNOWN + np.int64(instance + U1))
    if known == U0 or prng_next(words, slot) & LOOK_AGAIN == U0:
        known = published_reload(words, slot, instance + U1)
    store_relaxed(words, slot + KNOWN_AT_DRAW, known)
    return known


@kernel
def row_recent(words, slot, block, position):
    """Draw a row that was begun not long ago; return its number."""
    begun = position & ROW_OF_POSITION
    if begun == U0:
        return U0
    return begun - U1 - place_draw(words, slot) % begun


@kernel
def row_back(words, block, row, wanted, tries):
    """Return the word index of the first row from `row` backwards whose kind is `wanted`.

    If there is none in `tries` rows: of row `row` itself. STORE or, for gaps, either direction.
    """
    for back in range(tries):
        if np.uint64(back) > row:
            break
        at = row_at(words, block, row - np.uint64(back))
        kind = load_relaxed(words, at + ROW_KIND)
        if kind == wanted or (kind >= KIND_GAP_DOWN and wanted >= KIND_GAP_DOWN):
            return at
    return row_at(words, block, row)


@entry
def draw(base, tree, slot, what, b, c, d, e):
    """Draw what to ask for: `what` is a DRAW_* of asking.py, no write. Always answers 0."""
    words = words_at(base)
    instances = load_relaxed(words, slot + SOURCE_WRITERS) - U1
    instance = prng_below(words, slot, instances)
    block = instance_at(words, slot, instance)
    number = row_recent(words, slot, block, position_known(words, slot, instance))
    if what == DRAW_GAP:
        row = row_back(words, block, number, KIND_GAP_DOWN, GAP_TRIES)
        draw_gap(words, slot, row)
    else:
        row = row_back(words, block, number, KIND_STORE, STORE_TRIES)
        draw_window(words, slot, row, what)
    tree = row_tree(words, block, row)
    store_relaxed(words, slot + NOW_TREE, tree)
    if load_relaxed(words, slot + SPACED) != U0:
        space_choose(words, slot, space_of(words, np.int64(tree)))
    return U0


@kernel
def space_of(words, tree):
    """Return the block of the address space that has `tree`."""
    return MMS + np.int64(words[tree + TREE_ID]) * MM_WORDS


@kernel
def draw_window(words, slot, row, what):
    """Draw a key of the row at `row`, one in eight from behind it; for a window, with 64 MiB."""
    first = load_relaxed(words, row + ROW_FIRST)
    last = load_relaxed(words, row + ROW_LAST)
    key = first + prng_below(words, slot, last - first + U1)
    if prng_next(words, slot) & U7 == U0:
        key = max(last, last + prng_below(words, slot, BESIDE))
    until = key
    if what == DRAW_WINDOW:
        until = max(key, key + WINDOW)
    store_relaxed(words, slot + NOW_FIRST, key)
    store_relaxed(words, slot + NOW_LAST, until)


@kernel
def draw_gap(words, slot, row):
    """Ask again what the row at `row` asked, alignment included; or for 64 KiB anywhere."""
    low = USER_LOW
    high = USER_HIGH
    size = GAP_SIZE
    mask = U0
    offset = U0
    if load_relaxed(words, row + ROW_KIND) >= KIND_GAP_DOWN:
        low = load_relaxed(words, row + ROW_FIRST)
        high = load_relaxed(words, row + ROW_LAST)
        mask = load_relaxed(words, row + ROW_MASK)
        size = load_relaxed(words, row + ROW_SIZE) - mask
        offset = load_relaxed(words, row + ROW_OFFSET) & mask
    store_relaxed(words, slot + NOW_FIRST, low)
    store_relaxed(words, slot + NOW_LAST, high)
    store_relaxed(words, slot + NOW_SIZE, size)
    store_relaxed(words, slot + NOW_MASK, mask)
    store_relaxed(words, slot + NOW_OFFSET, offset)


@entry
def certify(base, tree, slot, first, last, value, d, e):
    """Say what is wrong with an entry of `tree`: 0, or a FAULT_* of values.py."""
    words = words_at(base)
    if load_relaxed(words, slot + SPACED) != U0:
        return vma_fault(words, slot, first, last, value)
    if value & RESERVED != U0:
        return FAULT_RESERVED
    writer = (value >> WRITER_AT) & WRITER_MASK
    if writer == U0 or writer >= load_relaxed(words, slot + SOURCE_WRITERS):
        return FAULT_WRITER
    block = instance_at(words, slot, writer - U1)
    number = value >> ORIGIN_AT
    if number >= load_relaxed(words, block + INSTANCE_COUNT):
        return FAULT_RANGE
    row = row_at(words, block, number)
    if row_tree(words, block, row) != np.uint64(tree):
        return FAULT_TREE
    if load_relaxed(words, row + ROW_KIND) != KIND_STORE:
        return FAULT_RANGE
    if first < load_relaxed(words, row + ROW_FIRST) or last > load_relaxed(words, row + ROW_LAST):
        return FAULT_RANGE
    turn = value & SEQUENCE_MASK
    begun = (sequence_floor(turn) << TURN_AT) + number + U1
    known = load_relaxed(words, slot + KNOWN + np.int64(writer))
    if begun > known and begun > published_reload(words, slot, writer):
        return FAULT_EARLY
    return stale_fault(words, slot, writer, turn, load_relaxed(words, row + GONE_AT))


@kernel
def stale_fault(words, slot, writer, turn, gone):
    """Return FAULT_STALE if a value was gone before the operation was drawn, or 0.

    turn    the rounded turn that the value names
    gone    the row after which nothing of it was left in that turn

    At the draw the instance was known to be at KNOWN_AT_DRAW, with all rows done but the last
    begun. Values of earlier turns were gone then. For a value of that same turn its row counts;
    but turns are rounded, so it must be sure that no later one has begun since.
    """
    position = load_relaxed(words, slot + KNOWN_AT_DRAW)
    then = position >> TURN_AT
    if turn < sequence_rounded(then):
        return FAULT_STALE
    if turn > sequence_rounded(then) or gone + U2 > position & ROW_OF_POSITION:
        return U0
    return FAULT_STALE if published_reload(words, slot, writer) >> TURN_AT == then else U0
