"""A finding as text, as the original prints its own: what differs, both answers, all structures.

    GAP: a gap search of the maple tree and one of the rb-tree found different addresses
    Gap was found: mt 0x7f0000002000 gap_end 0x7f0000001000
    window was 0x7f0000400000 - 0x10000 size 0x1000
    align mask 0x0 offset 0x0, top-down
    rb_find_vma find on 0x7f0000002000 => 0x41a0 0x7f0000003000-0x7f0000004000 rw-p

then what the address space is, and dumps of the maple tree, the list and the rb-tree. A dump of
more than LINES lines shows those around the address that the finding is about.

Plain Python over words that nothing changes any more: the lock is BROKEN. They may be damaged, so
every link is looked at before it is followed, and every walk is bounded. (The original follows
vm_next of the last VMA, which is no VMA, and so oopses before its report is complete: ODD_2.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from stressd_kernels.layout import FAULT, HEADER_POOL_END, LEAF_WORDS, POOL
from stressd_kernels.maple.check import Invariant
from stressd_kernels.maple.dump import dump_lines
from stressd_kernels.mm.finding import Finding
from stressd_kernels.mm.layout import (
    MM_COUNT,
    MM_DETAILS,
    MM_DETAILS_WORDS,
    MM_FINDING,
    MM_ID,
    MM_LIST_FIRST,
    MM_RB_ROOT,
    MM_STAGE,
    MM_TOTAL,
    MM_TREE,
    STAGE_CACHE,
    STAGE_LIST,
    STAGE_RBTREE,
)
from stressd_kernels.mm.odd import Odd
from stressd_kernels.mm.words import (
    VM_EXEC,
    VM_GROWSDOWN,
    VM_GROWSUP,
    VM_LOCKED,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from stressd_kernels.rbtree import Broken
from stressd_kernels.records import (
    LIST_NEXT,
    RB_BLACK,
    RB_GAP,
    RB_LEFT,
    RB_OWN,
    RB_PARENT,
    RB_RIGHT,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_PGOFF,
    VMA_START,
)
from stressd_kernels.refs import NODE_MASK
from stressd_kernels.status import Status

Words = Any  # the arena: uint64[::1]
Details = list[int]

LINES = 200  # of each dump
VMAS_MAX = 1 << 20  # where a walk ends that should have ended by itself
DUMP_MAX = 1 << 20  # and a dump of the maple tree, in lines
DEPTH_MAX = 64  # levels of an rb-tree, with room
NOWHERE = (1 << 64) - 1
RANGE = re.compile(r"\[0x([0-9a-f]+), ")
STAGE_NAMES = {STAGE_RBTREE: "rb-tree", STAGE_LIST: "list", STAGE_CACHE: "lookup cache"}
ACCESS = ((VM_READ, "r"), (VM_WRITE, "w"), (VM_EXEC, "x"))
MARKS = ((VM_LOCKED, "locked"), (VM_GROWSDOWN, "grows down"), (VM_GROWSUP, "grows up"))

HEADLINES = {
    Finding.TREE_STORE: "the maple tree refused a store",
    Finding.FIND_VMA: "two structures find different VMAs",
    Finding.NEIGHBOUR: "the list and the maple tree have different neighbours",
    Finding.OVERLAP: "a VMA was to be linked where one is already",
    Finding.TREE_BROKEN: "the maple tree breaks one of its invariants",
    Finding.RBTREE_BROKEN: "the rb-tree breaks one of its invariants",
    Finding.ENTRY_STALE: "an entry of the maple tree names what is no VMA any more",
    Finding.ENTRY_RANGE: "an entry of the maple tree has another range than its VMA",
    Finding.VMA_OWNER: "an entry of the maple tree names a VMA of another address space",
    Finding.VMA_RANGE: "a VMA is no range of pages",
    Finding.VMA_STATE: "flags, anon and chain of a VMA contradict each other",
    Finding.LIST_DIFFERS: "the list goes on with another VMA than the maple tree",
    Finding.LIST_BACK: "downwards the list goes on with another VMA than the maple tree",
    Finding.RBTREE_DIFFERS: "the rb-tree goes on with another VMA than the maple tree",
    Finding.RBTREE_BACK: "downwards the rb-tree goes on with another VMA than the maple tree",
    Finding.TREE_BACK: "the maple tree has other entries upwards than downwards",
    Finding.COUNT: "there are not as many VMAs as were counted",
    Finding.TOTAL: "the VMAs have not as many pages as were counted",
    Finding.DATA: "the VMAs have not as many pages of data as were counted",
    Finding.LOCKED: "the VMAs have not as many locked pages as were counted",
    Finding.CACHE: "the lookup cache remembers another VMA than the maple tree has",
    Finding.GAP: "a gap search of the maple tree and one of the rb-tree found different addresses",
    Finding.PAGES: "pages of a range, counted twice, differ",
}


def finding_report(words: Words, mm: int) -> str:
    """Return what was found wrong with the address space at `mm`, or an empty text."""
    found = Finding(int(words[mm + MM_FINDING]))
    if not found:
        return ""
    details = [int(word) for word in words[mm + MM_DETAILS : mm + MM_DETAILS + MM_DETAILS_WORDS]]
    lines = [f"{found.name}: {HEADLINES[found]}", *SAID[found](words, mm, details)]
    address = _address(words, found, details)
    lines += [_summary(words, mm)]
    for name, dump in _dumps(words, mm):
        rows = list(dump)
        lines += [f"{name}:", *(f"  {row}" for row in _around(rows, address))]
    return "\n".join(lines)


# -- VMAs ----------------------------------------------------------------------------------------


def is_record(words: Words, record: int) -> bool:
    """Tell whether a link leads to where records are."""
    return record % 16 == 0 and POOL <= record <= int(words[HEADER_POOL_END]) - LEAF_WORDS


def vma_text(words: Words, record: int) -> str:
    """Return one VMA as a line: where its record is, its range, and what decides merging."""
    if not record:
        return "none"
    if not is_record(words, record):
        return f"{record:#x} (no record)"

    def field(offset: int) -> int:
        return int(words[record + offset])

    flags = field(VMA_FLAGS)
    access = "".join(letter if flags & int(bit) else "-" for bit, letter in ACCESS)
    access += "s" if flags & int(VM_SHARED) else "p"
    text = f"{record:#x} {field(VMA_START):#x}-{field(VMA_END):#x} {access}"
    marks = [name for bit, name in MARKS if flags & int(bit)]
    text += f" flags {flags:#x} pgoff {field(VMA_PGOFF):#x} id {field(VMA_ID):#x}"
    if field(VMA_FILE):
        marks.append(f"file {field(VMA_FILE):#x}")
    if field(VMA_ANON) or field(VMA_CHAIN):
        marks.append(f"anon {field(VMA_ANON):#x} chain {field(VMA_CHAIN)}")
    return ", ".join([text, *marks])


def list_records(words: Words, mm: int) -> Iterator[int]:
    """Yield the records of the list, up to the first link that leads nowhere."""
    record = int(words[mm + MM_LIST_FIRST])
    for _ in range(VMAS_MAX):
        if not is_record(words, record):
            return
        yield record
        record = int(words[record + LIST_NEXT])


def tree_lines(words: Words, mm: int) -> Iterator[str]:
    """Yield the dump of the maple tree, as far as its references lead to nodes."""
    try:
        yield from islice(dump_lines(words, int(words[mm + MM_TREE])), DUMP_MAX)
    except IndexError:
        yield "  a reference leads out of the arena"


def tree_records(words: Words, mm: int) -> Iterator[int]:
    """Yield what the entries of the maple tree name, ascending."""
    for line in tree_lines(words, mm):
        value = line.rpartition(" ")[2]
        if value.isdecimal():
            yield int(value) & int(NODE_MASK)


def following(words: Words, record: int) -> str:
    """Return the range of the VMA after `record` in the list, as the original prints vm_next."""
    if not is_record(words, record):
        return "none"
    after = int(words[record + LIST_NEXT])
    if int(words[FAULT]) != Odd.ODD_2 and not is_record(words, after):
        return "none"
    return f"{int(words[after + VMA_START]):#x} - {int(words[after + VMA_END]):#x}"


def first_above(words: Words, mm: int, address: int) -> int:
    """Return the first VMA that ends above `address` in what there is beside the maple tree."""
    stage = int(words[mm + MM_STAGE])
    if stage & STAGE_RBTREE:
        found, record = 0, int(words[mm + MM_RB_ROOT])
        for _ in range(DEPTH_MAX):
            if not is_record(words, record):
                break
            above = int(words[record + VMA_END]) > address
            found = record if above else found
            record = int(words[record + (RB_LEFT if above else RB_RIGHT)])
        return found
    records = list_records(words, mm) if stage & STAGE_LIST else tree_records(words, mm)
    sound = (record for record in records if is_record(words, record))
    return next((record for record in sound if int(words[record + VMA_END]) > address), 0)


# -- what is said of each kind -------------------------------------------------------------------


def _place(address: int) -> str:
    return "none" if address == NOWHERE else f"{address:#x}"


def _said_gap(words: Words, mm: int, details: Details) -> list[str]:
    tree, other, topdown, low, high, length, mask, offset = details[:8]
    about = other if tree == NOWHERE else tree
    above = first_above(words, mm, about)
    return [
        f"Gap was found: mt {_place(tree)} gap_{'end' if topdown else 'start'} {_place(other)}",
        f"window was {high:#x} - {low:#x} size {length:#x}",
        f"align mask {mask:#x} offset {offset:#x}, {'top-down' if topdown else 'bottom-up'}",
        f"rb_find_vma find on {_place(about)} => {vma_text(words, above)}",
    ]


def _said_entry(words: Words, mm: int, details: Details) -> list[str]:
    record, first, last = details[0], details[3], details[4]
    beside = first_above(words, mm, first)
    return [
        f"mt piv: {vma_text(words, record).split()[0]} {first:#x} - {last:#x}",
        f"mt vma: {vma_text(words, record)}",
        f"rb vma: {vma_text(words, beside)}",
        f"rb->next = {following(words, beside)}",
    ]


def _said_stale(words: Words, mm: int, details: Details) -> list[str]:
    value, there, _, first, last = details[:5]
    record = value & int(NODE_MASK)
    return [
        f"mt piv: {value:#x} {first:#x} - {last:#x}",
        f"mt vma: {record:#x}, generation {value - record:#x}; there is {there:#x} now",
        f"rb vma: {vma_text(words, first_above(words, mm, first))}",
    ]


def _said_next(words: Words, mm: int, details: Details) -> list[str]:
    here, tree, other = details[:3]
    piv = "none"
    if is_record(words, tree):
        start, end = int(words[tree + VMA_START]), int(words[tree + VMA_END])
        piv = f"{tree:#x} {start:#x} - {(end - 1) & NOWHERE:#x}"
    return [
        f"beside: {vma_text(words, here)}",
        f"mt piv: {piv}",
        f"mt vma: {vma_text(words, tree)}",
        f"rb vma: {vma_text(words, other)}",
        f"rb->next = {following(words, other or here)}",
    ]


def _said_lookup(words: Words, mm: int, details: Details) -> list[str]:
    address, tree, other = details[:3]
    return [
        f"find_vma on {address:#x}",
        f"mt vma: {vma_text(words, tree)}",
        f"rb vma: {vma_text(words, other)}",
    ]


def _said_overlap(words: Words, mm: int, details: Details) -> list[str]:
    new, old, start = details[:3]
    end = int(words[old + VMA_END]) if is_record(words, old) else start + 1
    return [
        f"Found vma ending at {end - 1:#x}",
        f"vma : {old} => {start}-{end - 1}",
        f"new : {vma_text(words, new)}",
    ]


def _said_vma(words: Words, mm: int, details: Details) -> list[str]:
    return [f"vma: {vma_text(words, details[0])}", f"{details[1]:#x} {details[2]:#x}"]


def _said_owner(words: Words, mm: int, details: Details) -> list[str]:
    said = f"this is address space {details[1]}, the VMA is of {details[2]}"
    return [*_said_entry(words, mm, details), said]


def _said_numbers(words: Words, mm: int, details: Details) -> list[str]:
    return [f"mt {details[0]}, other {details[1]}"]


def _said_pages(words: Words, mm: int, details: Details) -> list[str]:
    pages, other, start, end = details[:4]
    return [f"pages {start:#x} - {end:#x}: mt {pages}, other {other}"]


def _said_tree(words: Words, mm: int, details: Details) -> list[str]:
    name = Invariant(details[0]).name if details[0] in list(Invariant) else str(details[0])
    return [f"{name} at {details[1]:#x}, node {details[2]:#x}"]


def _said_rbtree(words: Words, mm: int, details: Details) -> list[str]:
    name = Broken(details[0]).name if details[0] in list(Broken) else str(details[0])
    return [f"{name} at {vma_text(words, details[1])}"]


def _said_store(words: Words, mm: int, details: Details) -> list[str]:
    name = Status(details[0]).name if details[0] in list(Status) else str(details[0])
    return [f"{name}: {details[1]:#x} - {details[2]:#x}"]


SAID: dict[Finding, Callable[[Words, int, Details], list[str]]] = {
    Finding.TREE_STORE: _said_store,
    Finding.FIND_VMA: _said_lookup,
    Finding.NEIGHBOUR: _said_next,
    Finding.OVERLAP: _said_overlap,
    Finding.TREE_BROKEN: _said_tree,
    Finding.RBTREE_BROKEN: _said_rbtree,
    Finding.ENTRY_STALE: _said_stale,
    Finding.ENTRY_RANGE: _said_entry,
    Finding.VMA_OWNER: _said_owner,
    Finding.VMA_RANGE: _said_vma,
    Finding.VMA_STATE: _said_vma,
    Finding.LIST_DIFFERS: _said_next,
    Finding.LIST_BACK: _said_next,
    Finding.RBTREE_DIFFERS: _said_next,
    Finding.RBTREE_BACK: _said_next,
    Finding.TREE_BACK: _said_numbers,
    Finding.COUNT: _said_numbers,
    Finding.TOTAL: _said_numbers,
    Finding.DATA: _said_numbers,
    Finding.LOCKED: _said_numbers,
    Finding.CACHE: _said_lookup,
    Finding.GAP: _said_gap,
    Finding.PAGES: _said_pages,
}
ADDRESS_AT = {  # the detail that is an address; of most, the first is a record
    Finding.TREE_STORE: 1,
    Finding.FIND_VMA: 0,
    Finding.OVERLAP: 2,
    Finding.TREE_BROKEN: 1,
    Finding.ENTRY_STALE: 3,
    Finding.CACHE: 0,
    Finding.GAP: 0,
    Finding.PAGES: 2,
}


def _address(words: Words, found: Finding, details: Details) -> int:
    """Return the address that a finding is about, or 0."""
    if found in ADDRESS_AT:
        return details[ADDRESS_AT[found]]
    record = details[1] if found == Finding.RBTREE_BROKEN else details[0]
    return int(words[record + VMA_START]) if is_record(words, record) else 0


# -- dumps ---------------------------------------------------------------------------------------


def _summary(words: Words, mm: int) -> str:
    stage = int(words[mm + MM_STAGE])
    beside = [name for bit, name in STAGE_NAMES.items() if stage & bit]
    return (
        f"address space {int(words[mm + MM_ID])}: {int(words[mm + MM_COUNT])} VMAs, "
        f"{int(words[mm + MM_TOTAL])} pages; beside the maple tree: {', '.join(beside) or 'none'}"
    )


def _dumps(words: Words, mm: int) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the name and the lines of each structure."""
    stage = int(words[mm + MM_STAGE])
    yield "maple tree", tree_lines(words, mm)
    if stage & STAGE_LIST:
        yield "list", _list_lines(words, mm)
    if stage & STAGE_RBTREE:
        yield "rb-tree", _rbtree_lines(words, int(words[mm + MM_RB_ROOT]), 0, set())


def _list_lines(words: Words, mm: int) -> Iterator[str]:
    for record in list_records(words, mm):
        start, end = int(words[record + VMA_START]), int(words[record + VMA_END])
        yield f"vma {record:#x} [{start:#x}, {end - 1:#x}]"


def _rbtree_lines(words: Words, record: int, depth: int, seen: set[int]) -> Iterator[str]:
    """Yield one line a node, in order, indented by depth; a node that was `seen` only once."""
    if not record:
        return
    indent = "  " * depth
    if depth > DEPTH_MAX or record in seen or not is_record(words, record):
        yield f"{indent}{record:#x} ({'again' if record in seen else 'no record'})"
        return
    seen.add(record)
    yield from _rbtree_lines(words, int(words[record + RB_LEFT]), depth + 1, seen)
    start, end = int(words[record + VMA_START]), int(words[record + VMA_END])
    colour = "black" if int(words[record + RB_PARENT]) & int(RB_BLACK) else "red"
    gaps = f"own {int(words[record + RB_OWN]):#x} gap {int(words[record + RB_GAP]):#x}"
    yield f"{indent}{record:#x} [{start:#x}, {end - 1:#x}] {colour} {gaps}"
    yield from _rbtree_lines(words, int(words[record + RB_RIGHT]), depth + 1, seen)


def _around(rows: list[str], address: int) -> list[str]:
    """Return at most LINES rows, those around `address`, and how many are left out."""
    if len(rows) <= LINES:
        return rows
    centre = 0
    for number, row in enumerate(rows):
        found = RANGE.search(row)
        if found and int(found[1], 16) <= address:
            centre = number
    begin = min(max(0, centre - LINES // 2), len(rows) - LINES)
    end = begin + LINES
    return [f"... {begin} lines before", *rows[begin:end], f"... {len(rows) - end} lines after"]
