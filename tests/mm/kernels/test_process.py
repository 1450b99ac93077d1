"""fork, exec and exit: what the child has, what is left, and that no node is lost."""

from __future__ import annotations

import pytest

from stressd_kernels import Arena
from stressd_kernels.address_space import AddressSpace
from stressd_kernels.layout import SLOT_WORDS, SLOTS, SLOTS_MAX
from stressd_kernels.mm.layout import MM_RETIRED
from stressd_kernels.mm.words import (
    TASK_SIZE,
    VM_DONTCOPY,
    VM_LOCKED,
    VM_READ,
    VM_WIPEONFORK,
    VM_WRITE,
)
from stressd_kernels.spaces import Settings
from tests.mm.kernels.placed import EVERY_STAGE, both, drawn
from tests.mm.spec import process
from tests.mm.spec.words import PAGE, Limits

READ = int(VM_READ)


def in_use(arena: Arena) -> int:
    """Return how many nodes were taken and have not been retired."""
    nodes = arena.accounting()
    return nodes.taken_total - nodes.retired_total


def ranges(mm: AddressSpace) -> list[tuple[int, int]]:
    """Return [start, end) of all VMAs."""
    return [(vma.start, vma.end) for vma in mm.maps()]


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_a_child_has_what_its_parent_had(stage: str) -> None:
    """And from then on neither sees what the other does."""
    _, parent = both(drawn(1, count=400, pages=20_000), stage)
    before = ranges(parent)
    child = parent.fork()
    assert ranges(child) == before
    assert {v.identity for v in child.maps()}.isdisjoint(v.identity for v in parent.maps())
    child.munmap(0, 10_000 * PAGE)
    assert ranges(parent) == before
    parent.exit()
    assert ranges(parent) == []
    cut = 10_000 * PAGE
    assert ranges(child) == [(max(low, cut), high) for low, high in before if high > cut]


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_what_a_child_does_not_get(stage: str) -> None:
    """DONTCOPY VMAs are left out, locks are taken off."""
    parent = AddressSpace(Settings(stage=stage))
    parent.place(PAGE, 2 * PAGE, READ | int(VM_DONTCOPY))
    parent.place(3 * PAGE, 4 * PAGE, READ | int(VM_LOCKED))
    parent.place(5 * PAGE, 6 * PAGE, READ | int(VM_WRITE | VM_WIPEONFORK))
    child = parent.fork()
    wipe = READ | int(VM_WRITE | VM_WIPEONFORK)
    assert [v[:3] for v in child.maps()] == [
        (3 * PAGE, 4 * PAGE, READ),
        (5 * PAGE, 6 * PAGE, wipe),
    ]


def test_an_anon_of_the_parent_is_another_one_in_the_child() -> None:
    """One link further from where it was made, so that siblings do not merge after a fork."""
    parent = AddressSpace(alive=False)
    parent.execute()
    (stack,) = parent.maps()
    (copy,) = parent.fork().maps()
    assert stack.anon != 0
    assert copy.anon not in (0, stack.anon)
    assert (stack.chain, copy.chain) == (1, 2)


def test_a_block_in_use_takes_no_child() -> None:
    """EAGAIN: a fork needs a block in which nothing lives, and is not its own child."""
    parent, other = AddressSpace(), AddressSpace()
    for taken in (parent, other):
        with pytest.raises(BlockingIOError):
            parent.fork_into(taken)


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_the_stack_of_a_new_program(stage: str) -> None:
    """One page of arguments at the end of user space, then where it belongs, 128 KiB larger."""
    mm = AddressSpace(Settings(stage=stage), alive=False)
    mm.execute()
    model = process.exec_stack(Limits())
    assert ranges(mm) == model.ranges() == [(int(TASK_SIZE) - PAGE, int(TASK_SIZE))]
    process.move_stack(model, 0x7FFD_0000_0000)
    mm.move_stack(0x7FFD_0000_0000)
    assert ranges(mm) == model.ranges()
    assert [v.pgoff for v in mm.maps()] == [v.pgoff for v in model.vmas]


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_a_fork_that_runs_out_of_nodes_leaves_nothing(stage: str) -> None:
    """At whatever VMA that is: the child's block stays free, and the parent as it was."""
    arena = Arena(64 << 20)
    parent = AddressSpace(Settings(stage=stage), arena=arena)
    for page in range(1, 60, 2):
        parent.place(page * PAGE, (page + 1) * PAGE, READ)
    before = parent.maps()
    failures = 0
    used = in_use(arena)
    for after in range(60):
        child = AddressSpace(Settings(stage=stage), arena=arena, alive=False)
        with arena.failing(after):
            try:
                parent.fork_into(child)
            except MemoryError:
                failures += 1
                assert child.maps() == []
                assert in_use(arena) == used
        assert parent.maps() == before
    assert failures > 30
    parent.exit()


def test_an_exec_counts_its_own_retired_nodes_alone() -> None:
    """What calls before it retired is not freed once more on its account."""
    arena = Arena(64 << 20)
    mm = AddressSpace(arena=arena)
    mm.place(PAGE, 9 * PAGE, READ)
    program = AddressSpace(arena=arena, alive=False)
    mm.munmap(4 * PAGE, PAGE)
    before = arena.accounting().retired_total
    program.execute()
    began = program.words[SLOTS + MM_RETIRED : SLOTS + SLOTS_MAX * SLOT_WORDS : SLOT_WORDS]
    assert int(began.max()) == before > 0


def test_every_node_is_accounted_for_after_forks_and_exits() -> None:
    """Records and nodes of all address spaces that ended are free again."""
    arena = Arena(64 << 20)
    parent = AddressSpace(arena=arena)
    for page in range(1, 600, 2):
        parent.place(page * PAGE, (page + 1) * PAGE, READ)
    for _ in range(20):
        child = parent.fork()
        child.munmap(100 * PAGE, 300 * PAGE)
        child.exit()
    parent.exit()
    assert arena.drain()
    nodes = arena.accounting()
    assert nodes.carved == nodes.cached + nodes.free
    assert (nodes.live, nodes.limbo) == (0, 0)


def test_places_are_given_back() -> None:
    """By whoever closes an address space, alive or not, and by a fork that fails."""
    arena = Arena(64 << 20)
    parent = AddressSpace(arena=arena)
    parent.place(PAGE, 2 * PAGE, READ)
    places = arena.trees
    with arena.failing(0), pytest.raises(MemoryError):
        parent.fork()
    assert arena.trees == places
    child = parent.fork()
    again = parent.fork()
    child.close()
    again.exit()
    again.close()
    assert arena.trees == places
    later = parent.fork()
    assert ranges(later) == ranges(parent) == [(PAGE, 2 * PAGE)]


def test_an_address_space_that_ended_takes_no_more_calls() -> None:
    """ESRCH, and look-ups find nothing."""
    mm = AddressSpace()
    mm.place(PAGE, 2 * PAGE, READ)
    mm.exit()
    with pytest.raises(ProcessLookupError):
        mm.munmap(PAGE, PAGE)
    assert mm.find_vma(0) is None


def test_identities_never_come_back() -> None:
    """Whoever lives in a block, its VMAs and files are others than those before."""
    arena = Arena(64 << 20)
    parent = AddressSpace(arena=arena)
    parent.place(PAGE, 2 * PAGE, READ)
    child = AddressSpace(arena=arena, alive=False)
    seen: set[int] = {vma.identity for vma in parent.maps()}
    for round_ in range(1, 20):
        parent.fork_into(child)
        seen |= {vma.identity for vma in child.maps()}
        assert len(seen) == round_ + 1
        child.exit()


@pytest.mark.parametrize("address", [-1, 1 << 64])
def test_what_is_no_address_is_refused(address: int) -> None:
    """By an error that says so, before anything is asked."""
    mm = AddressSpace()
    with pytest.raises(ValueError, match="address must be 0"):
        mm.find_vma(address)
    with pytest.raises(ValueError, match="must be 0"):
        mm.munmap(address, PAGE)
