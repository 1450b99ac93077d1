"""What a kernel answers when it has no value to give.

Kernels never raise: an exception that leaves a `nogil` kernel would leave a lock held behind
it. They return a `Status`, and the Python edge turns it into an exception where one is due.

The reserved words below can never be values: values are 1 .. 2**63 - 1, so bit 63 tells them
apart, and a reader that meets one where a value should stand has caught a bug.
"""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one operation; every entry point but LOAD returns one of these."""

    OK = 0  # done; the results, if any, are in the caller's slot
    NOT_FOUND = 1  # nothing at that index, or no gap that fits
    EXISTS = 2  # insert: something is there already
    ARENA_FULL = 3  # no node could be had; the tree is unchanged
    RETRY = 4  # three optimistic tries were overtaken; ask again under the lock
    BROKEN = 5  # the lock was marked BROKEN: the tree's state is not known
    BACKLOG = 6  # too much waits for readers; the tree is unchanged, try again unpinned
    STOPPED = 7  # the control word asked to stop while waiting
    UNSUPPORTED = 8  # this structure does not offer that operation in this run
    CORRUPT = 9  # a bounded walk did not end: the structure is damaged


VALUE_MAX = (1 << 63) - 1
KEY_MAX = (1 << 64) - 1

RESERVED_BIT = 1 << 63
ZERO = RESERVED_BIT | 0x5A0  # holds a place that reads as NULL (as XA_ZERO_ENTRY)
POISON = RESERVED_BIT | 0xDEAD0  # fills the slots of a freed leaf: no reader may see it
TRAP = RESERVED_BIT | 0x7EA90  # answers a descent that met a freed or foreign node
