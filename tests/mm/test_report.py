"""Reports: each finding as text, with both answers and what the structures hold."""

from __future__ import annotations

import numpy as np
import pytest

from stressd_kernels import AddressSpace
from stressd_kernels.layout import FAULT, LEAF_WORDS, POOL, TREE_ROOT
from stressd_kernels.maple.node import SLOT_FIRST
from stressd_kernels.mm.finding import Finding
from stressd_kernels.mm.layout import MM_DETAILS, MM_FINDING, MM_LIST_FIRST, MM_RB_ROOT, MM_TREE
from stressd_kernels.mm.odd import Odd
from stressd_kernels.mm.validation.report import HEADLINES, LINES, SAID
from stressd_kernels.records import LIST_NEXT, RB_LEFT, RB_RIGHT
from stressd_kernels.refs import NODE_MASK
from stressd_kernels.spaces import Settings
from tests.mm.test_validate import BASE, SIZE, STEP, built, finding, records, store_hole

NOWHERE = (1 << 64) - 1


def found(mm: AddressSpace, code: Finding, *details: int) -> list[str]:
    """Return the report of a finding that is written down by hand."""
    mm.words[mm.mm + MM_FINDING] = code
    for place, word in enumerate(details):
        mm.words[mm.mm + MM_DETAILS + place] = np.uint64(word)
    return mm.report().splitlines()


def test_nothing_found_is_nothing_said() -> None:
    """An empty text."""
    assert built().report() == ""


def test_two_addresses_of_a_gap_search() -> None:
    """Both answers, the window high first, the alignment, and which VMA is there."""
    mm = built()
    lines = found(
        mm,
        Finding.GAP,
        BASE - 0x1000,
        BASE - 0x3000,
        1,
        0x1000,
        0x7000_0000,
        0x1000,
        0x1FFF,
        0x1000,
    )
    assert lines[0].startswith("GAP: a gap search")
    assert lines[1:4] == [
        f"Gap was found: mt {BASE - 0x1000:#x} gap_end {BASE - 0x3000:#x}",
        "window was 0x70000000 - 0x1000 size 0x1000",
        "align mask 0x1fff offset 0x1000, top-down",
    ]
    assert lines[4].startswith(f"rb_find_vma find on {BASE - 0x1000:#x} => {records(mm)[0]:#x} ")
    text = "\n".join(lines)
    assert "40 VMAs, 120 pages; beside the maple tree: rb-tree, list, lookup cache" in text
    assert text.index("\nmaple tree:\n") < text.index("\nlist:\n") < text.index("\nrb-tree:\n")
    for record in records(mm):
        assert text.count(f" {record:#x} [") == 2  # list and rb-tree
    assert (
        f"[{BASE:#x}, {BASE + SIZE - 1:#x}] {int(mm.words[records(mm)[0]]) | records(mm)[0]}"
        in text
    )


def test_no_address_at_all() -> None:
    """Only the rb-tree found something."""
    lines = found(built(), Finding.GAP, NOWHERE, BASE, 0, 0x1000, 0x2000, 0x1000)
    assert lines[1] == f"Gap was found: mt none gap_start {BASE:#x}"
    assert lines[3].endswith("bottom-up")


@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "the last"])
def test_a_vma_that_the_maple_tree_lost(last: bool) -> None:
    """What each has there, and what follows: which of the last VMA is nothing, and no crash."""
    mm = built()
    order = records(mm)
    lost = order[-1] if last else order[20]
    store_hole(mm, lost)
    assert finding(mm) == Finding.LIST_DIFFERS
    text = mm.report()
    assert f"\nrb vma: {lost:#x} " in text
    if last:
        assert "\nmt vma: none\n" in text
        assert "\nrb->next = none\n" in text
    else:
        start = BASE + 21 * STEP
        assert f"\nmt piv: {order[21]:#x} {start:#x} - {start + SIZE - 1:#x}\n" in text
        assert f"\nrb->next = {start:#x} - {start + SIZE:#x}\n" in text


def test_odd_2_reads_behind_the_last_vma() -> None:
    """As the original, which took what is no VMA for one: here that is rubbish, there an oops."""
    mm = built()
    last = records(mm)[-1]
    store_hole(mm, last)
    assert finding(mm) == Finding.LIST_DIFFERS
    mm.words[FAULT] = Odd.ODD_2
    try:
        assert "\nrb->next = none\n" not in mm.report()
    finally:
        mm.words[FAULT] = 0
    assert "\nrb->next = none\n" in mm.report()


@pytest.mark.parametrize("code", [code for code in Finding if code])
@pytest.mark.parametrize("word", [0, 1, 48, POOL + 5, POOL, 1 << 40, NOWHERE])
def test_every_finding_can_be_told(code: Finding, word: int) -> None:
    """Whatever its details are: a report is made of what may be damaged."""
    assert {code for code in Finding if code} == set(HEADLINES) == set(SAID)
    lines = found(built(count=3), code, *[word] * 11)
    assert lines[0] == f"{code.name}: {HEADLINES[code]}"
    assert "list:" in lines


def test_damaged_structures_can_be_dumped() -> None:
    """Circles end, and links to nowhere are not followed."""
    mm = built()
    order = records(mm)
    root = int(mm.words[mm.mm + MM_RB_ROOT])
    mm.words[int(mm.words[root + RB_LEFT]) + RB_LEFT] = root
    mm.words[int(mm.words[root + RB_RIGHT]) + RB_LEFT] = 12345
    mm.words[order[-1] + LIST_NEXT] = NOWHERE
    text = "\n".join(found(mm, Finding.COUNT, 1, 2))
    assert f"{root:#x} (again)" in text
    assert f"{12345:#x} (no record)" in text
    mm.words[mm.mm + MM_LIST_FIRST] = POOL - LEAF_WORDS
    assert "\nlist:\nrb-tree:\n" in mm.report()


@pytest.mark.parametrize("reference", [(1 << 63) | (1 << 39), (1 << 63) | 16, 5, NOWHERE])
def test_a_maple_tree_that_leads_nowhere_can_be_dumped(reference: int) -> None:
    """Its root, or what a node of it refers to, is anything."""
    mm = built()
    tree = int(mm.words[mm.mm + MM_TREE])
    root = int(mm.words[tree + TREE_ROOT])
    mm.words[(root & int(NODE_MASK)) + SLOT_FIRST] = np.uint64(reference)
    assert found(mm, Finding.COUNT, 1, 2)[-1]
    mm.words[tree + TREE_ROOT] = np.uint64(reference)
    assert "list:" in found(mm, Finding.COUNT, 1, 2)
    mm.words[tree + TREE_ROOT] = np.uint64(root)


def test_a_large_dump_shows_what_is_around() -> None:
    """The lines before and after the address that it is about, and how many there are besides."""
    mm = AddressSpace(Settings(validate=0))
    for number in range(1000):
        mm.place(BASE + number * STEP, BASE + number * STEP + SIZE, 3)
    address = BASE + 700 * STEP
    lines = found(mm, Finding.FIND_VMA, address, 0, 0)
    rows = [line for line in lines if f"[{address:#x}, " in line]
    assert len(rows) == 3
    assert len(lines) < 3 * (LINES + 4) + 10
    begin = lines.index("list:")
    assert lines[begin + 1] == f"  ... {700 - LINES // 2} lines before"
