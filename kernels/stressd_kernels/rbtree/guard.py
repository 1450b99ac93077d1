"""Guard gaps: what grows is given room, so for others it begins earlier or ends later.

A VMA that grows down begins STACK_GUARD_GAP earlier for those below it, one that grows up ends as
much later for those above it. RB_OWN takes the first off, never the second: a search looks at
that when it has found a gap, as Linux does. A search of the maple tree, which knows free ranges
alone, looks at both then: `guard_down` and `guard_up` say where it goes on.

Flags may change while a reader without the lock looks at them. Whether it grows a VMA keeps for
life, but in a recording, which does not say so: mm/recordings/growing.py concludes it.
"""

import numpy as np

from stressd_kernels.door import kernel, kernel_inline, load_relaxed
from stressd_kernels.layout import U0, U1, UMAX
from stressd_kernels.records import NO_RECORD, VMA_END, VMA_FLAGS, VMA_START

VM_GROWSDOWN = np.uint64(0x100)
VM_GROWSUP = np.uint64(0x200)
STACK_GUARD_GAP = np.uint64(256 << 12)  # bytes


@kernel_inline
def grows_down(words, vma):
    """Say whether there is such a VMA, and it grows down."""
    return vma != NO_RECORD and load_relaxed(words, vma + VMA_FLAGS) & VM_GROWSDOWN != U0


@kernel_inline
def start_gap(words, vma):
    """Return where a VMA begins for those below it: never below address 0."""
    start = words[vma + VMA_START]
    if load_relaxed(words, vma + VMA_FLAGS) & VM_GROWSDOWN == U0:
        return start
    return start - STACK_GUARD_GAP if start >= STACK_GUARD_GAP else U0


@kernel_inline
def end_gap(words, vma):
    """Return where a VMA ends for those above it: never beyond the last address."""
    end = words[vma + VMA_END]
    if load_relaxed(words, vma + VMA_FLAGS) & VM_GROWSUP == U0:
        return end
    return end + STACK_GUARD_GAP if end < UMAX - STACK_GUARD_GAP else UMAX


@kernel_inline
def gap_between(words, below, vma):
    """Return the free bytes right below `vma`, whose lower neighbour is `below` or none: RB_OWN."""
    end = U0 if below == NO_RECORD else words[below + VMA_END]
    start = start_gap(words, vma)
    return start - end if start > end else U0


@kernel
def guard_down(words, above, below, end, found):
    """Say whether what a top-down search has found is clear of guard gaps, or where to go on.

    above, below  the VMAs around the free range: records, or NO_RECORD
    end           where that range ends; `found`: what was taken of it begins there
    return        (True, _), or (False, where the next search is to end)
    """
    if grows_down(words, above):
        return start_gap(words, above) >= end, start_gap(words, above)
    if below == NO_RECORD:
        return True, U0
    return end_gap(words, below) <= found, words[below + VMA_START]


@kernel
def guard_up(words, above, below, found, size):
    """Say whether what a bottom-up search has found is clear of guard gaps, or where to go on.

    above, below  as top-down
    size          bytes that were looked for, more than what begins at `found` if that is aligned
    return        (True, _), or (False, where the next search is to begin)
    """
    if grows_down(words, above):
        return start_gap(words, above) >= found + (size - U1), words[above + VMA_END]
    if below == NO_RECORD:
        return True, U0
    return end_gap(words, below) <= found, end_gap(words, below)
