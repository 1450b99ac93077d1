"""Calls over many VMAs that run out of nodes, and a move to where something is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stressd_kernels import AddressSpace, Arena
from stressd_kernels.address_space import Broken
from stressd_kernels.mm.calls import Call
from tests.mm.build import READ_ONLY, WRITABLE, at
from tests.mm.kernels.pair import flags_word
from tests.mm.kernels.steps import record_at, step
from tests.mm.spec.words import PAGE

MOVE_THERE = 3  # MREMAP_MAYMOVE | MREMAP_FIXED
RW, READ = flags_word(WRITABLE), flags_word(READ_ONLY)


@pytest.fixture(scope="module")
def arena() -> Arena:
    """One arena for all: reservations of all that use it fail together."""
    return Arena(64 << 20)


def alternating(arena: Arena, count: int) -> AddressSpace:
    """Return an address space of VMAs of two pages side by side that do not merge."""
    mm = AddressSpace(arena=arena)
    for number in range(count):
        start = at(2 * number)
        mm.place(start, start + 2 * PAGE, READ if number % 2 else RW, 0, start // PAGE)
    return mm


def pages(mm: AddressSpace) -> list[int]:
    """Return the first page of each VMA."""
    return [(vma.start - at(0)) // PAGE for vma in mm.maps()]


def runs_out(mm: AddressSpace, call: Callable[[], object], after: int) -> None:
    """Make a call of which so many reservations succeed; what is left must be sound."""
    with mm.arena.failing(after), pytest.raises(MemoryError):
        call()
    mm.validate()


def test_moves_before_nodes_run_out_stay(arena: Arena) -> None:
    """Each VMA that moves reserves twice: before its target is unmapped, and before it moves."""
    for after, moved in ((1, 0), (2, 0), (3, 1), (4, 1), (5, 2)):
        mm = alternating(arena, 3)
        runs_out(mm, lambda m=mm: m.mremap(at(0), 6 * PAGE, 6 * PAGE, MOVE_THERE, at(50)), after)  # type: ignore[misc]
        left, gone = [0, 2, 4][moved:], [50, 52, 54][:moved]
        assert pages(mm) == left + gone


def test_changes_before_nodes_run_out_stay(arena: Arena) -> None:
    """Every VMA of a range is a step of its own."""
    mm = alternating(arena, 6)
    runs_out(mm, lambda: mm.madvise(at(0), 12 * PAGE, 10), 4)
    flags = [vma.flags for vma in mm.maps()]
    assert [f not in (RW, READ) for f in flags] == [True, True, True, False, False, False]
    mm.madvise(at(0), 12 * PAGE, 10)
    assert not any(vma.flags in (RW, READ) for vma in mm.maps())


def test_mlockall_tells_that_nodes_ran_out(arena: Arena) -> None:
    """Other errors of single VMAs are passed over."""
    mm = alternating(arena, 6)
    runs_out(mm, lambda: mm.mlockall(1), 4)
    assert sum(vma.flags not in (RW, READ) for vma in mm.maps()) == 3
    mm.mlockall(1)
    assert not any(vma.flags in (RW, READ) for vma in mm.maps())


def test_nothing_changes_if_nodes_run_out_at_once(arena: Arena) -> None:
    """Calls reserve before they begin."""
    mm = alternating(arena, 2)
    before = mm.maps()
    for call in (
        lambda: mm.mremap(at(2), 2 * PAGE, 4 * PAGE, 0),
        lambda: mm.brk(at(9)),
        lambda: mm.shmat(PAGE, 0, 0),
        lambda: mm.fault(at(0), write=True),
        lambda: mm.mlockall(3),
    ):
        runs_out(mm, call, 0)
    assert mm.maps() == before


def test_a_copy_over_something_is_a_finding(arena: Arena) -> None:
    """Whoever moves has seen to it that the new place is free (copy_vma)."""
    mm = alternating(arena, 2)
    record = record_at(mm, at(0))
    with pytest.raises(Broken, match="OVERLAP"):
        step(mm, Call.MOVE, record, at(0), 2 * PAGE, 2 * PAGE, at(3))
    assert pages(mm) == [0, 2]
