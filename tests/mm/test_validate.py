"""Validation: a sound address space is silent, and every kind of damage is named for what it is."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from stressd_kernels import AddressSpace
from stressd_kernels.address_space import Broken
from stressd_kernels.calls import five, invoke
from stressd_kernels.layout import RESULT_VALUE, SLOT_WORKER, TREE_ENTRIES_AT
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.finding import Finding
from stressd_kernels.mm.layout import (
    MM_COUNT,
    MM_DATA,
    MM_FINDING,
    MM_LIST_FIRST,
    MM_LIST_LAST,
    MM_LOCKED,
    MM_RB_ROOT,
    MM_TOTAL,
    MM_TREE,
    MM_VALIDATED,
    STAGES,
)
from stressd_kernels.mm.words import PAGE, VM_LOCKED, VM_SHARED
from stressd_kernels.records import (
    LIST_NEXT,
    LIST_PREV,
    RB_GAP,
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FLAGS,
    VMA_MM,
    VMA_START,
)
from stressd_kernels.refs import GENERATION_ONE, NODE_MASK
from stressd_kernels.spaces import Settings, offer_calls
from stressd_kernels.verbs import Verb

BASE = 0x10_0000
STEP = 5 * int(PAGE)
SIZE = 3 * int(PAGE)
COUNT = 40


def built(stage: str = "all", count: int = COUNT) -> AddressSpace:
    """Return an address space of VMAs with holes between them."""
    mm = AddressSpace(Settings(stage=stage))
    for number in range(count):
        flags = 3 if number % 3 else 3 | int(VM_LOCKED)
        mm.place(BASE + number * STEP, BASE + number * STEP + SIZE, flags)
    return mm


def records(mm: AddressSpace) -> list[int]:
    """Return the records of an address space as its maple tree has them."""
    words, tree = mm.words, int(mm.words[mm.mm + MM_TREE])
    with mm.arena.seated() as slot:
        out = slot + SLOT_WORKER
        address = int(words[tree + TREE_ENTRIES_AT + Verb.SCAN])
        rows = int(invoke(words, address, tree, slot, True, *five(0, (1 << 64) - 1, 1000, out)))
        return [int(words[out + 3 * row + 2] & NODE_MASK) for row in range(rows)]


def store(mm: AddressSpace, first: int, last: int, value: int) -> None:
    """Store into the maple tree alone."""
    words, tree = mm.words, int(mm.words[mm.mm + MM_TREE])
    with mm.arena.seated() as slot:
        address = int(words[tree + TREE_ENTRIES_AT + Verb.STORE_HELD])
        assert invoke(words, address, tree, slot, False, *five(first, last, value)) == 0


def value(mm: AddressSpace, address: int) -> int:
    """Return the value of the maple tree at an address."""
    words, tree = mm.words, int(mm.words[mm.mm + MM_TREE])
    with mm.arena.seated() as slot:
        entry = int(words[tree + TREE_ENTRIES_AT + Verb.FIND])
        assert invoke(words, entry, tree, slot, True, *five(address, (1 << 64) - 1)) == 0
        return int(words[slot + RESULT_VALUE])


def finding(mm: AddressSpace) -> Finding:
    """Return what validation finds."""
    with pytest.raises(Broken) as caught:
        mm.validate()
    found = Finding(int(mm.words[mm.mm + MM_FINDING]))
    assert found.name in str(caught.value)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_sound_address_space_is_silent(stage: str) -> None:
    """On every stage, after any history, around each call."""
    mm, draw = built(stage), random.Random(stage)
    for _ in range(600):
        page = draw.randrange(COUNT * 5)
        length = draw.choice((1, 2, 3, 9)) * int(PAGE)
        start = BASE + page * int(PAGE)
        if draw.random() < 0.5:
            mm.munmap(start, length)
        else:
            mm.place(start, start + length, 3)
    mm.validate()
    assert mm.words[mm.mm + MM_VALIDATED] > 1200


def test_many_vmas_are_walked_in_pieces() -> None:
    """More than the walk reads at a time, and exactly as many."""
    mm = AddressSpace(Settings(validate=0))
    for number in range(2050):
        mm.place(BASE + number * STEP, BASE + number * STEP + SIZE, 3)
        if number + 1 in (1023, 1024, 1025, 2048):
            mm.validate()
    mm.validate()


def test_an_empty_address_space_is_sound() -> None:
    """Nothing anywhere."""
    AddressSpace().validate()


def word(offset: int, change: Callable[[int], int]) -> Callable[[AddressSpace, int], None]:
    """Return what changes a word of a record."""

    def damage(mm: AddressSpace, record: int) -> None:
        mm.words[record + offset] = np.uint64(change(int(mm.words[record + offset])))

    return damage


def mm_word(offset: int, change: Callable[[int], int]) -> Callable[[AddressSpace, int], None]:
    """Return what changes a word of the address space."""
    return lambda mm, _: word(offset, change)(mm, mm.mm)


def store_hole(mm: AddressSpace, record: int) -> None:
    """Let the maple tree forget a VMA."""
    store(mm, int(mm.words[record + VMA_START]), int(mm.words[record + VMA_END]) - 1, 0)


def store_less(mm: AddressSpace, record: int) -> None:
    """Let the maple tree have a VMA shorter than it is."""
    store(mm, int(mm.words[record + VMA_END]) - int(PAGE), int(mm.words[record + VMA_END]) - 1, 0)


def store_tail(mm: AddressSpace, record: int) -> None:
    """Let the maple tree have an entry behind the last VMA: a copy of that one."""
    last = records(mm)[-1]
    end = int(mm.words[last + VMA_END])
    copy = int(mm.words[last]) | last
    store(mm, end + int(PAGE), end + 2 * int(PAGE) - 1, copy)


def freed(mm: AddressSpace, record: int) -> None:
    """Let a record be that of another generation."""
    mm.words[record] += GENERATION_ONE


def nowhere(mm: AddressSpace, record: int) -> None:
    """Let the maple tree name what is no record."""
    store(mm, int(mm.words[record + VMA_START]), int(mm.words[record + VMA_END]) - 1, 0x40)


DAMAGE: dict[str, tuple[Callable[[AddressSpace, int], None], set[Finding]]] = {
    "a VMA missing in the maple tree": (store_hole, {Finding.LIST_DIFFERS}),
    "a VMA shorter in the maple tree": (store_less, {Finding.ENTRY_RANGE}),
    "an entry behind the last VMA": (store_tail, {Finding.ENTRY_RANGE}),
    "an entry of a freed record": (freed, {Finding.ENTRY_STALE}),
    "an entry of no record": (nowhere, {Finding.ENTRY_STALE}),
    "another's VMA": (word(VMA_MM, lambda w: w + 1), {Finding.VMA_OWNER}),
    "another range than the gaps say": (word(VMA_END, lambda w: w + 1), {Finding.RBTREE_BROKEN}),
    "an anon without a chain": (word(VMA_ANON, lambda w: 7), {Finding.VMA_STATE}),
    "a chain without an anon": (word(VMA_CHAIN, lambda w: 1), {Finding.VMA_STATE}),
    "the list skips one": (word(LIST_NEXT, lambda w: 12345), {Finding.LIST_DIFFERS}),
    "the list back skips one": (word(LIST_PREV, lambda w: 0), {Finding.LIST_BACK}),
    "the list begins elsewhere": (mm_word(MM_LIST_FIRST, lambda w: 0), {Finding.LIST_DIFFERS}),
    "the list ends elsewhere": (mm_word(MM_LIST_LAST, lambda w: 0), {Finding.LIST_BACK}),
    "no rb-tree": (mm_word(MM_RB_ROOT, lambda w: 0), {Finding.RBTREE_DIFFERS}),
    "a gap of the rb-tree": (word(RB_GAP, lambda w: w + 1), {Finding.RBTREE_BROKEN}),
    "one VMA too many": (mm_word(MM_COUNT, lambda w: w + 1), {Finding.COUNT}),
    "one page too many": (mm_word(MM_TOTAL, lambda w: w + 1), {Finding.TOTAL}),
    "one page of data too few": (mm_word(MM_DATA, lambda w: w - 1), {Finding.DATA}),
    "one locked page too few": (mm_word(MM_LOCKED, lambda w: w - 1), {Finding.LOCKED}),
    "pages unlocked behind the count": (word(VMA_FLAGS, lambda w: 3), {Finding.LOCKED}),
    "shared behind the count": (word(VMA_FLAGS, lambda w: w | int(VM_SHARED)), {Finding.DATA}),
}


@pytest.fixture
def mm() -> AddressSpace:
    """An address space to be damaged, all structures."""
    return built()


@pytest.mark.parametrize("name", DAMAGE)
def test_every_kind_of_damage_is_named(mm: AddressSpace, name: str) -> None:
    """One thing is wrong, with a VMA in the middle or with the whole."""
    damage, expected = DAMAGE[name]
    mm.validate()
    damage(mm, records(mm)[COUNT // 2 + 1])
    assert finding(mm) in expected


@pytest.mark.parametrize("name", DAMAGE)
def test_the_last_vma_is_no_exception(mm: AddressSpace, name: str) -> None:
    """Nor the report on it: the original read what follows the last VMA, and that is nothing."""
    damage, _ = DAMAGE[name]
    last = records(mm)[-1]
    damage(mm, last)
    finding(mm)


def test_a_range_off_a_page_is_named() -> None:
    """Though entry and record agree on it."""
    mm = built("no-list")
    record = records(mm)[-1]
    start, end = int(mm.words[record + VMA_START]), int(mm.words[record + VMA_END])
    mm.words[record + VMA_END] = end + 1
    store(mm, start, end, int(mm.words[record]) | record)
    assert finding(mm) == Finding.VMA_RANGE


def link(mm: AddressSpace, start: int, end: int) -> None:
    """Make the step that adds a record to every structure, outside of any call."""
    offer_calls(mm.arena, (Call.LINK,))
    with mm.arena.seated() as slot:
        record = slot + SLOT_WORKER
        mm.words[record + VMA_START], mm.words[record + VMA_END] = start, end
        invoke(mm.words, CALLS[Call.LINK].address, mm.mm, slot, False, *five(record))


@pytest.mark.parametrize("where", ["everywhere", "in the rb-tree", "in the maple tree"])
def test_a_vma_that_is_linked_where_one_is(mm: AddressSpace, where: str) -> None:
    """Each tree is asked, and the report says what is in the way."""
    there = records(mm)[3]
    if where == "in the rb-tree":
        store_hole(mm, there)
    elif where == "in the maple tree":
        mm.words[mm.mm + MM_RB_ROOT] = 0
    start, end = int(mm.words[there + VMA_START]), int(mm.words[there + VMA_END])
    link(mm, start + int(PAGE), end + int(PAGE))
    assert Finding(int(mm.words[mm.mm + MM_FINDING])) == Finding.OVERLAP
    assert f"Found vma ending at {end - 1:#x}" in mm.report()
    assert len(mm.maps()) == COUNT - (where == "in the rb-tree")


def test_after_a_finding_nothing_changes_any_more(mm: AddressSpace) -> None:
    """Every later call says so, and the first finding stays."""
    mm.words[mm.mm + MM_COUNT] += np.uint64(1)
    with pytest.raises(Broken, match="COUNT"):
        mm.munmap(BASE, SIZE)
    assert len(mm.maps()) == COUNT
    with pytest.raises(Broken, match="COUNT"):
        mm.place(0x7000_0000, 0x7000_1000, 3)


def test_stages_look_at_what_they_have() -> None:
    """Without list and rb-tree their words may be anything."""
    mm = built("no-list")
    for offset in (MM_RB_ROOT, MM_LIST_FIRST, MM_LIST_LAST):
        mm.words[mm.mm + offset] = 12345
    mm.validate()
