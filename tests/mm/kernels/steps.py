"""Steps of calls from Python, and the trace that they leave.

A step (a Call from RESERVE on) needs the lock and what a call reserves: it is made here inside a
frame of its own. Nothing else may use the address space meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

from stressd_kernels import AddressSpace
from stressd_kernels.door import borrowed, driver
from stressd_kernels.layout import HEADER_TRACE, SLOTS_MAX, U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import ANSWER, MM_FOUND, MM_OFFSET, MM_PART
from stressd_kernels.mm.lookup import maple_find
from stressd_kernels.mm.trace import (
    COLUMNS,
    EVENT_FLAGS_AT,
    EVENT_KINDS,
    EVENT_SEARCH,
    EVENT_STORE,
    EVENT_SZERO,
    SHARE_MIN,
    TRACE_STAMPS,
    trace_take,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FLAGS,
    VMA_NAME,
    VMA_POLICY,
    vma_copy,
    vma_take,
)
from stressd_kernels.spaces import offer_calls

ROWS = 4096  # VMAs of one address space


@driver
def framed(words, mm, slot, call, numbers, part, source):  # type: ignore[no-untyped-def]
    """Make a step in a frame of its own.

    part    uint64[:], words 1 .. 12 of the record in MM_PART; empty for none
    source  record that it is a copy of otherwise, or 0
    """
    words = borrowed(words)
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    if part.shape[0] > 0:
        record = vma_copy(words, slot, source) if source != 0 else vma_take(words, slot)
        for word in range(part.shape[0]):
            words[record + 1 + word] = part[word]
        words[slot + MM_PART] = np.uint64(record)
    status = mm_call(
        words, call, mm, slot, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    )
    return mm_end(words, mm, slot, status)


@driver
def record_of(words, mm, slot, address):  # type: ignore[no-untyped-def]
    """Return the record of the first VMA that ends above `address`, 0 for none."""
    return maple_find(borrowed(words), mm, slot, address)


@driver
def scribble(words, record, flags, anon, chain, policy, name):  # type: ignore[no-untyped-def]
    """Write what may change in place."""
    words = borrowed(words)
    words[record + VMA_FLAGS] = flags
    words[record + VMA_ANON] = anon
    words[record + VMA_CHAIN] = chain
    words[record + VMA_POLICY] = policy
    words[record + VMA_NAME] = name
    return U0


@driver
def records_into(words, mm, slot, fields, out):  # type: ignore[no-untyped-def]
    """Copy words `fields` of all records to `out`, ascending; return how many there are."""
    words = borrowed(words)
    row = 0
    record = maple_find(words, mm, slot, U0)
    while record != NO_RECORD and row < out.shape[0]:
        for column in range(fields.shape[0]):
            out[row, column] = words[record + fields[column]]
        row += 1
        record = maple_find(words, mm, slot, words[record + VMA_END])
    return row


def records(mm: AddressSpace, fields: tuple[int, ...]) -> list[list[int]]:
    """Return these words of all records, ascending; nothing must change meanwhile."""
    out = np.zeros((ROWS, len(fields)), np.uint64)
    with mm.arena.seated() as slot:
        count = records_into(mm.words, mm.mm, slot, np.array(fields), out)
    assert count < ROWS
    return out[:count].tolist()


def record_at(mm: AddressSpace, address: int) -> int:
    """Return the word index of the record of the first VMA that ends above `address`."""
    with mm.arena.seated() as slot:
        return int(record_of(mm.words, mm.mm, slot, np.uint64(address)))


def plant(mm: AddressSpace, address: int, anon: int, chain: int, policy: int, name: int) -> None:
    """Give a VMA what only other calls could have given it."""
    record = record_at(mm, address)
    flags = mm.words[record + VMA_FLAGS]
    scribble(mm.words, record, flags, *map(np.uint64, (anon, chain, policy, name)))


def step(
    mm: AddressSpace, call: Call, *numbers: int, part: list[int] | int = 0, offset: int = 0
) -> tuple[int, int]:
    """Make a step; return MM_FOUND and the answer. Raises as calls do.

    part    words 1 .. 9 of the record in MM_PART, or the word itself
    offset  MM_OFFSET
    """
    offer_calls(mm.arena, (call,))
    words = mm.words
    five = np.array([*numbers, *[0] * (5 - len(numbers))], np.uint64)
    fields = np.array(part if isinstance(part, list) else [], np.uint64)
    with mm.arena.seated() as slot:
        words[slot + MM_OFFSET] = offset
        words[slot + MM_PART] = 0 if isinstance(part, list) else part
        status = int(framed(words, mm.mm, slot, int(call), five, fields, 0))
        found, answer = int(words[slot + MM_FOUND]), int(words[slot + ANSWER])
    mm._raise(call, status)
    return found, answer


@contextmanager
def traced(mm: AddressSpace) -> Iterator[list[tuple[str, int, int]]]:
    """Collect what is stored and erased: ("STORE" or "SNULL", start, end)."""
    seen: list[tuple[str, int, int]] = []
    with recorded(mm) as rows:
        yield seen
    kinds = {EVENT_STORE: "STORE", EVENT_SZERO: "SNULL"}
    for row in rows:
        if kind := kinds.get(row[3] & EVENT_KINDS):
            seen.append((kind, row[3] & -4096, row[4] + 1))


@contextmanager
def searched(mm: AddressSpace) -> Iterator[list[tuple[int, ...]]]:
    """Collect gap searches: top-down (1), length, low, high, mask, offset, address, error."""
    seen: list[tuple[int, ...]] = []
    with recorded(mm) as rows:
        yield seen
    for row, more in pairwise(rows):
        if row[3] & EVENT_KINDS == EVENT_SEARCH:
            window = (more[0], more[1], more[2], more[4])
            seen.append((row[3] >> EVENT_FLAGS_AT, row[4], *window, row[2], more[5]))


@contextmanager
def recorded(mm: AddressSpace) -> Iterator[list[list[int]]]:
    """Collect the records of events (mm/trace.py)."""
    seen: list[list[int]] = []
    out = np.zeros((SHARE_MIN * SLOTS_MAX, COLUMNS), np.uint64)
    mm.words[HEADER_TRACE] = TRACE_STAMPS
    try:
        yield seen
    finally:
        mm.words[HEADER_TRACE] = 0
        rows = trace_take(mm.words, np.zeros((2, SLOTS_MAX), np.uint64), out)
        seen += out[:rows].tolist()
