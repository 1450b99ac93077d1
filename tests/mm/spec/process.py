"""fork, exec and exit: how address spaces come and go, and what the kernel maps for itself."""

from __future__ import annotations

from tests.mm.spec.grow import prepare_anon
from tests.mm.spec.lookup import find_vma_intersection
from tests.mm.spec.place import Request, place
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import (
    LOCKED_MASK,
    PAGE,
    STACK_FLAGS,
    TASK_SIZE,
    Failed,
    Limits,
    Vm,
    page_down,
    page_up,
)

STACK_GROWTH = 128 << 10  # how far exec lets the stack reach below the arguments


def fork(parent: AddressSpace, *, fail_at: int | None = None) -> AddressSpace:
    """Return a copy of an address space.

    DONTCOPY VMAs are left out. Locks are not inherited. A VMA with an anon gets a new one in
    the child, one link further from its first: siblings that were split before a fork never
    merge after it. A WIPEONFORK VMA begins without. `fail_at`: memory runs out at that VMA:
    ENOMEM, and what was copied until then is given back by `exit_space`.
    """
    child = AddressSpace(
        [], parent.mmap_base, parent.legacy_base, parent.topdown,
        parent.start_brk, parent.brk, Vm.NONE, parent.huge_pages, parent.limits,
    )  # fmt: skip
    for number, vma in enumerate(parent.vmas):
        if vma.flags & Vm.DONTCOPY:
            continue
        if number == fail_at:
            exit_space(child)
            raise Failed("ENOMEM")
        copy = vma.copy(flags=vma.flags & ~LOCKED_MASK)
        if vma.flags & Vm.WIPEONFORK:
            copy.anon, copy.chain = None, 0
        elif vma.anon is not None:
            copy.anon, copy.chain = Anon(), vma.chain + 1
        child.insert(copy)
    return child


def exit_space(mm: AddressSpace) -> None:
    """Unmap everything."""
    mm.vmas.clear()


def exec_stack(limits: Limits, arguments: int = PAGE) -> AddressSpace:
    """Return the address space of a new program before anything is loaded: the arguments.

    They lie at the very end of user space, in a VMA that grows down, and are written to.
    """
    mm = AddressSpace(limits=limits)
    end = TASK_SIZE
    stack = Vma(end - arguments, end, STACK_FLAGS, None, (end - arguments) // PAGE)
    mm.insert(stack)
    prepare_anon(mm, stack)
    return mm


def move_stack(mm: AddressSpace, new_end: int) -> list[tuple[str, int, int]]:
    """Move the arguments down to `new_end` and let the stack grow 128 KiB below them.

    Returns what a trace of the tree shows: the stack enlarged over old and new place, what is
    above the new end erased, the stack as it remains.
    """
    (stack,) = mm.vmas
    old_end, size = stack.end, stack.end - stack.start
    new_start = new_end - size
    seen = [("STORE", new_start, old_end), ("SNULL", new_end, 1 << 64)]
    bottom = page_down(new_start - min(STACK_GROWTH, mm.limits.stack))
    stack.start, stack.end = bottom, new_end
    stack.pgoff -= (old_end - new_end) // PAGE + (new_start - bottom) // PAGE
    return [*seen, ("STORE", stack.start, stack.end)]


def install_special(mm: AddressSpace, address: int, length: int, flags: Vm, file: File) -> int:
    """Put a mapping of the kernel's own there, as the vdso, or anywhere (0); return where.

    It goes where a new mapping would, or where it is told: ENOMEM if that is not free. No limit
    counts. It can be neither merged, split nor locked.
    """
    length = page_up(length)
    if address % PAGE or length == 0:
        raise Failed("EINVAL")
    if address + length > TASK_SIZE:
        raise Failed("ENOMEM")
    if address == 0:
        address = place(mm, Request(0, length))
    elif find_vma_intersection(mm, address, address + length):
        raise Failed("ENOMEM")
    flags = (flags | mm.def_flags | Vm.DONTEXPAND) & ~LOCKED_MASK
    mm.insert(Vma(address, address + length, flags, file, 0))
    return address
