"""What threads do to address spaces is in the trace, and replays to the same maps."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from stressd.evidence import TraceSample
from stressd.replay.command import Request, run
from stressd.traces import open_recording
from stressd.traces.events import Store
from stressd.tracing.file import TraceFile
from stressd.tracing.order import ACTOR, MM, Order
from stressd.tracing.tracer import Tracer
from stressd_kernels.address_space import AddressSpace
from stressd_kernels.arena import LEAF_CACHED
from stressd_kernels.calls import five, invoke
from stressd_kernels.layout import SLOT_WORDS, SLOTS, SLOTS_MAX, TREE_LOCK, TREES_MAX
from stressd_kernels.lock import FREE, HELD
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.drain import EventRings, Words
from stressd_kernels.mm.frame import LEAVES
from stressd_kernels.mm.layout import MM_COUNT, MM_ID, MM_TREE
from stressd_kernels.mm.trace import COLUMNS, SHARE_MIN
from stressd_kernels.spaces import Settings, offer_calls
from stressd_kernels.status import Status
from stressd_kernels.worker import TRACE_CAPACITY, TRACE_HEAD, TRACE_TAIL
from tests.tracing.crowd import PAGE, PLAIN, Crowd
from tests.tracing.naive import Maps

PLENTY = 1 << 30
VMAS = 5


def traced(
    path: Path, *, threads: int, calls: int, seed: int, stage: str = "all"
) -> tuple[Crowd, TraceSample]:
    """Let a crowd work under a trace."""
    crowd = Crowd(stage)
    tracer = Tracer(crowd.arena.words, TraceFile(path, PLENTY))
    tracer.begin()
    crowd.begin(3)
    crowd.run(threads, calls, seed)
    return crowd, tracer.end()


def same(crowd: Crowd, path: Path) -> Maps:
    """Require that a trace leaves every address space with the VMAs that it has."""
    maps = Maps().apply(open_recording(str(path)))
    real = {
        mm: [(vma.start, vma.end - 1, vma.identity) for vma in vmas]
        for mm, vmas in crowd.maps().items()
    }
    assert {mm: ranges for mm, ranges in maps.live.items() if ranges} == {
        mm: ranges for mm, ranges in real.items() if ranges
    }
    return maps


@pytest.mark.parametrize("seed", range(3))
def test_a_trace_holds_what_one_thread_does(tmp_path: Path, seed: int) -> None:
    """Calls of all kinds, forks and ends among them: the same VMAs at the end, by identity."""
    crowd, report = traced(tmp_path / "t.trace", threads=1, calls=1500, seed=seed)
    maps = same(crowd, tmp_path / "t.trace")
    assert (report.lost, report.ended) == (0, "")
    assert len(maps.ended) == crowd.ended > 0


@pytest.mark.parametrize("stage", ["all", "no-cache"])
def test_a_trace_holds_what_many_threads_do(tmp_path: Path, stage: str) -> None:
    """Threads that change, fork and end the same address spaces at the same time."""
    path = tmp_path / "t.trace.gz"
    crowd, report = traced(path, threads=4, calls=1500, seed=7, stage=stage)
    maps = same(crowd, path)
    assert (report.lost, report.ended) == (0, "")
    assert len(maps.ended) == crowd.ended > 0


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_trace_replays(tmp_path: Path, threads: int) -> None:
    """`stressd replay` finds nothing wrong, and every gap search has the same answer."""
    path = tmp_path / "t.trace"
    traced(path, threads=threads, calls=1500, seed=threads)
    written: list[str] = []
    run(Request([str(path)], as_json=True, validate=100), written.append)
    (report,) = map(json.loads, written)
    assert report["verdict"] == "VALID", report["findings"]
    assert report["gap_searches"]["agreed"] == report["gap_searches"]["asked"] > 0


def test_a_fork_of_as_many_mappings_as_there_may_be_loses_nothing(tmp_path: Path) -> None:
    """65,530 events of one call: it waits until its ring has room for all of them."""
    path = tmp_path / "t.trace"
    crowd = Crowd()
    most = crowd.settings.limits.map_count
    tracer = Tracer(crowd.arena.words, TraceFile(path, PLENTY))
    tracer.begin()
    parent = AddressSpace(crowd.settings, arena=crowd.arena)
    for page in range(16, 16 + 2 * most, 2):
        parent.place(page * PAGE, (page + 1) * PAGE, PLAIN)
    crowd.spaces += [parent, parent.fork()]
    report = tracer.end()
    assert (report.lost, report.ended, report.events) == (0, "", 2 * most)
    found = ranges_by_store(path)
    assert found == {
        mm: [(vma.start, vma.end - 1, vma.identity) for vma in vmas]
        for mm, vmas in crowd.maps().items()
    }


def ring_of(words: Words, slot: int, free: int) -> None:
    """Let the ring of a slot have room for so many records."""
    words[slot + TRACE_HEAD] = 0
    words[slot + TRACE_TAIL] = TRACE_CAPACITY - free


def test_a_fork_waits_for_room_for_all_its_records() -> None:
    """One for each VMA, one that says who acts, and three for the last event: not one less."""
    arena = Arena(64 << 20)
    parent, child = program(arena, VMAS), AddressSpace(arena=arena, alive=False)
    rings = EventRings(arena.words)
    rings.switch_on()
    fork = CALLS[Call.FORK].address, parent.mm
    with arena.seated() as slot:
        ring_of(arena.words, slot, VMAS + 2)
        offer_calls(arena, (Call.FORK,))
        assert invoke(arena.words, *fork, slot, False, *five(child.mm)) == Status.BACKLOG
        ring_of(arena.words, slot, VMAS + 3)
        assert invoke(arena.words, *fork, slot, False, *five(child.mm)) == Status.OK
        assert arena.words[slot + TRACE_TAIL] == TRACE_CAPACITY - 2
    assert rings.lost == 0


def test_a_fork_of_more_than_it_asked_room_for_asks_again() -> None:
    """A VMA comes while it waits for the lock: it waits for the ring instead of losing an event."""
    arena = Arena(64 << 20)
    parent, child = program(arena, VMAS), AddressSpace(arena=arena, alive=False)
    rings = EventRings(arena.words)
    rings.switch_on()
    lock = int(parent.words[parent.mm + MM_TREE]) + TREE_LOCK
    parent.words[lock] = HELD
    waiter = threading.Thread(target=parent.fork_into, args=(child,))
    with arena.seated():  # the seat of the calls so far, which has nodes
        with arena.seated() as slot:
            ring_of(arena.words, slot, VMAS + 3)
        waiter.start()
        while waiter.is_alive() and arena.words[slot + LEAF_CACHED] < LEAVES:
            time.sleep(0)
    parent.words[parent.mm + MM_COUNT] += 1
    parent.words[lock] = FREE
    while waiter.is_alive() and not rings.waits:
        time.sleep(0)
    parent.words[parent.mm + MM_COUNT] -= 1
    waiter.join()
    assert rings.waits > 0
    assert (rings.lost, len(child.maps())) == (0, VMAS)


def test_the_actor_is_who_lives_there_when_the_lock_is_had() -> None:
    """A call waits for the lock while its address space ends, and another begins in its block."""
    arena = Arena(64 << 20)
    mm = AddressSpace(Settings(validate=0), arena=arena)
    rings = EventRings(arena.words)
    rings.switch_on()
    lock = int(mm.words[mm.mm + MM_TREE]) + TREE_LOCK
    mm.words[lock] = HELD
    waiter = threading.Thread(target=mm.place, args=(16 * PAGE, 17 * PAGE, PLAIN))
    waiter.start()
    cached = arena.words[SLOTS + LEAF_CACHED : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
    while waiter.is_alive() and not cached.any():  # its reservations are made: now the lock
        time.sleep(0)
    successor = int(mm.words[mm.mm + MM_ID]) + TREES_MAX
    mm.words[mm.mm + MM_ID] = successor
    mm.words[lock] = FREE
    waiter.join()
    out = np.zeros((SLOTS_MAX * SHARE_MIN, COLUMNS), np.uint64)
    count = rings.take(np.zeros((2, SLOTS_MAX), np.uint64), out)
    order = Order()
    order.add(out[:count])
    (event,) = order.rest().tolist()
    assert (event[MM], event[ACTOR]) == (successor, successor)


def program(arena: Arena, count: int) -> AddressSpace:
    """Return an address space with so many VMAs, not validated."""
    mm = AddressSpace(Settings(validate=0), arena=arena)
    for page in range(16, 16 + 2 * count, 2):
        mm.place(page * PAGE, (page + 1) * PAGE, PLAIN)
    return mm


def ranges_by_store(path: Path) -> dict[int, list[tuple[int, int, int]]]:
    """Return what each address space holds of which every store is of a range of its own."""
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for one in open_recording(str(path)):
        assert isinstance(one, Store), one
        found[one.mm].append((one.first, one.last, one.vma))
    return found
