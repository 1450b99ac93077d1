"""Events as the kernel prints them, each on a line of ftrace.

             comm-tid    (  tgid) [cpu] flags     time: name: event
          stressd-3       (     12) [002] .....  2869.806328: vma_mt_store: mt_mod ...

    comm       stressd
    tid, cpu   the seat of the thread that made the change: each has a buffer of its own
    tgid       the address space in whose name it was made: a fork fills the child's for the parent
    time       seconds of CLOCK_MONOTONIC

The event is that of the change that introduced it, the tree's address being the identity of the
address space, and the mapping's that of the VMA. DESTROY has no line feed of its own: that made
blank lines. `vm_unmapped_area` names its address space (mm=), which the kernel's does not: without
it nobody can tell where the search was. A comment before the store of a VMA that grows down says
so (stressd/traces/mtmod.py reads it): guard gaps decide what a search finds. Lost events are
announced as ftrace does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stressd import __version__
from stressd.tracing.order import ACTOR, LAST, LOST, MM, MORE, SLOT, START, VMA, Table
from stressd_kernels.layout import SLOT_WORDS, SLOTS
from stressd_kernels.mm.trace import (
    EVENT_EXIT,
    EVENT_FLAGS_AT,
    EVENT_GROWS,
    EVENT_KINDS,
    EVENT_SEARCH,
    EVENT_STORE,
    EVENT_SZERO,
)

HEAD = (
    f"# tracer: stressd {__version__}\n"
    "#\n"
    "# mappings that grow down are announced\n"
    "#            comm-tid     (tgid)   [cpu] flags      time: event\n"
)
PREFIX = "         stressd-%-7d (%7d) [%03d] ..... %5d.%06d: "
STORE = PREFIX + "vma_mt_store: mt_mod %016x, (%016x), STORE, %d, %d,\n"
SZERO = PREFIX + "vma_mt_szero: mt_mod %016x, (NULL), SNULL, %d, %d,\n"
EXIT = PREFIX + "exit_mmap: mt_mod %016x, DESTROY\n"
SEARCH = (
    PREFIX + "vm_unmapped_area: addr=%#x err=%d total_vm=%#x flags=%#x len=%#x lo=%#x hi=%#x "
    "mask=%#x ofs=%#x mm=%016x\n"
)
GROWS = "# (%016x) grows down\n"
MISSING = "CPU:%d [LOST %d EVENTS]\n"
IN_PAGE = (1 << 12) - 1  # of START: what is not the address

Row = list[Any]


def _store(row: Row, head: tuple[int, ...]) -> str:
    return STORE % (*head, row[MM], row[VMA], row[START] & ~IN_PAGE, row[LAST])


def _szero(row: Row, head: tuple[int, ...]) -> str:
    return SZERO % (*head, row[MM], row[START] & ~IN_PAGE, row[LAST])


def _exit(row: Row, head: tuple[int, ...]) -> str:
    return EXIT % (*head, row[MM])


def _search(row: Row, head: tuple[int, ...]) -> str:
    low, high, mask, pages, offset, error = row[MORE:LOST]
    flags, total = row[START] >> EVENT_FLAGS_AT, pages >> EVENT_FLAGS_AT
    question = (flags, row[LAST], low, high, mask, offset, row[MM])
    return SEARCH % (*head, row[VMA], -error, total, *question)


FORMS: dict[int, Callable[[Row, tuple[int, ...]], str]] = {
    EVENT_STORE: _store,
    EVENT_SZERO: _szero,
    EVENT_EXIT: _exit,
    EVENT_SEARCH: _search,
}


def lines_of(events: Table, microseconds: npt.NDArray[np.int64]) -> list[str]:
    """Return the lines of some events, in their order.

    events        rows as in stressd.tracing.order
    microseconds  when each was, of CLOCK_MONOTONIC
    """
    lines: list[str] = []
    seats = (events[:, SLOT] - np.uint64(SLOTS)) // np.uint64(SLOT_WORDS)
    for row, seat, when in zip(events.tolist(), seats.tolist(), microseconds.tolist(), strict=True):
        if row[LOST]:
            lines.append(MISSING % (seat, row[LOST]))
        if row[START] & EVENT_GROWS and row[START] & EVENT_KINDS == EVENT_STORE:
            lines.append(GROWS % row[VMA])
        head = (seat + 1, row[ACTOR], seat, *divmod(when, 1_000_000))
        lines.append(FORMS[row[START] & EVENT_KINDS](row, head))
    return lines
