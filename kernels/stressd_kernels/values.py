"""Values that certify themselves: what was stored says where, by whom and when.

    62 .. 35  origin    where the value belongs: its first unit, or its row in a table
    34 .. 27  length    in units; 0 where the row says it
    26 .. 19  writer    0 is the initial content
    18 ..  0  sequence  how many writes this writer had begun, rounded down: 5 bits of shift,
                        14 bits above it; exact up to 16,383, never above the truth

A reader that meets a value checks that it is no reserved word, that its origin names a range
that holds what was read, that its writer exists, and that the writer had begun that write. A
word of a freed node, of another tree, of another key or torn from two writes fails one of
these, almost always.

A writer raises its PUBLISHED word before it begins to write; a reader looks at it after it has
read. So that readers do not fetch a line that its writer changes with every write, a reader
keeps the last number that it saw of each writer (KNOWN), and looks again only at a value that
is newer.

Ordering                                        pairs with   and forbids
    K1  release, publishing the sequence        K2           taking a finished write for one
    K2  acquire, looking at it after a read     K1           that has not begun

The value itself travels by the structure's own publication, which is a release that comes
after K1 in the writer and an acquire that comes before K2 in the reader: K2 sees K1's number
or a later one.
"""

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import (
    kernel,
    leading_zeros,
    load_acquire,
    load_relaxed,
    store_relaxed,
    store_release,
)
from stressd_kernels.layout import U0, U1
from stressd_kernels.worker import (
    KNOWN,
    PUBLISHED,
    SOURCE_PUBLISHED,
    SOURCE_STRIDE,
    SOURCE_WRITER,
    SOURCE_WRITERS,
)

ORIGIN_BITS = 28
LENGTH_BITS = 8
WRITER_BITS = 8
SHIFT_BITS = 5
EXACT_BITS = 14
SEQUENCE_BITS = SHIFT_BITS + EXACT_BITS
WRITERS_MAX = 1 << WRITER_BITS
INITIAL_SEQUENCE = 1  # of all entries that stood there before the first write

assert ORIGIN_BITS + LENGTH_BITS + WRITER_BITS + SEQUENCE_BITS == 63

WRITER_AT = np.uint64(SEQUENCE_BITS)
LENGTH_AT = np.uint64(SEQUENCE_BITS + WRITER_BITS)
ORIGIN_AT = np.uint64(SEQUENCE_BITS + WRITER_BITS + LENGTH_BITS)
SHIFT_AT = np.uint64(EXACT_BITS)
LENGTH_MASK = np.uint64((1 << LENGTH_BITS) - 1)
WRITER_MASK = np.uint64((1 << WRITER_BITS) - 1)
SEQUENCE_MASK = np.uint64((1 << SEQUENCE_BITS) - 1)
EXACT_MASK = np.uint64((1 << EXACT_BITS) - 1)
UNSHIFTED = np.int64(64 - EXACT_BITS)

# What can be wrong with a value, said in worker.FINDING_FAULT; 0 is nothing.
FAULTS = (
    "",
    "is a reserved word: a freed or foreign node was read",
    "names a range that does not hold what was read",
    "names a writer or a write that does not exist",
    "was read before its write had begun",
    "belongs to another tree",
    "was gone from the tree before the read began",
    "names a record that was freed under its reader",
)
FAULT_RESERVED = np.uint64(1)
FAULT_RANGE = np.uint64(2)
FAULT_WRITER = np.uint64(3)
FAULT_EARLY = np.uint64(4)
FAULT_TREE = np.uint64(5)
FAULT_STALE = np.uint64(6)
FAULT_FREED = np.uint64(7)


@kernel
def sequence_rounded(sequence):
    """Return the 19 bits that stand for `sequence` (below 2**45): ordered as sequences are."""
    shift = UNSHIFTED - leading_zeros(sequence)
    if shift <= 0:
        return sequence
    return (np.uint64(shift) << SHIFT_AT) | (sequence >> np.uint64(shift)) & EXACT_MASK


@kernel
def sequence_floor(rounded):
    """Return the smallest sequence that these 19 bits stand for."""
    return (rounded & EXACT_MASK) << (rounded >> SHIFT_AT)


@kernel
def value_of(origin, length, writer, sequence):
    """Return the value word of one write; all uint64, sequence at least 1."""
    place = (origin << ORIGIN_AT) | (length << LENGTH_AT)
    return place | (writer << WRITER_AT) | sequence_rounded(sequence)


@kernel
def published_raise(words, at, sequence):
    """Let readers know that the write numbered `sequence` may begin; words[at] is PUBLISHED."""
    store_release(words, at, sequence, "K1")  # pairs with K2 (published_reload)


@kernel
def value_next(words, slot, origin, length):
    """Begin a write: publish this worker's next sequence and return the value to store."""
    sequence = load_relaxed(words, slot + PUBLISHED) + U1
    published_raise(words, slot + PUBLISHED, sequence)
    return value_of(origin, length, load_relaxed(words, slot + SOURCE_WRITER), sequence)


@kernel
def published_reload(words, slot, writer):
    """Return how far `writer` has got, read now, and remember it in KNOWN."""
    if writer == U0:
        return U1  # the initial content: written once, before anybody read
    place = load_relaxed(words, slot + SOURCE_PUBLISHED)
    place += writer * load_relaxed(words, slot + SOURCE_STRIDE)
    published = load_acquire(words, np.int64(place), "K2")  # pairs with K1 (value_next)
    store_relaxed(words, slot + KNOWN + np.int64(writer), published)
    return published


@kernel
def value_fault(words, slot, value):
    """Return what is wrong with the writer and the sequence that `value` names, or 0."""
    writer = (value >> WRITER_AT) & WRITER_MASK
    if writer >= load_relaxed(words, slot + SOURCE_WRITERS):
        return FAULT_WRITER
    begun = sequence_floor(value & SEQUENCE_MASK)
    if begun == U0:
        return FAULT_WRITER
    known = load_relaxed(words, slot + KNOWN + np.int64(writer))
    if begun > known and begun > published_reload(words, slot, writer):
        return FAULT_EARLY
    return U0


# -- in Python ---------------------------------------------------------------------------


def initial_values(
    origins: npt.NDArray[np.uint64], lengths: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Return the values of a tree's first entries: writer 0, sequence INITIAL_SEQUENCE."""
    return (origins << ORIGIN_AT) | (lengths << LENGTH_AT) | np.uint64(INITIAL_SEQUENCE)
