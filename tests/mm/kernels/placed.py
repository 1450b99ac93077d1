"""The same mappings in both: the specification, and the kernels."""

from __future__ import annotations

import random
from collections.abc import Iterable

from stressd_kernels.address_space import AddressSpace
from stressd_kernels.mm.layout import STAGES
from stressd_kernels.mm.words import VM_GROWSDOWN, VM_READ
from stressd_kernels.spaces import Settings
from tests.mm.spec import space as spec
from tests.mm.spec.words import PAGE, Vm

EVERY_STAGE = tuple(STAGES)
Range = tuple[int, int, bool]  # start, end, whether it is a stack


def drawn(seed: int, count: int = 40, pages: int = 4000) -> list[Range]:
    """Return disjoint ranges below `pages` pages; one in five is a stack."""
    rng = random.Random(seed)
    edges = sorted(rng.sample(range(1, pages), 2 * count))
    ranges = zip(edges[::2], edges[1::2], strict=True)
    return [(low * PAGE, high * PAGE, rng.random() < 0.2) for low, high in ranges]


def both(ranges: Iterable[Range], stage: str) -> tuple[spec.AddressSpace, AddressSpace]:
    """Return two address spaces with these mappings."""
    model, mm = spec.AddressSpace(), AddressSpace(Settings(stage=stage))
    for start, end, stack in ranges:
        flags = Vm.READ | (Vm.GROWSDOWN if stack else Vm.NONE)
        model.insert(spec.Vma(start, end, flags, pgoff=start // PAGE))
        bits = int(VM_READ) | (int(VM_GROWSDOWN) if stack else 0)
        mm.place(start, end, bits, pgoff=start // PAGE)
    return model, mm
