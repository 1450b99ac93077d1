"""The rows of a recording as calls of address spaces, for workers that replay (ops/replay.py).

    STORE, ERASE    RECORD_STORE with the identity and the flags of the row, RECORD_ERASE
    DESTROY         EXIT, and RECORD_BEGIN: the block is the next space's
    GAP_*           SEARCH in the window that was asked, of all structures that can tell

A recording is one process to each address space, so a trace names the space's own.
"""

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.words import EAGAIN, ESRCH
from stressd_kernels.sources.recording import (
    KIND_DESTROY,
    KIND_GAP_DOWN,
    KIND_STORE,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAST,
    ROW_MASK,
    ROW_OFFSET,
    ROW_SIZE,
)
from stressd_kernels.traffic.asking import call_make
from stressd_kernels.traffic.layout import FIFTH, SIXTH
from stressd_kernels.worker import NOW_FIRST, NOW_MASK, NOW_OFFSET, NOW_SIZE

RECORD_STORE = int(Call.RECORD_STORE)
RECORD_ERASE = int(Call.RECORD_ERASE)
RECORD_BEGIN = int(Call.RECORD_BEGIN)
SEARCH = int(Call.SEARCH)
EXIT = int(Call.EXIT)
CALLS = (Call.RECORD_STORE, Call.RECORD_ERASE, Call.RECORD_BEGIN, Call.SEARCH, Call.EXIT)


@kernel
def arguments_set(words, slot, a, b, c, d):
    """Write down the first four arguments of a call, for call_make."""
    store_relaxed(words, slot + NOW_FIRST, a)
    store_relaxed(words, slot + NOW_SIZE, b)
    store_relaxed(words, slot + NOW_MASK, c)
    store_relaxed(words, slot + NOW_OFFSET, d)


@kernel
def change_make(words, slot, row, mm):
    """Make the change that the row tells of; return the call's Status. Unpinned."""
    kind = load_relaxed(words, row + ROW_KIND)
    if kind == KIND_DESTROY:
        return end_make(words, slot, mm)
    first, last = load_relaxed(words, row + ROW_FIRST), load_relaxed(words, row + ROW_LAST)
    if kind != KIND_STORE:
        arguments_set(words, slot, first, last, U0, U0)
        return call_make(words, RECORD_ERASE, mm, slot)
    identity, flags = load_relaxed(words, row + ROW_SIZE), load_relaxed(words, row + ROW_MASK)
    arguments_set(words, slot, first, last, identity, flags)
    return call_make(words, RECORD_STORE, mm, slot)


@kernel
def end_make(words, slot, mm):
    """End the address space, and begin the next; again, if it was only half done. Unpinned."""
    status = call_make(words, EXIT, mm, slot)
    if status != U0 and status != ESRCH:
        return status
    status = call_make(words, RECORD_BEGIN, mm, slot)
    return U0 if status == EAGAIN else status


@kernel
def search_make(words, slot, row, mm):
    """Make the search of the row: OK with the address in ANSWER, ENOMEM, or why not. Unpinned."""
    mask = load_relaxed(words, row + ROW_MASK)
    length = load_relaxed(words, row + ROW_SIZE) - mask
    low, high = load_relaxed(words, row + ROW_FIRST), load_relaxed(words, row + ROW_LAST) + U1
    down = load_relaxed(words, row + ROW_KIND) == KIND_GAP_DOWN
    store_relaxed(words, slot + FIFTH, load_relaxed(words, row + ROW_OFFSET))
    store_relaxed(words, slot + SIXTH, U1 if down else U0)
    arguments_set(words, slot, length, low, high, mask)
    return call_make(words, SEARCH, mm, slot)
