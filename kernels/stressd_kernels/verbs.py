"""What can be asked of a structure, and how.

A structure is a folder of kernels with one entry point per `Verb` (those it offers). The
addresses of the entry points stand in the tree's block, so an operation names a verb and a
tree, never a structure.

    verb            arguments a .. e                                answer
    LOAD            index                                           the value word (0: NULL)
    FIND            index, last                                     OK + RESULT_*, NOT_FOUND
    FIND_REV        index, first                                    OK + RESULT_*, NOT_FOUND
    NEXT, PREV      index                                           OK + RESULT_*, NOT_FOUND
    SCAN            first, last, limit, word index of the output    number of entries
    WALK            index                                           OK + RESULT_*: the range that
                                                                    holds it, NULL and ZERO too
    SEEK            as FIND, and sees ZERO                          as FIND
    SEEK_REV        as FIND_REV, and sees ZERO                      as FIND_REV
    GAP_UP, _DOWN   low, high, size, align mask, align offset       OK + RESULT_FIRST, _VERSION;
                                                                    NOT_FOUND; RETRY
    GAP_*_LOCKED    the same                                        the same, never RETRY
    STORE           first, last, value (0 erases the range)         OK, ARENA_FULL, BACKLOG, ...
    INSERT          first, last, value                              the same, EXISTS
    ERASE           index                                           OK + RESULT_*, NOT_FOUND
    ALLOCATE        low, high, size, value, flags: 1 from the top,  OK + RESULT_FIRST, NOT_FOUND
                    2 aligned as the slot's ASK_MASK, ASK_OFFSET
    ALLOCATE_CYCLIC low, high, size, value, word index of where it  OK + RESULT_FIRST, NOT_FOUND;
                    stopped (maple/allocate.py)                     RESULT_VALUE: 1 if it wrapped
    CLEAR           -                                               OK
    CHECK           key to start at, most leaves to visit           0 or an Invariant;
                                                                    RESULT_FIRST: go on there,
                                                                    RESULT_VALUE: 1 when done
    BUILD           word index of the input, entries                OK, ARENA_FULL, EXISTS
    COPY            word index of the source's block                the same, UNSUPPORTED if the
                                                                    flags differ; RESULT_VALUE:
                                                                    the version that was copied
    STORE_HELD      as the verbs of their names, for a caller that holds the lock and has reserved
    BUILD_HELD      what they need: nothing can fail. CLEAR_HELD answers with the nodes that wait
    CLEAR_HELD
    CHECK_HELD
    REBUILD         for the structure's own writes, called through their addresses because they
    RESERVE         are large and would otherwise be compiled into each: first, last, value;
    COLLECT         nothing; how many nodes to free beyond the usual;
    SHORTCUT        how many buckets to fill at most. The caller holds the lock

A value is 1 .. 2**63 - 1, or ZERO to reserve. RESULT_VERSION is the version after a write, or
the one that it left as it was; reads that compare versions leave theirs.

Verbs up to GAP_DOWN read: the caller is pinned. All others may wait: the caller is not.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from stressd_kernels.door import Entry, entry_call, kernel_inline
from stressd_kernels.layout import LINE_WORDS, TREE_ENTRIES_AT
from stressd_kernels.status import Status

UNSUPPORTED = np.uint64(Status.UNSUPPORTED)


class Verb(IntEnum):
    """What can be asked of a structure; the place of its address in the tree block."""

    LOAD = 0
    FIND = 1
    FIND_REV = 2
    NEXT = 3
    PREV = 4
    SCAN = 5
    WALK = 6
    SEEK = 7
    SEEK_REV = 8
    GAP_UP = 9
    GAP_DOWN = 10
    GAP_UP_LOCKED = 11
    GAP_DOWN_LOCKED = 12
    STORE = 13
    INSERT = 14
    ERASE = 15
    ALLOCATE = 16
    ALLOCATE_CYCLIC = 17
    CLEAR = 18
    CHECK = 19
    BUILD = 20
    COPY = 21
    REBUILD = 22
    RESERVE = 23
    COLLECT = 24
    STORE_HELD = 25
    BUILD_HELD = 26
    CLEAR_HELD = 27
    CHECK_HELD = 28
    SHORTCUT = 29

    @property
    def reads(self) -> bool:
        """Whether the caller must be pinned (and must not be, otherwise)."""
        return self <= Verb.GAP_DOWN

    @property
    def may_lack_nodes(self) -> bool:
        """Whether an answer may be BACKLOG or ARENA_FULL; one of CHECK is an invariant's number."""
        return self > Verb.GAP_DOWN_LOCKED and self is not Verb.CHECK


assert len(Verb) <= 2 * LINE_WORDS, "the tree's block has two lines for addresses"


class Structure(NamedTuple):
    """One structure: its name, its entry points, and which of them need others."""

    name: str
    entries: Mapping[Verb, Entry]
    helpers: Mapping[Verb, tuple[Verb, ...]]

    def with_helpers(self, verbs: Iterable[Verb]) -> list[Verb]:
        """Return `verbs` and those that they call through the tree's block, in order."""
        wanted = set(verbs)
        for verb in list(wanted):
            wanted.update(self.helpers.get(verb, ()))
        return sorted(wanted)


@kernel_inline
def structure_call(
    words: Any, verb: Any, tree: Any, slot: Any, a: Any, b: Any, c: Any, d: Any, e: Any
) -> Any:
    """Ask the structure of `tree` for `verb`; UNSUPPORTED if its entry was not made ready.

    words  uint64[::1]; tree, slot: word indexes of their blocks; a .. e: uint64
    """
    address = words[tree + TREE_ENTRIES_AT + verb]
    if address == np.uint64(0):
        return UNSUPPORTED
    return entry_call(words, address, tree, slot, a, b, c, d, e)
